import { assert, must } from '../runtime/assert.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import type { ArchiveCommitOutcome, ArchiveCommitRequest, ArchivedFile, ArchiveFilesAnswer, ArchiveFilesRequest } from './archive-api.ts';
import { archiveCounters, nextChange } from './archive-counters.ts';
import { committedBy, noteCommitted, watermarksMs } from './archive-shards.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import { insertDataFile } from './data-file-rows.ts';
import { decodeDataFile, decodeDataFileHead, type DataFile } from './iceberg/data-file.ts';
import { partitionDay, type ArchiveTableName } from './iceberg/table-definition.ts';
import { tableDefinition } from './iceberg/table-definitions.ts';
import type { SnapshotOperation } from './iceberg/table-metadata.ts';
import { RemovedObjectsStore } from './removed-objects.ts';
import { RollupSources } from './rollup-sources.ts';
import { Tombstones } from './tombstones.ts';

type ArchiveFilesLimits = Pick<typeof LIMITS, 'archiveFilesPageMax' | 'archiveChangeFilesMax'>;

/** Files of one table that take the place of others, all or nothing. */
export interface FilesReplacement {
  /** Of the plan that does it: a replacement that is done is known by it. */
  readonly id: string;
  readonly table: ArchiveTableName;
  /** Numbers of files that leave. All of one shard when files are added. */
  readonly remove: readonly number[];
  /** Whose the files that come are, where none leave. */
  readonly shard?: string;
  /** Files that come, with the rank of the last one that leaves. */
  readonly add: readonly DataFile[];
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** What comes has nothing of the tombstones up to this one; `undefined`: what those that leave have nothing of. */
  readonly cleanThrough?: number;
}

/** Files of a partition and a shard that are sorted: no series of a later one comes before one of an earlier one, though it may be cut between them. */
export interface FileRun {
  readonly run: number;
  /** The greatest of its files. */
  readonly rank: number;
  readonly rowCount: number;
  /** The longest tail among its files. */
  readonly tailBytes: number;
  /** Their numbers, in order. */
  readonly files: readonly number[];
}

/** The files of one shard in one partition of a table. */
export interface ShardPartition {
  readonly table: ArchiveTableName;
  /** First day (since 1970) of the partition. */
  readonly day: number;
  readonly shard: string;
}

/** Where a file that comes stands: of the commit itself unless it takes the place of others. */
interface FilePlace {
  readonly shard: string;
  readonly rank: number | undefined;
  readonly run: number | undefined;
  readonly position: number | undefined;
  /** Tombstones up to this one have nothing in it. */
  readonly cleanThrough: number;
}

interface FileRow extends Record<string, string | number> {
  readonly day: number;
  readonly file: number;
  readonly rank: number;
  readonly clean_through: number;
  readonly shard: string;
  readonly description: string;
}

interface CleanRow extends Record<string, string | number | null> {
  readonly clean_through: number;
  readonly description: string;
}

interface RemovedRow extends CleanRow {
  readonly rank: number;
  readonly run: number;
  readonly position: number;
  readonly shard: string;
  readonly removed_change: number | null;
  readonly removed_by: string | null;
}

/**
 * Which files a tenant's archive has. What stands here is the archive for queries; the Iceberg tables follow it (archive-table.ts). Each
 * commit is a change with a number of its own; a file that has left stays in the table `data_file` until its object is gone.
 */
