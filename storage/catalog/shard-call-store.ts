import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';

/** A shard to ask. */
export interface ShardCall {
  readonly shard: string;
  /** Unix milliseconds; -Infinity: at once. */
  readonly dueMs: number;
  /** The last day (since 1970) that has samples of it, where it has not closed that; `undefined`: it is asked how far it is. */
  readonly unclosedDay: number | undefined;
}

/** Each shard that has samples in files, with the last day of them. There are many days: the index is asked for its ends alone. */
const LAST_DAYS = `
  WITH RECURSIVE
    source(shard) AS (
      SELECT min(shard) FROM rollup_source
      UNION ALL
      SELECT (SELECT min(shard) FROM rollup_source WHERE rollup_source.shard > source.shard) FROM source WHERE source.shard IS NOT NULL
    ),
    last_day(shard, day) AS (
      SELECT shard, (SELECT max(day) FROM rollup_source WHERE rollup_source.shard = source.shard) FROM source WHERE shard IS NOT NULL
    )`;

/** Which shards a catalog has to ask something, and has asked: see archive/upkeep/shard-calls.ts. */
export class ShardCallStore {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The next, of shards that are not among `except`; `undefined` when none will be before files are committed or found. */
  next({ archiveWindowMs, archiveSilentShardMs }: { readonly archiveWindowMs: number; readonly archiveSilentShardMs: number }, except: readonly string[] = []): ShardCall | undefined {
    const leftOut = JSON.stringify(except);
    const [found] = this.#sql.all<{ shard: string }>('SELECT shard FROM shard_call WHERE is_due = 1 AND shard NOT IN (SELECT value FROM json_each(?)) LIMIT 1', leftOut);
    if (found !== undefined) return { shard: found.shard, dueMs: -Infinity, unclosedDay: undefined };
    // A day is closed when the first window of the next one is archived too (archive/flush/flush-plan.ts).
    const [silent] = this.#sql.all<{ shard: string; day: number }>(
      `${LAST_DAYS} SELECT shard, day FROM last_day LEFT JOIN archive_shard USING (shard) LEFT JOIN shard_call USING (shard)
        WHERE ifnull(archived_until_ms, -1e15) < (day + 1) * ? + ? AND ifnull(asked_day, -1e9) < day AND shard NOT IN (SELECT value FROM json_each(?)) ORDER BY day LIMIT 1`,
      DAY_MS,
      archiveWindowMs,
      leftOut,
    );
    return silent && { shard: silent.shard, dueMs: (silent.day + 1) * DAY_MS + archiveSilentShardMs, unclosedDay: silent.day };
  }

  /** It has answered. Inside the caller's transaction. */
  asked({ shard, unclosedDay }: ShardCall): void {
    if (unclosedDay === undefined) this.#sql.run('UPDATE shard_call SET is_due = 0 WHERE shard = ?', shard);
    else this.#sql.run('INSERT INTO shard_call (shard, is_due, asked_day) VALUES (?1, 0, ?2) ON CONFLICT (shard) DO UPDATE SET asked_day = ?2', shard, unclosedDay);
  }
}
