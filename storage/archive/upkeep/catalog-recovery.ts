import { DecodeError } from '../../../proto/decode-error.ts';
import type { UpkeepStatus } from '../../catalog/archive-api.ts';
import { ROLLED_UP_PROPERTY, type ArchiveTable } from '../../catalog/iceberg/archive-table.ts';
import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import { dayOf, type DataFile } from '../../catalog/iceberg/data-file.ts';
import { ROLLUP_TABLES } from '../../catalog/iceberg/rollup-tables.ts';
import { partitionEndDay, type TableDefinition } from '../../catalog/iceberg/table-definition.ts';
import type { TableMetadata } from '../../catalog/iceberg/table-metadata.ts';
import { parseFileName, type FileName } from '../../catalog/object-names.ts';
import { AdoptedFiles, type ChangedFile } from '../../catalog/recovery/adopted-files.ts';
import { COMMITTED_PROPERTY, decodeCommitted, FLUSHED_TABLES, type CommittedFlushes } from '../../catalog/recovery/committed-flushes.ts';
import { RecoveryState, type DaysOfShard, type KeptDays, type LostFlushes } from '../../catalog/recovery/recovery-state.ts';
import { RemovedObjectsStore } from '../../catalog/removed-objects.ts';
import { decodeRolledUp, type RolledUpDays } from '../../catalog/rollup-days.ts';
import type { StepFailures } from '../../catalog/step-failures.ts';
import type { ObjectStore } from '../../object-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import type { Sql } from '../../runtime/sql.ts';
import { describeObject } from '../files/described-object.ts';
import { windowStart } from '../flush/flush-plan.ts';
import type { RetentionOf } from '../series-retention.ts';
import { TableFinder, type FoundTable } from './found-table.ts';

export interface CatalogRecoveryOptions {
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly tables: ArchiveTables;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly limits: Pick<typeof LIMITS, 'archiveLookPeriodMs' | 'archiveOrphanAgeMs' | 'archiveWindowMs' | 'archiveAdoptFilesMax'>;
  /** That of samples says which days can be rolled up again. */
  readonly retentionOf: RetentionOf;
  readonly failures: StepFailures;
}

/** A file of a flush that is in no snapshot. */
interface FlushedObject extends FileName {
  readonly flush: number;
  readonly key: string;
  readonly sizeBytes: number;
  readonly uploadedMs: number;
}

/**
 * Finds again what a catalog has forgotten: one whose storage began anew beside a bucket that is full, or went back to an earlier point. It
 * looks when it wakes for the first time, when a shard commits a flush that is not the next one, and from time to time; the time of the next
 * look goes back with the storage. Until it has looked nothing else is done to the archive: no snapshot, no merge, and no object is removed.
 *
 * By table: metadata of a later version than the catalog's own, with a snapshot that it does not know, is the state that was lost. Its files
 * become the catalog's, its snapshots go on, and what shards have committed since is added to them. Then files of flushes that no snapshot
 * had yet are found by their names. What it reads is collected beside the archive, and taken over in one transaction a table:
 *
 *   list of metadata → metadata, manifests, list of data → adopted (one transaction) → … → files of flushes (one transaction each time) → looked
 *
 * A crash before one of these transactions: what was collected is forgotten, and it is looked again. Behind one: the catalog has what was
 * found, nothing is ahead of it, and the next look goes on with what is left. Nothing is deleted here.
 */
export class CatalogRecovery {
  readonly name = 'look for forgotten files';
  readonly counters = { archive_adoptions_total: 0, archive_adopted_files_total: 0, archive_superseded_files_total: 0, archive_unreadable_objects_total: 0, archive_look_failures_total: 0 };
  readonly #options: CatalogRecoveryOptions;
  readonly #state: RecoveryState;
  readonly #adopted: AdoptedFiles;
  readonly #removed: RemovedObjectsStore;
  readonly #pause: RetryPause;
  #running: Promise<void> | undefined;
  /** Where the look has come to; after a restart it begins anew. */
  #table = 0;
  /** What was lost when it came to the first table: that, and not what is lost meanwhile, is found when it has come to the last. */
  #lost: readonly LostFlushes[] = [];
  /** When it came to the first table (Unix ms). */
  #beganMs = -Infinity;

  constructor(options: CatalogRecoveryOptions) {
    this.#options = options;
    this.#state = new RecoveryState(options.sql);
    this.#adopted = new AdoptedFiles(options.sql);
    this.#removed = new RemovedObjectsStore(options.sql);
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#options.failures.failureOf(this.name) ?? this.#pause.failure;
  }

  /** Whether others have to wait. A clock that was ahead makes nobody wait for it. */
  get isDue(): boolean {
    const { clock, limits } = this.#options;
    const { nextLookMs } = this.#state;
    return nextLookMs === undefined || nextLookMs <= clock.nowMs() || nextLookMs > clock.nowMs() + limits.archiveLookPeriodMs;
  }

