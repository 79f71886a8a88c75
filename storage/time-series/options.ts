import { r2ObjectStore, type ObjectStore } from '../object-store.ts';
import { badData } from '../runtime/errors.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { systemRandom, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../runtime/units.ts';
import { parseAggregates, type Aggregate } from './aggregate.ts';
import { DURATION_MS_MAX, durationMs, durationText, type Duration } from './duration.ts';
import { namedOptions } from './named-options.ts';
import { shown } from './shown.ts';

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
  /**
   * The same with more detail: the resolution and the aggregates of the roll-ups. Unless given, these are a minute's min, max, avg, count, sum,
   * p50 and p99; without the percentiles where an archive keeps the raw values for as long, which are exact.
   */
  readonly tieringPolicy?: { readonly hot?: TierPolicy; readonly warm?: TierPolicy; readonly cold?: TierPolicy };
  /** Where older values and roll-ups go: a bucket, or a bucket and where in it. The same for all of the store's life. */
  readonly archive?: R2Bucket | ObjectStore | StoreArchivePlace;
  /** Only the newest so many values of each key are kept, once maintenance has passed. */
  readonly maxVersionsPerKey?: number;
  /**
   * Stores of different names over one database have nothing in common, and each its own tables there: a few letters, digits and single
   * underscores. Those of the same name, or of none, are one store.
   */
  readonly name?: string;
  /** The name of the table in change events; the store's name, or `metrics`, unless given. */
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
  /** What is removed unasked, as text: the same for all stores that are one. Undefined when nothing was said about that. */
  readonly rules: string | undefined;
  readonly name: string | undefined;
  readonly table: string;
  readonly archive: ArchiveSettings | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

const OPTION_NAMES: Readonly<Record<keyof TimeSeriesStoreOptions, true>> = {
  storage: true,
  retention: true,
  retentionMs: true,
  tieringPolicy: true,
  archive: true,
  maxVersionsPerKey: true,
  name: true,
  table: true,
  clock: true,
  random: true,
  sql: true,
};
const PLACE_NAMES: Readonly<Record<keyof StoreArchivePlace, true>> = { bucket: true, prefix: true, uri: true };
const TIER_NAMES = { hot: true, warm: true, cold: true } as const;
/** How files of the cold tier are compressed. */
const COMPRESSION = 'delta+zstd';
const ARCHIVE_URI = 's3://archive';
/** Hot retention of a store with an archive, unless given. */
const ARCHIVED_HOT_MS = HOUR_MS;
/** From so many windows of a day in the hot tier on, a window is a day: one file a day is worth the values that stay a little longer. */
const DAYS_FOR_DAILY_WINDOWS = 4;
const PREFIX_BYTES_MAX = 512;
const NAME_CHARACTERS_MAX = 40;
const ROLLUP_BUCKET_MS = MINUTE_MS;
/** What is kept so long was promised for ever: all times that there are lie within it. */
const FOR_EVER_MS = DURATION_MS_MAX;
const ROLLUP_AGGREGATES = ['min', 'max', 'avg', 'count', 'sum'] as const;
/** Besides, where raw values may go before their roll-ups do; as long as they are in an archive, percentiles are made of them. */
const ROLLUP_PERCENTILES = ['p50', 'p99'] as const;

