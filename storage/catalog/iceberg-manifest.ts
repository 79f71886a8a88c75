import { encodeAvroFile, type AvroSchema, type AvroValue } from './avro.ts';
import { dayOf, type ColumnStatistics, type DataFile } from './data-file.ts';
import { PARTITION_SPEC, SCHEMA, SORT_ORDER } from './iceberg-schema.ts';

/* Manifests and manifest lists of Iceberg v2; names and field ids are those of the specification. */

const STATUS_ADDED = 1;
const CONTENT_DATA = 0;

const optional = (type: AvroSchema): AvroSchema => ['null', type];
const field = (name: string, type: AvroSchema, id: number) => (Array.isArray(type) ? { name, type, default: null, 'field-id': id } : { name, type, 'field-id': id });

/** A map with whole-number keys: Avro's own know only text. */
function mapOf(value: AvroSchema, keyId: number, valueId: number): AvroSchema {
  const items: AvroSchema = { type: 'record', name: `k${keyId}_v${valueId}`, fields: [field('key', 'int', keyId), field('value', value, valueId)] };
  return optional({ type: 'array', items, logicalType: 'map' });
}

const DATA_FILE: AvroSchema = {
  type: 'record',
  name: 'r2',
  fields: [
    field('content', 'int', 134),
    field('file_path', 'string', 100),
    field('file_format', 'string', 101),
    field('partition', { type: 'record', name: 'r102', fields: [field('timestamp_day', optional({ type: 'int', logicalType: 'date' }), 1000)] }, 102),
    field('record_count', 'long', 103),
    field('file_size_in_bytes', 'long', 104),
    field('column_sizes', mapOf('long', 117, 118), 108),
    field('value_counts', mapOf('long', 119, 120), 109),
    field('null_value_counts', mapOf('long', 121, 122), 110),
    field('nan_value_counts', mapOf('long', 138, 139), 137),
    field('lower_bounds', mapOf('bytes', 126, 127), 125),
    field('upper_bounds', mapOf('bytes', 129, 130), 128),
    field('sort_order_id', optional('int'), 140),
  ],
};

const MANIFEST_ENTRY: AvroSchema = {
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field('status', 'int', 0),
    field('snapshot_id', optional('long'), 1),
    field('sequence_number', optional('long'), 3),
    field('file_sequence_number', optional('long'), 4),
    field('data_file', DATA_FILE, 2),
  ],
};

const MANIFEST_FILE: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field('manifest_path', 'string', 500),
    field('manifest_length', 'long', 501),
    field('partition_spec_id', 'int', 502),
    field('content', 'int', 517),
    field('sequence_number', 'long', 515),
    field('min_sequence_number', 'long', 516),
    field('added_snapshot_id', 'long', 503),
    field('added_files_count', 'int', 504),
    field('existing_files_count', 'int', 505),
    field('deleted_files_count', 'int', 506),
    field('added_rows_count', 'long', 512),
    field('existing_rows_count', 'long', 513),
    field('deleted_rows_count', 'long', 514),
    field(
      'partitions',
      optional({
        type: 'array',
        'element-id': 508,
        items: {
          type: 'record',
          name: 'r508',
          fields: [field('contains_null', 'boolean', 509), field('contains_nan', optional('boolean'), 518), field('lower_bound', optional('bytes'), 510), field('upper_bound', optional('bytes'), 511)],
        },
      }),
      507,
    ),
  ],
};

/** A manifest, as a manifest list names it. */
export interface Manifest {
  readonly key: string;
  readonly sizeBytes: number;
  readonly sequenceNumber: number;
  readonly snapshotId: number;
  readonly fileCount: number;
  readonly rowCount: number;
  /** Days since 1970 of the first and the last partition. */
  readonly firstDay: number;
  readonly lastDay: number;
}

/** A manifest of files that a snapshot adds. Their sequence numbers are inherited from the manifest list. `uriOf` makes a location of a key. */
export function encodeManifest(files: readonly DataFile[], snapshotId: number, uriOf: (key: string) => string, sync: Uint8Array): Uint8Array {
  const entries = files.map((file): AvroValue => ({ status: STATUS_ADDED, snapshot_id: snapshotId, sequence_number: undefined, file_sequence_number: undefined, data_file: dataFile(file, uriOf) }));
  const metadata = {
    schema: JSON.stringify(SCHEMA),
    'schema-id': String(SCHEMA['schema-id']),
    'partition-spec': JSON.stringify(PARTITION_SPEC.fields),
    'partition-spec-id': String(PARTITION_SPEC['spec-id']),
    'format-version': '2',
    content: 'data',
  };
  return encodeAvroFile(MANIFEST_ENTRY, entries, metadata, sync);
}

export interface ManifestListHead {
  readonly snapshotId: number;
  readonly parentSnapshotId: number | undefined;
  readonly sequenceNumber: number;
}

export function encodeManifestList(manifests: readonly Manifest[], head: ManifestListHead, uriOf: (key: string) => string, sync: Uint8Array): Uint8Array {
  const records = manifests.map((manifest): AvroValue => ({
    manifest_path: uriOf(manifest.key),
    manifest_length: manifest.sizeBytes,
    partition_spec_id: PARTITION_SPEC['spec-id'],
    content: CONTENT_DATA,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.sequenceNumber,
    added_snapshot_id: manifest.snapshotId,
    added_files_count: manifest.fileCount,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: manifest.rowCount,
    existing_rows_count: 0,
    deleted_rows_count: 0,
    partitions: [{ contains_null: false, contains_nan: false, lower_bound: dayBytes(manifest.firstDay), upper_bound: dayBytes(manifest.lastDay) }],
  }));
  const metadata = {
    'snapshot-id': String(head.snapshotId),
    'parent-snapshot-id': head.parentSnapshotId === undefined ? 'null' : String(head.parentSnapshotId),
    'sequence-number': String(head.sequenceNumber),
    'format-version': '2',
  };
  return encodeAvroFile(MANIFEST_FILE, records, metadata, sync);
}

function dataFile(file: DataFile, uriOf: (key: string) => string): AvroValue {
  const { columns } = file;
  return {
    content: CONTENT_DATA,
    file_path: uriOf(file.key),
    file_format: 'PARQUET',
    partition: { timestamp_day: dayOf(file.minTimeMs) },
    record_count: file.rowCount,
    file_size_in_bytes: file.sizeBytes,
    column_sizes: mapEntries(columns, ({ bytes }) => bytes),
    value_counts: mapEntries(columns, ({ valueCount }) => valueCount),
    null_value_counts: mapEntries(columns, ({ nullCount }) => nullCount),
    nan_value_counts: mapEntries(columns, ({ nanCount }) => nanCount),
    lower_bounds: mapEntries(columns, ({ bounds }) => bounds?.lower),
    upper_bounds: mapEntries(columns, ({ bounds }) => bounds?.upper),
    sort_order_id: SORT_ORDER['order-id'],
  };
}

function mapEntries(columns: readonly ColumnStatistics[], valueOf: (column: ColumnStatistics) => AvroValue): AvroValue {
  return columns.flatMap((column) => {
    const value = valueOf(column);
    return value === undefined ? [] : [{ key: column.fieldId, value }];
  });
}

function dayBytes(day: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, day, true);
  return bytes;
}
