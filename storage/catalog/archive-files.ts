import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import type { ArchiveCommitRequest, ArchivedFile, ArchiveFilesAnswer, ArchiveFilesRequest } from './archive-api.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import { dayOf, decodeDataFile, encodeDataFile, type DataFile } from './data-file.ts';

type ArchiveFilesLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'archiveFilesPageMax'>, number>>;

interface FileRow extends Record<string, string | number> {
  readonly day: number;
  readonly file: number;
  readonly shard: string;
  readonly description: string;
}

/** Which files a tenant's archive has. What stands here is the archive for queries; the Iceberg table follows it (archive-table.ts). */
export class ArchiveFiles {
  readonly #sql: Sql;
  readonly #limits: ArchiveFilesLimits;

  /** `sql` is a catalog's database that has been migrated (catalog-store.ts). */
  constructor(sql: Sql, limits: ArchiveFilesLimits) {
    this.#sql = sql;
    this.#limits = limits;
  }

  /** Takes a shard's files and its watermark, all or nothing. Doing it twice is doing it once. */
  commit({ shard, sequence, files, archivedUntilMs }: ArchiveCommitRequest): void {
    // Commit point of a flush: this transaction. A crash before it leaves files that no one refers to, and the shard, which has their keys in
    // its plan, commits again; a crash behind it leaves a shard that does not know, and commits again too, which the sequence makes nothing.
    this.#sql.transaction(() => {
      const [known] = this.#sql.all<{ sequence: number; archived_until_ms: number | null }>('SELECT sequence, archived_until_ms FROM archive_shard WHERE shard = ?', shard);
      if (known !== undefined && sequence <= known.sequence) return;
      let next = this.#lastFile() + 1;
      for (const file of files) {
        const day = dayOf(file.minTimeMs);
        this.#sql.run('INSERT INTO archive_file (day, file, shard, description) VALUES (?, ?, ?, ?)', day, next, shard, encodeDataFile(file));
        next++;
      }
      this.#sql.run('UPDATE archive_state SET last_file = ? WHERE id = 1', next - 1);
      const untilMs = archivedUntilMs ?? known?.archived_until_ms ?? null;
      this.#sql.run('INSERT OR REPLACE INTO archive_shard (shard, sequence, archived_until_ms) VALUES (?, ?, ?)', shard, sequence, untilMs);
    });
  }

  /** Files that may have samples in a range, by day and then in the order of commits, a page at a time. */
  files({ startMs, endMs, after }: ArchiveFilesRequest): ArchiveFilesAnswer {
    const files: ArchivedFile[] = [];
    const firstDay = Math.max(dayOf(startMs), after?.day ?? -Infinity);
    const rows = this.#sql.each<FileRow>('SELECT day, file, shard, description FROM archive_file WHERE day >= ? AND day <= ? ORDER BY day, file', firstDay, dayOf(endMs));
    let seen = 0;
    let last: { day: number; file: number } | undefined;
    for (const row of rows) {
      if (after !== undefined && row.day === after.day && row.file <= after.file) continue;
      if (seen++ === this.#limits.archiveFilesPageMax) return this.#answer(files, last);
      last = { day: row.day, file: row.file };
      const description = decodeDataFile(row.description);
      if (description.maxTimeMs < startMs || description.minTimeMs > endMs) continue;
      const { key, sizeBytes, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric } = description;
      files.push({ shard: row.shard, file: row.file, key, sizeBytes, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric });
    }
    return this.#answer(files, undefined);
  }

  /** The files numbered from above `after` up to `through`, in the order of commits. */
  between(after: number, through: number): DataFile[] {
    const rows = this.#sql.all<{ description: string }>('SELECT description FROM archive_file WHERE file > ? AND file <= ? ORDER BY file', after, through);
    return rows.map(({ description }) => decodeDataFile(description));
  }

  get lastFile(): number {
    return this.#lastFile();
  }

  #answer(files: readonly ArchivedFile[], last: ArchiveFilesAnswer['last']): ArchiveFilesAnswer {
    const shards = this.#sql.all<{ shard: string; archived_until_ms: number | null }>('SELECT shard, archived_until_ms FROM archive_shard');
    const archivedUntilMs = Object.fromEntries(shards.flatMap((row) => (row.archived_until_ms === null ? [] : [[row.shard, row.archived_until_ms]])));
    return { version: CATALOG_RPC_VERSION, files, last, archivedUntilMs };
  }

  #lastFile(): number {
    return this.#sql.all<{ last_file: number }>('SELECT last_file FROM archive_state WHERE id = 1')[0]!.last_file;
  }
}
