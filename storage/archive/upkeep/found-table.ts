import { DecodeError } from '../../../proto/decode-error.ts';
import type { ArchiveTable } from '../../catalog/iceberg/archive-table.ts';
import { parseJsonObject } from '../../catalog/iceberg/parse-json.ts';
import type { TableDefinition } from '../../catalog/iceberg/table-definition.ts';
import type { Snapshot, TableMetadata } from '../../catalog/iceberg/table-metadata.ts';
import { parseFileName, parseMetadataName } from '../../catalog/object-names.ts';
import type { AdoptedFiles, FoundFile, FoundMetadata } from '../../catalog/recovery/adopted-files.ts';
import { decodeManifest, decodeManifestList, type KeyOf, type ManifestFile } from '../../catalog/recovery/adopted-manifest.ts';
import type { ObjectHead, ObjectStore } from '../../object-store.ts';
import { describeObject } from '../files/described-object.ts';
import { MissingObjectError } from '../missing-object.ts';

/** A table's state as the object store has it. */
export interface FoundTable {
  readonly metadata: TableMetadata;
  readonly pointer: Omit<FoundMetadata, 'isUnplaced'>;
}

/** What reads a table's state out of the object store. All of it throws when that does not answer, or an object is not as it should be. */
export class TableFinder {
  readonly #store: ObjectStore;
  readonly #table: ArchiveTable;
  readonly #keyOf: KeyOf;

  constructor(store: ObjectStore, table: ArchiveTable) {
    this.#store = store;
    this.#table = table;
    const mark = `/${table.prefix}/`;
    // Wherever the bucket was when it was written.
    this.#keyOf = (location) => {
      const at = location.lastIndexOf(mark);
      if (at < 0) throw new DecodeError(`${location} is no object of ${table.prefix}`);
      return location.slice(at + 1);
    };
  }

  /** The newest metadata, if it is ahead of the table: it has a snapshot that the table has not, and the table did not write it. */
  async newer(): Promise<FoundTable | undefined> {
    const { version: knownVersion, sequenceNumber, ownPlanIds } = this.#table.progress;
    let newest: { readonly version: number; readonly object: ObjectHead } | undefined;
    for await (const objects of this.#pages('metadata/')) {
      for (const object of objects) {
        const { version, planId } = parseMetadataName(object.key.slice(this.#table.prefix.length + 1)) ?? {};
        if (version === undefined || planId === undefined || version <= knownVersion || ownPlanIds.has(planId)) continue;
        if (newest === undefined || version > newest.version || (version === newest.version && object.uploadedMs > newest.object.uploadedMs)) newest = { version, object };
      }
    }
    if (newest === undefined) return undefined;
    const { version, object: { key } } = newest;
    const text = new TextDecoder().decode(await this.#get(key));
    const metadata = readMetadata(text, key);
    if (metadata['last-sequence-number'] <= sequenceNumber) return undefined;
    return { metadata, pointer: { knownVersion, version, key, text, updatedMs: metadata['last-updated-ms'], isHere: metadata.location === this.#table.location } };
  }

  /** Collects the files of the newest snapshot. Returns whether some have no place of the catalog's own. */
  async collect({ metadata }: FoundTable, into: AdoptedFiles): Promise<boolean> {
    const { definition } = this.#table;
    const snapshot = currentOf(metadata);
    if (snapshot === undefined) return false;
    let isUnplaced = false;
    const listKey = this.#keyOf(snapshot['manifest-list']);
    for (const manifest of decodeManifestList(definition, await this.#get(listKey), this.#keyOf, listKey)) {
      if (manifest.added.files + manifest.existing.files === 0) continue;
      const files: FoundFile[] = [];
      for (const entry of decodeManifest(definition, await this.#get(manifest.key), manifest, this.#keyOf)) {
        if (entry.status === 'deleted') continue;
        if (entry.known === undefined) isUnplaced = true;
        files.push(entry.known === undefined ? await this.#described(definition, entry, files.length) : { ...entry, file: entry.known.file, place: { ...entry.known.place, run: String(entry.known.place.run) } });
      }
      into.addManifest(manifest, files);
    }
    return isUnplaced;
  }

  /** Collects which files have left with a snapshot that the metadata still names: their objects may be there. */
  async collectRemoved(metadata: TableMetadata, into: AdoptedFiles): Promise<void> {
    const { definition } = this.#table;
    for (const snapshot of metadata.snapshots) {
      const listKey = this.#keyOf(snapshot['manifest-list']);
      // Of a snapshot that is about to leave, what only it has may be gone.
      const list = await this.#store.get(listKey);
      if (list === undefined) continue;
      for (const manifest of decodeManifestList(definition, list, this.#keyOf, listKey)) {
        if (manifest.snapshotId !== snapshot['snapshot-id'] || manifest.deleted.files === 0) continue;
        const bytes = await this.#store.get(manifest.key);
        const entries = bytes === undefined ? [] : decodeManifest(definition, bytes, manifest, this.#keyOf);
        into.addRemoved(entries.filter(({ status }) => status === 'deleted').map(({ key }) => key));
      }
    }
  }

  /** Collects which objects of the table's data are there. */
  async collectObjects(into: AdoptedFiles): Promise<void> {
    for await (const objects of this.#pages('data/')) into.addObjects(objects);
  }

  /** A file of a manifest that does not say all: the rest is in its name and in the file. */
  async #described({ name }: TableDefinition, { key, sizeBytes, snapshotId, sequenceNumber }: ManifestFile, index: number): Promise<FoundFile> {
    const named = parseFileName(key.slice(this.#table.prefix.length + 1));
    if (named === undefined) throw new DecodeError(`${key}: nothing says which shard's it is`);
    const file = await describeObject(this.#store, name, key, sizeBytes);
    return { file, place: { shard: named.shard, rank: index, run: named.planId, position: named.position, cleanThrough: Number.MAX_SAFE_INTEGER }, snapshotId, sequenceNumber };
  }

  async *#pages(folder: string): AsyncGenerator<readonly ObjectHead[]> {
    let cursor: string | undefined;
    do {
      const page = await this.#store.list(`${this.#table.prefix}/${folder}`, cursor);
      yield page.objects;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async #get(key: string): Promise<Uint8Array> {
    const bytes = await this.#store.get(key);
    if (bytes === undefined) throw new MissingObjectError(key);
    return bytes;
  }
}

function currentOf({ snapshots, 'current-snapshot-id': current }: TableMetadata): Snapshot | undefined {
  return snapshots.find((snapshot) => snapshot['snapshot-id'] === current);
}

function readMetadata(text: string, key: string): TableMetadata {
  const metadata = parseJsonObject(text, key) as TableMetadata;
  if (metadata['format-version'] !== 2 || typeof metadata.location !== 'string' || !Array.isArray(metadata.snapshots)) throw new DecodeError(`${key}: no table metadata of format version 2`);
  return metadata;
}
