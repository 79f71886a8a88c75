import type { Matcher } from '../model/matcher.ts';
import type { DataFile } from './iceberg/data-file.ts';
import type { RollupTableName } from './iceberg/rollup-tables.ts';
import type { ArchiveTableName } from './iceberg/table-definition.ts';

/*
 * What a catalog says and takes about the archive. A shard hands over files that are in the object store; from the answer on, queries read
 * them, and the shard may forget their samples.
 */

export interface ArchiveCommitRequest {
  readonly version: number;
  /** Name of the shard within its tenant: `epoch/number`. */
  readonly shard: string;
  /** Rises with each of the shard's commits. One whose files the catalog has is done, and doing it again changes nothing. */
  readonly sequence: number;
  /**
   * Of any tables. Behind all files of earlier commits: of equal timestamps of a series the one in the later file counts. Those of one table
   * and partition are in the order of their series, as series are within a file, and have each row once.
   */
  readonly files: readonly DataFile[];
  /** From now on all samples of the shard before this (Unix ms) are in files; `undefined` leaves it as it is. */
  readonly archivedUntilMs: number | undefined;
}

export type ArchiveCommitOutcome =
  /** The catalog has the files, from now on or from before. */
  | { readonly status: 'committed' }
  /**
   * Nothing is changed: the catalog has commits of the shard up to `sequence`, and these files, or this watermark, are in none of them. The shard's storage began
   * anew, or has gone back to an earlier state: its samples are to come again, in files of their own, with a greater sequence.
   */
  | { readonly status: 'behind'; readonly sequence: number };

/** One of a catalog of an older release has no status: it takes what is behind for done. */
export type ArchiveCommitAnswer = { readonly version: number } & ArchiveCommitOutcome;

export interface ArchiveFilesRequest {
  readonly version: number;
  /** `undefined` for `samples`. */
  readonly table?: ArchiveTableName | undefined;
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  /** Read on behind this file: `last` of the answer before. */
  readonly after: ArchivePosition | undefined;
}

/** The place of a file in the catalog: the first day of its partition, and its number. */
export interface ArchivePosition {
  readonly day: number;
  readonly file: number;
}

/** Samples that are deleted, though files may still have them. */
export interface ArchiveDeletion {
  /** Series that all matchers of any of these match. */
  readonly selectors: readonly (readonly Matcher[])[];
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
}

/** Deletes samples of the archive; of equal requests each does it anew. */
export interface ArchiveDeleteRequest extends ArchiveDeletion {
  readonly version: number;
  /** By shard: files of its flushes up to this one may have samples from before the deletion (DeleteShardAnswer). */
  readonly flushes: Readonly<Record<string, number>>;
}

export type ArchiveDeleteAnswer =
  /** From now on no query reads them. */
  | { readonly version: number; readonly status: 'deleted' }
  /** Over a limit, which the message names. */
  | { readonly version: number; readonly status: 'refused'; readonly message: string };

export interface ArchiveCleanRequest {
  readonly version: number;
}

/** `more`: deletions are left that files still have samples of. */
export interface ArchiveCleanAnswer {
  readonly version: number;
  readonly more: boolean;
}

/** A file that may have samples in the range, as a query needs it. */
export interface ArchivedFile extends Omit<DataFile, 'table' | 'columns'> {
  readonly shard: string;
  readonly file: number;
  /** Of equal timestamps of a series in two files of a shard the one in the file with the greater rank counts. In files of one rank there are none. */
  readonly rank: number;
  /** What of its rows is deleted. A file of roll-ups has buckets that were made with samples of these. */
  readonly deletions?: readonly ArchiveDeletion[];
}

export interface ArchiveFilesAnswer {
  readonly version: number;
  readonly files: readonly ArchivedFile[];
  /** Rises when files leave the archive or are replaced: pages of two answers fit each other only if they say the same here. */
  readonly removals: number;
  /** There is more behind this file. */
  readonly last: ArchivePosition | undefined;
  /** By shard: all its samples before this (Unix ms) are in files. Shards that have archived nothing are not here. */
  readonly archivedUntilMs: Readonly<Record<string, number>>;
}

