import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { compareStrings, METRIC_NAME, type Labels } from '../model/labels.ts';
import type { Clock } from '../runtime/clock.ts';
import { badData, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { ReplacedError } from '../shard/fence.ts';
import { HotStore } from '../shard/hot-store.ts';
import type { SeriesPage, StoredSample } from '../shard/select/read-series.ts';
import { SHARD_RPC_VERSION } from '../shard/shard-api.ts';
import { ArchiveMover } from './archive-mover.ts';
import { AsOfCache } from './as-of-cache.ts';
import { Documents } from './documents.ts';
import { durationMs } from './duration.ts';
import { keyLabels, ROLLUP_LABEL, roleOf } from './keys.ts';
import type { ArchiveSettings } from './options.ts';
import { prefixedSql } from './prefixed-sql.ts';
import { RawFloor } from './raw-floor.ts';
import { documentText, lastSampleAtHand, readHotPage, readPage, storedValue, valueAt } from './read-values.ts';
import { rollUpStore } from './roll-up.ts';
import { StoreArchive } from './store-archive.ts';
import { STORE_LIMITS } from './store-limits.ts';
import { UpkeepMarks } from './upkeep-marks.ts';
import type { StoredValue } from './value.ts';

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
  readonly #tablePrefix: string;
  readonly #sql: Sql;
  /** Of the archive's catalog, which has tables of some of the same names. */
  readonly #catalogSql: Sql;
  readonly #ports: EnginePorts;
  #archiveSettings: ArchiveSettings | undefined;
  #parts: Parts | undefined;
  /** Rises with every change, and with what may be one. */
  #changes = 0;
  /** What is remembered beside the parts, and forgotten with them. */
  readonly #asOf = new AsOfCache(LIMITS.asOfCacheCharactersMax);
  #asOfRetainedFromMs = -Infinity;
  /** By key: the time that the last value put without one was given. */
  readonly ownTimes = new LruCache<string, number>(OWN_TIMES_MAX);
  /** Idle in a store that has no archive. */
  readonly mover: ArchiveMover;
  #waiters: (() => void)[] = [];

  constructor({ database, tablePrefix, ports, archive }: EngineOptions) {
    this.#tablePrefix = tablePrefix;
    this.#sql = prefixedSql(database, tablePrefix);
    this.#catalogSql = prefixedSql(database, `${tablePrefix}catalog_`);
    this.#ports = ports;
    this.#archiveSettings = archive;
    this.mover = new ArchiveMover(this, ports.clock);
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
    const retainedFromMs = this.#parts?.archive?.retainedFromMs('raw') ?? -Infinity;
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

  /** Runs a step of several events, with others in between, that leaves what is stored right wherever it ends. */
  async step<R>(body: (parts: Parts) => Promise<R>): Promise<R> {
    const parts = this.#open();
    let result: R;
    try {
      result = await body(parts);
    } catch (error) {
      this.#forget();
      throw error;
    }
    this.#changes++;
    // Rebuilt in the meantime: what is in memory now does not know of the step.
    if (this.#parts !== parts) this.#forget();
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

  get archiveSettings(): ArchiveSettings | undefined {
    return this.#archiveSettings;
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

  /** When the hot tier has something to do (Unix ms); undefined when it never will unless something is written. */
  nextDueMs(): number | undefined {
    return this.read(({ hot }) => hot.nextDueMs());
  }

  /** One step of the upkeep of the hot tier, if it is due; says whether it was. */
  upkeep(): boolean {
    const dueMs = this.nextDueMs();
    if (dueMs === undefined || dueMs > this.#ports.clock.nowMs()) return false;
    this.write(({ hot }) => hot.maintain());
    return true;
  }

  /** Lets memory in doubt go; where it was not what is stored, the same is done once more, with what is. */
  #attempt<R>(body: () => R, isHarmless: (error: unknown) => boolean, isLast = false): R {
    try {
      return body();
    } catch (error) {
      if (!isHarmless(error)) this.#forget();
      if (isLast || error instanceof VarveError || !(error instanceof ReplacedError || this.#isEmptied())) throw error;
      return this.#attempt(body, isHarmless, true);
    }
  }

  /** Whether the store's tables are gone, as behind the object's own `deleteAll()`: then it begins anew. */
  #isEmptied(): boolean {
    return this.#sql.all('SELECT 1 FROM sqlite_master WHERE name = ?', `${this.#tablePrefix}shard_state`).length === 0;
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
