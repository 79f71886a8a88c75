import { LAST_COLUMN_ID, LAST_PARTITION_ID, PARTITION_SPEC, SCHEMA, SORT_ORDER } from './iceberg-schema.ts';

/* Iceberg's table metadata, format version 2, in the spelling of its specification. All numbers stay below 2^53, so that JSON carries them. */

export interface Snapshot {
  readonly 'snapshot-id': number;
  readonly 'parent-snapshot-id'?: number;
  readonly 'sequence-number': number;
  readonly 'timestamp-ms': number;
  readonly 'manifest-list': string;
  readonly summary: Readonly<Record<string, string>>;
  readonly 'schema-id': number;
}

export interface TableMetadata {
  readonly 'format-version': 2;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-sequence-number': number;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly schemas: readonly unknown[];
  readonly 'current-schema-id': number;
  readonly 'partition-specs': readonly unknown[];
  readonly 'default-spec-id': number;
  readonly 'last-partition-id': number;
  readonly 'sort-orders': readonly unknown[];
  readonly 'default-sort-order-id': number;
  readonly properties: Readonly<Record<string, string>>;
  readonly 'current-snapshot-id': number;
  readonly snapshots: readonly Snapshot[];
  readonly 'snapshot-log': readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': number }[];
  readonly 'metadata-log': readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[];
  readonly refs: Readonly<Record<string, { readonly 'snapshot-id': number; readonly type: 'branch' }>>;
}

/** Stands for "no snapshot" in `current-snapshot-id`. */
export const NO_SNAPSHOT = -1;

/** Earlier metadata files that are named. */
const METADATA_LOG_MAX = 20;

export function newTable(uuid: string, location: string, nowMs: number): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': LAST_COLUMN_ID,
    schemas: [SCHEMA],
    'current-schema-id': SCHEMA['schema-id'],
    'partition-specs': [PARTITION_SPEC],
    'default-spec-id': PARTITION_SPEC['spec-id'],
    'last-partition-id': LAST_PARTITION_ID,
    'sort-orders': [SORT_ORDER],
    'default-sort-order-id': SORT_ORDER['order-id'],
    properties: { 'write.parquet.compression-codec': 'zstd' },
    'current-snapshot-id': NO_SNAPSHOT,
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
  };
}

export interface Append {
  readonly snapshotId: number;
  /** Location of its manifest list. */
  readonly manifestList: string;
  readonly fileCount: number;
  readonly rowCount: number;
  readonly bytes: number;
  readonly nowMs: number;
  /** Location of the metadata that this one follows. */
  readonly previousMetadata: string | undefined;
  /** Snapshots that stay named; older ones leave the metadata, and their samples are in the newer ones. */
  readonly snapshotsMax: number;
}

/** The table with one more snapshot, which adds files. */
export function withAppend(table: TableMetadata, append: Append): TableMetadata {
  const parent = table.snapshots.at(-1);
  const total = (name: string, added: number): string => String(Number(parent?.summary[name] ?? 0) + added);
  const snapshot: Snapshot = {
    'snapshot-id': append.snapshotId,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': table['last-sequence-number'] + 1,
    // Clocks may step back; the table's times do not.
    'timestamp-ms': Math.max(append.nowMs, table['last-updated-ms']),
    'manifest-list': append.manifestList,
    summary: {
      operation: 'append',
      'added-data-files': String(append.fileCount),
      'added-records': String(append.rowCount),
      'added-files-size': String(append.bytes),
      'total-data-files': total('total-data-files', append.fileCount),
      'total-records': total('total-records', append.rowCount),
      'total-files-size': total('total-files-size', append.bytes),
    },
    'schema-id': SCHEMA['schema-id'],
  };
  const { 'timestamp-ms': timestampMs } = snapshot;
  const snapshots = [...table.snapshots, snapshot].slice(-append.snapshotsMax);
  const kept = new Set(snapshots.map((each) => each['snapshot-id']));
  const metadataLog = append.previousMetadata === undefined ? [] : [{ 'timestamp-ms': table['last-updated-ms'], 'metadata-file': append.previousMetadata }];
  return {
    ...table,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': timestampMs,
    'current-snapshot-id': append.snapshotId,
    snapshots,
    'snapshot-log': [...table['snapshot-log'].filter((entry) => kept.has(entry['snapshot-id'])), { 'timestamp-ms': timestampMs, 'snapshot-id': append.snapshotId }],
    'metadata-log': [...table['metadata-log'], ...metadataLog].slice(-METADATA_LOG_MAX),
    refs: { main: { 'snapshot-id': append.snapshotId, type: 'branch' } },
  };
}
