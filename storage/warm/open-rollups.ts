import { RollupBuilder, type RollupBuilderOptions } from './rollup-builder.ts';
import { readTieringPolicy } from './tiering-policy.ts';

/** What keeps a tenant's roll-ups up, by the policy that the variable VARVE_TIERING has for it. */
export function openRollups(options: Omit<RollupBuilderOptions, 'policy'>, tenant: string, tiering: string | undefined): RollupBuilder {
  return new RollupBuilder({ ...options, policy: readTieringPolicy(tiering)(tenant) });
}
