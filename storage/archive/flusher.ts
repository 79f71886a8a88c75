import { crc32 } from 'node:zlib';
import type { ArchiveCommitOutcome, ArchiveCommitRequest } from '../catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../catalog/catalog-api.ts';
import { dayOf, type DataFile } from '../catalog/data-file.ts';
import { dataFileKey } from '../catalog/object-names.ts';
import type { ArchiveTableName } from '../catalog/table-definition.ts';
import { SeriesHasher } from '../model/series-id.ts';
import type { ObjectStore } from '../object-store.ts';
import { putObject } from '../put-object.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { port, PortFailure } from '../runtime/port-failure.ts';
import { randomId, type Random } from '../runtime/random.ts';
import { RetryPause } from '../runtime/retry-pause.ts';
import type { Sql } from '../runtime/sql.ts';
import type { HotStore } from '../shard/hot-store.ts';
import { lowerBound, type Part } from '../shard/piece.ts';
import type { WindowSeries } from '../shard/read-window.ts';
import type { FlushStatus, FlushTask } from '../shard/shard-api.ts';
import { ExemplarsFileWriter } from './exemplars-file-writer.ts';
import { flushDueMs, planFlush, windowDueMs, type FlushCursor, type FlushPlan, type FlushState, type FlushWork } from './flush-plan.ts';
import { lateSeriesByDay } from './late-series.ts';
import { PlanLedger, type PlanProgress } from './plan-ledger.ts';
import { SamplesFileWriter } from './samples-file-writer.ts';
import { POINTS_SCHEMA, SAMPLES_SCHEMA } from './samples-schema.ts';
import { dataFileOf, type SeriesFile } from './series-file-writer.ts';
import { sameLabels, seriesIdBytes } from './series-id-bytes.ts';

const SCHEMAS = { samples: SAMPLES_SCHEMA, points: POINTS_SCHEMA } as const;

/** Series read at a time: at first, when nobody knows how many samples they have, and at the most. */
const GROUP_SERIES_FIRST = 16;
const GROUP_SERIES_MAX = 1024;
/** A group has about this part of a row group. */
const GROUPS_PER_ROW_GROUP = 4;
/** Between two groups or columns: long enough for a write that comes in to be done with all its turns, and not to wait for one piece at each of them. */
const PAUSE_MS = 10;
/** Behind the last. */
const NO_FILE: EncodedFile = { table: 'samples', file: undefined, cursor: undefined, isLast: true };

