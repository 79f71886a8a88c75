import { DecodeError } from '../../proto/decode-error.ts';
import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';
import type { RollupDaysAnswer, RollupDaysEntry, RollupDaysRequest } from './archive-api.ts';
import { archiveCounters } from './archive-counters.ts';
import { watermarksMs } from './archive-shards.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import { parseJsonObject } from './iceberg/parse-json.ts';
import { ROLLUP_TABLES, type RollupTableName } from './iceberg/rollup-tables.ts';

interface DayRow extends Record<string, string | number> {
  readonly table_name: RollupTableName;
  readonly shard: string;
  readonly day: number;
  readonly policy: number;
}

/** For statements about whatever roll-ups a day has: the key of `rollup_day` begins with the table, and all days would be looked at without it. */
export const OF_ANY_TABLE = `table_name IN (${ROLLUP_TABLES.map(({ name }) => `'${name}'`).join(', ')})`;

/** The tables and shards that have days, so that of each the days that are asked for are found by the key. */
const TABLE_SHARDS = `
  WITH RECURSIVE part(table_name, shard) AS (
    SELECT column1, (SELECT min(shard) FROM rollup_day WHERE table_name = column1) FROM (VALUES ${ROLLUP_TABLES.map(({ name }) => `('${name}')`).join(', ')})
    UNION ALL
    SELECT table_name, (SELECT min(shard) FROM rollup_day WHERE rollup_day.table_name = part.table_name AND rollup_day.shard > part.shard) FROM part WHERE part.shard IS NOT NULL
  )`;

/** Which days have roll-ups that no sample has come for since, nor gone by a deletion, out of a catalog's database. */
export function rollupDays(sql: Sql, { firstDay, lastDay }: RollupDaysRequest): RollupDaysAnswer {
  const rows = sql.each<DayRow>(
    `${TABLE_SHARDS} SELECT table_name, shard, day, policy FROM part CROSS JOIN rollup_day USING (table_name, shard) LEFT JOIN rollup_source USING (shard, day)
      WHERE day >= ? AND day <= ? AND (newest_file IS NULL OR through_file >= newest_file)
        AND NOT EXISTS (SELECT 1 FROM tombstone WHERE done_ms IS NULL AND start_ms <= (day + 1) * ${DAY_MS} AND end_ms >= day * ${DAY_MS}) ORDER BY table_name, shard, day`,
    firstDay,
    lastDay,
  );
  const days: RollupDaysEntry[] = [];
  for (const { table_name: table, shard, day, policy } of rows) {
    const last = days.at(-1);
    if (last?.table === table && last.shard === shard && last.policy === policy && last.lastDay === day - 1) days[days.length - 1] = { ...last, lastDay: day };
    else days.push({ table, shard, firstDay: day, lastDay: day, policy });
  }
  const named = [...new Set(days.map(({ policy }) => policy))];
  const policies = sql.all<{ policy: number; rules: string }>('SELECT policy, rules FROM rollup_policy WHERE policy IN (SELECT value FROM json_each(?))', JSON.stringify(named));
  return { version: CATALOG_RPC_VERSION, days, policies, archivedUntilMs: watermarksMs(sql), removals: archiveCounters(sql).removals };
}

/** What a table's days of roll-ups are, for a catalog that has to be told: as text, each set of rules once. */
interface RolledUpText {
  readonly policies: readonly string[];
  /** Shard, first and last day, and which of the rules. */
  readonly days: readonly (readonly [string, number, number, number])[];
}

/** Days since 1970, both inclusive, of a shard whose roll-ups were made by the same rules. */
export interface RolledUpDays {
  readonly shard: string;
  readonly firstDay: number;
  readonly lastDay: number;
  readonly rules: string;
}

/** All days that a table has, whether they are up to date or not. */
export function encodeRolledUp(sql: Sql, table: RollupTableName): string {
  const policies: string[] = [];
  const days: [string, number, number, number][] = [];
  for (const { shard, day, rules } of sql.each<{ shard: string; day: number; rules: string }>('SELECT shard, day, rules FROM rollup_day JOIN rollup_policy USING (policy) WHERE table_name = ? ORDER BY shard, day', table)) {
    let policy = policies.indexOf(rules);
    if (policy < 0) policy = policies.push(rules) - 1;
    const last = days.at(-1);
    if (last?.[0] === shard && last[2] === day - 1 && last[3] === policy) last[2] = day;
    else days.push([shard, day, day, policy]);
  }
  return JSON.stringify({ policies, days } satisfies RolledUpText);
}

/** The other direction of `encodeRolledUp`. Text from a bucket, where anybody may have written: throws a DecodeError that says `where` it is. */
export function decodeRolledUp(text: string, where: string): RolledUpDays[] {
  const { policies, days } = parseJsonObject(text, where) as Partial<Record<keyof RolledUpText, unknown>>;
  if (!Array.isArray(policies) || !Array.isArray(days)) throw new DecodeError(`${where}: want lists of policies and days`);
  return days.map((item: unknown) => {
    const [shard, firstDay, lastDay, policy] = Array.isArray(item) ? (item as readonly unknown[]) : [];
    const rules: unknown = typeof policy === 'number' ? policies[policy] : undefined;
    if (typeof shard !== 'string' || !isDay(firstDay) || !isDay(lastDay) || lastDay - firstDay >= ENTRY_DAYS_MAX || typeof rules !== 'string') throw new DecodeError(`${where}: has ${JSON.stringify(item)}`);
    return { shard, firstDay, lastDay, rules };
  });
}

/** All days that a timestamp may be of. */
const DAYS_MAX = 1e8;
/** Of one entry, which has samples of each: 270 years. */
const ENTRY_DAYS_MAX = 100_000;

function isDay(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= DAYS_MAX;
}
