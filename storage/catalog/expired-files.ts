import type { Sql } from '../runtime/sql.ts';
import { archiveCounters } from './archive-counters.ts';
import { decodeDataFile, type DataFile } from './iceberg/data-file.ts';
import type { ArchiveTableName } from './iceberg/table-definition.ts';

/** A file that may have rows of series whose time is over. */
export interface ExpiringFile {
  readonly file: number;
  readonly shard: string;
  /** First day (since 1970) of its partition. */
  readonly day: number;
  readonly description: DataFile;
}

/** Partitions of a table by their first days, of which the same series have left. */
export interface ExpiredSpan {
  readonly table: ArchiveTableName;
  readonly firstDay: number;
  /** Not itself. */
  readonly endDay: number;
  /** Says which series these are: a file that has it is without them. */
  readonly mark: string;
}

/** What a catalog's database knows of series that leave before their partition does: which files are without them (archive/rewrite/series-expiry.ts). */
export class ExpiredFiles {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Rises with each commit. */
  lastChange(): number {
    return archiveCounters(this.#sql).lastChange;
  }

  /** Some of the files of a span that nobody has looked at, the oldest partition first. */
  due({ table, firstDay, endDay, mark }: ExpiredSpan, limit: number): ExpiringFile[] {
    return this.#sql
      .all<{ file: number; shard: string; day: number; description: string }>(
        'SELECT file, shard, day, description FROM data_file WHERE removed_change IS NULL AND table_name = ? AND day >= ? AND day < ? AND expired != ? ORDER BY day, file LIMIT ?',
        table, firstDay, endDay, mark, limit,
      )
      .map(({ description, ...file }) => ({ ...file, description: decodeDataFile(description) }));
  }

  /** A file has nothing of the series that a mark means. */
  mark(file: number, mark: string): void {
    this.#sql.run('UPDATE data_file SET expired = ? WHERE file = ?', mark, file);
  }

  /** The same of the file that has just come. Inside the caller's transaction. */
  markNewest(mark: string): void {
    this.#sql.run('UPDATE data_file SET expired = ? WHERE file = (SELECT last_file FROM archive_state WHERE id = 1)', mark);
  }
}
