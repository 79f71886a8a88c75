import { METRIC_NAME, type Labels } from '../model/labels.ts';
import type { Clock } from '../runtime/clock.ts';
import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { HotStore } from '../shard/hot-store.ts';
import type { SeriesPage, StoredSample } from '../shard/read-series.ts';
import { SHARD_RPC_VERSION } from '../shard/shard-api.ts';
import { AsOfCache } from './as-of-cache.ts';
import { Documents, documentId } from './documents.ts';
import { durationMs } from './duration.ts';
import { keyLabels, ROLLUP_LABEL, roleOf } from './keys.ts';
import { prefixedSql } from './prefixed-sql.ts';
import { RawFloor } from './raw-floor.ts';
import type { StoredValue } from './value.ts';

/** The engine with the limits of a guest: it shares an isolate with somebody's own code. */
const STORE_LIMITS = {
  ...LIMITS,
  logEntriesMax: LIMITS.storeLogEntriesMax,
  // A merge is a pause of the object: a quarter of what a shard takes.
  mergeSamplesMax: LIMITS.mergeFanIn * LIMITS.storeLogEntriesMax,
} as unknown as typeof LIMITS;

/** Before the names of all tables: they lie in somebody else's database. */
const TABLE_PREFIX = 'timeseries_';
/** Keys whose last time without a timestamp of the caller's is remembered. */
const OWN_TIMES_MAX = 10_000;

export interface EnginePorts {
  readonly random: Random;
  readonly clock: Clock;
}

interface Parts {
  readonly hot: HotStore;
  readonly documents: Documents;
  readonly rawFloor: RawFloor;
}

/**
 * The engine under a TimeSeriesStore: HotStore for samples, Documents for JSON values. An exception from either leaves memory in doubt; it
 * is let out, and the next call finds both rebuilt from storage.
 */
export class StoreEngine {
  readonly #sql: Sql;
  readonly #ports: EnginePorts;
  #parts: Parts | undefined;
  /** What is remembered beside the parts, and forgotten with them. */
  readonly asOf = new AsOfCache(LIMITS.asOfCacheCharactersMax);
  /** By key: the time that the last value put without one was given. */
  readonly ownTimes = new LruCache<string, number>(OWN_TIMES_MAX);
  #waiters: (() => void)[] = [];

  constructor(sql: Sql, ports: EnginePorts) {
    this.#sql = prefixedSql(sql, TABLE_PREFIX);
    this.#ports = ports;
    this.#open();
  }

  /** Runs a read. */
  read<R>(body: (parts: Parts) => R): R {
    const parts = this.#open();
    try {
      return body(parts);
    } catch (error) {
      // A client's mistake touches nothing.
      if (!(error instanceof VarveError)) this.#forget();
      throw error;
    }
  }

  /** Runs a change in one transaction: all of it or nothing. */
  write<R>(body: (parts: Parts) => R): R {
    const parts = this.#open();
    try {
      // Commit point of every change: this transaction. A crash before it leaves nothing of the change, one behind it all of it.
      const result = this.#sql.transaction(() => body(parts));
      for (const wake of this.#waiters.splice(0)) wake();
      return result;
    } catch (error) {
      // The transaction is rolled back and memory is not, whoever made the mistake.
      this.#forget();
      throw error;
    }
  }

  /** Calls `wake` once, behind the next change. */
  onChange(wake: () => void): void {
    this.#waiters.push(wake);
  }

  offChange(wake: () => void): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
  }

  readPage(labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined {
    return this.read(({ hot }) => {
      const ref = hot.refOf(labels);
      return ref === undefined ? undefined : hot.readSeries(ref, startMs, endMs, samplesMax);
    });
  }

  lastSampleAt(labels: Labels, timeMs: number): StoredSample | undefined {
    return this.read(({ hot }) => {
      const ref = hot.refOf(labels);
      return ref === undefined ? undefined : hot.lastSampleAt(ref, timeMs);
    });
  }

  /** The value behind a sample; undefined when there is none. */
  storedValue(sample: { readonly timestampMs: number; readonly value: number; readonly bitsLow: number; readonly bitsHigh: number } | undefined): StoredValue | undefined {
    if (sample === undefined) return undefined;
    const id = documentId(sample.bitsLow, sample.bitsHigh);
    if (id === undefined) return { kind: 'number', number: sample.value };
    const text = this.documentText(sample.timestampMs, id);
    return text === undefined ? undefined : { kind: 'document', text };
  }

  documentText(timestampMs: number, id: number): string | undefined {
    return this.read(({ documents }) => documents.read(timestampMs, id));
  }

  /** Every key that has values of its own, in code point order. */
  keys(): string[] {
    return this.#labelsOf([{ name: ROLLUP_LABEL, type: '=', value: '' }]).map((labels) => roleOf(labels).key);
  }

  /** The roll-ups of a key: by width in ms, widest first, the aggregates that it has. */
  rollupsOf(key: string): { readonly widthMs: number; readonly aggregates: readonly string[] }[] {
    const [, name] = keyLabels(key);
    // Only by name, which is a few series; whatever has a roll-up label may be most of them.
    const found = this.#labelsOf([{ name: METRIC_NAME, type: '=', value: name! }]);
    const byWidth = new Map<number, string[]>();
    for (const labels of found) {
      const { rollup } = roleOf(labels);
      if (rollup === undefined) continue;
      const widthMs = durationMs(rollup.bucket, 'the bucket of a roll-up');
      byWidth.set(widthMs, [...(byWidth.get(widthMs) ?? []), rollup.aggregate]);
    }
    return [...byWidth].map(([widthMs, aggregates]) => ({ widthMs, aggregates })).sort((a, b) => b.widthMs - a.widthMs);
  }

  get hasRollups(): boolean {
    return this.#labelsOf([{ name: ROLLUP_LABEL, type: '!=', value: '' }], 1).length > 0;
  }

  #labelsOf(selector: readonly { readonly name: string; readonly type: '=' | '!='; readonly value: string }[], limit = 0): readonly Labels[] {
    const answer = this.read(({ hot }) => hot.series({ version: SHARD_RPC_VERSION, selectors: [selector], startMs: -Infinity, endMs: Infinity, limit }));
    return answer.status === 'series' ? answer.series : [];
  }

  #forget(): void {
    this.#parts = undefined;
    this.asOf.clear();
    this.ownTimes.clear();
  }

  #open(): Parts {
    return (this.#parts ??= { hot: new HotStore(this.#sql, STORE_LIMITS, this.#ports), documents: new Documents(this.#sql), rawFloor: new RawFloor(this.#sql) });
  }
}

const engines = new WeakMap<object, StoreEngine>();

/** The engine of a database, one for all stores over it: two would not see each other's samples. */
export function engineOf(owner: object, sql: () => Sql, ports: EnginePorts): StoreEngine {
  let engine = engines.get(owner);
  if (engine === undefined) engines.set(owner, (engine = new StoreEngine(sql(), ports)));
  return engine;
}
