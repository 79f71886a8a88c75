import { TIMESTAMP_MS_MAX } from './chunk/index.ts';
import { badData, VarveError } from './runtime/errors.ts';
import { LIMITS } from './runtime/limits.ts';
import { durableObjectSql } from './runtime/sql.ts';
import { parseAggregates, type Aggregate } from './time-series/aggregate.ts';
import { BucketFold, type BucketSource } from './time-series/bucket-fold.ts';
import { bucketStart, BucketStream } from './time-series/bucket-stream.ts';
import type { ChangeEvent } from './time-series/change-events.ts';
import { changeStream, type ChangeOptions } from './time-series/change-stream.ts';
import { durationMs, type Duration } from './time-series/duration.ts';
import { rawCursor, rolledUpCursors } from './time-series/key-cursors.ts';
import { keyLabels } from './time-series/keys.ts';
import { namedOptions } from './time-series/named-options.ts';
import { checkedVersions, readSettings, type StoreSettings, type TimeSeriesStoreOptions } from './time-series/options.ts';
import { rollUpStore, type RollupSummary } from './time-series/roll-up.ts';
import { engineOf } from './time-series/open-engine.ts';
import type { StoreEngine } from './time-series/store-engine.ts';
import { shown } from './time-series/shown.ts';
import { StoreUpkeep } from './time-series/store-upkeep.ts';
import { checkedRange, timeRangeMs, timestampMs, type TimeRange, type Timestamp } from './time-series/timestamp.ts';
import { checkNothingLeftOut, unusedRollUps } from './time-series/unused-roll-ups.ts';
import { storedValue, type StoredValue } from './time-series/value.ts';
import { writePoints } from './time-series/write-points.ts';

/** A value of a key at a time. */
export interface Point<T> {
  readonly key: string;
  /** Unix milliseconds. */
  readonly timestamp: number;
  readonly value: T;
}

export interface PutEntry<T> {
  readonly key: string;
  readonly value: T;
  /** Now, unless given. */
  readonly timestamp?: Timestamp | undefined;
}

export interface AggregateQuery<A extends Aggregate> extends TimeRange {
  /** Width of the buckets; they begin at multiples of it since 1970 UTC. */
  readonly bucket: Duration;
  readonly metrics: readonly A[];
}

/** One bucket that holds anything: its start (Unix milliseconds), the aggregates that were asked for, and where they came from. */
export type AggregateBucket<A extends Aggregate> = { readonly timestamp: number; readonly source: BucketSource } & { readonly [Name in A]: number };

export interface RollupRequest {
  readonly olderThan: Duration;
  readonly bucket: Duration;
  readonly aggregates: readonly Aggregate[];
}

/** What the methods may be given, beside keys and values. */
const ENTRY_NAMES = { key: true, value: true, timestamp: true } as const;
const AGGREGATE_NAMES = { start: true, end: true, bucket: true, metrics: true } as const;
const PRUNE_NAMES = { olderThan: true, before: true } as const;
const COMPACT_NAMES = { maxVersionsPerKey: true } as const;
const ROLLUP_NAMES = { olderThan: true, bucket: true, aggregates: true } as const;
const CHANGE_NAMES = { cursor: true, live: true, signal: true, perSample: true } as const;

