import type { Labels } from '../model/labels.ts';
import type { SeriesHasher } from '../model/series-id.ts';
import { assert } from '../runtime/assert.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { DamageNotes } from '../runtime/damage.ts';
import { badData } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { systemRandom, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { Appender } from './append/appender.ts';
import { localBatches, localHasher, type LocalAnswer, type LocalSeries } from './append/local-batch.ts';
import { ArchiveSource } from './archive-source.ts';
import { readCardinality, summarizeSegments } from './cardinality.ts';
import { Exemplars } from './exemplars.ts';
import { oldestCursor, readChanges, type ChangesAnswer } from './feed/change-feed.ts';
import { mustBeCurrent, renew } from './fence.ts';
import { SeriesRegistry } from './index/series-registry.ts';
import type { CompactOptions } from './keep-newest.ts';
import { LateQueue } from './late/late-queue.ts';
import { LogHead } from './log/log-head.ts';
import { Wal } from './log/wal.ts';
import type { Sealer } from './segment/sealer.ts';
import { Segments } from './segment/segments.ts';
import { LabelAnswers } from './select/label-answers.ts';
import { lastSampleAt, readSeries, type SeriesPage, type StoredSample } from './select/read-series.ts';
import { selectExemplars } from './select/select-exemplars.ts';
import { Selects } from './select/selects.ts';
import { selectInRange } from './select/series-in-range.ts';
import type {
  AppendAnswer,
  AppendWishes,
  CardinalityShardAnswer,
  ChangesShardRequest,
  DeleteShardAnswer,
  ExemplarsShardAnswer,
  ExemplarsShardRequest,
  LabelsShardRequest,
  SegmentSummary,
  SelectShardAnswer,
  SelectShardRequest,
  SeriesShardAnswer,
  ShardStats,
  StringsShardAnswer,
} from './shard-api.ts';
import { migrate } from './shard-schema.ts';
import { Snapshots } from './snapshots.ts';
import { storeGauges } from './store-gauges.ts';
import { Upkeep } from './upkeep.ts';

/** Rows of the log in one answer of the change feed. */
const CHANGES_ROWS_MAX = 256;

/**
 * The engine of one shard: WAL, log head, label index, segments. Everything is synchronous, so each method is atomic towards the others.
 *
 * An exception from here means that memory and storage may disagree: the owner must let it out and be rebuilt from storage.
 */
export class HotStore {
  readonly #sql: Sql;
  readonly #limits: typeof LIMITS;
  readonly #random: Random;
  readonly #series: SeriesRegistry;
  readonly #head: LogHead;
  readonly #wal: Wal;
  readonly #segments: Segments;
  readonly #selects: Selects;
  readonly #snapshots: Snapshots;
  readonly #upkeep: Upkeep;
  readonly #labels: LabelAnswers;
  readonly #exemplars: Exemplars;
  readonly #appender: Appender;
  /** Samples too old for this store, until the archive has them. */
  readonly late: LateQueue;
  /** What there is for the archive, and how far it has come. */
  readonly archive: ArchiveSource;
  /** Rows that could not be read. */
  readonly damage = new DamageNotes();
  #hasher: SeriesHasher | undefined;

  /** Opens the store, bringing the schema up to date and memory back to what storage holds. */
  constructor(sql: Sql, limits: typeof LIMITS = LIMITS, { random = systemRandom, clock = systemClock, retentionMs = Infinity, isArchived = false }: HotStoreOptions = {}) {
    this.#sql = sql;
    this.#limits = limits;
    this.#random = random;
    migrate(sql);
    this.late = new LateQueue(sql, limits, this.damage);
    this.#head = new LogHead(Math.ceil(limits.logEntriesMax * (1 + limits.logRoomShare)));
    this.#series = new SeriesRegistry(sql, limits);
    this.#head.reserveSeries(this.#series.refLimit);
    this.#segments = new Segments(sql, limits, this.damage);
    this.#selects = new Selects(this.#segments, this.#series, this.#head, limits);
    this.#exemplars = new Exemplars(sql, limits, this.damage);
    const sources = { head: this.#head, segments: this.#segments, series: this.#series };
    this.archive = new ArchiveSource(sql, { ...sources, tails: this.#selects.tails, gatherer: this.#selects.gatherer, exemplars: this.#exemplars }, limits);
    this.#labels = new LabelAnswers(sources, limits);
    this.#snapshots = new Snapshots(sql, limits);
    this.#wal = new Wal(sql, limits.walRingSlots);
    this.#wal.replay((batch) => this.#head.appendStored(batch));
    this.#upkeep = new Upkeep({ ...sources, sql, limits, clock, wal: this.#wal, snapshots: this.#snapshots }, retentionMs, isArchived ? this.archive.mark : undefined);
    this.#appender = new Appender({ ...sources, sql, limits, random, clock, wal: this.#wal, exemplars: this.#exemplars, archive: this.archive, sealer: this.#upkeep.sealer });
  }

  /** Stores a batch, all or nothing but for new series over the limit, which are named in the answer. */
  append(message: ArrayBuffer, wishes?: AppendWishes): AppendAnswer {
    return this.appendAll([message], [wishes])[0]!;
  }

  /** Stores batches in as few WAL rows as they fit in, each all or nothing; the answers are in their order, as are the senders' wishes. */
  appendAll(messages: readonly ArrayBuffer[], wishes: readonly (AppendWishes | undefined)[] = []): AppendAnswer[] {
    return this.#appender.appendMessages(messages, wishes);
  }

  /**
   * Stores samples from code beside the store, by labels: the same path as a batch over RPC. More than batchSamplesMax samples are several
   * batches, each all or nothing. Throws bad-data for a timestamp that cannot be stored, before anything is touched.
   */
  appendLocal(series: readonly LocalSeries[]): LocalAnswer {
    let samplesStored = 0;
    let samplesRefused = 0;
    let refusal: string | undefined;
    for (const batch of localBatches(series, this.#localHasher(), this.#limits.batchSamplesMax)) {
      const answer = this.#appender.append([batch])[0]!;
      assert(answer.status === 'stored' || answer.status === 'refused', 'a local batch without labels');
      if (answer.status === 'refused') {
        samplesRefused += batch.sampleCount;
        refusal = answer.message;
      } else {
        samplesStored += answer.samplesStored;
        for (const { samples, message } of answer.refusals) {
          samplesRefused += samples;
          refusal = message;
        }
      }
    }
    return { samplesStored, samplesRefused, refusal };
  }

  /** The ref of a series that was appended locally; `undefined` when there is none. It holds until the caller next awaits. */
  refOf(labels: Labels): number | undefined {
    const hasher = this.#localHasher();
    hasher.hashLabels(labels);
    const [low, high, check] = hasher.words as unknown as [number, number, number];
    const ref = this.#series.table.find(low, high, check);
    return ref < 0 ? undefined : ref;
  }

  /** Some samples of one series within a range (Unix ms, both inclusive), at most `samplesMax`; the page says where the next one begins. */
  readSeries(ref: number, startMs: number, endMs: number, samplesMax: number): SeriesPage {
    const page = readSeries({ segments: this.#segments, head: this.#head }, ref, startMs, endMs, samplesMax);
    this.confirmCurrent();
    return page;
  }

  /** A series' newest sample at or before a time (Unix ms). */
  lastSampleAt(ref: number, timeMs: number): StoredSample | undefined {
    return this.#fenced(lastSampleAt({ segments: this.#segments, head: this.#head }, ref, timeMs));
  }

  /** Samples older than this (Unix ms) are pruned, and refused when they come; -Infinity when nothing was pruned. */
  get floorMs(): number {
    return this.#segments.floorMs;
  }

  /** Throws a ReplacedError when storage no longer holds just what this instance wrote: the last thing that every read does, answers from a memory beside the store too. */
  confirmCurrent(): void {
    mustBeCurrent(this.#sql, this.#wal, this.#segments);
  }

  /** What was accepted behind a cursor, in the order of commit; see change-feed.ts. */
  changes({ cursor, rowsMax, selectors }: ChangesShardRequest): ChangesAnswer {
    if (typeof cursor !== 'number') return { status: 'changes', batches: [], cursor: this.changeCursors()[cursor === 'oldest' ? 'oldest' : 'newest'] };
    const refs = selectors.length === 0 ? undefined : this.#series.index.selectAny(selectors);
    const sources = { sql: this.#sql, wal: this.#wal, index: this.#series.index, damage: this.damage };
    const answer = readChanges(sources, cursor, Math.min(rowsMax, CHANGES_ROWS_MAX), refs && ((ref) => refs.has(ref)));
    this.confirmCurrent();
    return answer;
  }

  /** The cursor of the newest change: where a consumer is who has seen everything. */
  get newestChange(): number {
    return this.#wal.lastSequence;
  }

  /** The cursors between which the change feed reaches: a new consumer begins anywhere from `oldest` to `newest`. */
  changeCursors(): { readonly oldest: number; readonly newest: number } {
    const cursors = { oldest: oldestCursor({ sql: this.#sql, wal: this.#wal }), newest: this.#wal.lastSequence };
    this.confirmCurrent();
    return cursors;
  }

  select(request: SelectShardRequest): SelectShardAnswer {
    return this.#fenced(this.#selects.page(request));
  }

  /** The series that match, for an evaluation beside the store: when it is through with them, `confirmCurrent` tells whether it may be answered. */
  scan(...selection: Parameters<Selects['scan']>): ReturnType<Selects['scan']> {
    return this.#selects.scan(...selection);
  }

  selectExemplars({ selectors, startMs, endMs }: ExemplarsShardRequest): ExemplarsShardAnswer {
    const refs = this.#series.index.selectAny(selectors);
    const sources = { stored: this.#exemplars.stored(), table: this.#series.table, index: this.#series.index };
    const wanted = { refs, startMs: Math.max(startMs, this.#segments.floorMs), endMs, exemplarsMax: this.#limits.queryExemplarsMax };
    const series = selectExemplars(sources, wanted);
    return this.#fenced({ status: 'exemplars', series: series ?? [], isTooMany: series === undefined });
  }

  labelNames(request: LabelsShardRequest): StringsShardAnswer {
    return this.#fenced(this.#labels.names(request));
  }

  labelValues(name: string, request: LabelsShardRequest): StringsShardAnswer {
    return this.#fenced(this.#labels.values(name, request));
  }

  series(request: LabelsShardRequest): SeriesShardAnswer {
    return this.#fenced(this.#labels.series(request));
  }

  cardinality(request: LabelsShardRequest): CardinalityShardAnswer {
    const sources = { index: this.#series.index, head: this.#head, segments: this.#segments };
    const refs = selectInRange({ head: this.#head, segments: this.#segments, series: this.#series }, request);
    return this.#fenced(readCardinality(sources, refs, this.#limits.cardinalityBytesMax));
  }

  segmentSummaries(): SegmentSummary[] {
    return this.#fenced(summarizeSegments(this.#segments));
  }

  stats(): ShardStats {
    const sources = { sql: this.#sql, series: this.#series, head: this.#head, wal: this.#wal, segments: this.#segments, snapshots: this.#snapshots };
    return {
      counters: { ...this.#appender.counters, selects_total: this.#selects.count, ...this.#upkeep.counters, rows_written_total: this.#sql.rowsWritten() },
      gauges: storeGauges({ ...sources, late: this.late, damage: this.damage }),
    };
  }

  /** Writes the log out as segments and frees it. */
  seal(): void {
    this.#upkeep.seal();
  }

  /** The seal of a full log, which goes in steps. */
  get sealer(): Pick<Sealer, 'isBehind' | 'sealOn'> {
    return this.#upkeep.sealer;
  }

  /** Takes a snapshot and returns its id. What it covers is sealed, so that the snapshot is a list. */
  createSnapshot(): string {
    return this.#upkeep.createSnapshot();
  }

  /** Makes the samples exactly those of the snapshot. Series that came since stay known, without samples. */
  restoreSnapshot(id: string): void {
    this.#upkeep.restoreSnapshot(id);
    this.#appender.forgetSums();
  }

  /** Forgets a snapshot, and what only it held. */
  deleteSnapshot(id: string): void {
    this.#upkeep.deleteSnapshot(id);
  }

  /** Ids of the snapshots, oldest first. */
  listSnapshots(): string[] {
    return this.#snapshots.list();
  }

  /**
   * Removes all samples older than `beforeMs` and returns how many: they are never readable again, but from a snapshot that is restored.
   * Older samples that come later are refused.
   */
  prune(beforeMs: number): number {
    if (Number.isNaN(beforeMs)) throw badData('prune: the time is not a number');
    this.#appender.forgetSums();
    return this.#upkeep.prune(beforeMs);
  }

  /**
   * Removes from each series what is older than `beforeMsOf` says of its labels, and returns how many samples. Unlike `prune` it rewrites
   * the segments that straddle, and older samples that come later are taken: for stores whose series are kept for different times.
   */
  pruneSeries(beforeMsOf: (labels: Labels) => number): number {
    this.#appender.forgetSums();
    return this.#upkeep.pruneSeries(beforeMsOf);
  }

  /** Deletes samples of the series that match (shard-api.ts). Those that come later, of any time, are taken. */
  deleteSeries({ selectors, startMs, endMs }: LabelsShardRequest): DeleteShardAnswer {
    const refs = this.#series.index.selectAny(selectors);
    this.#appender.forgetSums();
    const removed = this.#upkeep.deleteRange({ refs, startMs, endMs });
    return { status: 'deleted', ...removed, flushesBegun: this.archive.mark.flushesBegun, isLateWaiting: this.late.overlaps(startMs, endMs) };
  }

  /** Keeps only each series' newest samples, of all series or of those that are meant, and returns how many were removed. */
  compact({ maxVersionsPerKey, isMeant = () => true, onCut }: CompactOptions): number {
    if (!Number.isInteger(maxVersionsPerKey) || maxVersionsPerKey < 1) throw badData(`maxVersionsPerKey is ${maxVersionsPerKey}; it must be a whole number above 0`);
    this.#appender.forgetSums();
    return this.#upkeep.keepNewest(maxVersionsPerKey, isMeant, onCut);
  }

  /** Does what is due, one step of bounded work; `nextDueMs` says whether more is. Whoever calls it may call it at any time, or twice. */
  maintain(): void {
    const { floorMs } = this.#segments;
    const { series_removed_total: removed } = this.#upkeep.counters;
    this.#upkeep.maintain();
    // Seals and merges leave every series' newest sample what it was.
    if (this.#segments.floorMs !== floorMs || this.#upkeep.counters.series_removed_total !== removed) this.#appender.forgetSums();
  }

  /** When maintenance is due next (Unix ms); `undefined` when it never will be unless something is written. */
  nextDueMs(): number | undefined {
    return this.#upkeep.nextDueMs();
  }

  /** For code beside the store; see fence.ts. */
  renew(): void {
    renew(this.#sql, this.#wal, this.#segments);
  }

  #localHasher(): SeriesHasher {
    return (this.#hasher ??= localHasher(this.#sql, this.#random, () => this.renew()));
  }

  /** An answer that has been read, once the fence is passed. */
  #fenced<T>(answer: T): T {
    this.confirmCurrent();
    return answer;
  }
}

export interface HotStoreOptions {
  readonly random?: Random;
  readonly clock?: Clock;
  /** Maintenance drops segments whose newest sample is older than this; by default none. */
  readonly retentionMs?: number;
  /** Maintenance keeps what the archive does not have yet, however old. */
  readonly isArchived?: boolean;
}