  /** Nobody is woken for a look that is due later: it is for those who wake anyway. */
  nextDueMs(): number | undefined {
    return this.#options.failures.dueMs(this.name, () => (this.isDue ? this.#pause.untilMs : undefined));
  }

  status(): UpkeepStatus {
    return { task: this.name, dueMs: this.nextDueMs() ?? this.#state.nextLookMs, begun: undefined, next: undefined, failure: this.failure };
  }

  /** Looks at one table. A failure of the object store, or an object that is not as it should be, is counted, and waits: others wait with it. */
  step(): Promise<void> {
    // Some wait for a look who are not the alarm: what is collected is of one at a time.
    return (this.#running ??= this.#step().finally(() => (this.#running = undefined)));
  }

  async #step(): Promise<void> {
    const { failures, clock } = this.#options;
    if ((this.nextDueMs() ?? Infinity) <= clock.nowMs()) await failures.run(this.name, () => this.#lookAtTable());
  }

  async #lookAtTable(): Promise<void> {
    const { tables, clock, limits } = this.#options;
    const all = tables.all();
    if (this.#table === 0) this.#beganMs = clock.nowMs();
    if (!(await this.#pause.attempt(() => this.#look(all[this.#table]![1])))) {
      this.counters.archive_look_failures_total++;
      return;
    }
    if (++this.#table < all.length) return;
    this.#table = 0;
    this.#state.finish(this.#lost, this.#beganMs, clock.nowMs() + limits.archiveLookPeriodMs);
  }

  async #look(table: ArchiveTable): Promise<void> {
    const { store } = this.#options;
    const { name } = table.definition;
    const finder = new TableFinder(store, table);
    const found = await port(() => finder.newer());
    if (found !== undefined) await this.#adopt(table, finder, found);
    const lost = this.#state.lost();
    if (this.#table === 0) this.#lost = lost;
    if (FLUSHED_TABLES.includes(name) && (lost.length > 0 || this.#adopted.isEmpty(name))) await this.#addFlushed(table, finder, found?.metadata ?? table.current()?.metadata, lost);
  }

  async #adopt(table: ArchiveTable, finder: TableFinder, found: FoundTable): Promise<void> {
    const { sql, clock, limits } = this.#options;
    const { definition } = table;
    this.#adopted.begin();
    const isUnplaced = await port(() => finder.collect(found, this.#adopted));
    if (!this.#adopted.isEmpty(definition.name)) {
      await port(() => finder.collectRemoved(found.metadata, this.#adopted));
      await port(() => finder.collectObjects(this.#adopted));
    }
    const committed = await port(async () => committedOf(found.metadata, found.pointer.key));
    const rollup = ROLLUP_TABLES.find(({ name }) => name === definition.name);
    const rolledUp = rollup && (await port(async () => rolledUpOf(found)));
    const nowMs = clock.nowMs();
    // Commit point of an adoption: this transaction. Before it queries read what the catalog had, behind it what was found, and what has come since.
    const { adopted, left } = sql.transaction(() => {
      const outcome = this.#adopted.adopt(definition, { ...found.pointer, isUnplaced }, !FLUSHED_TABLES.includes(definition.name));
      if (FLUSHED_TABLES.includes(definition.name)) this.#noteShards(table, committed);
      if (definition.name === 'samples') this.#state.noteSamples([...outcome.adopted, ...outcome.left], this.#keptDays(nowMs), nowMs);
      if (rollup !== undefined) this.#state.noteRollups(rollup.name, partitionsOf(definition, [...outcome.adopted, ...outcome.left]), rolledUp ?? [], this.#keptDays(nowMs), nowMs);
      this.#state.noteAdopted(outcome.adopted.length, nowMs, nowMs + limits.archiveOrphanAgeMs);
      return outcome;
    });
    this.counters.archive_adoptions_total++;
    this.counters.archive_adopted_files_total += adopted.length;
    this.counters.archive_superseded_files_total += left.length;
  }

  #keptDays(nowMs: number): KeptDays {
    const samples = this.#options.retentionOf('samples');
    if (samples === undefined) return { ofSomeFrom: -Infinity, ofAllFrom: -Infinity };
    return { ofSomeFrom: dayOf(nowMs - samples.longestMs) + 2, ofAllFrom: dayOf(nowMs - samples.shortestMs) + 2 };
  }

  /** Up to which flush and time shards have committed what was found, as the table says it and its files do; files of later flushes may be there and in no snapshot. */
  #noteShards({ definition, prefix }: ArchiveTable, committed: readonly CommittedFlushes[]): void {
    const { limits } = this.#options;
    const flushes = new Map(committed.map(({ shard, flush }) => [shard, flush]));
    for (const { shard, flush, archivedUntilMs } of committed) this.#state.noteCommitted(shard, flush, archivedUntilMs);
    for (const { key, shard } of this.#adopted.foundKeys()) flushes.set(shard, Math.max(flushes.get(shard) ?? 0, parseFileName(key.slice(prefix.length + 1))?.flush ?? 0));
    for (const { shard, maxTimeMs } of this.#adopted.foundTimes()) {
      // A window is archived in one commit, and late samples only when their window is.
      this.#state.noteCommitted(shard, flushes.get(shard) ?? 0, definition.name === 'samples' ? windowStart(maxTimeMs, limits.archiveWindowMs) + limits.archiveWindowMs : undefined);
    }
    for (const [shard, flush] of flushes) {
      this.#state.addLost(shard, flush);
      this.#state.askShard(shard);
    }
  }

  /** Files of flushes that the catalog should have behind those it has: committed and in no snapshot yet, or about to be committed, which they still can be. */
  async #addFlushed(table: ArchiveTable, finder: TableFinder, metadata: TableMetadata | undefined, lost: readonly LostFlushes[]): Promise<void> {
    const { limits } = this.#options;
    this.#adopted.begin();
    if (metadata !== undefined) await port(() => finder.collectRemoved(metadata, this.#adopted));
    await port(() => finder.collectObjects(this.#adopted));
    const floors = new Map([...this.#removed.committed(), ...lost.map(({ shard, afterFlush }) => [shard, afterFlush] as const)]);
    // What is lost is so of all tables; each of them knows best what it has had, and what has left it since.
    for (const { shard, flush } of await port(async () => committedOf(metadata, table.prefix))) floors.set(shard, Math.max(flush, floors.get(shard) ?? 0));
    for (let after = ''; ; ) {
      const page = this.#adopted.unknownObjects(after, limits.archiveAdoptFilesMax);
      if (page.length === 0) return;
      after = page.at(-1)!.key;
      const objects = page.flatMap(({ key, sizeBytes, uploadedMs }): FlushedObject[] => {
        const named = parseFileName(key.slice(table.prefix.length + 1));
        return named?.flush === undefined || named.flush <= (floors.get(named.shard) ?? 0) ? [] : [{ ...named, flush: named.flush, key, sizeBytes, uploadedMs }];
      });
      if (objects.length > 0) await this.#addObjects(table, objects, floors);
    }
  }

  async #addObjects({ definition: { name }, prefix }: ArchiveTable, objects: readonly FlushedObject[], floors: ReadonlyMap<string, number>): Promise<void> {
    const { sql, store, clock, limits } = this.#options;
    const described: { readonly object: FlushedObject; readonly shard: string; readonly file: DataFile }[] = [];
    for (const object of objects) {
      const file = await port(() => orUndecodable(() => describeObject(store, name, object.key, object.sizeBytes)));
      // Nobody can read it: it stays where it is.
      if (file === undefined) this.counters.archive_unreadable_objects_total++;
      else described.push({ object, shard: object.shard, file });
    }
    if (described.length === 0) return;
    const nowMs = clock.nowMs();
    const flushOf = (key: string): number | undefined => parseFileName(key.slice(prefix.length + 1))?.flush;
    // Commit point of these files: this transaction. Their shard may still commit them, which adds those that are not here.
    sql.transaction(() => {
      for (const { object, shard, file } of described) {
        this.#adopted.addFlushed(file, { shard, flush: object.flush, uploadedMs: object.uploadedMs, run: `${shard} ${object.flush} ${object.planId} ${file.table}`, position: object.position }, flushOf);
        this.#state.addLost(shard, floors.get(shard) ?? 0);
        this.#state.askShard(shard);
      }
      this.#adopted.endFlushed();
      if (name === 'samples') this.#state.noteSamples(described.map(({ shard, file }) => ({ ...file, shard })), this.#keptDays(nowMs), nowMs);
      this.#state.noteAdopted(described.length, nowMs, nowMs + limits.archiveOrphanAgeMs);
    });
    this.counters.archive_adopted_files_total += described.length;
  }
}

/** How far a table says that it has its shards' flushes; nothing in metadata of earlier releases. */
function committedOf(metadata: TableMetadata | undefined, key: string): CommittedFlushes[] {
  const text = metadata?.properties[COMMITTED_PROPERTY];
  return text === undefined ? [] : decodeCommitted(text, `${key}: ${COMMITTED_PROPERTY}`);
}

/** The days that a table of roll-ups has. */
function rolledUpOf({ metadata: { properties }, pointer: { key } }: FoundTable): readonly RolledUpDays[] {
  const text = properties[ROLLED_UP_PROPERTY];
  return text === undefined ? [] : decodeRolledUp(text, `${key}: ${ROLLED_UP_PROPERTY}`);
}

/** The partitions that files are of, each once. */
function partitionsOf(definition: TableDefinition, files: readonly ChangedFile[]): DaysOfShard[] {
  const found = new Map(files.map(({ shard, day }) => [`${shard} ${day}`, { shard, firstDay: day, endDay: partitionEndDay(definition, day) }]));
  return [...found.values()];
}

async function orUndecodable<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
