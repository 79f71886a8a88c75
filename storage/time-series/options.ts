import { badData } from '../runtime/errors.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { systemRandom, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { parseAggregates, type Aggregate } from './aggregate.ts';
import { durationMs, type Duration } from './duration.ts';

/** One tier of a tiering policy. `resolution` is `'raw'` or the width of the roll-up's buckets. */
export interface TierPolicy {
  readonly retention?: Duration;
  readonly resolution?: Duration;
  readonly aggregates?: readonly string[];
  readonly compression?: string;
}

export interface TimeSeriesStoreOptions {
  /** A Durable Object's `ctx.storage`, when it is not the constructor's first argument. */
  readonly storage?: DurableObjectStorage;
  /**
   * How long samples stay: raw ones in `hot`, roll-ups in `warm`. With `warm`, raw samples are rolled up before retention removes them.
   * With `cold`, raw samples are promised for that long, and as long as there is no archive to take them only an explicit `prune()` removes them.
   */
  readonly retention?: { readonly hot?: Duration; readonly warm?: Duration; readonly cold?: Duration };
  /** The same as `retention.hot`. */
  readonly retentionMs?: Duration;
  /** The same with more detail: the resolution and the aggregates of the roll-ups. */
  readonly tieringPolicy?: { readonly hot?: TierPolicy; readonly warm?: TierPolicy; readonly cold?: TierPolicy };
  /** Only the newest so many values of each key are kept, once maintenance has passed. */
  readonly maxVersionsPerKey?: number;
  /** The name of the table in change events; `metrics` unless given. */
  readonly table?: string;
  /** Ports, for tests: the clock, randomness, and the database in place of `storage`. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly sql?: Sql;
}

export interface StoreSettings {
  /** Undefined: for ever. */
  readonly hotMs: number | undefined;
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
  readonly rollupBucketMs: number;
  readonly rollupAggregates: readonly Aggregate[];
  readonly maxVersionsPerKey: number | undefined;
  readonly table: string;
  readonly clock: Clock;
  readonly random: Random;
}

const ROLLUP_BUCKET_MS = 60_000;
const ROLLUP_AGGREGATES = ['min', 'max', 'avg', 'count', 'sum'] as const;

export function readSettings(options: TimeSeriesStoreOptions): StoreSettings {
  const { retention, tieringPolicy } = options;
  const optional = (value: Duration | undefined, what: string): number | undefined => (value === undefined ? undefined : durationMs(value, what));
  const hotMs = optional(retention?.hot ?? tieringPolicy?.hot?.retention ?? options.retentionMs, 'the hot retention');
  const warmMs = optional(retention?.warm ?? tieringPolicy?.warm?.retention, 'the warm retention');
  const coldMs = optional(retention?.cold ?? tieringPolicy?.cold?.retention, 'the cold retention');
  const resolution = tieringPolicy?.warm?.resolution ?? ROLLUP_BUCKET_MS;
  if (hotMs !== undefined && warmMs !== undefined && warmMs < hotMs) throw badData(`the warm retention of ${warmMs} ms is shorter than the hot one of ${hotMs} ms`);
  return {
    hotMs,
    warmMs,
    coldMs,
    rollupBucketMs: durationMs(resolution, 'the resolution of the warm tier'),
    rollupAggregates: parseAggregates(tieringPolicy?.warm?.aggregates ?? ROLLUP_AGGREGATES, 'aggregates of the warm tier'),
    maxVersionsPerKey: options.maxVersionsPerKey === undefined ? undefined : checkedVersions(options.maxVersionsPerKey),
    table: options.table ?? 'metrics',
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

export function checkedVersions(maxVersionsPerKey: number): number {
  if (!Number.isSafeInteger(maxVersionsPerKey) || maxVersionsPerKey < 1) {
    throw badData(`maxVersionsPerKey is ${String(maxVersionsPerKey)}; want a whole number from 1`);
  }
  return maxVersionsPerKey;
}
