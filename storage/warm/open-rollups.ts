import { ROLLUP_TABLES } from '../catalog/iceberg/rollup-tables.ts';
import { RollupBuilder, type RollupBuilderOptions } from './rollup-builder.ts';
import { ROLLUP_MERGE_CODEC } from './rollup-merge-codec.ts';
import type { TieringPolicy } from './tiering-policy.ts';

export { readTieringPolicy } from './read-tiering-policy.ts';
export { retentionOf } from './tiering-policy.ts';

/** How the tables of roll-ups are written anew without the series that have left. */
export const ROLLUP_CODECS = Object.fromEntries(ROLLUP_TABLES.map(({ name }) => [name, ROLLUP_MERGE_CODEC]));

/** What keeps a tenant's roll-ups up. */
export function openRollups(options: Omit<RollupBuilderOptions, 'policy'>, { warm }: TieringPolicy): RollupBuilder {
  return new RollupBuilder({ ...options, policy: warm });
}