export class ArchiveFiles {
  readonly #sql: Sql;
  readonly #limits: ArchiveFilesLimits;
  readonly #tombstones: Tombstones;
  readonly #removed: RemovedObjectsStore;
  readonly #sources: RollupSources;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql, limits: ArchiveFilesLimits) {
    this.#sql = sql;
    this.#limits = limits;
    this.#tombstones = new Tombstones(sql, LIMITS);
    this.#removed = new RemovedObjectsStore(sql);
    this.#sources = new RollupSources(sql);
  }

  /** Takes a shard's files and its watermark, all or nothing. Doing it twice is doing it once. `nowMs` is Unix ms. */
  commit({ shard, sequence, files, archivedUntilMs }: ArchiveCommitRequest, nowMs: number): ArchiveCommitOutcome {
    // Commit point of a flush: this transaction. A crash before it leaves files that no one refers to, and the shard, which has their keys in
    // its plan, commits again; a crash behind it leaves a shard that does not know, and commits again too, which the sequence makes nothing.
    return this.#sql.transaction(() => {
      const known = committedBy(this.#sql, shard);
      if (known !== undefined && sequence <= known.flush) {
        // Keys are of one plan alone, so files that are known are those of a repeat. Of one that comes when their objects are gone, long after
        // they were merged with others, the samples come once more, which changes no answer. A window without files is none when it is news.
        const isRepeat = (archivedUntilMs ?? -Infinity) <= known.archivedUntilMs && this.#removed.known(files.map(({ key }) => key)).size === files.length;
        return isRepeat ? { status: 'committed' } : { status: 'behind', sequence: known.flush };
      }
      // A shard's flushes are numbered one by one. Where some are missing, it is the catalog that has begun anew, or gone back: there are files
      // in the object store that it knows nothing of, and that nobody may take for orphans.
      if (sequence > (known?.flush ?? 0) + 1) this.#noteLost(shard, known?.flush ?? 0, nowMs);
      // A catalog that has begun anew may have found some of the files before their shard could commit them.
      const adopted = this.#removed.known(files.map(({ key }) => key));
      const news = files.filter(({ key }) => !adopted.has(key));
      // Shards of before there were several tables do not name theirs.
      if (news.length > 0) this.#add(news.map((file) => ({ ...file, table: file.table ?? 'samples' })), { shard, rank: undefined, run: undefined, position: undefined, cleanThrough: this.#tombstones.cleanThroughOf(shard, sequence) }, nextChange(this.#sql));
      this.#sources.noteAdded(files, shard, nowMs);
      // A shard that began anew archives times again that are in files: the mark stays, or the hot tier would be asked for them.
      noteCommitted(this.#sql, shard, sequence, archivedUntilMs);
      return { status: 'committed' };
    });
  }

  /**
   * Replaces files by others, or by none, or brings some that take nobody's place. Doing it twice is doing it once, but for the last. `conflict`: something else has taken one of the files away meanwhile, and
   * nothing is changed; nor may files be joined of which some have what is deleted, and others what came behind that.
   */
  replace({ id, table, remove, shard: owner, add, nowMs, cleanThrough: cleaned }: FilesReplacement): 'done' | 'conflict' {
    assert(remove.length > 0 || (add.length > 0 && owner !== undefined), 'files that take the place of none have a shard');
    assert(remove.length + add.length <= this.#limits.archiveChangeFilesMax, `${remove.length} files replaced by ${add.length} in one change`);
    // Commit point of a replacement: this transaction. Before it queries read the old files, behind it the new ones; the objects of the old
    // ones stay for those who are reading them (archive/upkeep/removed-files.ts).
    return this.#sql.transaction(() => {
      if (remove.length === 0) {
        this.#add(add, { shard: must(owner, 'a shard'), rank: undefined, run: undefined, position: undefined, cleanThrough: 0 }, nextChange(this.#sql));
        return 'done';
      }
      const rows = this.#sql.all<RemovedRow>('SELECT rank, run, position, clean_through, shard, description, removed_change, removed_by FROM data_file WHERE table_name = ? AND file IN (SELECT value FROM json_each(?))', table, JSON.stringify(remove));
      if (rows.length > 0 && rows.every(({ removed_by: by }) => by === id)) return 'done';
      if (rows.length !== remove.length || rows.some(({ removed_change: change }) => change !== null)) return 'conflict';
      const cleanThrough = cleaned ?? (add.length === 0 ? 0 : this.#cleanThroughOf(table, rows));
      if (cleanThrough === undefined) return 'conflict';
      const [{ shard, run, position }] = rows as [RemovedRow];
      assert(add.length === 0 || rows.every((row) => row.shard === shard), 'files of one shard are replaced at a time');
      const rank = rows.reduce((last, row) => Math.max(last, row.rank), 0);
      const rowCount = (files: readonly Pick<DataFile, 'rowCount'>[]): number => files.reduce((sum, file) => sum + file.rowCount, 0);
      const before = rowCount(rows.map(({ description }) => JSON.parse(description) as Pick<DataFile, 'rowCount'>));
      const operation: SnapshotOperation = add.length === 0 ? 'delete' : rowCount(add) === before ? 'replace' : 'overwrite';
      const change = nextChange(this.#sql);
      this.#sql.run('INSERT INTO archive_change (table_name, change, operation) VALUES (?, ?, ?)', table, change, operation);
      this.#sql.run('UPDATE archive_state SET removals = removals + 1 WHERE id = 1');
      this.#sql.run('UPDATE data_file SET removed_change = ?, removed_ms = ?, removed_by = ? WHERE file IN (SELECT value FROM json_each(?))', change, nowMs, id, JSON.stringify(remove));
      // One that takes the place of one has it in the run too: it has its series, or some of them.
      const isRewrite = remove.length === 1 && add.length === 1;
      this.#add(add, { shard, rank, run: isRewrite ? run : undefined, position: isRewrite ? position : undefined, cleanThrough }, change);
      return 'done';
    });
  }

  /** Files that may have samples in a range, by partition and then in the order of commits, a page at a time. */
  files({ table = 'samples', startMs, endMs, after }: ArchiveFilesRequest): ArchiveFilesAnswer {
    const definition = tableDefinition(table);
    const files: ArchivedFile[] = [];
    const filesMax = this.#limits.archiveFilesPageMax;
    const pending = this.#tombstones.pending().filter((each) => each.startMs <= endMs && each.endMs >= startMs);
    const firstDay = partitionDay(definition, startMs);
    const { day: dayBefore, file: fileBefore } = after ?? { day: firstDay, file: 0 };
    // One more than a page, which says whether there is another.
    const rows = this.#sql.all<FileRow>(
      `SELECT day, file, rank, clean_through, shard, description FROM data_file
        WHERE removed_change IS NULL AND table_name = ? AND day >= ? AND day <= ? AND (day, file) > (?, ?) ORDER BY day, file LIMIT ?`,
      table,
      firstDay,
      partitionDay(definition, endMs),
      dayBefore,
      fileBefore,
      filesMax + 1,
    );
    const page = rows.slice(0, filesMax);
    for (const { file, rank, clean_through: cleanThrough, shard, description } of page) {
      const { key, sizeBytes, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric } = decodeDataFileHead(description);
      if (maxTimeMs < startMs || minTimeMs > endMs) continue;
      const deletions = pending.filter((each) => each.tombstone > cleanThrough && each.startMs <= maxTimeMs && each.endMs >= minTimeMs).map(({ selectors, startMs: fromMs, endMs: toMs }) => ({ selectors, startMs: fromMs, endMs: toMs }));
      files.push({ shard, file, rank, key, sizeBytes, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, ...(deletions.length === 0 ? {} : { deletions }) });
    }
    const last = page.at(-1);
    return this.#answer(files, last !== undefined && rows.length > filesMax ? { day: last.day, file: last.file } : undefined);
  }

  /** The first day (since 1970), of those from one to another, that has a partition with files of a table, or the last one. */
  dayWithFiles(which: 'first' | 'last', table: ArchiveTableName, fromDay: number, throughDay: number): number | undefined {
    const [row] = this.#sql.all<{ day: number }>(
      `SELECT day FROM data_file WHERE removed_change IS NULL AND table_name = ? AND day >= ? AND day <= ? ORDER BY day ${which === 'first' ? 'ASC' : 'DESC'} LIMIT 1`,
      table,
      fromDay,
      throughDay,
    );
    return row?.day;
  }

  /** A partition, of those of a table that end before a day, to which files have come since `unmark`; the oldest first. */
  changedPartition(table: ArchiveTableName, beforeDay: number): ShardPartition | undefined {
    const [row] = this.#sql.all<{ day: number; shard: string }>('SELECT day, shard FROM changed_partition WHERE table_name = ? AND day < ? ORDER BY day, shard LIMIT 1', table, beforeDay);
    return row && { table, ...row };
  }

  /** Whether files have come to a partition since `unmark`. */
  isChanged({ table, day, shard }: ShardPartition): boolean {
    return this.#sql.all('SELECT 1 FROM changed_partition WHERE table_name = ? AND day = ? AND shard = ?', table, day, shard).length > 0;
  }

  /** Somebody has looked at the partition. */
  unmark({ table, day, shard }: ShardPartition): void {
    this.#sql.run('DELETE FROM changed_partition WHERE table_name = ? AND day = ? AND shard = ?', table, day, shard);
  }

  /** The files that queries read of a partition, as runs, by rising rank. */
  runs({ table, day, shard }: ShardPartition): FileRun[] {
    const runs = new Map<number, { run: number; rank: number; rowCount: number; tailBytes: number; files: number[] }>();
    const rows = this.#sql.all<{ file: number; run: number; rank: number; row_count: number; tail_bytes: number }>(
      `SELECT file, run, rank, json_extract(description, '$.rowCount') AS row_count, json_extract(description, '$.tailBytes') AS tail_bytes FROM data_file
        WHERE removed_change IS NULL AND table_name = ? AND day = ? AND shard = ? ORDER BY position, file`,
      table,
      day,
      shard,
    );
    for (const { file, run, rank, row_count: rowCount, tail_bytes: tailBytes } of rows) {
      const known = runs.get(run) ?? { run, rank: 0, rowCount: 0, tailBytes: 0, files: [] };
      known.files.push(file);
      known.tailBytes = Math.max(known.tailBytes, tailBytes);
      known.rank = Math.max(known.rank, rank);
      known.rowCount += rowCount;
      runs.set(run, known);
    }
    return [...runs.values()].sort((a, b) => a.rank - b.rank || a.run - b.run);
  }

  /** Whether files may become one: see `replace`. */
  mayBeJoined(table: ArchiveTableName, files: readonly number[]): boolean {
    const rows = this.#sql.all<CleanRow>('SELECT clean_through, description FROM data_file WHERE file IN (SELECT value FROM json_each(?))', JSON.stringify(files));
    return this.#cleanThroughOf(table, rows) !== undefined;
  }

  /** Deletions are of samples alone. */
  #cleanThroughOf(table: ArchiveTableName, rows: readonly CleanRow[]): number | undefined {
    if (table !== 'samples') return 0;
    return this.#tombstones.cleanThroughOfAll(rows.map(({ clean_through: cleanThrough, description }) => ({ cleanThrough, ...decodeDataFileHead(description) })));
  }

  /** First day of the oldest partition of a table that queries read, from a day on. */
  oldestDay(table: ArchiveTableName, fromDay = Number.MIN_SAFE_INTEGER): number | undefined {
    return this.dayWithFiles('first', table, fromDay, Number.MAX_SAFE_INTEGER);
  }

  /** Numbers of some of the files of a partition that queries read. */
  filesOfDay(table: ArchiveTableName, day: number, limit: number): number[] {
    return this.#sql.all<{ file: number }>('SELECT file FROM data_file WHERE removed_change IS NULL AND table_name = ? AND day = ? ORDER BY file LIMIT ?', table, day, limit).map(({ file }) => file);
  }

  /**
   * Forgets what is noted of a table's partitions that begin before a day, which have all left: that files have come to them, and of which
   * days there are roll-ups, or samples to make them of. Doing it twice is doing it once, and what a crash in between leaves goes with the next
   * partition.
   */
  forgetPartitions(table: ArchiveTableName, beforeDay: number): void {
    this.#sql.run('DELETE FROM changed_partition WHERE table_name = ? AND day < ?', table, beforeDay);
    this.#sql.run('DELETE FROM rollup_day WHERE table_name = ? AND day < ?', table, beforeDay);
    this.#sources.forgetBefore(beforeDay);
  }

  /** Some files, whether queries read them or not, in the order given. */
  describe(files: readonly number[]): DataFile[] {
    const rows = this.#sql.all<{ file: number; description: string }>('SELECT file, description FROM data_file WHERE file IN (SELECT value FROM json_each(?))', JSON.stringify(files));
    const byFile = new Map(rows.map(({ file, description }) => [file, description]));
    return files.map((file) => decodeDataFile(must(byFile.get(file), `file ${file}`)));
  }

  /** Inside the caller's transaction. */
  #add(files: readonly DataFile[], { shard, rank, run, position, cleanThrough }: FilePlace, change: number): void {
    let { lastFile: last } = archiveCounters(this.#sql);
    for (const file of files) {
      last++;
      insertDataFile(this.#sql, last, file, { shard, rank: rank ?? last, run: run ?? change, position: position ?? last, cleanThrough }, change);
    }
    this.#sql.run('UPDATE archive_state SET last_file = ? WHERE id = 1', last);
  }

  /** The object store is looked through for them (archive/upkeep/catalog-recovery.ts). Inside the caller's transaction. */
  #noteLost(shard: string, knownFlush: number, nowMs: number): void {
    this.#sql.run('UPDATE archive_state SET commits_lost_ms = ?, next_look_ms = NULL WHERE id = 1', nowMs);
    this.#sql.run('INSERT INTO lost_flush (shard, after_flush, times) VALUES (?, ?, 1) ON CONFLICT (shard) DO UPDATE SET times = times + 1', shard, knownFlush);
  }

  #answer(files: readonly ArchivedFile[], last: ArchiveFilesAnswer['last']): ArchiveFilesAnswer {
    return { version: CATALOG_RPC_VERSION, files, last, archivedUntilMs: watermarksMs(this.#sql), removals: archiveCounters(this.#sql).removals };
  }
}