/**
 * Time-indexed storage inside any Durable Object with SQLite: numbers, or JSON values, by key and time.
 *
 * ```ts
 * export class Machine extends DurableObject {
 *   readonly #readings = new TimeSeriesStore<number>(this.ctx.storage, { retention: { hot: '6h', warm: '30d' } });
 *
 *   async report(celsius: number): Promise<void> {
 *     await this.#readings.put('celsius', celsius);
 *     if ((await this.ctx.storage.getAlarm()) === null) await this.alarm();
 *   }
 *
 *   override async alarm(): Promise<void> {
 *     const nextMs = await this.#readings.maintain();
 *     if (nextMs !== undefined) await this.ctx.storage.setAlarm(nextMs);
 *   }
 *
 *   async lastDay(): Promise<unknown> {
 *     return this.#readings.aggregate('celsius', { start: Date.now() - 86_400_000, bucket: '1h', metrics: ['avg', 'max', 'count'] });
 *   }
 * }
 * ```
 *
 * It is the engine of a shard (HotStore) with another face: a key is a series, a number a sample, and log, seal, segments, snapshots and the
 * change feed are those of the Prometheus path. JSON values lie in a table of their own, each behind a sample (documents.ts). All stores over
 * one `ctx.storage` are one and the same store, unless they have different names: `new TimeSeriesStore(this.ctx.storage, { name: 'audit' })`.
 *
 * - A change has happened, in one transaction, when the method returns: a `get` in the same turn sees a `put` that nobody awaited.
 * - Within a transaction of the object's own (`ctx.storage.transactionSync`) a change is part of that, and is gone when it is rolled back.
 * - A key holds one value a millisecond; the one written last stays. A `put` without a timestamp never overwrites: it takes the next free one.
 * - Retention works along with writes, and when `maintain` is called, by an alarm of the object's own: a store that nobody writes to keeps what it
 *   has until then, and once all of it is gone there is nothing to be woken for.
 * - `rollup` adds roll-ups and removes nothing; raw values leave by `prune`, `compact` and retention. `aggregate` takes raw values where they
 *   are all there and roll-ups where some are gone, and says which (`source`).
 * - With the option `archive` values that are older than the hot retention move into a bucket, with their roll-ups, as open Parquet files that
 *   are an Iceberg table; what reads them answers as before. They move when retention would remove them.
 * - Values of times that have moved are taken like all others. They wait in the database, read at once, until they move too; with so many that wait
 *   that there is no room for more, a write is refused (`overloaded`) until some have. Refused for good is what is past the cold retention, and
 *   what is older than all that a compaction has left of its key.
 * - Errors about what the caller passed are VarveErrors, and nothing has changed.
 */
export class TimeSeriesStore<T = number> {
  readonly #engine: StoreEngine;
  readonly #settings: StoreSettings;
  readonly #upkeep: StoreUpkeep;

  constructor(options: TimeSeriesStoreOptions);
  /** `database` is a Durable Object's `ctx.storage`, or its `ctx`. */
  constructor(database: DurableObjectStorage | Pick<DurableObjectState, 'storage'>, options?: TimeSeriesStoreOptions);
  constructor(first: DurableObjectStorage | Pick<DurableObjectState, 'storage'> | TimeSeriesStoreOptions, second?: TimeSeriesStoreOptions) {
    const options = optionsOf(first, second);
    this.#settings = readSettings(options);
    this.#engine = openEngine(options, this.#settings);
    this.#upkeep = new StoreUpkeep(this.#engine, this.#settings);
  }

  /** Writes one value, now unless a timestamp is given. */
  async put(key: string, value: T, timestamp?: Timestamp): Promise<void> {
    this.#put([{ key, value, timestamp }]);
  }

  /**
   * Writes all of the values or, when one of them is refused, none. An entry that has anything else beside its key, value and timestamp is
   * refused: a `time` that is meant for a timestamp would make it a value of now.
   */
  async putBatch(entries: Iterable<PutEntry<T>>): Promise<void> {
    if (typeof entries !== 'object' || entries === null || !(Symbol.iterator in entries)) throw badData(`putBatch got ${shown(entries)}; want a list of { key, value, timestamp }`);
    this.#put(Array.from(entries, (entry) => namedOptions(entry, ENTRY_NAMES, 'an entry of putBatch')));
  }

  /** The newest value of a key; undefined when it has none. */
  async get(key: string): Promise<T | undefined> {
    return this.#valueAt(key, TIMESTAMP_MS_MAX);
  }

  /** The value that a key had at a time: the newest of those at or before it. */
  async getAsOf(key: string, timestamp: Timestamp): Promise<T | undefined> {
    return this.#valueAt(key, timestampMs(timestamp, 'the timestamp'));
  }

  /**
   * The values of a key in order of time, both ends inclusive. They are read a page at a time, when the consumer asks for them; what is
   * written or removed in the meantime shows in the pages still to come.
   */
  range(key: string, range: TimeRange = {}): AsyncGenerator<Point<T>, void, undefined> {
    keyLabels(key);
    const { startMs, endMs } = timeRangeMs(checkedRange(range));
    return this.#points(key, startMs, endMs);
  }

