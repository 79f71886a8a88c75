import { encodeAvroFile, type AvroSchema, type AvroValue } from './avro.ts';
import type { ColumnStatistics, DataFile } from './data-file.ts';
import { partitionDay, partitionOrdinal, type TableDefinition } from './table-definition.ts';

/* Manifests and manifest lists of Iceberg v2; names and field ids are those of the specification. */

export const MANIFEST_STATUS = { existing: 0, added: 1, deleted: 2 } as const;
const CONTENT_DATA = 0;

const optional = (type: AvroSchema): AvroSchema => ['null', type];
const field = (name: string, type: AvroSchema, id: number) => (Array.isArray(type) ? { name, type, default: null, 'field-id': id } : { name, type, 'field-id': id });

/** A map with whole-number keys: Avro's own know only text. */
function mapOf(value: AvroSchema, keyId: number, valueId: number): AvroSchema {
  const items: AvroSchema = { type: 'record', name: `k${keyId}_v${valueId}`, fields: [field('key', 'int', keyId), field('value', value, valueId)] };
  return optional({ type: 'array', items, logicalType: 'map' });
}

function dataFileSchema({ partitionSpec }: TableDefinition): AvroSchema {
  const [partition] = partitionSpec.fields;
  const ordinal: AvroSchema = partition.transform === 'day' ? { type: 'int', logicalType: 'date' } : 'int';
  return {
    type: 'record',
    name: 'r2',
    fields: [
      field('content', 'int', 134),
      field('file_path', 'string', 100),
      field('file_format', 'string', 101),
      field('partition', { type: 'record', name: 'r102', fields: [field(partition.name, optional(ordinal), partition['field-id'])] }, 102),
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
}

function manifestEntrySchema(definition: TableDefinition): AvroSchema {
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      field('status', 'int', 0),
      field('snapshot_id', optional('long'), 1),
      field('sequence_number', optional('long'), 3),
      field('file_sequence_number', optional('long'), 4),
      field('data_file', dataFileSchema(definition), 2),
    ],
  };
}

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

/** Files and their rows. */
export interface FileTotals {
  readonly files: number;
  readonly rows: number;
}

/** A manifest, as a manifest list names it. */
export interface Manifest {
  readonly key: string;
  readonly sizeBytes: number;
  /** Of the snapshot that wrote it, and the least of its files that are in the table. */
  readonly sequenceNumber: number;
  readonly minSequenceNumber: number;
  readonly snapshotId: number;
  readonly added: FileTotals;
  readonly existing: FileTotals;
  readonly deleted: FileTotals;
  /** First days (since 1970) of the first and the last partition. */
  readonly firstDay: number;
  readonly lastDay: number;
}

/** What the catalog knows of a file that Iceberg has no field for: see the columns of `data_file` (catalog-schema.ts). */
export interface StoredPlace {
  readonly shard: string;
  readonly rank: number;
  readonly run: number;
  readonly position: number;
  readonly cleanThrough: number;
}

/** Header entry of a manifest: a JSON array, for each of its files in order the place and what else a catalog that adopts the file must know (adopted-manifest.ts). */
export const PLACES_KEY = 'varve.places';

/** What a manifest says of a file. */
export interface ManifestEntry {
  /** `added` or `deleted` by the snapshot that writes the manifest, or in the table since before. */
  readonly status: keyof typeof MANIFEST_STATUS;
  readonly file: DataFile;
  /** Of the snapshot that added it, and its sequence number; `undefined` for `added`, which inherits both. */
  readonly addedBy: { readonly snapshotId: number; readonly sequenceNumber: number } | undefined;
  readonly place?: StoredPlace;
}

/** The bytes of a manifest that snapshot `snapshotId` writes. `uriOf` makes a location of a key. */
export function encodeManifest(definition: TableDefinition, entries: readonly ManifestEntry[], snapshotId: number, uriOf: (key: string) => string, sync: Uint8Array): Uint8Array {
  const { schema, partitionSpec } = definition;
  const values = entries.map(({ status, file, addedBy }): AvroValue => ({
    status: MANIFEST_STATUS[status],
    snapshot_id: status === 'existing' ? addedBy?.snapshotId : snapshotId,
    sequence_number: addedBy?.sequenceNumber,
    file_sequence_number: addedBy?.sequenceNumber,
    data_file: dataFile(definition, file, uriOf),
  }));
  const metadata = {
    schema: JSON.stringify(schema),
    'schema-id': String(schema['schema-id']),
    'partition-spec': JSON.stringify(partitionSpec.fields),
    'partition-spec-id': String(partitionSpec['spec-id']),
    'format-version': '2',
    content: 'data',
    [PLACES_KEY]: JSON.stringify(entries.map(({ file, place }) => place && [place.shard, place.rank, place.run, place.position, place.cleanThrough, file.tailBytes, file.minTimeMs, file.maxTimeMs])),
  };
  return encodeAvroFile(manifestEntrySchema(definition), values, metadata, sync);
}

