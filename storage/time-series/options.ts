import { r2ObjectStore, type ObjectStore } from '../object-store.ts';
import { badData } from '../runtime/errors.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { systemRandom, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { parseAggregates, type Aggregate } from './aggregate.ts';
import { DURATION_MS_MAX, durationMs, type Duration } from './duration.ts';

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
   * With `cold`, raw samples are promised for that long: without an archive to take them they stay where they are until then, unless an explicit
   * `prune()` removes them. With one, they move there when they are older than `hot` (1h unless given) says, and stay for as long as `cold` says, or for ever. `Infinity` is for
   * ever; not as `hot` with an archive, to which nothing would move then.
   */
  readonly retention?: { readonly hot?: Duration; readonly warm?: Duration; readonly cold?: Duration };
  /** The same as `retention.hot`. */
  readonly retentionMs?: Duration;
  /** The same with more detail: the resolution and the aggregates of the roll-ups. */
  readonly tieringPolicy?: { readonly hot?: TierPolicy; readonly warm?: TierPolicy; readonly cold?: TierPolicy };
  /** Where older values and roll-ups go: a bucket, or a bucket and where in it. The same for all of the store's life. */
  readonly archive?: R2Bucket | ObjectStore | StoreArchivePlace;
  /** Only the newest so many values of each key are kept, once maintenance has passed. */
  readonly maxVersionsPerKey?: number;
  /** The name of the table in change events; `metrics` unless given. */
  readonly table?: string;
  /** Ports, for tests: the clock, randomness, and the database in place of `storage`. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly sql?: Sql;
}

export interface StoreArchivePlace {
  readonly bucket: R2Bucket | ObjectStore;
  /** What all keys begin with; random, and remembered, unless given. Of two stores with the same one the second is refused by `maintain`, and keeps all of its values in SQLite. */
  readonly prefix?: string;
  /**
   * The files are an Iceberg table, whose metadata is under `PREFIX/points/metadata`. This stands before a key in the locations that its
   * readers follow, as in `s3://my-bucket`.
   */
  readonly uri?: string;
}

/** How a store archives. */
export interface ArchiveSettings {
  readonly store: ObjectStore;
  readonly prefix: string | undefined;
  readonly uri: string;
  /** Values move a window of this length at a time, when all of it is older than the grace. */
  readonly windowMs: number;
  readonly graceMs: number;
  /** Undefined: for ever, or as long as raw values. */
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
  /** How a window is rolled up as it moves; undefined when it is not. */
  readonly rollup: { readonly bucketMs: number; readonly aggregates: readonly Aggregate[] } | undefined;
}

