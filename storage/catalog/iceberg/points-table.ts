import { SAMPLES_TABLE } from './samples-table.ts';
import type { TableDefinition } from './table-definition.ts';

const HISTOGRAM_ID = 8;

/**
 * The table `points`, of a TimeSeriesStore: that of samples, with a document where that has a histogram. The Parquet side is POINTS_SCHEMA in
 * storage/archive/files/samples-schema.ts.
 */
export const POINTS_TABLE: TableDefinition = {
  ...SAMPLES_TABLE,
  name: 'points',
  schema: {
    ...SAMPLES_TABLE.schema,
    fields: SAMPLES_TABLE.schema.fields.map((field) => (field.id === HISTOGRAM_ID ? { id: 10, name: 'document', required: false, type: 'string', doc: 'JSON; null where the value is a number' } : field)),
  },
  lastColumnId: 10,
};
