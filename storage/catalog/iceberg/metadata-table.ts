import type { TableDefinition } from './table-definition.ts';

/**
 * The table `metadata`: what is known of a tenant's metrics, as `/api/v1/metadata` has it. All of it is there once, and is replaced as a
 * whole when it has changed. The Parquet side is in storage/archive/files/metadata-file.ts: same names, same ids.
 */
export const METADATA_TABLE: TableDefinition = {
  name: 'metadata',
  schema: {
    type: 'struct',
    'schema-id': 0,
    fields: [
      { id: 1, name: 'metric', required: true, type: 'string', doc: 'name of the family: a classic histogram has one row, without _bucket' },
      { id: 2, name: 'type', required: true, type: 'string' },
      { id: 3, name: 'help', required: true, type: 'string' },
      { id: 4, name: 'unit', required: true, type: 'string' },
      { id: 5, name: 'last_seen', required: true, type: 'timestamptz', doc: 'when it was last sent, exact to a day; of several rows of a metric the newest counts' },
      { id: 6, name: 'taken', required: true, type: 'timestamptz', doc: 'when the table was written' },
    ],
  },
  lastColumnId: 6,
  partitionSpec: { 'spec-id': 0, fields: [{ 'source-id': 6, 'field-id': 1000, name: 'taken_month', transform: 'month' }] },
  sortOrder: { 'order-id': 1, fields: [{ transform: 'identity', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' }] },
};
