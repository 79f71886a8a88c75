import { ROLLUP_TABLES } from '../catalog/rollup-tables.ts';
import type { ArchiveTableName } from '../catalog/table-definition.ts';
import { RollupBuilder, type RollupBuilderOptions } from './rollup-builder.ts';
import { readTieringPolicy } from './tiering-policy.ts';

/** What keeps a tenant's roll-ups up, by the policy that the variable VARVE_TIERING has for it. */
export function openRollups(options: Omit<RollupBuilderOptions, 'policy'>, tenant: string, tiering: string | undefined): RollupBuilder {
  return new RollupBuilder({ ...options, policy: readTieringPolicy(tiering)(tenant) });
}

/** How long a tenant keeps the roll-ups of a table, milliseconds; `undefined` for a table of something else. */
export function rollupRetentionMs(table: ArchiveTableName, tenant: string, tiering: string | undefined): number | undefined {
  const rollup = ROLLUP_TABLES.find(({ name }) => name === table);
  return rollup && readTieringPolicy(tiering)(tenant).retentionMs[rollup.resolution];
}
