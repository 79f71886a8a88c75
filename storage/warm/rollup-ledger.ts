import { oldestKept, type SeriesRetention } from '../archive/series-retention.ts';
import { watermarksMs } from '../catalog/archive-shards.ts';
import type { RollupTableName } from '../catalog/iceberg/rollup-tables.ts';
import { partitionDay } from '../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../catalog/iceberg/table-definitions.ts';
import { OF_ANY_TABLE } from '../catalog/rollup-days.ts';
import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';
import type { DaySource, RollupPlan, RollupState } from './rollup-plan.ts';

/** Of a row of rollup_day: its day has files of samples. The sample on the edge of the day, which is in the next one's files, does not count. */
const HAS_SAMPLES = "EXISTS (SELECT 1 FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND data_file.shard = rollup_day.shard AND data_file.day = rollup_day.day)";

interface SourceRow extends Record<string, string | number> {
  readonly shard: string;
  readonly day: number;
  readonly newest_file: number;
  readonly changed_ms: number;
}

/** What a catalog's database knows of roll-ups: what there is to make them from, and what is made. */
export class RollupLedger {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Of the tables that are to be kept up. */
  state(tables: readonly { readonly name: RollupTableName }[]): RollupState {
    return { missing: new Map(tables.map(({ name }) => [name, this.#missing(name)])), archivedUntilMs: new Map(Object.entries(watermarksMs(this.#sql))) };
  }

  /** Days are many and those that a table lacks are few: only these are read into memory. */
  #missing(table: RollupTableName): DaySource[] {
    return this.#sql
      .all<SourceRow>(
        `SELECT shard, day, newest_file, changed_ms FROM rollup_source AS source
          WHERE NOT EXISTS (SELECT 1 FROM rollup_day WHERE table_name = ? AND shard = source.shard AND day = source.day AND through_file >= newest_file) ORDER BY day, shard`,
        table,
      )
      .map((row) => ({ shard: row.shard, day: row.day, newestFile: row.newest_file, changedMs: row.changed_ms }));
  }

  /** The days of a plan are in its table. Inside the caller's transaction. */
  done({ table, shard, days, rules }: RollupPlan): void {
    this.#sql.run('INSERT OR IGNORE INTO rollup_policy (rules) VALUES (?)', rules);
    for (const { day, throughFile } of days) {
      this.#sql.run(
        'INSERT OR REPLACE INTO rollup_day (table_name, shard, day, through_file, policy) VALUES (?, ?, ?, ?, (SELECT policy FROM rollup_policy WHERE rules = ?))',
        table, shard, day, throughFile, rules,
      );
    }
  }

  /** A day without samples has nothing to roll up, nor roll-ups: where a deletion has taken all of them, those that were made are not read any more. */
  forget(shard: string, day: number): void {
    this.#sql.run(`DELETE FROM rollup_day WHERE ${OF_ANY_TABLE} AND shard = ? AND day = ?`, shard, day);
    this.#sql.run('DELETE FROM rollup_source WHERE shard = ? AND day = ?', shard, day);
  }

  /**
   * Notes how long a table keeps its series, and says whether it may keep some for longer than before. Their roll-ups may have left: days that may
   * lack them, and have samples (from `samplesFromDay` on), are to be made again, and until then are read from samples. Inside the caller's transaction.
   */
  keepFor(table: RollupTableName, retention: SeriesRetention, samplesFromDay: number, nowMs: number): boolean {
    const [former] = this.#sql.all<{ rules: string }>('SELECT rules FROM rollup_retention WHERE table_name = ?', table);
    if (former?.rules === retention.text) return false;
    this.#sql.run('INSERT OR REPLACE INTO rollup_retention (table_name, rules) VALUES (?, ?)', table, retention.text);
    if (former === undefined) {
      this.#forgetUnproven(table, retention, samplesFromDay, nowMs);
      return true;
    }
    const formerMs = retention.shortestLengthened(former.rules);
    if (formerMs === undefined) return false;
    this.#sql.run(`DELETE FROM rollup_day WHERE table_name = ? AND day >= ? AND day < ? AND ${HAS_SAMPLES}`, table, samplesFromDay, oldestKept(tableDefinition(table), formerMs, nowMs));
    return true;
  }

  /**
   * Where nobody has noted how long the table kept its series before: a day is made again unless its partition has files, and they say that
   * nothing has left them but what has left by the rules of now, too.
   */
  #forgetUnproven(table: RollupTableName, retention: SeriesRetention, samplesFromDay: number, nowMs: number): void {
    const definition = tableDefinition(table);
    const leftBefore = new Map(retention.retentionsMs.map((retentionMs) => [retention.markOf(retentionMs), oldestKept(definition, retentionMs, nowMs)]));
    const isProven = new Map<string, boolean>();
    for (const { shard, day, expired } of this.#sql.each<{ shard: string; day: number; expired: string }>('SELECT DISTINCT shard, day, expired FROM data_file WHERE removed_change IS NULL AND table_name = ?', table)) {
      const key = `${shard} ${day}`;
      isProven.set(key, isProven.get(key) !== false && (expired === '' || day < (leftBefore.get(expired) ?? -Infinity)));
    }
    const days = this.#sql.all<{ shard: string; day: number }>(`SELECT shard, day FROM rollup_day WHERE table_name = ? AND day >= ? AND ${HAS_SAMPLES}`, table, samplesFromDay);
    for (const { shard, day } of days) {
      if (isProven.get(`${shard} ${partitionDay(definition, day * DAY_MS)}`) !== true) this.#sql.run('DELETE FROM rollup_day WHERE table_name = ? AND shard = ? AND day = ?', table, shard, day);
    }
  }
}
