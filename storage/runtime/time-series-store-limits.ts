import { HOUR_MS, KIB, MIB, MINUTE_MS } from './units.ts';

/** The bounds of a TimeSeriesStore in somebody's Durable Object: the part of LIMITS (limits.ts) that is its own. */
export const TIME_SERIES_STORE_LIMITS = {
  /** The log of such a store, which shares its 128 MB with the object's own code: 20 bytes a sample, 3 MiB with its room. */
  storeLogEntriesMax: 128 * KIB,
  /** Samples of a series decoded at a time by `range` and `aggregate`: 16 bytes each. */
  storePageSamples: 1024,
  /** Behind old values, beside which a store with an archive moves nothing for as long: who loads a history may have more of it. */
  storeSettleMs: 1 * MINUTE_MS,
  /** And no longer than this, however many come. */
  storeSettleMsMax: 24 * HOUR_MS,
  /** Late values that wait for the archive: 16 bytes each in memory once they are read. Half of them do not wait for more, nor does half of lateRowsMax. */
  storeLateSamplesMax: 256 * KIB,
  /** Keys among them: about a KiB each in memory, and as much again for each of their roll-ups on its way. */
  storeLateKeysMax: 4 * KIB,
  /** Batches of a late queue that one flush takes: those of a store may be single values, and a plan, which names its batches, is one row. */
  archiveLateBatchesMax: 16 * KIB,
  /** Keys and days whose roll-ups one step makes anew for late values: each is a file or more to be read, and an invocation has 1,000 calls. */
  storeLateRollupDaysMax: 64,
  /**
   * When the Iceberg table could not be written, late values not be rolled up, or the archive's prefix not be claimed, it is tried again so much
   * later. Callers who wait for the archive are told to come again then.
   */
  storeRetryMs: 1 * MINUTE_MS,
  /** Tries after which late values that cannot be rolled up, because a file cannot be read, move without it. */
  storeLateRollupTriesMax: 8,
  /** The files of a day are merged so long after its last window should have moved. */
  storeMergeDelayMs: 30 * MINUTE_MS,
  /** So long one call of `maintain` goes on before it returns with more to do: the object has other work, and an invocation 30 s of CPU. */
  storeMaintainMs: 10_000,
  /** Rows of one series in files that are read together: 16 bytes each, and as many again where pages hold others too. */
  storeArchiveRowsTarget: 256 * KIB,
  /** Tails of files that a store remembers, in bytes. */
  storeTailCacheBytesMax: 2 * MIB,
  /** Values of one bucket kept for exact percentiles: 8 bytes each, 16 MB. */
  aggregateBucketSamplesMax: 2_000_000,
  /** Buckets in one answer of `aggregate`. */
  aggregateBucketsMax: 100_000,
  /** Answers of `getAsOf` remembered, in characters of their JSON text and 64 for each: a few MB. */
  asOfCacheCharactersMax: 1 * MIB,
} as const;