export interface FlusherOptions {
  readonly sql: Sql;
  readonly hot: HotStore;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: typeof LIMITS;
  /** Keys begin with it, and then the table: `tenant/archive`. */
  readonly prefix: string;
  /** The shard within its tenant: `epoch/number`. */
  readonly shard: string;
  /** Hands files to the tenant's catalog. Doing it twice is doing it once. */
  readonly commit: (request: ArchiveCommitRequest) => Promise<ArchiveCommitOutcome>;
  /** Key of the tenant's series ids. */
  readonly seriesHashKey: () => Promise<Uint8Array>;
  /** Of samples; `samples` unless given. */
  readonly table?: 'samples' | 'points';
  /** Called before a window is closed: the last chance to add samples to it. */
  readonly beforeClosing?: (startMs: number, endMs: number) => void;
  /**
   * Gives the samples of a series the form that files have, those from `from` on, as many as `bytesMax` of payloads allow and at least one.
   * Same samples, same form.
   */
  readonly inFiles?: (part: Part, from: number, to: number, bytesMax: number) => Part;
  /** Late batches up to this sequence may go; all of them unless given. */
  readonly lateThrough?: () => number;
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
  #hasher: SeriesHasher | undefined;
  readonly #pause: RetryPause;
  /** Series read at a time. */
  #groupSeries = GROUP_SERIES_FIRST;
  /** The files of late batches that are being made, the one at a position among them; with what they are made of, some 24 bytes a sample. */
  #late: { readonly plan: string; position: number; readonly files: Iterator<EncodedFile, undefined>; file: EncodedFile } | undefined;
  #isRunning = false;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#plans = new PlanLedger(options.sql, 'flush');
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
    return { archivedUntilMs, oldestMs: hot.archive.oldestMs(), newestFiledMs: this.#table === 'samples' ? newestFiledMs : undefined, late };
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
    const hasher = (this.#hasher ??= new SeriesHasher(await port(this.#options.seriesHashKey)));
    const progress = this.#plans.progress();
    const { position } = progress;
    const { work } = plan;
    const next = work.kind === 'window' ? await this.#encodeNext(plan, work.startMs, work.endMs, progress, hasher) : this.#encodeLate(plan, work.sequences, position, hasher);
    const flushed = next.file === undefined ? undefined : { file: await this.#put(plan, position, { table: next.table, file: next.file }), cursor: next.cursor };
    // A crash before this note writes the object again; behind it, the next one is next.
    this.#plans.note(plan, position, flushed, next.isLast);
  }

  /** Of a window: its samples, in as many files as it takes, then its exemplars. */
  async #encodeNext(plan: FlushPlan, startMs: number, endMs: number, { position, cursor }: PlanProgress<FlushCursor>, hasher: SeriesHasher): Promise<EncodedFile> {
    if (position === 0 || cursor !== undefined) {
      const samples = await this.#encodeWindow(plan, startMs, endMs, cursor, hasher);
      if (samples.file !== undefined) return samples;
    }
    return this.#encodeExemplars(plan, startMs, endMs, hasher);
  }

  #encodeExemplars(plan: FlushPlan, startMs: number, endMs: number, hasher: SeriesHasher): EncodedFile {
    const { hot, limits } = this.#options;
    const { series, leftOut } = hot.archive.readExemplars(startMs, endMs, limits.archiveExemplarsPerFileMax);
    hot.confirmCurrent();
    this.counters.archived_exemplars_left_out_total += leftOut;
    const writer = new ExemplarsFileWriter(limits, this.#keyValues(plan));
    for (const { labels, exemplars } of series) writer.add(labels, seriesIdBytes(hasher, labels), exemplars);
    return { table: 'exemplars', file: writer.rowCount === 0 ? undefined : writer.finish(), cursor: undefined, isLast: true };
  }

  /** The next file of a window. Read a group of series at a time and written column by column, others having their turn in between. */
  async #encodeWindow(plan: FlushPlan, startMs: number, endMs: number, from: FlushCursor | undefined, hasher: SeriesHasher): Promise<EncodedFile> {
    const { hot, clock, limits } = this.#options;
    const writer = this.#writer(plan);
    let cursor = from;
    let isOver = startMs >= endMs;
    while (!isOver && writer.room > 0) {
      const { series, next } = hot.archive.readGroup(startMs, endMs, cursor?.labels, this.#groupSeries);
      const rowsBefore = writer.rowCount;
      const full = this.#addGroup(writer, series, cursor, hasher);
      hot.confirmCurrent();
      cursor = full ?? (next && { labels: next });
      isOver = cursor === undefined;
      // Of a group that was not taken whole, those before its place count.
      const taken = full === undefined ? this.#groupSeries : 1 + series.findIndex(({ labels }) => sameLabels(labels, full.labels));
      const rowsEach = (writer.rowCount - rowsBefore) / taken;
      await this.#writeInTurns(writer);
      const wantedRows = Math.min(limits.archiveRowGroupRowsMax / GROUPS_PER_ROW_GROUP, writer.rowGroupRoom);
      this.#groupSeries = Math.max(1, Math.min(GROUP_SERIES_MAX, Math.ceil(wantedRows / Math.max(rowsEach, 1))));
      if (!isOver && writer.room > 0) await clock.sleep(PAUSE_MS);
    }
    writer.end();
    await this.#writeInTurns(writer);
    return { table: this.#table, file: writer.rowCount === 0 ? undefined : writer.finish(), cursor, isLast: false };
  }

  /** What is read of the hot store is in the writer by now: what others do meanwhile changes nothing. */
  async #writeInTurns(writer: SamplesFileWriter): Promise<void> {
    while (writer.writeSome()) await this.#options.clock.sleep(PAUSE_MS);
  }

  /** Adds series, the first of which may be in the file before up to the cursor; answers with where to go on when a row group or the file is full. */
  #addGroup(writer: SamplesFileWriter, series: readonly WindowSeries[], cursor: FlushCursor | undefined, hasher: SeriesHasher): FlushCursor | undefined {
    for (const { labels, part } of series) {
      const from = cursor === undefined || !sameLabels(labels, cursor.labels) ? part.from : placeBehind(part, cursor);
      if (from >= part.to) continue;
      if (writer.isBehind) return { labels };
      const { room } = writer;
      if (room === 0) return { labels };
      const wanted = Math.min(part.to, from + room);
      const own = this.#inFiles(part, from, wanted);
      writer.collect(labels, seriesIdBytes(hasher, labels), own, own.from, own.to);
      const to = from + own.to - own.from;
      if (to < part.to) return { labels, takenThroughMs: part.timestampsMs[to - 1]! };
    }
    return undefined;
  }