  /**
   * What the values of a key come to, bucket by bucket; buckets without any are left out. Where the raw values are gone and there are only
   * roll-ups of which no such buckets can be made, wider ones say, the answer is an error.
   */
  async aggregate<const A extends Aggregate>(key: string, query: AggregateQuery<A>): Promise<AggregateBucket<A>[]> {
    const { startMs, endMs } = timeRangeMs(namedOptions(query, AGGREGATE_NAMES, 'what aggregate is asked for'));
    const bucketMs = durationMs(query.bucket, 'the bucket');
    const names = parseAggregates(query.metrics, 'metrics');
    const rolledUp = rolledUpCursors(this.#engine, { key, startMs, endMs }, bucketMs, names);
    const unused = unusedRollUps(this.#engine, { key, startMs, endMs }, rolledUp);
    // Where roll-ups are about, whole buckets of theirs are counted.
    const edgeMs = rolledUp[0]?.widthMs;
    const raw =
      edgeMs === undefined
        ? rawCursor(this.#engine, { key, startMs, endMs })
        : rawCursor(this.#engine, { key, startMs: bucketStart(startMs, edgeMs), endMs: bucketStart(endMs, edgeMs) + edgeMs - 1 });
    const newFold = (): BucketFold => new BucketFold(names, LIMITS.aggregateBucketSamplesMax);
    const fold = newFold();
    const buckets: AggregateBucket<A>[] = [];
    for (const timestamp of new BucketStream({ raw, rolledUp, startMs, endMs, bucketMs }, fold, newFold).starts()) {
      if (typeof timestamp !== 'number') {
        const loading = timestamp.load();
        // Only what is not at hand is waited for: without it, all of the answer is of one moment.
        if (loading !== undefined) await loading;
        continue;
      }
      if (buckets.length >= LIMITS.aggregateBucketsMax) {
        throw new VarveError('limit', `more than ${buckets.length} buckets, the limit aggregateBucketsMax; ask for a shorter range or wider buckets`);
      }
      const results = Object.fromEntries(names.map((name) => [name, fold.result(name)]));
      buckets.push({ timestamp, source: fold.source, ...results } as AggregateBucket<A>);
    }
    const starts = buckets.map(({ timestamp }) => timestamp);
    for (const pending of checkNothingLeftOut(unused, starts, bucketMs)) {
      const loading = pending.load();
      if (loading !== undefined) await loading;
    }
    return buckets;
  }

  /**
   * Removes raw values older than the hot retention, or than what is given, and roll-ups older than the warm one; returns how many samples.
   * With a warm retention raw values are rolled up first. With an archive what the hot retention lets go moves there, and is not
   * lost: a time that is given changes nothing about that.
   */
  async prune(older: { readonly olderThan?: Duration; readonly before?: Timestamp } = {}): Promise<number> {
    const { olderThan, before } = namedOptions(older, PRUNE_NAMES, 'what is to be pruned');
    const { hotMs, clock } = this.#settings;
    if (olderThan !== undefined && before !== undefined) throw badData('prune got olderThan and before; want one of them');
    const keepMs = olderThan === undefined ? hotMs : durationMs(olderThan, 'olderThan');
    const beforeMs = before !== undefined ? timestampMs(before, 'before') : keepMs === undefined ? undefined : clock.nowMs() - keepMs;
    if (beforeMs === undefined) return 0;
    return this.#engine.hasArchive ? this.#engine.mover.moveDue() : this.#upkeep.prune(beforeMs);
  }

  /**
   * Does what is due: upkeep, retention, and with an archive the move of older values and the merging of their files, for some ten seconds at most. Returns
   * when something will be due next (Unix ms), at once where there is more, which is what an object sets its alarm to; undefined when nothing
   * ever will be unless something is written. Writes do the same along the way.
   */
  async maintain(): Promise<number | undefined> {
    return this.#upkeep.maintain();
  }

  /**
   * Leaves each key its newest values only, and returns how many were removed. Roll-ups stay. With an archive the values of the hot tier are
   * counted and removed; a key that loses some is no more read before them, also where files have older ones.
   */
  async compact(options: { readonly maxVersionsPerKey?: number } = {}): Promise<number> {
    const versions = namedOptions(options, COMPACT_NAMES, 'what compact is told').maxVersionsPerKey ?? this.#settings.maxVersionsPerKey;
    if (versions === undefined) throw badData('compact wants maxVersionsPerKey, here or in the options of the store');
    const checked = checkedVersions(versions);
    // Without an archive nothing is waited for, and the compaction is done when this returns.
    if (this.#engine.hasArchive) await this.#engine.mover.settle();
    return this.#upkeep.compact(checked);
  }

  /**
   * Rolls up the values older than a bound, in whole buckets; `count` is always among the aggregates. It can be run again at any time: what
   * has changed since is rolled up anew, in narrower buckets that there are too. The raw values stay where they are. With an archive only what has not moved there yet is rolled up:
   * the policy's roll-ups are made when it moves, and move along.
   */
  async rollup(request: RollupRequest): Promise<RollupSummary> {
    const { olderThan, bucket, aggregates } = namedOptions(request, ROLLUP_NAMES, 'what is to be rolled up');
    const beforeMs = this.#settings.clock.nowMs() - durationMs(olderThan, 'olderThan');
    return rollUpStore(this.#engine, { beforeMs, bucketMs: durationMs(bucket, 'the bucket'), aggregates: parseAggregates(aggregates, 'aggregates') });
  }

  /** Takes a snapshot of everything, and returns its id. It costs little, and holds what it covers until it is deleted. */
  createSnapshot(): string {
    return this.#engine.write(({ hot, archive }) => {
      const id = hot.createSnapshot();
      archive?.snapshots.note(id);
      return id;
    });
  }

  /**
   * Goes back to a snapshot: every value is as it was then. The snapshot stays. With an archive it is refused when values have moved there
   * since that were not closed when the snapshot was taken, or came late behind it, for what has moved cannot be taken back.
   */
  async restoreSnapshot(snapshotId: string): Promise<void> {
    this.#engine.write(({ hot, archive }) => {
      if (hot.listSnapshots().includes(snapshotId)) archive?.snapshots.mustBeRestorable(snapshotId);
      hot.restoreSnapshot(snapshotId);
      archive?.restored(snapshotId);
    });
    this.#engine.asOf.clear();
    this.#engine.ownTimes.clear();
  }

  async deleteSnapshot(snapshotId: string): Promise<void> {
    this.#engine.write(({ hot, archive }) => {
      hot.deleteSnapshot(snapshotId);
      archive?.snapshots.forget(snapshotId);
    });
  }