export function readSettings(options: TimeSeriesStoreOptions): StoreSettings {
  const { retention = {}, tieringPolicy = {} } = namedOptions(options, OPTION_NAMES, 'the options of the store');
  namedOptions(retention, TIER_NAMES, 'the retention');
  namedOptions(tieringPolicy, TIER_NAMES, 'the tiering policy');
  const { hot: hotTier = {}, warm: warmTier = {}, cold: coldTier = {} } = tieringPolicy;
  checkTier(hotTier, ['retention', 'resolution'], 'the hot tier');
  checkTier(warmTier, ['retention', 'resolution', 'aggregates'], 'the warm tier');
  checkTier(coldTier, ['retention', 'resolution', 'compression'], 'the cold tier');
  const optional = (value: Duration | undefined, what: string): number | undefined => (value === undefined ? undefined : value === Infinity ? FOR_EVER_MS : durationMs(value, what));
  const hot = optional(onlyOne([retention.hot, hotTier.retention, options.retentionMs], 'the hot retention'), 'the hot retention') ?? (options.archive === undefined ? undefined : ARCHIVED_HOT_MS);
  if (hot === FOR_EVER_MS && options.archive !== undefined) throw badData('the hot retention is Infinity; with an archive it has an end, behind which values move there');
  const hotMs = ended(hot);
  const warmMs = optional(onlyOne([retention.warm, warmTier.retention], 'the warm retention'), 'the warm retention');
  const coldMs = optional(onlyOne([retention.cold, coldTier.retention], 'the cold retention'), 'the cold retention');
  if (hotMs !== undefined && warmMs !== undefined && warmMs < hotMs) throw badData(`the warm retention of ${warmMs} ms is shorter than the hot one of ${hotMs} ms`);
  const rollupBucketMs = durationMs(warmTier.resolution ?? ROLLUP_BUCKET_MS, 'the resolution of the warm tier');
  const isRawKept = options.archive !== undefined && (coldMs === undefined || coldMs >= (warmMs ?? 0));
  const rollupAggregates = parseAggregates(warmTier.aggregates ?? (isRawKept ? ROLLUP_AGGREGATES : [...ROLLUP_AGGREGATES, ...ROLLUP_PERCENTILES]), 'aggregates of the warm tier');
  const maxVersionsPerKey = options.maxVersionsPerKey === undefined ? undefined : checkedVersions(options.maxVersionsPerKey);
  return {
    hotMs,
    warmMs,
    // What is promised to the cold tier stays for as long, while there is none to take it.
    kept: { rawMs: ended(coldMs === undefined || hot === FOR_EVER_MS ? hot : Math.max(coldMs, hot ?? 0)), rolledUpMs: ended(warmMs) },
    rollupBucketMs,
    rollupAggregates,
    archive: options.archive === undefined ? undefined : archiveSettings(options.archive, { hotMs: hotMs!, warmMs, coldMs, rollupBucketMs, rollupAggregates }),
    maxVersionsPerKey,
    rules: rulesText({ 'hot retention': hot, 'warm retention': warmMs, 'cold retention': coldMs }, maxVersionsPerKey),
    name: options.name === undefined ? undefined : checkedName(options.name),
    table: checkedTable(options.table ?? options.name ?? 'metrics'),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

type TierSettings = { readonly hotMs: number; readonly coldMs: number | undefined } & Pick<StoreSettings, 'warmMs' | 'rollupBucketMs' | 'rollupAggregates'>;

function archiveSettings(archive: NonNullable<TimeSeriesStoreOptions['archive']>, { hotMs, warmMs, coldMs, rollupBucketMs, rollupAggregates }: TierSettings): ArchiveSettings {
  const { bucket, prefix, uri = ARCHIVE_URI } = archivePlace(archive);
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

function archivePlace(archive: NonNullable<TimeSeriesStoreOptions['archive']>): StoreArchivePlace {
  const isObject = typeof archive === 'object' && archive !== null;
  const place = isObject && 'bucket' in archive ? namedOptions(archive, PLACE_NAMES, 'the archive') : { bucket: archive };
  // A binding that the object does not have is undefined.
  if (typeof place.bucket?.get !== 'function') throw badData(`the bucket of the archive is ${shown(place.bucket)}; want an R2 binding, as in { bucket: this.env.ARCHIVE }`);
  return place;
}

/** Undefined for what has no end. */
function ended(ms: number | undefined): number | undefined {
  return ms === FOR_EVER_MS ? undefined : ms;
}

function isObjectStore(bucket: R2Bucket | ObjectStore): bucket is ObjectStore {
  return !('put' in bucket);
}

/** What one option says, or several that say the same. */
function onlyOne(durations: readonly (Duration | undefined)[], what: string): Duration | undefined {
  const [first, ...others] = durations.filter((duration) => duration !== undefined);
  const msOf = (duration: Duration): number => (duration === Infinity ? FOR_EVER_MS : durationMs(duration, what));
  for (const other of others) if (msOf(other) !== msOf(first!)) throw badData(`${what} is ${shown(first)} in one option and ${shown(other)} in another`);
  return first;
}

function rulesText(retention: Readonly<Record<string, number | undefined>>, maxVersionsPerKey: number | undefined): string | undefined {
  const texts = Object.entries(retention).flatMap(([name, ms]) => (ms === undefined ? [] : [`${name} ${ms === FOR_EVER_MS ? 'Infinity' : durationText(ms)}`]));
  if (maxVersionsPerKey !== undefined) texts.push(`maxVersionsPerKey ${maxVersionsPerKey}`);
  return texts.length === 0 ? undefined : texts.join(', ');
}

/** A tier of a tiering policy, and what is always so about it. */
function checkTier(tier: TierPolicy, names: readonly (keyof TierPolicy)[], what: string): void {
  namedOptions<Pick<TierPolicy, never>>(tier, Object.fromEntries(names.map((name) => [name, true])), what);
  const isWarm = names.includes('aggregates');
  if (!isWarm && tier.resolution !== undefined && tier.resolution !== 'raw') throw badData(`the resolution of ${what} is ${shown(tier.resolution)}; it is always 'raw'`);
  if (tier.compression !== undefined && tier.compression !== COMPRESSION) throw badData(`the compression of ${what} is ${shown(tier.compression)}; it is always '${COMPRESSION}'`);
}

function checkedName(name: string): string {
  if (typeof name !== 'string' || name.length > NAME_CHARACTERS_MAX || !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    throw badData(`the name of the store is ${shown(name)}; want up to ${NAME_CHARACTERS_MAX} lower-case letters and digits, and single underscores between them`);
  }
  return name;
}

function checkedTable(table: string): string {
  if (typeof table !== 'string' || table === '') throw badData(`the table is ${shown(table)}; want a name, which change events have`);
  return table;
}

export function checkedVersions(maxVersionsPerKey: number): number {
  if (!Number.isSafeInteger(maxVersionsPerKey) || maxVersionsPerKey < 1) {
    throw badData(`maxVersionsPerKey is ${shown(maxVersionsPerKey)}; want a whole number from 1`);
  }
  return maxVersionsPerKey;
}
