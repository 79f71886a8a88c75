import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { compareStrings, METRIC_NAME, type Labels } from '../model/labels.ts';
import { waitEndMs, type Clock } from '../runtime/clock.ts';
import { badData, isMissingPart, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import { PortFailure } from '../runtime/port-failure.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { MINUTE_MS } from '../runtime/units.ts';
import { ReplacedError } from '../shard/fence.ts';
import { HotStore } from '../shard/hot-store.ts';
import type { SeriesPage, StoredSample } from '../shard/read-series.ts';
import { SHARD_RPC_VERSION } from '../shard/shard-api.ts';
import { AsOfCache } from './as-of-cache.ts';
import { Documents } from './documents.ts';
import { durationMs } from './duration.ts';
import { keyLabels, ROLLUP_LABEL, roleOf } from './keys.ts';
import type { ArchiveSettings } from './options.ts';
import { prefixedSql } from './prefixed-sql.ts';
import { RawFloor } from './raw-floor.ts';
import { documentText, lastSampleAtHand, readHotPage, readPage, storedValue, valueAt } from './read-values.ts';
import { pruneArchived } from './remove.ts';
import { rollUpStore } from './roll-up.ts';
import { StoreArchive } from './store-archive.ts';
import { STORE_LIMITS } from './store-limits.ts';
import { UpkeepMarks } from './upkeep-marks.ts';
import type { StoredValue } from './value.ts';

/** When the Iceberg table could not be written, or the archive's prefix not claimed. */
const ARCHIVE_RETRY_MS = MINUTE_MS;
/** Keys whose last time without a timestamp of the caller's is remembered. */
const OWN_TIMES_MAX = 10_000;

export interface EnginePorts {
  readonly random: Random;
  readonly clock: Clock;
}

export interface EngineOptions {
  readonly database: Sql;
  /** Before the names of all tables: they lie in somebody else's database. */
  readonly tablePrefix: string;
  readonly ports: EnginePorts;
  readonly archive: ArchiveSettings | undefined;
}

export interface Parts {
  readonly hot: HotStore;
  readonly documents: Documents;
  readonly rawFloor: RawFloor;
  readonly marks: UpkeepMarks;
  /** Undefined in a store that keeps all in its database. */
  readonly archive: StoreArchive | undefined;
}

/**
 * The engine under a TimeSeriesStore: HotStore for samples, Documents for JSON values, StoreArchive for what has left them. An exception
 * leaves memory in doubt; it is let out, and the next call finds all rebuilt from storage.
 */
export class StoreEngine {
  readonly #sql: Sql;
  /** Of the archive's catalog, which has tables of some of the same names. */
  readonly #catalogSql: Sql;
  readonly #ports: EnginePorts;
  #archiveSettings: ArchiveSettings | undefined;
  #parts: Parts | undefined;
  /** Rises with every change, and with what may be one. */
  #changes = 0;
  #moving: Promise<number> | undefined;
  #publishRetryAtMs = -Infinity;
  #claimRetryAtMs = -Infinity;
  #claimRefusal: unknown;
  #lateRollupRetryAtMs = -Infinity;
  #lateRollupFailures = 0;
  /** Since when, and until when, a history may be loading. */
  #unsettledSinceMs = -Infinity;
  #settledFromMs = -Infinity;
  /** What is remembered beside the parts, and forgotten with them. */
  readonly #asOf = new AsOfCache(LIMITS.asOfCacheCharactersMax);
  #asOfRetainedFromMs = -Infinity;
  /** By key: the time that the last value put without one was given. */
  readonly ownTimes = new LruCache<string, number>(OWN_TIMES_MAX);
  #waiters: (() => void)[] = [];

  constructor({ database, tablePrefix, ports, archive }: EngineOptions) {
    this.#sql = prefixedSql(database, tablePrefix);
    this.#catalogSql = prefixedSql(database, `${tablePrefix}catalog_`);
    this.#ports = ports;
    this.#archiveSettings = archive;
    this.#open();
  }

  /** The first store with an archive gives it to all stores over the database. */
  attach(archive: ArchiveSettings | undefined): void {
    if (archive === undefined || this.#archiveSettings !== undefined) return;
    this.#archiveSettings = archive;
    this.#forget();
    this.#open();
  }

  /** Answers that are remembered. What is past its retention is not among them. */
  get asOf(): AsOfCache {
    const retainedFromMs = this.#parts?.archive?.retainedFromMs(false) ?? -Infinity;
    if (retainedFromMs > this.#asOfRetainedFromMs) this.#asOf.clear();
    this.#asOfRetainedFromMs = retainedFromMs;
    return this.#asOf;
  }

  /** Runs a read. */
  read<R>(body: (parts: Parts) => R): R {
    // A client's mistake touches nothing.
    return this.#attempt(() => body(this.#open()), (error) => error instanceof VarveError);
  }

  /** Runs a change in one transaction: all of it or nothing. */
  write<R>(body: (parts: Parts) => R): R {
    // Commit point of every change: this transaction. A crash before it leaves nothing of the change, one behind it all of it.
    const attempt = (): R => this.#sql.transaction(() => body(this.#current()));
    // The transaction is rolled back and memory is not, whoever made the mistake.
    const result = this.#attempt(attempt, () => false);
    this.#changes++;
    for (const wake of this.#waiters.splice(0)) wake();
    return result;
  }

  /** Throws memory away that is not what is stored: the object may have rolled back a transaction of its own in which it called the store. */
  refresh(): void {
    this.read(() => this.#current());
  }

  /** Calls `wake` once, behind the next change. */
  onChange(wake: () => void): void {
    this.#waiters.push(wake);
  }

  offChange(wake: () => void): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
  }

  get hasArchive(): boolean {
    return this.#archiveSettings !== undefined;
  }

  /** Times before this (Unix ms) are of windows that have moved, or are about to; -Infinity when none has. */
  get closedUntilMs(): number {
    return this.read(({ hot }) => hot.archive.mark.closedUntilMs);
  }

  /** Counts changes: what was read before one may not be so any more. */
  get changes(): number {
    return this.#changes;
  }

  /** See read-values.ts. */
  readPage(labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined | Promise<SeriesPage | undefined> {
    return this.read((parts) => readPage(parts, labels, startMs, endMs, samplesMax));
  }

  readHotPage(labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined {
    return this.read((parts) => readHotPage(parts, labels, startMs, endMs, samplesMax));
  }

  /** The value that a series had at a time: at once, unless it is in the archive. */
  valueAt(labels: Labels, timeMs: number): StoredValue | undefined | Promise<StoredValue | undefined> {
    return this.read((parts) => valueAt(parts, labels, timeMs));
  }

  /** The newest sample at or before a time, of those that have not moved. */
  lastSampleAt(labels: Labels, timeMs: number): StoredSample | undefined {
    return this.read((parts) => lastSampleAtHand(parts, labels, timeMs));
  }

  /** The value behind such a sample; undefined when there is none. */
  storedValue(sample: StoredSample | undefined): StoredValue | undefined {
    return this.read((parts) => storedValue(parts, sample));
  }

  documentText(timestampMs: number, id: number): string | undefined {
    return this.read((parts) => documentText(parts, timestampMs, id));
  }

  /** Every key that has values of its own, in code point order. */
  keys(): string[] {
    const hot = this.hotKeys();
    const archived = this.read(({ archive }) => archive?.keys.all() ?? []);
    return archived.length === 0 ? hot : [...new Set([...hot, ...archived])].sort(compareStrings);
  }

  /** Those that the hot tier knows. */
  hotKeys(): string[] {
    return this.#labelsOf([{ name: ROLLUP_LABEL, type: '=', value: '' }]).map((labels) => roleOf(labels).key);
  }

  /** The roll-ups of a key: by width in ms, widest first, the aggregates that it has. */
  rollupsOf(key: string): { readonly widthMs: number; readonly aggregates: readonly string[] }[] {
    const [, name] = keyLabels(key);
    // Only by name, which is a few series; whatever has a roll-up label may be most of them.
    const found = this.#labelsOf([{ name: METRIC_NAME, type: '=', value: name! }]);
    const byWidth = new Map<number, Set<string>>();
    const archived = this.read(({ archive }) => archive?.keys.of(key)?.rollups ?? {});
    for (const [widthMs, aggregates] of Object.entries(archived)) byWidth.set(Number(widthMs), new Set(aggregates));
    for (const labels of found) {
      const { rollup } = roleOf(labels);
      if (rollup === undefined) continue;
      const widthMs = durationMs(rollup.bucket, 'the bucket of a roll-up');
      const aggregates = byWidth.get(widthMs);
      if (aggregates === undefined) byWidth.set(widthMs, new Set([rollup.aggregate]));
      else aggregates.add(rollup.aggregate);
    }
    return [...byWidth].map(([widthMs, aggregates]) => ({ widthMs, aggregates: [...aggregates] })).sort((a, b) => b.widthMs - a.widthMs);
  }

  get hasRollups(): boolean {
    return this.#labelsOf([{ name: ROLLUP_LABEL, type: '!=', value: '' }], 1).length > 0;
  }

  /** Times of the oldest value and of the oldest roll-up of the hot tier (Unix ms), or earlier ones; Infinity where there is none. */
  oldest(): { readonly rawMs: number; readonly rolledUpMs: number } {
    if (!this.hasRollups) return { rawMs: this.read(({ hot }) => hot.archive.oldestMs()) ?? Infinity, rolledUpMs: Infinity };
    const oldest = { rawMs: Infinity, rolledUpMs: Infinity };
    for (const labels of this.#labelsOf([])) {
      const firstMs = this.readHotPage(labels, -TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX, 1)?.timestampsMs[0] ?? Infinity;
      const kind = roleOf(labels).rollup === undefined ? 'rawMs' : 'rolledUpMs';
      oldest[kind] = Math.min(oldest[kind], firstMs);
    }
    return oldest;
  }

  /** When retention last came along (Unix ms); see UpkeepMarks. */
  get prunedMs(): number | undefined {
    return this.read(({ marks }) => marks.prunedMs);
  }

  /** Samples of the hot tier beyond those that the last compaction left. */
  get samplesSinceCompaction(): number {
    return this.read(({ hot, marks }) => Math.max(0, hot.archive.sampleCount - marks.samplesKept));
  }

  #labelsOf(selector: readonly { readonly name: string; readonly type: '=' | '!='; readonly value: string }[], limit = 0): readonly Labels[] {
    const answer = this.read(({ hot }) => hot.series({ version: SHARD_RPC_VERSION, selectors: [selector], startMs: -Infinity, endMs: Infinity, limit }));
    return answer.status === 'series' ? answer.series : [];
  }

  /** When there is something to do (Unix ms); undefined when there never will be unless something is written. */
  nextDueMs(): number | undefined {
    return this.read(({ hot, archive }) => {
      const publishDueMs = archive?.tables.isBehind === true ? this.#retryMs(this.#publishRetryAtMs) : Infinity;
      const rollupDueMs = archive?.lateRollups?.isBehind === true ? this.#retryMs(this.#lateRollupRetryAtMs) : Infinity;
      const moveDueMs = Math.max(Math.min(archive?.flusher.nextDueMs() ?? Infinity, rollupDueMs), this.#settlesAtMs(archive));
      const archiveDueMs = Math.max(Math.min(moveDueMs, archive?.upkeep.nextDueMs() ?? Infinity, publishDueMs), this.#retryMs(this.#claimRetryAtMs));
      const dueMs = Math.min(hot.nextDueMs() ?? Infinity, archiveDueMs);
      return dueMs === Infinity ? undefined : dueMs;
    });
  }

  /** One step of the upkeep of the hot tier, if it is due; says whether it was. */
  upkeep(): boolean {
    const dueMs = this.read(({ hot }) => hot.nextDueMs());
    if (dueMs === undefined || dueMs > this.#ports.clock.nowMs()) return false;
    this.write(({ hot }) => hot.maintain());
    return true;
  }

  /**
   * Moves what is due into the archive, and out of the hot tier, for a bounded time; returns how many samples left that. What does not answer
   * is tried again later: `nextDueMs` says when.
   */
  async moveDue(): Promise<number> {
    // One that goes on beside a write has used some of its time.
    const before = (await this.#moving) ?? 0;
    return before + (await (this.#moving ??= this.#move().finally(() => (this.#moving = undefined))));
  }

  /**
   * Values have come, the oldest of this time (Unix ms). Where it is due to move, or late, others of its kind may follow, and are better
   * moved together: who loads a history, value by value, is given time to finish.
   */
  noteWritten(oldestMs: number): void {
    const nowMs = this.#ports.clock.nowMs();
    if (this.#archiveSettings === undefined || oldestMs >= nowMs - this.#archiveSettings.graceMs) return;
    if (nowMs > this.#settledFromMs) this.#unsettledSinceMs = nowMs;
    this.#settledFromMs = Math.min(nowMs + LIMITS.storeSettleMs, this.#unsettledSinceMs + LIMITS.storeSettleMsMax);
  }

  /** The same beside a write, without waiting. */
  moveBeside(): void {
    if (this.#moving !== undefined || !this.#isDue(this.#retryMs(this.#claimRetryAtMs)) || this.#isWaitingToMove()) return;
    // An error of the store itself has thrown its memory away, and comes again to whoever calls `maintain`.
    this.moveDue().catch(() => undefined);
  }

  /** Whether a window is on its way into the archive: what it holds must stay as it is. */
  get isMoveBegun(): boolean {
    return this.read(({ hot }) => hot.archive.mark.closedUntilMs > hot.archive.mark.archivedUntilMs);
  }

  /** Brings a move that has begun to its end; throws when the archive does not answer. */
  async settleMove(): Promise<void> {
    await this.moveDue();
    // A move that has begun takes a few calls; where one fails, the next waits.
    while (this.isMoveBegun && this.read(({ archive }) => this.#isDue(archive?.flusher.nextDueMs()))) await this.moveDue();
    if (this.isMoveBegun) throw new VarveError('unavailable', 'values are on their way into the archive, which does not answer: try again later', { retryAfterSeconds: 60 });
  }

  #isWaitingToMove(): boolean {
    return this.read(({ archive }) => archive === undefined || !this.#isDue(this.#settlesAtMs(archive)) || this.#workDue(archive) === undefined);
  }

  /** When old values that have come may be moved: not before others had time to follow, unless many wait. */
  #settlesAtMs(archive: StoreArchive | undefined): number {
    return (archive?.late.fullness ?? 0) > 0.5 ? -Infinity : waitEndMs(this.#settledFromMs, LIMITS.storeSettleMs, this.#ports.clock.nowMs());
  }

  /** What comes next. Late values are rolled up when nothing else is there to move: then the windows that they belong to have. */
  #workDue(archive: StoreArchive): 'flush' | 'late-rollup' | 'publish' | 'upkeep' | undefined {
    if (this.#isDue(archive.flusher.nextDueMs())) return 'flush';
    if (archive.lateRollups?.isBehind === true && this.#isDue(this.#retryMs(this.#lateRollupRetryAtMs))) return 'late-rollup';
    if (archive.tables.isBehind && this.#isDue(this.#retryMs(this.#publishRetryAtMs))) return 'publish';
    return this.#isDue(archive.upkeep.nextDueMs()) ? 'upkeep' : undefined;
  }

  async #move(): Promise<number> {
    let samplesMoved = 0;
    // Each step is bounded, and its calls let the clock go on.
    const startMs = this.#ports.clock.elapsedMs();
    for (;;) {
      const parts = this.#open();
      if (parts.archive === undefined) return 0;
      if (parts.hot.archive.mark.archivedUntilMs > parts.hot.floorMs) samplesMoved += pruneArchived(this);
      const { archive } = parts;
      const work = this.#workDue(archive);
      if (work === undefined || this.#ports.clock.elapsedMs() - startMs >= LIMITS.storeMaintainMs) return samplesMoved;
      try {
        if (!(await this.#claims(archive))) return samplesMoved;
        if (work === 'flush') await archive.flushStep();
        else if (work === 'late-rollup') await this.#rollUpLate(archive);
        else if (work === 'publish') await this.#publish(archive);
        else await archive.maintain();
      } catch (error) {
        this.#forget();
        throw error;
      }
      this.#changes++;
      // Rebuilt in the meantime: what is in memory now does not know of the step.
      if (this.#parts !== parts) this.#forget();
    }
  }

  /** Whether the archive's prefix is this store's, which nobody knows while the bucket does not answer; throws when it is another's. The bucket is not asked at every write. */
  async #claims(archive: StoreArchive): Promise<boolean> {
    if (this.#isDue(this.#retryMs(this.#claimRetryAtMs))) {
      try {
        await archive.claim();
        return true;
      } catch (error) {
        this.#claimRetryAtMs = this.#ports.clock.nowMs() + ARCHIVE_RETRY_MS;
        this.#claimRefusal = error instanceof PortFailure ? undefined : error;
      }
    }
    if (this.#claimRefusal !== undefined) throw this.#claimRefusal;
    return false;
  }

  /** When what has failed is tried again: at once where the clock has been set back since. */
  #retryMs(retryAtMs: number): number {
    return waitEndMs(retryAtMs, ARCHIVE_RETRY_MS, this.#ports.clock.nowMs());
  }

  #isDue(dueMs: number | undefined): boolean {
    return (dueMs ?? Infinity) <= this.#ports.clock.nowMs();
  }

  /** Late values wait while files that have values of the same buckets cannot be read, but not for ever. */
  async #rollUpLate({ lateRollups }: StoreArchive): Promise<void> {
    try {
      await lateRollups!.step(this);
      this.#lateRollupFailures = 0;
    } catch (error) {
      if (!isMissingPart(error)) throw error;
      if (++this.#lateRollupFailures < LIMITS.storeLateRollupTriesMax) this.#lateRollupRetryAtMs = this.#ports.clock.nowMs() + ARCHIVE_RETRY_MS;
      else {
        this.#lateRollupFailures = 0;
        // The error may have thrown the memory away, and these with it.
        this.read(({ archive }) => archive?.lateRollups?.passOver());
      }
    }
  }

  /** Behind the windows: one snapshot for all that have moved. Values are readable without it, so a failure waits. */
  async #publish({ tables }: StoreArchive): Promise<void> {
    try {
      await tables.publish();
      this.#publishRetryAtMs = -Infinity;
    } catch {
      this.#publishRetryAtMs = this.#ports.clock.nowMs() + ARCHIVE_RETRY_MS;
      this.#forget();
    }
  }

  /** Lets memory in doubt go; where it was not what is stored, the same is done once more, with what is. */
  #attempt<R>(body: () => R, isHarmless: (error: unknown) => boolean, isLast = false): R {
    try {
      return body();
    } catch (error) {
      if (!isHarmless(error)) this.#forget();
      if (isLast || !(error instanceof ReplacedError)) throw error;
      return this.#attempt(body, isHarmless, true);
    }
  }

  #forget(): void {
    this.#changes++;
    this.#parts = undefined;
    this.#asOf.clear();
    this.ownTimes.clear();
  }

  #open(): Parts {
    return (this.#parts ??= this.#build());
  }

  /** Throws when memory is not what is stored. */
  #current(): Parts {
    const parts = this.#open();
    parts.hot.confirmCurrent();
    return parts;
  }

  #build(): Parts {
    const { clock, random } = this.#ports;
    const settings = this.#archiveSettings;
    const hot = new HotStore(this.#sql, STORE_LIMITS, { ...this.#ports, isArchived: settings !== undefined });
    const documents = new Documents(this.#sql);
    const rawFloor = new RawFloor(this.#sql);
    const marks = new UpkeepMarks(this.#sql);
    if (settings === undefined) {
      if (hot.archive.mark.closedUntilMs !== -Infinity) throw badData('the older values of this store are in an archive: it has to be opened with the option `archive`');
      return { hot, documents, rawFloor, marks, archive: undefined };
    }
    const { rollup } = settings;
    const beforeClosing = (startMs: number, endMs: number): void => {
      if (rollup !== undefined) rollUpStore(this, { ...rollup, fromMs: startMs, beforeMs: endMs });
    };
    const archive = new StoreArchive({ settings, sql: this.#sql, catalogSql: this.#catalogSql, hot, documents, limits: STORE_LIMITS, clock, random, beforeClosing });
    return { hot, documents, rawFloor, marks, archive };
  }
}