export interface RollupDaysRequest {
  readonly version: number;
  /** Days since 1970 of the starts of buckets, both inclusive. */
  readonly firstDay: number;
  readonly lastDay: number;
}

/** Days that follow each other, of a table and a shard, whose roll-ups are up to date and were made by the same rules. */
export interface RollupDaysEntry {
  readonly table: RollupTableName;
  readonly shard: string;
  readonly firstDay: number;
  readonly lastDay: number;
  readonly policy: number;
}

export interface RollupDaysAnswer {
  readonly version: number;
  readonly days: readonly RollupDaysEntry[];
  /** The rules of each policy that is named, as JSON (warm/tiering-policy.ts). */
  readonly policies: readonly { readonly policy: number; readonly rules: string }[];
  /** As in ArchiveFilesAnswer. */
  readonly archivedUntilMs: Readonly<Record<string, number>>;
  readonly removals: number;
}

export interface ArchiveStatusRequest {
  readonly version: number;
}

/** The files of a table that are of one day. Times are Unix milliseconds, both inclusive. */
export interface ArchiveDayStatus {
  /** Days since 1970. */
  readonly day: number;
  readonly fileCount: number;
  readonly bytes: number;
  readonly rowCount: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

export interface ArchiveTableStatus {
  readonly table: string;
  /** The oldest first. */
  readonly days: readonly ArchiveDayStatus[];
  /** Files that are in no snapshot of the Iceberg table yet. */
  readonly unpublishedFiles: number;
  /** The Iceberg table's newest snapshot; `undefined` before the first. */
  readonly snapshot: { readonly id: number; readonly timeMs: number; readonly count: number; readonly metadataKey: string } | undefined;
}

/** The files of a table that a piece of upkeep is about: of a partition, by its first day (since 1970), and of a shard unless it is of all. */
export interface UpkeepWork {
  readonly table: string;
  readonly day: number;
  readonly shard?: string | undefined;
}

/** What is done to the archive by itself, of one kind. Times are Unix milliseconds. */
export interface UpkeepStatus {
  readonly task: string;
  /** When it has something to do; -Infinity: it has, and waits for its turn; `undefined`: not before files are committed. */
  readonly dueMs: number | undefined;
  /** What it has begun: the files that it reads, and those that it has written so far. */
  readonly begun: (UpkeepWork & { readonly fileCount: number; readonly written: { readonly fileCount: number; readonly rowCount: number; readonly bytes: number } }) | undefined;
  /** What comes next at `dueMs`, where that is known beforehand. */
  readonly next: UpkeepWork | undefined;
  /** Tries in a row that failed, with the last one's reason; then nothing is done before `retryAtMs`. */
  readonly failure: { readonly count: number; readonly message: string; readonly retryAtMs: number } | undefined;
}

export interface ArchiveStatusAnswer {
  readonly version: number;
  readonly tables: readonly ArchiveTableStatus[];
  /** Deletions that are not carried out everywhere, and the files that may still have something of them. Absent from catalogs of an older release, as `upkeep` is. */
  readonly deletions?: { readonly waiting: number; readonly fileCount: number };
  readonly upkeep?: readonly UpkeepStatus[];
  /** The catalog's storage began anew, or went back to an earlier state: it does not know all files that were written before this (Unix ms), leaves them where they are, and looks for them. */
  readonly commitsLostMs?: number | undefined;
  /** Files that the catalog had forgotten and has found again: how many, and when last (Unix ms). */
  readonly adopted?: { readonly timeMs: number; readonly fileCount: number } | undefined;
  /** By shard: all its samples before this (Unix ms) are in files. */
  readonly archivedUntilMs: Readonly<Record<string, number>>;
}
