import type { Sql } from '../runtime/sql.ts';
import { archiveCounters } from './archive-counters.ts';
import { dayOf, type DataFile } from './iceberg/data-file.ts';
import { OF_ANY_TABLE } from './rollup-days.ts';

type TimeRange = Pick<DataFile, 'minTimeMs' | 'maxTimeMs'>;

/** Of a shard and a day of buckets, ?1 and ?2: some file has samples of them. A bucket has its end in it, which may be the first moment of a day. */
const HAS_SAMPLES = "EXISTS (SELECT 1 FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND shard = ?1 AND day IN (?2, ?2 + 1))";

/** The days of the first and of the last bucket (since 1970, by their starts) that have samples of a file, each once. */
export function bucketDays({ minTimeMs, maxTimeMs }: TimeRange): number[] {
  return [...new Set([dayOf(minTimeMs - 1), dayOf(maxTimeMs - 1)])];
}

/**
 * Of which days of a shard there are samples to make roll-ups of, and which file was the newest when these last changed (table
 * `rollup_source`): a day whose roll-ups are older than that is made again (warm/rollup-ledger.ts). All of it is inside the caller's transaction.
 */
export class RollupSources {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Files of a shard have just been added, those of samples among them. Not where roll-ups have outlived the samples of their day: made again,
   * they would have the new ones alone.
   */
  noteAdded(files: readonly DataFile[], shard: string, nowMs: number): void {
    const { lastFile } = archiveCounters(this.#sql);
    const samples = files.filter(({ table = 'samples' }) => table === 'samples');
    for (const day of new Set(samples.flatMap(bucketDays))) {
      const [{ outlived }] = this.#sql.all<{ outlived: number }>(
        `SELECT EXISTS (SELECT 1 FROM rollup_day WHERE ${OF_ANY_TABLE} AND shard = ?1 AND day = ?2)
          AND NOT EXISTS (SELECT 1 FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND shard = ?1 AND day IN (?2, ?2 + 1) AND file <= ?3) AS outlived`,
        shard, day, lastFile - files.length,
      ) as [{ outlived: number }];
      if (outlived === 1) continue;
      this.#sql.run('INSERT OR REPLACE INTO rollup_source (shard, day, newest_file, changed_ms) VALUES (?, ?, ?, ?)', shard, day, lastFile, nowMs);
    }
  }

  /** A deletion has left fewer samples of a file than it had: roll-ups of its days are to be made again, or, where nothing is left of a day, are not to be read any more. */
  noteFewer(file: TimeRange, shard: string, nowMs: number): void {
    // A number of its own, behind those of all files that roll-ups were made of.
    this.#sql.run('UPDATE archive_state SET last_file = last_file + 1 WHERE id = 1');
    for (const day of bucketDays(file)) {
      this.rollUpAgain(shard, day, nowMs);
      this.forgetDeleted(shard, day);
    }
  }

  /** All of a file's samples have left by their age. Of a day that has none any more, what was rolled up is all there is, and is read: late samples that came for it have left too. */
  noteExpired(file: TimeRange, shard: string): void {
    for (const day of bucketDays(file)) this.#sql.run(`DELETE FROM rollup_source WHERE shard = ?1 AND day = ?2 AND NOT ${HAS_SAMPLES}`, shard, day);
  }

  /** If the day has samples. */
  rollUpAgain(shard: string, day: number, nowMs: number): void {
    this.#sql.run(`INSERT OR REPLACE INTO rollup_source (shard, day, newest_file, changed_ms) SELECT ?1, ?2, last_file, ?3 FROM archive_state WHERE ${HAS_SAMPLES}`, shard, day, nowMs);
  }

  /** Of a day whose samples can have left by deletions alone: where none are left, its roll-ups are not to be read any more. */
  forgetDeleted(shard: string, day: number): void {
    this.#sql.run(`DELETE FROM rollup_day WHERE ${OF_ANY_TABLE} AND shard = ?1 AND day = ?2 AND NOT ${HAS_SAMPLES}`, shard, day);
  }

  /** Days before one of which all has left, roll-ups too: while there are some, it says which samples they are of. */
  forgetBefore(day: number): void {
    this.#sql.run(
      `DELETE FROM rollup_source WHERE day < ? AND NOT EXISTS (SELECT 1 FROM rollup_day WHERE ${OF_ANY_TABLE} AND rollup_day.shard = rollup_source.shard AND rollup_day.day = rollup_source.day)
        AND NOT EXISTS (SELECT 1 FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND data_file.shard = rollup_source.shard AND data_file.day IN (rollup_source.day, rollup_source.day + 1))`,
      day,
    );
  }
}
