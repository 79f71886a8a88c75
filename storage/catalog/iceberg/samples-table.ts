import type { TableDefinition } from './table-definition.ts';

/** The table `samples`. The Parquet side is in storage/archive/files/samples-schema.ts: same names, same ids. */
export const SAMPLES_TABLE: TableDefinition = {
  name: 'samples',
  schema: {
    type: 'struct',
    'schema-id': 0,
    fields: [
      { id: 1, name: 'metric', required: true, type: 'string' },
      { id: 2, name: 'labels', required: true, type: { type: 'map', 'key-id': 3, key: 'string', 'value-id': 4, value: 'string', 'value-required': true } },
      { id: 5, name: 'series_id', required: true, type: 'fixed[12]' },
      { id: 6, name: 'timestamp', required: true, type: 'timestamptz' },
      { id: 7, name: 'value', required: false, type: 'double', doc: 'null where the sample is a native histogram; a stale marker is the NaN 7ff0000000000002' },
      { id: 8, name: 'histogram', required: false, type: 'binary' },
      { id: 9, name: 'start_timestamp', required: false, type: 'timestamptz' },
    ],
  },
  lastColumnId: 9,
  // By day: an hour of a small tenant would be a file of a few kilobytes, and files know their hours by the bounds of `timestamp`.
  partitionSpec: { 'spec-id': 0, fields: [{ 'source-id': 6, 'field-id': 1000, name: 'timestamp_day', transform: 'day' }] },
  // Rows of a file: by metric, then by labels, which Iceberg cannot name here, and by time.
  sortOrder: { 'order-id': 1, fields: [{ transform: 'identity', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' }] },
};