export interface StoreSettings {
  /** Undefined: for ever. */
  readonly hotMs: number | undefined;
  readonly warmMs: number | undefined;
  /** What stays in the database of a store without an archive until it is removed unasked: raw values and roll-ups. Undefined: for ever. */
  readonly kept: { readonly rawMs: number | undefined; readonly rolledUpMs: number | undefined };
  readonly rollupBucketMs: number;
  readonly rollupAggregates: readonly Aggregate[];
  readonly maxVersionsPerKey: number | undefined;
  readonly table: string;
  readonly archive: ArchiveSettings | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

const ARCHIVE_URI = 's3://archive';
/** Hot retention of a store with an archive, unless given. */
const ARCHIVED_HOT_MS = 3_600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** From so many windows of a day in the hot tier on, a window is a day: one file a day is worth the values that stay a little longer. */
const DAYS_FOR_DAILY_WINDOWS = 4;
const PREFIX_BYTES_MAX = 512;
const ROLLUP_BUCKET_MS = 60_000;
/** What is kept so long was promised for ever: all times that there are lie within it. */
const FOR_EVER_MS = DURATION_MS_MAX;
const ROLLUP_AGGREGATES = ['min', 'max', 'avg', 'count', 'sum'] as const;

export function readSettings(options: TimeSeriesStoreOptions): StoreSettings {
  const { retention, tieringPolicy } = options;
  const optional = (value: Duration | undefined, what: string): number | undefined => (value === undefined ? undefined : value === Infinity ? FOR_EVER_MS : durationMs(value, what));
  const hot = optional(retention?.hot ?? tieringPolicy?.hot?.retention ?? options.retentionMs ?? (options.archive === undefined ? undefined : ARCHIVED_HOT_MS), 'the hot retention');
  if (hot === FOR_EVER_MS && options.archive !== undefined) throw badData('the hot retention is Infinity; with an archive it has an end, behind which values move there');
  const hotMs = ended(hot);
  const warmMs = optional(retention?.warm ?? tieringPolicy?.warm?.retention, 'the warm retention');
  const coldMs = optional(retention?.cold ?? tieringPolicy?.cold?.retention, 'the cold retention');
  const resolution = tieringPolicy?.warm?.resolution ?? ROLLUP_BUCKET_MS;
  if (hotMs !== undefined && warmMs !== undefined && warmMs < hotMs) throw badData(`the warm retention of ${warmMs} ms is shorter than the hot one of ${hotMs} ms`);
  const rollupBucketMs = durationMs(resolution, 'the resolution of the warm tier');
  const rollupAggregates = parseAggregates(tieringPolicy?.warm?.aggregates ?? ROLLUP_AGGREGATES, 'aggregates of the warm tier');
  return {
    hotMs,
    warmMs,
    // What is promised to the cold tier stays for as long, while there is none to take it.
    kept: { rawMs: ended(coldMs === undefined || hot === FOR_EVER_MS ? hot : Math.max(coldMs, hot ?? 0)), rolledUpMs: ended(warmMs) },
    rollupBucketMs,
    rollupAggregates,
    archive: options.archive === undefined ? undefined : archiveSettings(options.archive, { hotMs: hotMs!, warmMs, coldMs, rollupBucketMs, rollupAggregates }),
    maxVersionsPerKey: options.maxVersionsPerKey === undefined ? undefined : checkedVersions(options.maxVersionsPerKey),
    table: options.table ?? 'metrics',
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

type TierSettings = { readonly hotMs: number; readonly coldMs: number | undefined } & Pick<StoreSettings, 'warmMs' | 'rollupBucketMs' | 'rollupAggregates'>;

function archiveSettings(archive: NonNullable<TimeSeriesStoreOptions['archive']>, { hotMs, warmMs, coldMs, rollupBucketMs, rollupAggregates }: TierSettings): ArchiveSettings {
  const { bucket, prefix, uri = ARCHIVE_URI }: StoreArchivePlace = 'bucket' in archive ? archive : { bucket: archive };
  if (prefix !== undefined && (prefix === '' || prefix.endsWith('/') || new TextEncoder().encode(prefix).length > PREFIX_BYTES_MAX)) {
    throw badData(`the archive's prefix is ${JSON.stringify(prefix)}; want up to ${PREFIX_BYTES_MAX} bytes without a slash at the end`);
  }
  if (!/^[a-z0-9]+:\/\/[^\s]*[^\s/]$/.test(uri)) throw badData(`the archive's uri is ${JSON.stringify(uri)}; want one such as 's3://my-bucket', without a slash at the end`);
  if (coldMs !== undefined && coldMs < hotMs) throw badData(`the cold retention of ${coldMs} ms is shorter than the hot one of ${hotMs} ms`);
  const rollup = warmMs === undefined ? undefined : { bucketMs: rollupBucketMs, aggregates: rollupAggregates };
  // A window moves whole, with its roll-ups: no bucket may be of two windows.
  const windows = hotMs >= DAYS_FOR_DAILY_WINDOWS * DAY_MS ? [DAY_MS] : [HOUR_MS, DAY_MS];
  const windowMs = windows.find((length) => rollup === undefined || length % rollup.bucketMs === 0);
  if (windowMs === undefined) throw badData(`the resolution of the warm tier is ${rollupBucketMs} ms; with an archive it has to divide a day`);
  return { store: isObjectStore(bucket) ? bucket : r2ObjectStore(bucket), prefix, uri, windowMs, graceMs: hotMs, warmMs: ended(warmMs), coldMs: ended(coldMs), rollup };
}

/** Undefined for what has no end. */
function ended(ms: number | undefined): number | undefined {
  return ms === FOR_EVER_MS ? undefined : ms;
}

function isObjectStore(bucket: R2Bucket | ObjectStore): bucket is ObjectStore {
  return !('put' in bucket);
}

export function checkedVersions(maxVersionsPerKey: number): number {
  if (!Number.isSafeInteger(maxVersionsPerKey) || maxVersionsPerKey < 1) {
    throw badData(`maxVersionsPerKey is ${String(maxVersionsPerKey)}; want a whole number from 1`);
  }
  return maxVersionsPerKey;
}
