import { HOUR_MS, KIB, MINUTE_MS } from './units.ts';

/** The bounds of what a catalog's alarm does to the archive: a part of LIMITS (limits.ts). */
export const UPKEEP_LIMITS = {
  /** Files that come and go with one change of the archive that replaces or drops files: about 20 µs each in one transaction. */
  archiveChangeFilesMax: 8192,
  /** A partition is merged when it has been over for so long: by then shards have archived all of it, unless the object store was away. */
  archiveMergeDelayMs: 25 * HOUR_MS + 30 * MINUTE_MS,
  /** Runs of files that a partition of a shard has before they are merged: two or three cost a query little. */
  archiveMergeRunsMin: 4,
  /** Merged with later runs is what has at most so many times their rows: what is written again grows each time. */
  archiveMergeRowsFactor: 4,
  /** Files that one merge takes: a day of the largest shard that is scraped every 15 s has 3,300. */
  archiveMergeFilesMax: 4096,
  /** Runs of files that are merged, or rolled up, at a time: of each a file is open, whose pages at both ends of what is read are decoded whole, at most half a MiB. */
  archiveOpenRunsMax: 48,
  /** Tails of the files that are open at a time, as far as there are two of them: a day of hours of the usual kind has 24 of 50 KiB. */
  archiveOpenTailBytesTarget: 12 * 1024 * KIB,
  /** Files of such a partition that leave with one commit. */
  archiveRetentionFilesMax: 1024,
  /** Objects of files that have left stay for so long: far longer than a query that has found them may take, or a reader of a snapshot. */
  archiveRemovedDelayMs: 1 * HOUR_MS,
  /** How often it is looked whether objects of files that have left may go. */
  archiveRemovedCheckMs: 15 * MINUTE_MS,
  /** Objects removed at a time: what R2 takes in one call. */
  archiveRemovedPageMax: 1000,
  /** Objects that nobody refers to are removed when they are so old: no instance of an object, nor a request of one, lives as long. */
  archiveOrphanAgeMs: 3 * 24 * HOUR_MS,
  /** How often the object store is searched for them, a page of 1,000 keys a step. */
  archiveSweepPeriodMs: 24 * HOUR_MS,
  /** How often a catalog that is awake looks whether the object store has files that it has forgotten: a page of keys or two for each table. */
  archiveLookPeriodMs: 6 * HOUR_MS,
  /** Files that no snapshot has and that a catalog takes at a time when it finds them: a request each. */
  archiveAdoptFilesMax: 256,
  /** So long after its last day with samples a shard that has not closed it is woken: by itself it does so when twice archiveGraceMs is over, if the object store is there. */
  archiveSilentShardMs: 4 * 24 * HOUR_MS,
  /** How long another Iceberg catalog (VARVE_ICEBERG_CATALOG_URI) may take to answer one request: the catalog's other upkeep waits meanwhile. */
  mirrorRequestMsMax: 10_000,
  /** Of its answer: a table's metadata, which has at most archiveSnapshotsMax snapshots of ours and no more than as many of its own. */
  mirrorAnswerBytesMax: 4 * KIB * KIB,
  /** Of why something failed, in `status/tiers`, which is kept until it succeeds: another catalog's words are as many as it likes. */
  failureMessageCharactersMax: 500,
  /** Deletions that wait to be carried out in files: every query looks at those of its time. */
  archiveTombstonesMax: 256,
  /** Of a deletion's selectors, as JSON. */
  archiveTombstoneCharactersMax: 64 * KIB,
  /** Files that one step of a deletion looks at: their directories alone, and of one that has samples of it all. */
  archiveTombstoneFilesPerStep: 8,
  /** Rows that a merge holds at a time, 16 bytes each and as many in pages, before it writes them; then others have their turn. */
  archiveMergeRowsTarget: 64 * KIB,
  /** The same by bytes, which histograms have many of, and labels of series with a few rows each. */
  archiveMergeBytesTarget: 8 * 1024 * KIB,
} as const;