  /** As much of a stretch as goes into a row group, in the form that files have. */
  #inFiles(part: Part, from: number, to: number): Part {
    const { limits, inFiles } = this.#options;
    return inFiles === undefined ? { ...part, from, to } : inFiles(part, from, to, limits.archiveRowGroupPayloadBytesTarget);
  }

  /** The file at a position among those of late batches. They are the same each time that they are made, one after the other from the first. */
  #encodeLate(plan: FlushPlan, sequences: readonly number[], position: number, hasher: SeriesHasher): EncodedFile {
    if (this.#late?.plan !== plan.id || this.#late.position > position) this.#late = { plan: plan.id, position: -1, files: this.#lateFiles(plan, sequences, hasher), file: NO_FILE };
    const late = this.#late;
    for (; late.position < position; late.position++) late.file = late.files.next().value ?? NO_FILE;
    return late.file;
  }

  *#lateFiles(plan: FlushPlan, sequences: readonly number[], hasher: SeriesHasher): Generator<EncodedFile, undefined> {
    const { hot } = this.#options;
    const days = lateSeriesByDay(sequences.map((sequence) => hot.late.batch(sequence)));
    for (const series of days) {
      let writer = this.#writer(plan);
      for (const { labels, run } of series) {
        for (let from = 0; from < run.length; ) {
          if (writer.room === 0) {
            yield { table: this.#table, file: writer.finish(), cursor: undefined, isLast: false };
            writer = this.#writer(plan);
          }
          const own = this.#inFiles({ ...run, from, to: run.length, hasStale: true }, from, Math.min(run.length, from + writer.room));
          writer.add(labels, seriesIdBytes(hasher, labels), own, own.from, own.to);
          from += own.to - own.from;
        }
      }
      yield { table: this.#table, file: writer.finish(), cursor: undefined, isLast: series === days.at(-1) };
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
    this.#late = undefined;
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

  #writer(plan: FlushPlan): SamplesFileWriter {
    return new SamplesFileWriter(this.#options.limits, this.#keyValues(plan), SCHEMAS[this.#table]);
  }

  #keyValues(plan: FlushPlan): Record<string, string> {
    return { 'varve.shard': this.#options.shard, 'varve.flush': String(plan.flush) };
  }

  get #table(): 'samples' | 'points' {
    return this.#options.table ?? 'samples';
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

interface EncodedFile {
  readonly table: ArchiveTableName;
  readonly file: SeriesFile | undefined;
  /** Where the next file begins. */
  readonly cursor: FlushCursor | undefined;
  readonly isLast: boolean;
}

/** Position of the first sample of a part that is not taken. */
function placeBehind(part: Part, { takenThroughMs, samplesTaken = 0 }: FlushCursor): number {
  return takenThroughMs === undefined ? part.from + samplesTaken : Math.max(part.from, lowerBound(part.timestampsMs, takenThroughMs + 1, part.to));
}
