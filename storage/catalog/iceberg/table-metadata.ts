import type { TableDefinition } from './table-definition.ts';

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
const NO_SNAPSHOT = -1;

/** Earlier metadata files that are named. */
const METADATA_LOG_MAX = 20;

/** A table without snapshots; `location` is where all its objects are. */
export function newTable({ schema, lastColumnId, partitionSpec, sortOrder }: TableDefinition, uuid: string, location: string, nowMs: number): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': lastColumnId,
    schemas: [schema],
    'current-schema-id': schema['schema-id'],
    'partition-specs': [partitionSpec],
    'default-spec-id': partitionSpec['spec-id'],
    'last-partition-id': partitionSpec.fields[0]['field-id'],
    'sort-orders': [sortOrder],
    'default-sort-order-id': sortOrder['order-id'],
    properties: { 'write.parquet.compression-codec': 'zstd' },
    'current-snapshot-id': NO_SNAPSHOT,
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
  };
}

/** The table with the newest schema of its definition. */
export function withSchema(table: TableMetadata, { schema, lastColumnId }: TableDefinition): TableMetadata {
  const schemaId = schema['schema-id'];
  if (table['current-schema-id'] === schemaId) return table;
  const others = table.schemas.filter((each) => (each as { readonly 'schema-id': number })['schema-id'] !== schemaId);
  return { ...table, schemas: [...others, schema], 'current-schema-id': schemaId, 'last-column-id': Math.max(table['last-column-id'], lastColumnId) };
}

/** Iceberg's names for what a snapshot does: files came; or were rewritten, with the same rows or with others; or went. */
export type SnapshotOperation = 'append' | 'replace' | 'overwrite' | 'delete';

export interface SnapshotTotals {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface NewSnapshot {
  readonly snapshotId: number;
  readonly operation: SnapshotOperation;
  /** Location of its manifest list. */
  readonly manifestList: string;
  readonly added: SnapshotTotals;
  readonly removed: SnapshotTotals;
  readonly nowMs: number;
  /** Location of the metadata that this one follows. */
  readonly previousMetadata: string | undefined;
  /** Snapshots that stay named: so many, and only those from behind a time (Unix ms), but always the newest. */
  readonly snapshotsMax: number;
  readonly expireThroughMs: number;
}

/** The table with one more snapshot. */
export function withSnapshot(table: TableMetadata, next: NewSnapshot): TableMetadata {
  const parent = table.snapshots.at(-1);
  const { added, removed } = next;
  const total = (name: string, change: number): string => String(Number(parent?.summary[name] ?? 0) + change);
  const snapshot: Snapshot = {
    'snapshot-id': next.snapshotId,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': table['last-sequence-number'] + 1,
    // Clocks may step back; the table's times do not.
    'timestamp-ms': Math.max(next.nowMs, table['last-updated-ms']),
    'manifest-list': next.manifestList,
    summary: {
      operation: next.operation,
      ...(added.files === 0 ? {} : { 'added-data-files': String(added.files), 'added-records': String(added.rows), 'added-files-size': String(added.bytes) }),
      ...(removed.files === 0 ? {} : { 'deleted-data-files': String(removed.files), 'deleted-records': String(removed.rows), 'removed-files-size': String(removed.bytes) }),
      'total-data-files': total('total-data-files', added.files - removed.files),
      'total-records': total('total-records', added.rows - removed.rows),
      'total-files-size': total('total-files-size', added.bytes - removed.bytes),
    },
    'schema-id': table['current-schema-id'],
  };
  const { 'timestamp-ms': timestampMs } = snapshot;
  const snapshots = [...table.snapshots.filter((each) => each['timestamp-ms'] > next.expireThroughMs), snapshot].slice(-next.snapshotsMax);
  return {
    ...table,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': timestampMs,
    'current-snapshot-id': next.snapshotId,
    snapshots,
    'snapshot-log': [...logOf(table, snapshots), { 'timestamp-ms': timestampMs, 'snapshot-id': next.snapshotId }],
    'metadata-log': metadataLog(table, next.previousMetadata),
    refs: { main: { 'snapshot-id': next.snapshotId, type: 'branch' } },
  };
}

/** The table without its first snapshots, `count` of them; the newest stays. */
export function withoutSnapshots(table: TableMetadata, count: number, { nowMs, previousMetadata }: Pick<NewSnapshot, 'nowMs' | 'previousMetadata'>): TableMetadata {
  const snapshots = table.snapshots.slice(Math.min(count, table.snapshots.length - 1));
  return { ...table, 'last-updated-ms': Math.max(nowMs, table['last-updated-ms']), snapshots, 'snapshot-log': logOf(table, snapshots), 'metadata-log': metadataLog(table, previousMetadata) };
}

function logOf(table: TableMetadata, snapshots: readonly Snapshot[]): TableMetadata['snapshot-log'] {
  const kept = new Set(snapshots.map((each) => each['snapshot-id']));
  return table['snapshot-log'].filter((entry) => kept.has(entry['snapshot-id']));
}

function metadataLog(table: TableMetadata, previousMetadata: string | undefined): TableMetadata['metadata-log'] {
  const previous = previousMetadata === undefined ? [] : [{ 'timestamp-ms': table['last-updated-ms'], 'metadata-file': previousMetadata }];
  return [...table['metadata-log'], ...previous].slice(-METADATA_LOG_MAX);
}
