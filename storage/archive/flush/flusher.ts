import { crc32 } from 'node:zlib';
import type { ArchiveCommitOutcome, ArchiveCommitRequest } from '../../catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../../catalog/catalog-api.ts';
import { dayOf, type DataFile } from '../../catalog/iceberg/data-file.ts';
import type { ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { dataFileKey } from '../../catalog/object-names.ts';
import type { ObjectStore } from '../../object-store.ts';
import { putObject } from '../../put-object.ts';
import { DamagedRowError } from '../../runtime/damage.ts';
import { port, PortFailure } from '../../runtime/port-failure.ts';
import { randomId, type Random } from '../../runtime/random.ts';
import { RetryPause } from '../../runtime/retry-pause.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { FlushStatus, FlushTask } from '../../shard/shard-api.ts';
import { dataFileOf, type SeriesFile } from '../files/series-file-writer.ts';
import { FlushEncoder, type EncodedFile, type FlushEncoderOptions } from './flush-encoder.ts';
import { flushDueMs, planFlush, windowDueMs, type FlushCursor, type FlushPlan, type FlushState, type FlushWork } from './flush-plan.ts';
import { PlanLedger, type PlanProgress } from './plan-ledger.ts';

export interface FlusherOptions extends FlushEncoderOptions {
  readonly sql: Sql;
  readonly store: ObjectStore;
  readonly random: Random;
  /** Keys begin with it, and then the table: `tenant/archive`. */
  readonly prefix: string;
  /** Hands files to the tenant's catalog. Doing it twice is doing it once. */
  readonly commit: (request: ArchiveCommitRequest) => Promise<ArchiveCommitOutcome>;
  /** Called before a window is closed: the last chance to add samples to it. */
  readonly beforeClosing?: (startMs: number, endMs: number) => void;
  /** Late batches up to this sequence may go; all of them unless given. */
  readonly lateThrough?: () => number;
  /** Whether a row that cannot be read is counted, named in the status and tried again, as an object store that does not answer is; else it is let out. */
  readonly waitsForRepair?: boolean;
  /** Called as late batches are planned, inside the transaction: from then on they go, whatever happens. */
  readonly onLatePlanned?: (sequences: readonly number[]) => void;
}

/**
 * Moves a shard's samples into the archive, step by step. The order of what becomes durable:
 *
 *   plan (shard) → object 0, note of it (shard) → … → object n, note → commit (catalog) → archived (shard); later, segments dropped
 *
 * A crash before the plan: nothing has begun. Behind it, or behind an object: the same bytes go to the same key again, which is found as it
 * should be. Behind a note: the next file is next. Before or behind the commit: it is sent again, and the catalog knows its number. Behind
 * `archived`: done. What the object store or the catalog does not answer is tried again later; nothing is ever deleted here.
 *
 * Where the catalog knows flushes with greater numbers, and not this one, the shard's storage began anew or has gone back to an earlier
 * state: the plan is forgotten, and its samples, which are in the hot tier or the late queue as before, are flushed behind those.
 */
export class Flusher {
  readonly counters = {
    archived_files_total: 0,
    archived_samples_total: 0,
    archived_exemplars_total: 0,
    archived_exemplars_left_out_total: 0,
    archive_commits_total: 0,
    archive_flushes_begun_again_total: 0,
    archive_failures_total: 0,
  };
  readonly #options: FlusherOptions;
  readonly #plans: PlanLedger<FlushPlan, FlushCursor>;
  readonly #encoder: FlushEncoder;
  readonly #pause: RetryPause;
  #isRunning = false;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#plans = new PlanLedger(options.sql, 'flush');
    this.#encoder = new FlushEncoder(options);
    this.#pause = new RetryPause(options.clock);
  }

  /** Age of the oldest sample that is not archived, and how late its window is against the plan (seconds); 0 when there is none. */
  get lag(): { readonly lagSeconds: number; readonly overdueSeconds: number } {
    const { hot, clock, limits } = this.#options;
    const oldestMs = hot.archive.oldestMs();
    if (oldestMs === undefined) return { lagSeconds: 0, overdueSeconds: 0 };
    const nowMs = clock.nowMs();
    return { lagSeconds: Math.max(0, nowMs - oldestMs) / 1000, overdueSeconds: Math.max(0, nowMs - windowDueMs(oldestMs, limits)) / 1000 };
  }

  /** How far it is, and what comes next. */
  status(): FlushStatus {
    const { hot, limits, clock } = this.#options;
    const { archivedUntilMs, closedUntilMs } = hot.archive.mark;
    const begun = this.#plans.plan();
    const state = this.#state();
    const behind = begun === undefined ? state : stateBehind(state, begun.plan.work);
    const dueMs = flushDueMs(behind, limits);
    const next = dueMs === undefined ? undefined : planFlush(behind, Math.max(dueMs, clock.nowMs()), limits);
    return {
      archivedUntilMs,
      closedUntilMs,
      ...this.lag,
      begun: begun && { task: taskOf(begun.plan.work), ...this.#plans.written() },
      next: next && { task: taskOf(next), dueMs: dueMs! },
      failure: this.#pause.failure,
    };
  }

  /** When there is something to do (Unix ms); `undefined` when there never will be unless something is written. */
  nextDueMs(): number | undefined {
    if (this.#isRunning) return undefined;
    const dueMs = this.#plans.plan() === undefined ? flushDueMs(this.#state(0), this.#options.limits) : -Infinity;
    return dueMs === undefined ? undefined : Math.max(dueMs, this.#pause.untilMs);
  }

  /**
   * Does one bounded piece of what is due. A failure of the object store or of the catalog is counted, and waits; anything else is an
   * error of the shard itself, which its owner must let out.
   */
  async step(): Promise<void> {
    if (this.#isRunning || !this.#pause.isOver) return;
    this.#isRunning = true;
    try {
      const isDone = await this.#pause.attempt(async () => {
        const known = this.#plans.plan();
        if (known === undefined) this.#begin();
        else if (!known.isEncoded) await this.#writeNext(known.plan);
        else await this.#finish(known.plan);
      });
      if (!isDone) this.counters.archive_failures_total++;
    } finally {
      this.#isRunning = false;
    }
  }

  /** With as many of the batches that wait as a plan could take; when something is due follows from the first alone. */
  #state(lateSamplesTarget = this.#options.limits.archiveLateSamplesTarget): FlushState {
    const { hot, limits, lateThrough } = this.#options;
    const { archivedUntilMs, newestFiledMs } = hot.archive.mark;
    const through = lateThrough?.() ?? Infinity;
    const late = hot.late.waiting(lateSamplesTarget, limits.archiveLateBatchesMax).filter(({ sequence }) => sequence <= through);
    // Roll-ups are made of the table of samples alone.
    return { archivedUntilMs, oldestMs: hot.archive.oldestMs(), newestFiledMs: this.#encoder.table === 'samples' ? newestFiledMs : undefined, late };
  }

  #begin(): void {
    const { sql, hot, clock, random, limits } = this.#options;
    const work = planFlush(this.#state(), clock.nowMs(), limits);
    if (work === undefined) return;
    if (work.kind === 'window') this.#options.beforeClosing?.(work.startMs, work.endMs);
    // The plan is stored, and the window closed, in one transaction: from here on what it reads does not change.
    sql.transaction(() => {
      hot.confirmCurrent();
      this.#plans.begin({ flush: hot.archive.mark.beginFlush(), id: randomId(random), work });
      if (work.kind === 'window') hot.archive.mark.close(work.endMs);
      else this.#options.onLatePlanned?.(work.sequences);
    });
  }

  async #writeNext(plan: FlushPlan): Promise<void> {
    const progress = this.#plans.progress();
    const { position } = progress;
    const next = await this.#encodeNext(plan, progress);
    this.counters.archived_exemplars_left_out_total += next.exemplarsLeftOut ?? 0;
    const flushed = next.file === undefined ? undefined : { file: await this.#put(plan, position, { table: next.table, file: next.file }), cursor: next.cursor };
    // A crash before this note writes the object again; behind it, the next one is next.
    this.#plans.note(plan, position, flushed, next.isLast);
  }

  /** What cannot be read has changed nothing. */
  async #encodeNext(plan: FlushPlan, progress: PlanProgress<FlushCursor>): Promise<EncodedFile> {
    try {
      return await this.#encoder.encodeNext(plan, progress);
    } catch (error) {
      // What is left of late batches would pass for their end.
      this.#encoder.forgetLate();
      if (!(error instanceof DamagedRowError) || this.#options.waitsForRepair !== true) throw error;
      throw new PortFailure(error.message, { cause: error });
    }
  }

  async #put(plan: FlushPlan, position: number, { table, file }: { readonly table: ArchiveTableName; readonly file: SeriesFile }): Promise<DataFile> {
    const { store, prefix, shard } = this.#options;
    const name = { table, day: dayOf(file.minTimeMs), shard, madeBy: plan.flush, position, planId: plan.id };
    // Another body under the first key is of a build that encodes otherwise, or has what has left the shard meanwhile, by a deletion or as
    // exemplars do: it is left alone, and what the second key says of the bytes keeps a flush from running out of keys.
    for (const key of [dataFileKey(prefix, name), dataFileKey(prefix, { ...name, crc: crc32(file.bytes) })]) {
      // Commit point of the object: the store's own.
      if ((await port(() => putObject(store, key, file.bytes))) === 'different') continue;
      this.counters.archived_files_total++;
      this.counters[table === 'exemplars' ? 'archived_exemplars_total' : 'archived_samples_total'] += file.rowCount;
      return dataFileOf(file, table, key);
    }
    throw new PortFailure(`objects named ${dataFileKey(prefix, name)} have other bytes`);
  }

  async #finish(plan: FlushPlan): Promise<void> {
    const { sql, hot, shard, commit, limits } = this.#options;
    const { work, flush } = plan;
    this.#encoder.forgetLate();
    const archivedUntilMs = work.kind === 'window' ? work.endMs : undefined;
    const files = this.#plans.files();
    const answer = await port(() => commit({ version: CATALOG_RPC_VERSION, shard, sequence: flush, files, archivedUntilMs }));
    if (answer.status === 'behind') {
      this.#beginAgain(plan, answer.sequence);
      return;
    }
    // Commit point on the shard: this transaction. From here on the hot tier may forget what the catalog has; before it, the commit is sent again.
    sql.transaction(() => {
      this.#plans.end(plan);
      for (const { table, maxTimeMs } of files) if (table === 'samples') hot.archive.mark.filed(maxTimeMs);
      if (work.kind === 'window') hot.archive.mark.archived(work.endMs);
      else for (const sequence of work.sequences) hot.late.drop(sequence);
    });
    this.counters.archive_commits_total++;
    // The next window with samples may be years away.
    if (work.kind === 'window' && work.startMs < work.endMs && files.length === 0) hot.archive.findGap(limits.archiveWindowMs);
  }

  /** Its objects are left to the clean-up: their names have a number that the catalog takes for done. */
  #beginAgain(plan: FlushPlan, knownFlush: number): void {
    // No transaction: a crash behind the first leaves the plan, which the catalog refuses once more.
    this.#options.hot.archive.mark.skipFlushes(knownFlush);
    this.#plans.end(plan);
    this.counters.archive_flushes_begun_again_total++;
  }
}

/** What will be there when a piece of work is done. */
function stateBehind(state: FlushState, work: FlushWork): FlushState {
  if (work.kind === 'window') return { ...state, archivedUntilMs: Math.max(state.archivedUntilMs, work.endMs) };
  return { ...state, late: state.late.filter(({ sequence }) => !work.sequences.includes(sequence)) };
}

function taskOf(work: FlushWork): FlushTask {
  return work.kind === 'window' ? work : { kind: 'late', batchCount: work.sequences.length };
}