  /** Ids, oldest first. */
  listSnapshots(): string[] {
    return this.#engine.read(({ hot }) => hot.listSnapshots());
  }

  /** Every key that has been written to, in code point order. */
  keys(): string[] {
    return this.#engine.keys();
  }

  /**
   * What was written, in the order of commit, at least once; values of times that have moved follow behind the others. It ends when it has caught up, unless it is `live`. Keep the `cursor` of the last
   * event that was dealt with, and go on from it.
   */
  cdc(options: ChangeOptions = {}): AsyncGenerator<ChangeEvent<T>, void, undefined> {
    return changeStream({ engine: this.#engine, table: this.#settings.table, parse: (text) => JSON.parse(text) as T }, namedOptions(options, CHANGE_NAMES, 'what is asked of the change feed'));
  }

  #put(entries: readonly PutEntry<T>[]): void {
    const checked = entries.map(({ key, value, timestamp }) => {
      const labels = keyLabels(key);
      return { key, labels, value: storedValue(value), givenMs: timestamp === undefined ? undefined : timestampMs(timestamp, 'the timestamp') };
    });
    this.#upkeep.beforeWrites(checked.length);
    const points = checked.map(({ key, value, givenMs }) => ({ key, value, timestampMs: givenMs ?? this.#ownTime(key) }));
    writePoints(this.#engine, points);
    this.#engine.mover.noteWritten(points.reduce((oldest, { timestampMs: timeMs }) => Math.min(oldest, timeMs), Infinity));
  }

  /** Now, or the next millisecond that the key has no value at: within one event the clock stands still. */
  #ownTime(key: string): number {
    const labels = keyLabels(key);
    // Never of a window that has moved, wherever the clock is: what is there is not known at once.
    let timeMs = Math.max(this.#settings.clock.nowMs(), this.#engine.closedUntilMs, (this.#engine.ownTimes.get(key) ?? -Infinity) + 1);
    while (this.#engine.lastSampleAt(labels, timeMs)?.timestampMs === timeMs) timeMs++;
    this.#engine.ownTimes.set(key, timeMs, 1);
    return timeMs;
  }

  /** At once, unless the answer is in the archive. */
  #valueAt(key: string, timeMs: number): T | undefined | Promise<T | undefined> {
    const labels = keyLabels(key);
    const engine = this.#engine;
    const known = engine.asOf.get(key, timeMs);
    if (known !== undefined) {
      const { changes } = engine;
      engine.refresh();
      if (engine.changes === changes) return fromStored<T>(known.value);
    }
    const value = engine.valueAt(labels, timeMs);
    if (value instanceof Promise) {
      const { changes } = engine;
      return value.then((archived) => {
        if (engine.changes === changes) engine.asOf.set(key, timeMs, archived);
        return fromStored<T>(archived);
      });
    }
    engine.asOf.set(key, timeMs, value);
    return fromStored<T>(value);
  }

  async *#points(key: string, startMs: number, endMs: number): AsyncGenerator<Point<T>, void, undefined> {
    for (const cursor = rawCursor(this.#engine, { key, startMs, endMs }); ; cursor.advance()) {
      while (cursor.isWaiting) await cursor.load();
      const { timestampMs: timestamp, document } = cursor;
      if (timestamp === Infinity) return;
      if (document === undefined) yield { key, timestamp, value: cursor.value as T };
      else {
        const text = document.kind === 'archived' ? document.text : (this.#engine.documentText(timestamp, document.id) ?? (await this.#movedText(key, timestamp)));
        // Removed since the page was read.
        if (text !== undefined) yield { key, timestamp, value: JSON.parse(text) as T };
      }
    }
  }

  /** The document of a sample that has moved into the archive since its page was read; undefined when it has not. */
  async #movedText(key: string, timeMs: number): Promise<string | undefined> {
    if (!this.#engine.hasArchive) return undefined;
    const cursor = rawCursor(this.#engine, { key, startMs: timeMs, endMs: timeMs });
    while (cursor.isWaiting) await cursor.load();
    return cursor.document?.kind === 'archived' ? cursor.document.text : undefined;
  }
}

function fromStored<T>(value: StoredValue | undefined): T | undefined {
  if (value === undefined) return undefined;
  return value.kind === 'number' ? (value.number as T) : (JSON.parse(value.text) as T);
}

/** What the constructor was given, as options: it takes a database and options, or options that name one. */
function optionsOf(first: DurableObjectStorage | Pick<DurableObjectState, 'storage'> | TimeSeriesStoreOptions, second: TimeSeriesStoreOptions | undefined): TimeSeriesStoreOptions {
  if (typeof first !== 'object' || first === null) throw noDatabase();
  if (isStorage(first)) return { ...second, storage: first };
  // An object's ctx has more to it than options have.
  const isState = second !== undefined || 'waitUntil' in first;
  if (first.storage === undefined && (isState || !('sql' in first))) throw noDatabase();
  return isState ? { ...second, storage: first.storage! } : first;
}

function isStorage(value: object): value is DurableObjectStorage {
  return 'sql' in value && 'transactionSync' in value;
}

function noDatabase(): VarveError {
  return badData('a TimeSeriesStore needs a database: pass a Durable Object\'s ctx.storage as the first argument, or as the option `storage`');
}

function openEngine({ storage, sql }: TimeSeriesStoreOptions, settings: StoreSettings): StoreEngine {
  if (sql !== undefined) return engineOf(sql, () => sql, settings);
  if (typeof storage !== 'object' || storage === null || !isStorage(storage)) throw noDatabase();
  return engineOf(storage, () => durableObjectSql(storage), settings);
}
