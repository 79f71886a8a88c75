import type { LIMITS } from '../runtime/limits.ts';
import type { Clock } from '../runtime/clock.ts';
import { randomId, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import type { ObjectStore } from '../object-store.ts';
import { putObject } from '../put-object.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { encodeManifest, encodeManifestList, type Manifest } from './iceberg-manifest.ts';
import { newTable, withAppend, type TableMetadata } from './table-metadata.ts';

type ArchiveTableLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'archiveSnapshotsMax' | 'archiveManifestFilesMax'>, number>>;

export interface ArchiveTableOptions {
  readonly sql: Sql;
  readonly store: ObjectStore;
  readonly files: ArchiveFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ArchiveTableLimits;
  /** All keys of the table begin with this: `tenant/archive/samples`. */
  readonly prefix: string;
  /** What stands before a key in the locations that Iceberg readers follow: `s3://bucket`. */
  readonly baseUri: string;
}

/** What the next snapshot will be, stored before anything of it is written, so that it is resumed with the same keys. */
interface SnapshotPlan {
  readonly id: string;
  readonly snapshotId: number;
  /** Files numbered above `after` up to `through` are added. */
  readonly after: number;
  readonly through: number;
  readonly nowMs: number;
}

interface StateRow extends Record<string, string | number | null> {
  readonly published_file: number;
  readonly metadata: string | null;
  readonly metadata_key: string | null;
  readonly metadata_version: number;
  readonly snapshot_plan: string | null;
}

/**
 * The Iceberg table of a tenant's samples: snapshots that follow what shards have committed, one for all that has come in since the last.
 * The catalog's object is the only writer, and its database the only pointer to the newest metadata.
 */
export class ArchiveTable {
  readonly #options: ArchiveTableOptions;

  constructor(options: ArchiveTableOptions) {
    this.#options = options;
  }

  /** Whether files have been committed that no snapshot has. */
  get isBehind(): boolean {
    return this.#state().published_file < this.#options.files.lastFile;
  }

  /** The newest metadata and where it stands; `undefined` before the first snapshot. */
  current(): { readonly metadata: TableMetadata; readonly location: string } | undefined {
    const { metadata, metadata_key: key } = this.#state();
    return metadata === null || key === null ? undefined : { metadata: JSON.parse(metadata) as TableMetadata, location: this.#uri(key) };
  }

  /** Adds one snapshot, if there is something for it. After a throw, or a crash at any place, calling it again goes on with the same plan. */
  async publish(): Promise<void> {
    const plan = this.#plan();
    if (plan === undefined) return;
    const { files, store, limits } = this.#options;
    const state = this.#state();
    const before = state.metadata === null ? newTable(uuidOf(plan.id), this.#uri(this.#options.prefix), plan.nowMs) : (JSON.parse(state.metadata) as TableMetadata);
    const added = files.between(plan.after, plan.through);
    const sync = Uint8Array.from(plan.id.match(/../g)!, (pair) => parseInt(pair, 16));
    const sequenceNumber = before['last-sequence-number'] + 1;
    const uriOf = (key: string): string => this.#uri(key);
    const manifestBody = encodeManifest(added, plan.snapshotId, uriOf, sync);
    const manifest: Manifest = {
      key: this.#key(`${plan.id}-m0.avro`),
      sizeBytes: manifestBody.length,
      sequenceNumber,
      snapshotId: plan.snapshotId,
      fileCount: added.length,
      rowCount: added.reduce((sum, { rowCount }) => sum + rowCount, 0),
      firstDay: added.reduce((first, { minTimeMs }) => Math.min(first, Math.floor(minTimeMs / DAY_MS)), Infinity),
      lastDay: added.reduce((last, { minTimeMs }) => Math.max(last, Math.floor(minTimeMs / DAY_MS)), -Infinity),
    };
    const listKey = this.#key(`snap-${plan.snapshotId}-${plan.id}.avro`);
    const parentSnapshotId = before.snapshots.at(-1)?.['snapshot-id'];
    const list = encodeManifestList([...this.#manifests(), manifest], { snapshotId: plan.snapshotId, parentSnapshotId, sequenceNumber }, uriOf, sync);
    const metadata = withAppend(before, {
      snapshotId: plan.snapshotId,
      manifestList: this.#uri(listKey),
      fileCount: manifest.fileCount,
      rowCount: manifest.rowCount,
      bytes: added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      nowMs: plan.nowMs,
      previousMetadata: state.metadata_key === null ? undefined : this.#uri(state.metadata_key),
      snapshotsMax: limits.archiveSnapshotsMax,
    });
    const version = state.metadata_version + 1;
    const metadataKey = this.#key(`${String(version).padStart(5, '0')}-${plan.id}.metadata.json`);
    const text = JSON.stringify(metadata);
    // A crash between these leaves objects that the plan knows: the next try finds them as they should be, and goes on.
    const objects = [
      [manifest.key, manifestBody],
      [listKey, list],
      [metadataKey, new TextEncoder().encode(text)],
    ] as const;
    for (const [key, body] of objects) {
      if ((await putObject(store, key, body)) === 'stored') continue;
      // Another build had begun this plan and wrote other bytes: what it wrote is left to the clean-up, and a new plan has other keys.
      this.#options.sql.run('UPDATE archive_state SET snapshot_plan = NULL WHERE id = 1');
      throw new Error(`object ${key} has other bytes than planned: another snapshot is planned at the next try`);
    }
    this.#advance(plan, version, metadataKey, text, manifest);
  }

  #advance(plan: SnapshotPlan, version: number, metadataKey: string, metadata: string, manifest: Manifest): void {
    const { sql } = this.#options;
    // Commit point of the snapshot: this transaction moves the pointer. A crash before it leaves the table at the snapshot before, and the
    // plan to go on with; a crash behind it leaves the new one. An instance that has been replaced finds the version moved, and stops.
    sql.transaction(() => {
      const state = this.#state();
      if (state.metadata_version !== version - 1 || state.snapshot_plan !== JSON.stringify(plan)) throw new Error('this instance of the catalog has been replaced');
      sql.run('INSERT INTO archive_manifest (sequence, description) VALUES (?, ?)', manifest.sequenceNumber, JSON.stringify(manifest));
      sql.run('UPDATE archive_state SET published_file = ?, metadata = ?, metadata_key = ?, metadata_version = ?, snapshot_plan = NULL WHERE id = 1', plan.through, metadata, metadataKey, version);
    });
  }

  /** The plan that was begun, or a new one, stored. */
  #plan(): SnapshotPlan | undefined {
    const { sql, files, clock, random, limits } = this.#options;
    const state = this.#state();
    if (state.snapshot_plan !== null) return JSON.parse(state.snapshot_plan) as SnapshotPlan;
    const after = state.published_file;
    const through = Math.min(files.lastFile, after + limits.archiveManifestFilesMax);
    if (through === after) return undefined;
    const plan: SnapshotPlan = { id: randomId(random), snapshotId: newSnapshotId(random), after, through, nowMs: clock.nowMs() };
    // The plan is stored before it is carried out: a crash behind this resumes it.
    sql.run('UPDATE archive_state SET snapshot_plan = ? WHERE id = 1', JSON.stringify(plan));
    return plan;
  }

  #manifests(): Manifest[] {
    return this.#options.sql.all<{ description: string }>('SELECT description FROM archive_manifest ORDER BY sequence').map(({ description }) => JSON.parse(description) as Manifest);
  }

  #state(): StateRow {
    return this.#options.sql.all<StateRow>('SELECT published_file, metadata, metadata_key, metadata_version, snapshot_plan FROM archive_state WHERE id = 1')[0]!;
  }

  #key(name: string): string {
    return `${this.#options.prefix}/metadata/${name}`;
  }

  #uri(key: string): string {
    return `${this.#options.baseUri}/${key}`;
  }
}

const DAY_MS = 86_400_000;

/** Positive and below 2^52: JSON carries it everywhere. */
function newSnapshotId(random: Random): number {
  const bytes = new Uint8Array(8);
  random.fill(bytes);
  const view = new DataView(bytes.buffer);
  return (view.getUint32(0) & 0xfffff) * 2 ** 32 + view.getUint32(4) + 1;
}

/** A random id in the shape of a UUID of version 4. */
function uuidOf(id: string): string {
  const variant = '89ab'[parseInt(id[16]!, 16) & 3]!;
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-${variant}${id.slice(17, 20)}-${id.slice(20)}`;
}
