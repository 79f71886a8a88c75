import { SAMPLES_TABLE } from './samples-table.ts';
import type { TableDefinition } from './table-definition.ts';

const SERIES_AND_VALUE_IDS = new Set([1, 2, 5, 6, 7]);

/** The table `exemplars`: partitioned and sorted as samples are. The Parquet side is in storage/archive/files/exemplars-schema.ts: same names, same ids. */
export const EXEMPLARS_TABLE: TableDefinition = {
  ...SAMPLES_TABLE,
  name: 'exemplars',
  schema: {
    ...SAMPLES_TABLE.schema,
    fields: [
      ...SAMPLES_TABLE.schema.fields.filter(({ id }) => SERIES_AND_VALUE_IDS.has(id)).map((field) => (field.id === 7 ? { id: 7, name: 'value', required: false, type: 'double' } : field)),
      {
        id: 11,
        name: 'exemplar_labels',
        required: true,
        type: { type: 'map', 'key-id': 12, key: 'string', 'value-id': 13, value: 'string', 'value-required': true },
        doc: 'of the exemplar itself, mostly a trace id',
      },
    ],
  },
  lastColumnId: 13,
};
