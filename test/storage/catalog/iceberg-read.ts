import type { ArchiveTable } from '../../../storage/catalog/iceberg/archive-table.ts';
import type { Snapshot } from '../../../storage/catalog/iceberg/table-metadata.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { readAvro } from './avro-read.ts';

/** A file that is in the table as of a snapshot: what the specification says of its entry, inherited numbers filled in. */
export interface IcebergFile {
  readonly key: string;
  readonly rows: number;
  readonly snapshotId: number;
  readonly sequenceNumber: number;
}

export interface IcebergView {
  readonly manifests: number;
  /** By key. */
  readonly live: ReadonlyMap<string, IcebergFile>;
  /** Keys of the files that this very snapshot adds and deletes. */
  readonly added: readonly string[];
  readonly deleted: readonly string[];
}

interface Entry {
  readonly status: number;
  readonly snapshot_id: unknown;
  readonly sequence_number: unknown;
  readonly file_sequence_number: unknown;
  readonly data_file: { readonly file_path: string; readonly record_count: number };
}

/** Follows a table from a snapshot to its files as a reader of Iceberg does, and checks what manifest lists say of manifests on the way. */
export async function readSnapshot(store: ObjectStore, baseUri: string, snapshot: Snapshot): Promise<IcebergView> {
  const fetch = async (location: string): Promise<Uint8Array> => {
    const body = await store.get(location.slice(baseUri.length + 1));
    if (body === undefined) throw new Error(`${location} is missing`);
    return body;
  };
  const list = await readAvro(await fetch(snapshot['manifest-list']));
  const live = new Map<string, IcebergFile>();
  const [added, deleted]: [string[], string[]] = [[], []];
  for (const manifest of list.records) {
    const body = await fetch(manifest['manifest_path'] as string);
    if (body.length !== manifest['manifest_length']) throw new Error('a manifest of another length');
    const entries = (await readAvro(body)).records as unknown as Entry[];
    const seen = { 0: [0, 0], 1: [0, 0], 2: [0, 0] } as Record<number, [number, number]>;
    for (const { status, snapshot_id: snapshotId, sequence_number: sequence, file_sequence_number: fileSequence, data_file: file } of entries) {
      const own = seen[status]!;
      own[0]++;
      own[1] += file.record_count;
      const key = file.file_path.slice(baseUri.length + 1);
      const [bySnapshot, bySequence] = [longOf(snapshotId) ?? (manifest['added_snapshot_id'] as number), longOf(sequence) ?? (manifest['sequence_number'] as number)];
      if (longOf(fileSequence) !== longOf(sequence)) throw new Error(`${key}: sequence numbers differ`);
      if (bySnapshot === snapshot['snapshot-id'] && status !== 0) (status === 1 ? added : deleted).push(key);
      if (status === 2) continue;
      if (live.has(key)) throw new Error(`${key} is in two manifests`);
      live.set(key, { key, rows: file.record_count, snapshotId: bySnapshot, sequenceNumber: bySequence });
    }
    const said = ['existing', 'added', 'deleted'].map((name) => [manifest[`${name}_files_count`], manifest[`${name}_rows_count`]]);
    if (JSON.stringify(said) !== JSON.stringify([seen[0], seen[1], seen[2]])) throw new Error(`a manifest list says ${JSON.stringify(said)} of ${JSON.stringify(seen)}`);
  }
  return { manifests: list.records.length, live, added, deleted };
}

/** The newest snapshot of a table. */
export async function readTable(store: ObjectStore, baseUri: string, table: ArchiveTable): Promise<IcebergView> {
  return readSnapshot(store, baseUri, table.current()!.metadata.snapshots.at(-1)!);
}

/** Optional longs come as they are or under their type's name. */
function longOf(value: unknown): number | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'number' ? value : (value as { readonly long: number }).long;
}