/** What a manifest list says of a manifest with these entries. */
export function describeManifest(entries: readonly ManifestEntry[], definition: TableDefinition, head: Pick<Manifest, 'key' | 'sizeBytes' | 'sequenceNumber' | 'snapshotId'>): Manifest {
  const totals = { added: { files: 0, rows: 0 }, existing: { files: 0, rows: 0 }, deleted: { files: 0, rows: 0 } };
  let minSequenceNumber = head.sequenceNumber;
  let firstDay = Infinity;
  let lastDay = -Infinity;
  for (const { status, file, addedBy } of entries) {
    totals[status].files++;
    totals[status].rows += file.rowCount;
    if (status === 'existing') minSequenceNumber = Math.min(minSequenceNumber, addedBy!.sequenceNumber);
    const day = partitionDay(definition, file.minTimeMs);
    firstDay = Math.min(firstDay, day);
    lastDay = Math.max(lastDay, day);
  }
  return { ...head, ...totals, minSequenceNumber, firstDay, lastDay };
}

export interface ManifestListHead {
  readonly snapshotId: number;
  readonly parentSnapshotId: number | undefined;
  readonly sequenceNumber: number;
}

/** The bytes of the list of a snapshot’s manifests. `uriOf` makes a location of a key, `sync` is 16 bytes. */
export function encodeManifestList(definition: TableDefinition, manifests: readonly Manifest[], head: ManifestListHead, uriOf: (key: string) => string, sync: Uint8Array): Uint8Array {
  const records = manifests.map((manifest): AvroValue => ({
    manifest_path: uriOf(manifest.key),
    manifest_length: manifest.sizeBytes,
    partition_spec_id: definition.partitionSpec['spec-id'],
    content: CONTENT_DATA,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.snapshotId,
    added_files_count: manifest.added.files,
    existing_files_count: manifest.existing.files,
    deleted_files_count: manifest.deleted.files,
    added_rows_count: manifest.added.rows,
    existing_rows_count: manifest.existing.rows,
    deleted_rows_count: manifest.deleted.rows,
    partitions: [{ contains_null: false, contains_nan: false, lower_bound: partitionBytes(definition, manifest.firstDay), upper_bound: partitionBytes(definition, manifest.lastDay) }],
  }));
  const metadata = {
    'snapshot-id': String(head.snapshotId),
    'parent-snapshot-id': head.parentSnapshotId === undefined ? 'null' : String(head.parentSnapshotId),
    'sequence-number': String(head.sequenceNumber),
    'format-version': '2',
  };
  return encodeAvroFile(MANIFEST_FILE, records, metadata, sync);
}

function dataFile(definition: TableDefinition, file: DataFile, uriOf: (key: string) => string): AvroValue {
  const { columns } = file;
  return {
    content: CONTENT_DATA,
    file_path: uriOf(file.key),
    file_format: 'PARQUET',
    partition: { [definition.partitionSpec.fields[0].name]: partitionOrdinal(definition, partitionDay(definition, file.minTimeMs)) },
    record_count: file.rowCount,
    file_size_in_bytes: file.sizeBytes,
    column_sizes: mapEntries(columns, ({ bytes }) => bytes),
    value_counts: mapEntries(columns, ({ valueCount }) => valueCount),
    null_value_counts: mapEntries(columns, ({ nullCount }) => nullCount),
    nan_value_counts: mapEntries(columns, ({ nanCount }) => nanCount),
    lower_bounds: mapEntries(columns, ({ bounds }) => bounds?.lower),
    upper_bounds: mapEntries(columns, ({ bounds }) => bounds?.upper),
    sort_order_id: definition.sortOrder['order-id'],
  };
}

function mapEntries(columns: readonly ColumnStatistics[], valueOf: (column: ColumnStatistics) => AvroValue): AvroValue {
  return columns.flatMap((column) => {
    const value = valueOf(column);
    return value === undefined ? [] : [{ key: column.fieldId, value }];
  });
}

function partitionBytes(definition: TableDefinition, day: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, partitionOrdinal(definition, day), true);
  return bytes;
}
