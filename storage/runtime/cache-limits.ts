import { KIB, MIB, MINUTE_MS } from './units.ts';

/** The bounds of what a Worker knows of series between requests: a part of LIMITS (limits.ts). What else it keeps is in ingest/MEMORY.md. */
export const CACHE_LIMITS = {
  /**
   * What the caches of a Worker for its doors, and those of tails of files, take together (cache-budget.ts): at their own bounds they would take some
   * 140 MiB. Any one door has room in it for nearly all that it may know. The other 80 of 128 MB are for requests (`requestMemoryBytesMax`),
   * queries, the code, and the small caches that only have bounds of their own.
   */
  workerCacheBytesMax: 48 * MIB,
  /** What has not been used for so long is emptied first: senders send every minute or more often. And so seldom is one emptied that is in use. */
  workerCacheIdleMs: 5 * MINUTE_MS,

  /**
   * Series whose id a Worker remembers, of remote write 1.0 and as many of 2.0: 44 bytes each and 9 to find them by, so 12 MiB at the limit for
   * each version. More than a shard takes. What is beyond costs some five times the CPU each time.
   */
  seriesIdCacheEntriesMax: 224 * KIB,
  /**
   * Beside them, for each version, what a series has that the one before it does not: 40 bytes of 1.0 and 23 of 2.0 where each is of another
   * metric, fewer where only a label is another; all 220 bytes of 1.0 where nothing is the same, up to three quarters of the room. A series without it
   * is found by its hash, which 1.0 makes of these 220 bytes.
   */
  seriesLinkBytesMax: 10 * MIB,
  /** Symbols of remote write 2.0 that a Worker knows: label names and values, help texts; 55 bytes each, 10 MiB at the limit. */
  symbolCacheEntriesMax: 192 * KIB,
  /** Their bytes: about 36 each. */
  symbolCacheBytesMax: 8 * MIB,
  /** Requests of 2.0 that are known as wholes: some 50 bytes a series, so 220,000 series. */
  knownRequestsBytesMax: 11 * MIB,
  /** Series that a door knows by what their shards call them: 29 bytes each, in arrays that double: 7.3 MiB at the limit for each door; of more, the others go by their ids. */
  seriesRefsMax: 224 * KIB,
} as const;
