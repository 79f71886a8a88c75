import type { ObjectStore } from '../../object-store.ts';
import { putObject } from '../../put-object.ts';
import { must } from '../../runtime/assert.ts';
import type { Clock } from '../../runtime/clock.ts';
import { bytesOfHex } from '../../runtime/hex.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port, PortFailure } from '../../runtime/port-failure.ts';
import { randomId, type Random } from '../../runtime/random.ts';
import type { Sql } from '../../runtime/sql.ts';
import { manifestListName, manifestName, metadataName } from '../object-names.ts';
import { COMMITTED_PROPERTY, encodeCommitted, FLUSHED_TABLES } from '../recovery/committed-flushes.ts';
import { encodeRolledUp } from '../rollup-days.ts';
import { describeManifest, encodeManifest, encodeManifestList, type Manifest, type ManifestEntry } from './iceberg-manifest.ts';
import { ManifestStore, type ChangeRange, type ManifestWork } from './manifest-store.ts';
import { ROLLUP_TABLES } from './rollup-tables.ts';
import { snapshotsSinceMs } from './snapshot-ages.ts';
import type { TableDefinition } from './table-definition.ts';
import { newTable, withoutSnapshots, withSchema, withSnapshot, type Snapshot, type SnapshotTotals, type TableMetadata } from './table-metadata.ts';

type ArchiveTableLimits = Pick<typeof LIMITS, 'archiveSnapshotsMax' | 'archiveSnapshotAgeMs' | 'archiveSnapshotFilesMax' | 'archiveManifestFilesMax'>;

export interface ArchiveTableOptions {
  readonly definition: TableDefinition;
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ArchiveTableLimits;
  /** All keys of the table begin with this: `tenant/archive/samples`. */
  readonly prefix: string;
  /** What stands before a key in the locations that Iceberg readers follow: `s3://bucket`. */
  readonly baseUri: string;
}

/** What the next snapshot will be, stored before anything of it is written, so that it is resumed with the same keys. */
interface SnapshotPlan extends ChangeRange {
  readonly id: string;
  readonly snapshotId: number;
  readonly nowMs: number;
  /** Of the table: what a catalog that has to adopt it must know (rollup-days.ts, committed-flushes.ts). Absent from plans of an older release. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** Property of a table of roll-ups: its days. */
export const ROLLED_UP_PROPERTY = 'varve.rolled-up';

/** Of ?1, which may have no row yet. Asked at each step of a catalog's alarm: it reads neither what the changes are nor past the metadata to the rest of the row. */
const IS_BEHIND = `SELECT EXISTS (SELECT 1 FROM archive_change WHERE table_name = ?1 AND change > ifnull(published_change, 0))
    OR EXISTS (SELECT 1 FROM data_file WHERE table_name = ?1 AND added_change > ifnull(published_change, 0)) AS is_behind
  FROM (SELECT 1) LEFT JOIN archive_table ON name = ?1`;

/** How far a table's metadata has come, to be compared with what is in the object store. */
export interface TableProgress {
  readonly version: number;
  /** 0 before the first snapshot. */
  readonly sequenceNumber: number;
  /** Of metadata that the table may have written itself, though it does not name it. */
  readonly ownPlanIds: ReadonlySet<string>;
}

interface StateRow extends Record<string, string | number | null> {
  readonly published_change: number;
  readonly metadata_key: string | null;
  readonly metadata_version: number;
  readonly snapshot_plan: string | null;
  readonly given_up: string;
}

const NEW_STATE: StateRow = { published_change: 0, metadata_key: null, metadata_version: 0, snapshot_plan: null, given_up: '[]' };

/**
 * One Iceberg table of a tenant: snapshots that follow what has been committed to the catalog (archive-files.ts), one for all changes of a
 * kind that have come in since the last. The catalog's object is the only writer, and its database the only pointer to the newest metadata.
 */
export class ArchiveTable {
  readonly #options: ArchiveTableOptions;
  readonly #manifests: ManifestStore;
  /** The newest metadata that was asked for. What stands under a key never changes, and the alarm asks many times for each that is written. */
  #parsed: { readonly key: string; readonly metadata: TableMetadata } | undefined;

  constructor(options: ArchiveTableOptions) {
    this.#options = options;
    this.#manifests = new ManifestStore(options.sql, options.definition.name, options.limits);
  }

  /** Whether there are changes that no snapshot has. */
  get isBehind(): boolean {
    const { sql, definition } = this.#options;
    return sql.all<{ is_behind: number }>(IS_BEHIND, definition.name)[0]!.is_behind === 1;
  }

