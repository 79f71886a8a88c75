import { EXEMPLARS_TABLE } from './exemplars-table.ts';
import { METADATA_TABLE } from './metadata-table.ts';
import { POINTS_TABLE } from './points-table.ts';
import { ROLLUP_DEFINITIONS } from './rollup-tables.ts';
import { SAMPLES_TABLE } from './samples-table.ts';
import type { ArchiveTableName, TableDefinition } from './table-definition.ts';

/** All tables of a tenant's archive. */
export const TABLE_DEFINITIONS: readonly TableDefinition[] = [SAMPLES_TABLE, ...ROLLUP_DEFINITIONS, EXEMPLARS_TABLE, METADATA_TABLE];

/** Throws for a table that this build does not know. */
export function tableDefinition(name: ArchiveTableName): TableDefinition {
  const definition = [...TABLE_DEFINITIONS, POINTS_TABLE].find((each) => each.name === name);
  if (definition === undefined) throw new Error(`the archive has no table ${name}`);
  return definition;
}
