import type { Sql } from '../../runtime/sql.ts';
import { committedBy, noteCommitted } from '../archive-shards.ts';
import type { RollupTableName } from '../iceberg/rollup-tables.ts';
import type { RolledUpDays } from '../rollup-days.ts';
import { bucketDays, RollupSources } from '../rollup-sources.ts';
import type { ChangedFile } from './adopted-files.ts';

/** A shard of which flushes are missing. */
export interface LostFlushes {
  readonly shard: string;
  /** Those behind this one may be in the object store, and not in the catalog. */
  readonly afterFlush: number;
  readonly times: number;
}

/** Some days since 1970, the end left out. */
export interface DaysOfShard {
  readonly shard: string;
  readonly firstDay: number;
  readonly endDay: number;
}

/** Days since 1970 from which on samples are kept, and still will be when it is their turn to be rolled up: where there are none, they were deleted. */
export interface KeptDays {
  /** Of some series. */
  readonly ofSomeFrom: number;
  /** Of all. */
  readonly ofAllFrom: number;
}

interface LostRow extends Record<string, string | number> {
  readonly shard: string;
  readonly after_flush: number;
  readonly times: number;
}

/** What a catalog's database knows of files that it may have forgotten, and what follows for shards and roll-ups when they are found. */
export class RecoveryState {
  readonly #sql: Sql;
  readonly #sources: RollupSources;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
    this.#sources = new RollupSources(sql);
  }

  /** When to look next (Unix ms); `undefined`: it was never looked, or is to be looked at once. */
  get nextLookMs(): number | undefined {
    return this.#sql.all<{ next_look_ms: number | null }>('SELECT next_look_ms FROM archive_state WHERE id = 1')[0]!.next_look_ms ?? undefined;
  }

  /** Files that were found again: how many, and when last (Unix ms); `undefined` when there were none. */
  get adopted(): { readonly timeMs: number; readonly fileCount: number } | undefined {
    const { adopted_ms: timeMs, adopted_files: fileCount } = this.#sql.all<{ adopted_ms: number | null; adopted_files: number }>('SELECT adopted_ms, adopted_files FROM archive_state WHERE id = 1')[0]!;
    return timeMs === null ? undefined : { timeMs, fileCount };
  }

  lost(): LostFlushes[] {
    return this.#sql.all<LostRow>('SELECT shard, after_flush, times FROM lost_flush').map(({ shard, after_flush: afterFlush, times }) => ({ shard, afterFlush, times }));
  }

  /** Files behind a shard's flush are to be looked for. Inside the caller's transaction. */
  addLost(shard: string, afterFlush: number): void {
    this.#sql.run('INSERT INTO lost_flush (shard, after_flush, times) VALUES (?, ?, 1) ON CONFLICT (shard) DO UPDATE SET after_flush = min(after_flush, excluded.after_flush)', shard, afterFlush);
  }

  /** A shard has committed flushes up to one, and what is before a time (Unix ms), as far as its files say. Inside the caller's transaction. */
  noteCommitted(shard: string, flush: number, untilMs: number | undefined): void {
    noteCommitted(this.#sql, shard, flush, untilMs);
  }

  /** A shard is asked how far its samples are in files: those that were found do not say it. Inside the caller's transaction. */
  askShard(shard: string): void {
    this.#sql.run('INSERT INTO shard_call (shard, is_due) VALUES (?, 1) ON CONFLICT (shard) DO UPDATE SET is_due = 1', shard);
  }

  /**
   * A shard says that its samples before a time (Unix ms) are in files. If that is more than the catalog knows, and nobody has looked for them
   * (`isLooked`), the catalog's storage has gone back, and they are looked for at once. Inside the caller's transaction.
   */
  noteSaid(shard: string, untilMs: number, isLooked: boolean): void {
    const known = committedBy(this.#sql, shard);
    if (untilMs <= (known?.archivedUntilMs ?? -Infinity)) return;
    if (isLooked) return this.noteCommitted(shard, 0, untilMs);
    this.#sql.run('UPDATE archive_state SET next_look_ms = NULL WHERE id = 1');
    this.addLost(shard, known?.flush ?? 0);
    this.askShard(shard);
  }

  /**
   * Files have been found again. No object is searched for as an orphan before `nextSweepMs`: until then there may be snapshots that refer to
   * objects which the catalog does not know. Times are Unix ms. Inside the caller's transaction.
   */
  noteAdopted(files: number, nowMs: number, nextSweepMs: number): void {
    this.#sql.run('UPDATE archive_state SET adopted_ms = ?, adopted_files = adopted_files + ?, next_sweep_ms = max(ifnull(next_sweep_ms, 0), ?) WHERE id = 1', nowMs, files, nextSweepMs);
  }

  /** Roll-ups of the days that samples have come for, or gone, are made again, or, where a deletion has left none, are not read any more. Inside the caller's transaction. */
  noteSamples(files: readonly Omit<ChangedFile, 'day'>[], kept: KeptDays, nowMs: number): void {
    const days = new Map<string, readonly [string, number]>();
    for (const { shard, ...file } of files) for (const day of bucketDays(file)) days.set(`${shard} ${day}`, [shard, day]);
    for (const [shard, day] of days.values()) {
      if (day >= kept.ofSomeFrom) this.#sources.rollUpAgain(shard, day, nowMs);
      if (day >= kept.ofAllFrom) this.#sources.forgetDeleted(shard, day);
    }
  }

  /**
   * The same of days whose roll-ups are others now. Those that cannot be made again, since samples have left, are read as they are. Inside the
   * caller's transaction.
   */
  noteRollups(table: RollupTableName, partitions: readonly DaysOfShard[], rolledUp: readonly RolledUpDays[], { ofSomeFrom: fromDay }: KeptDays, nowMs: number): void {
    for (const { shard, firstDay, endDay } of partitions) for (let day = Math.max(firstDay, fromDay); day < endDay; day++) this.#sources.rollUpAgain(shard, day, nowMs);
    for (const { shard, firstDay, lastDay, rules } of rolledUp) {
      this.#sql.run('INSERT OR IGNORE INTO rollup_policy (rules) VALUES (?)', rules);
      for (let day = firstDay; day <= lastDay; day++) {
        // What the catalog knows of a day is right where its files are those of before.
        if (day >= fromDay && this.#sql.all('SELECT 1 FROM rollup_day WHERE table_name = ? AND shard = ? AND day = ?', table, shard, day).length > 0) continue;
        this.#sql.run(
          `INSERT OR REPLACE INTO rollup_day (table_name, shard, day, through_file, policy) SELECT ?, ?, ?, CASE WHEN ? THEN 0 ELSE last_file END, policy
            FROM rollup_policy, archive_state WHERE rules = ?`,
          table, shard, day, day >= fromDay ? 1 : 0, rules,
        );
        if (day >= fromDay) this.#sources.rollUpAgain(shard, day, nowMs);
      }
    }
  }

  /**
   * All tables were looked at, from `beganMs` on. What was lost then is found, and what has been lost since is looked for at once; deletions of
   * before that are done have nothing more to wait for. Times are Unix ms.
   */
  finish(lost: readonly LostFlushes[], beganMs: number, nextLookMs: number): void {
    const sql = this.#sql;
    sql.transaction(() => {
      for (const { shard, times } of lost) sql.run('DELETE FROM lost_flush WHERE shard = ? AND times = ?', shard, times);
      if (this.lost().length > 0) return;
      sql.run('UPDATE archive_state SET next_look_ms = ? WHERE id = 1', nextLookMs);
      // A clock that was ahead then makes none stay.
      sql.run('DELETE FROM tombstone WHERE done_ms < ?1 OR done_ms > ?2', beganMs, nextLookMs);
      if (lost.length > 0) sql.run('UPDATE archive_state SET commits_lost_ms = NULL WHERE id = 1');
    });
  }
}