  /** The newest metadata and where it stands; `undefined` before the first snapshot. */
  current(): { readonly metadata: TableMetadata; readonly location: string } | undefined {
    const { metadata_key: key } = this.#state();
    return key === null ? undefined : { metadata: this.#metadata(key), location: this.#uri(key) };
  }

  get definition(): TableDefinition {
    return this.#options.definition;
  }

  /** Where all its objects are, as readers find them. */
  get location(): string {
    return this.#uri(this.#options.prefix);
  }

  /** All its keys begin with it. */
  get prefix(): string {
    return this.#options.prefix;
  }

  get progress(): TableProgress {
    const { metadata_version: version, given_up: givenUp, snapshot_plan: plan } = this.#state();
    const open = plan === null ? [] : [(JSON.parse(plan) as SnapshotPlan).id];
    return { version, sequenceNumber: this.current()?.metadata['last-sequence-number'] ?? 0, ownPlanIds: new Set([...(JSON.parse(givenUp) as string[]), ...open]) };
  }

  /** Whether another catalog (ExternalCatalog.identity) has not what this one has. */
  isMirrorBehind(catalog: string): boolean {
    const current = this.current();
    if (current === undefined) return false;
    const { sql, definition } = this.#options;
    return sql.all<{ mirrored: string | null }>('SELECT mirrored FROM archive_table WHERE name = ?', definition.name)[0]?.mirrored !== `${catalog} ${current.location}`;
  }

  /** It has what stands in the metadata at a location. */
  noteMirrored(catalog: string, location: string): void {
    const { sql, definition } = this.#options;
    sql.run('UPDATE archive_table SET mirrored = ? WHERE name = ?', `${catalog} ${location}`, definition.name);
  }

  /**
   * Adds one snapshot, if there is something for it. After a throw, or a crash at any place, calling it again goes on with the same plan. Throws
   * PortFailure when it is the object store that fails, and nothing else then.
   */
  async publish(): Promise<void> {
    const plan = this.#plan();
    if (plan === undefined) return;
    const { definition, prefix, limits } = this.#options;
    const state = this.#state();
    const before = state.metadata_key === null ? newTable(definition, uuidOf(plan.id), this.#uri(prefix), plan.nowMs) : withSchema(this.#metadata(state.metadata_key), definition);
    const sequenceNumber = before['last-sequence-number'] + 1;
    const work = this.#manifests.work(plan);
    // A crash between these objects leaves some that the plan knows: the next try finds them as they should be, and goes on.
    const { manifests, added, removed } = await this.#writeManifests(plan, work, sequenceNumber);
    const listKey = this.#key(manifestListName(plan.snapshotId, plan.id));
    const parentSnapshotId = before.snapshots.at(-1)?.['snapshot-id'];
    const head = { snapshotId: plan.snapshotId, parentSnapshotId, sequenceNumber };
    await this.#put(listKey, encodeManifestList(definition, [...work.kept, ...manifests], head, (key) => this.#uri(key), syncOf(plan)));
    const metadata = withSnapshot(before, {
      snapshotId: plan.snapshotId,
      operation: plan.operation,
      manifestList: this.#uri(listKey),
      added,
      removed,
      nowMs: plan.nowMs,
      previousMetadata: state.metadata_key === null ? undefined : this.#uri(state.metadata_key),
      snapshotsMax: limits.archiveSnapshotsMax,
      expireThroughMs: plan.nowMs - limits.archiveSnapshotAgeMs,
    });
    const version = state.metadata_version + 1;
    const metadataKey = this.#key(metadataName(version, plan.id));
    const text = JSON.stringify({ ...metadata, properties: { ...metadata.properties, ...plan.properties } });
    await this.#put(metadataKey, new TextEncoder().encode(text));
    this.#advance(plan, version, { metadataKey, text }, () => this.#manifests.advance(plan, work, manifests, sequenceNumber));
  }

  /** When there is something for `expire` (Unix ms); `undefined` when there will be nothing: the newest snapshot stays. */
  expiryDueMs(): number | undefined {
    const snapshots = this.current()?.metadata.snapshots ?? [];
    if (snapshots.length < 2) return undefined;
    const sinceMs = this.#sinceMs(snapshots)[0];
    return sinceMs === undefined ? -Infinity : sinceMs + this.#options.limits.archiveSnapshotAgeMs;
  }

  /** Lets snapshots that are too old, by their dates or by when those were noted to lie ahead of the clock, leave the table's metadata. What only they have can be removed then: see `liveFrom`. Throws as `publish`. */
  async expire(): Promise<void> {
    const { sql, definition, clock, random, limits } = this.#options;
    const state = this.#state();
    // A snapshot that is being written expires them too.
    if (state.metadata_key === null || state.snapshot_plan !== null) return;
    const nowMs = clock.nowMs();
    const before = this.#metadata(state.metadata_key);
    const sinceMs = this.#sinceMs(before.snapshots);
    if (sinceMs.length > 0 && sinceMs[0] === undefined) {
      sql.run('UPDATE archive_table SET ahead_since_ms = ?, ahead_snapshot_id = ? WHERE name = ?', nowMs, before.snapshots.at(-1)!['snapshot-id'], definition.name);
      return;
    }
    const firstKept = sinceMs.findIndex((ms) => ms === undefined || ms > nowMs - limits.archiveSnapshotAgeMs);
    const metadata = withoutSnapshots(before, firstKept === -1 ? before.snapshots.length : firstKept, { nowMs, previousMetadata: this.#uri(state.metadata_key) });
    // What a snapshot has removed can be told from what was never there for as long as it is named; behind that by the properties alone.
    const text = JSON.stringify({ ...metadata, properties: { ...metadata.properties, ...this.#properties(state.published_change) } });
    const version = state.metadata_version + 1;
    const key = this.#key(metadataName(version, randomId(random)));
    await this.#put(key, new TextEncoder().encode(text));
    // Commit point: this statement. A crash before it, or another snapshot meanwhile, leaves an object that nobody refers to.
    sql.run(
      'UPDATE archive_table SET metadata = ?, metadata_key = ?, metadata_version = ? WHERE name = ? AND metadata_version = ? AND snapshot_plan IS NULL',
      text, key, version, definition.name, version - 1,
    );
  }

  /** Sequence number of the oldest snapshot that the table still has: files and manifests that this or an earlier one was the first without are in none. */
  get liveFrom(): number | undefined {
    return this.current()?.metadata.snapshots[0]?.['sequence-number'];
  }

  /** Keys of metadata and manifest lists that the table refers to, and the id of the snapshot that is being written. */
  references(): { readonly keys: ReadonlySet<string>; readonly planId: string | undefined } {
    const { metadata_key: key, snapshot_plan: plan } = this.#state();
    const planId = plan === null ? undefined : (JSON.parse(plan) as SnapshotPlan).id;
    if (key === null) return { keys: new Set(), planId };
    const { snapshots, 'metadata-log': log } = this.#metadata(key);
    const locations = [...snapshots.map((snapshot) => snapshot['manifest-list']), ...log.map((entry) => entry['metadata-file'])];
    return { keys: new Set([key, ...locations.map((location) => location.slice(this.#uri('').length))]), planId };
  }

  /** One after another: only one is in memory at a time. */
  async #writeManifests(plan: SnapshotPlan, work: ManifestWork, sequenceNumber: number): Promise<{ readonly manifests: Manifest[]; readonly added: SnapshotTotals; readonly removed: SnapshotTotals }> {
    const { definition } = this.#options;
    const { snapshotId } = plan;
    const manifests: Manifest[] = [];
    let [added, removed] = [NO_FILES, NO_FILES];
    for (const [position, write] of work.writes.entries()) {
      const entries = this.#manifests.entries(write);
      added = plus(added, entries, 'added');
      removed = plus(removed, entries, 'deleted');
      const body = encodeManifest(definition, entries, snapshotId, (key) => this.#uri(key), syncOf(plan));
      const key = this.#key(manifestName(position, plan.id));
      manifests.push(describeManifest(entries, definition, { key, sizeBytes: body.length, sequenceNumber, snapshotId }));
      await this.#put(key, body);
    }
    return { manifests, added, removed };
  }

  async #put(key: string, body: Uint8Array): Promise<void> {
    const { sql, store, definition } = this.#options;
    if ((await port(() => putObject(store, key, body))) === 'stored') return;
    // Another build had begun this plan and wrote other bytes: what it wrote is left to the clean-up, and a new plan has other keys.
    sql.run("UPDATE archive_table SET given_up = json_insert(given_up, '$[#]', json_extract(snapshot_plan, '$.id')), snapshot_plan = NULL WHERE name = ? AND snapshot_plan IS NOT NULL", definition.name);
    throw new PortFailure(`object ${key} has other bytes than planned: another snapshot is planned at the next try`);
  }

  #advance(plan: SnapshotPlan, version: number, { metadataKey, text }: { readonly metadataKey: string; readonly text: string }, manifests: () => void): void {
    const { sql, definition } = this.#options;
    // Commit point of the snapshot: this transaction moves the pointer. A crash before it leaves the table at the snapshot before, and the
    // plan to go on with; a crash behind it leaves the new one. An instance that has been replaced finds the version moved, and stops.
    sql.transaction(() => {
      const state = this.#state();
      if (state.metadata_version !== version - 1 || state.snapshot_plan !== JSON.stringify(plan)) throw new Error('this instance of the catalog has been replaced');
      manifests();
      sql.run(
        "UPDATE archive_table SET published_change = ?, metadata = ?, metadata_key = ?, metadata_version = ?, snapshot_plan = NULL, given_up = '[]' WHERE name = ?",
        plan.through,
        text,
        metadataKey,
        version,
        definition.name,
      );
    });
  }

  /** What a catalog that has to adopt the table must know of it, when its changes up to `through` are in it. */
  #properties(through: number): Readonly<Record<string, string>> {
    const { sql, definition: { name } } = this.#options;
    const rollup = ROLLUP_TABLES.find((each) => each.name === name);
    if (rollup !== undefined) return { [ROLLED_UP_PROPERTY]: encodeRolledUp(sql, rollup.name) };
    return FLUSHED_TABLES.includes(name) ? { [COMMITTED_PROPERTY]: encodeCommitted(sql, name, through, this.current()?.metadata.properties[COMMITTED_PROPERTY]) } : {};
  }

  #sinceMs(snapshots: readonly Snapshot[]): (number | undefined)[] {
    const { sql, definition, clock } = this.#options;
    const [row] = sql.all<{ since: number | null; id: number | null }>('SELECT ahead_since_ms AS since, ahead_snapshot_id AS id FROM archive_table WHERE name = ?', definition.name);
    const noted = row === undefined || row.since === null || row.id === null ? undefined : { sinceMs: row.since, throughId: row.id };
    return snapshotsSinceMs(snapshots, noted, clock.nowMs());
  }

  /** The plan that was begun, or a new one, stored. */
  #plan(): SnapshotPlan | undefined {
    const { sql, definition, clock, random } = this.#options;
    const state = this.#state();
    if (state.snapshot_plan !== null) return JSON.parse(state.snapshot_plan) as SnapshotPlan;
    const range = this.#manifests.nextChanges(state.published_change);
    if (range === undefined) return undefined;
    const plan: SnapshotPlan = { ...range, id: randomId(random), snapshotId: newSnapshotId(random), nowMs: clock.nowMs(), properties: this.#properties(range.through) };
    // The plan is stored before it is carried out: a crash behind this resumes it.
    sql.run(
      'INSERT INTO archive_table (name, published_change, metadata_version, snapshot_plan) VALUES (?, 0, 0, ?) ON CONFLICT (name) DO UPDATE SET snapshot_plan = excluded.snapshot_plan',
      definition.name, JSON.stringify(plan),
    );
    return plan;
  }

  #state(): StateRow {
    const { sql, definition } = this.#options;
    return sql.all<StateRow>('SELECT published_change, metadata_key, metadata_version, snapshot_plan, given_up FROM archive_table WHERE name = ?', definition.name)[0] ?? NEW_STATE;
  }

  /** `key` is that of the state that has just been read. */
  #metadata(key: string): TableMetadata {
    if (this.#parsed?.key !== key) {
      const { sql, definition } = this.#options;
      const [row] = sql.all<{ metadata: string }>('SELECT metadata FROM archive_table WHERE name = ? AND metadata_key = ?', definition.name, key);
      this.#parsed = { key, metadata: JSON.parse(must(row, `the metadata ${key}`).metadata) as TableMetadata };
    }
    return this.#parsed.metadata;
  }

  #key(name: string): string {
    return `${this.#options.prefix}/${name}`;
  }

  #uri(key: string): string {
    return `${this.#options.baseUri}/${key}`;
  }
}

const NO_FILES: SnapshotTotals = { files: 0, rows: 0, bytes: 0 };

function plus(totals: SnapshotTotals, entries: readonly ManifestEntry[], status: ManifestEntry['status']): SnapshotTotals {
  const files = entries.flatMap((entry) => (entry.status === status ? [entry.file] : []));
  return files.reduce(({ files: count, rows, bytes }, file) => ({ files: count + 1, rows: rows + file.rowCount, bytes: bytes + file.sizeBytes }), totals);
}

/** The marks between blocks of an Avro file: of the plan, so that the same plan makes the same bytes. */
function syncOf({ id }: SnapshotPlan): Uint8Array {
  return bytesOfHex(id);
}

/** Positive and below 2^52: JSON carries it everywhere. */
function newSnapshotId(random: Random): number {
  const bytes = new Uint8Array(8);
  random.fill(bytes);
  const view = new DataView(bytes.buffer);
  return Math.max(1, (view.getUint32(0) & 0xfffff) * 2 ** 32 + view.getUint32(4));
}

/** A random id in the shape of a UUID of version 4. */
function uuidOf(id: string): string {
  const variant = '89ab'[parseInt(id[16]!, 16) & 3]!;
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-${variant}${id.slice(17, 20)}-${id.slice(20)}`;
}
