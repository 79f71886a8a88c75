import { beforeEach, describe, expect, test } from 'vitest';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import { ROLLUP_TABLES } from '../../../storage/catalog/iceberg/rollup-tables.ts';
import { rollupDays } from '../../../storage/catalog/rollup-days.ts';
import { RollupSources } from '../../../storage/catalog/rollup-sources.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { DAY_MS } from '../../../storage/runtime/units.ts';
import { RollupLedger } from '../../../storage/warm/rollup-ledger.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { withQueryPlans } from '../../fakes/query-plans.ts';
import { randomBelow } from '../../fakes/random-below.ts';

const SHARDS = ['1/0', '1/1', '1/10', '2/0'];
const DAYS = 40;

let sql: NodeSql;
let expected: { table: string; shard: string; day: number; policy: number }[];

/** Days of some tables and shards, some of which samples have come for since. */
beforeEach(() => {
  sql = new NodeSql();
  migrateCatalog(sql);
  expected = [];
  const below = randomBelow(7);
  const isSo = (times: number): boolean => below(times) === 0;
  for (const [policy, rules] of ['[1]', '[2]'].entries()) sql.run('INSERT INTO rollup_policy (policy, rules) VALUES (?, ?)', policy + 1, rules);
  for (const shard of SHARDS) {
    for (let day = 0; day < DAYS; day++) {
      const newestFile = 10 + below(3);
      const hasSource = !isSo(5);
      if (hasSource) sql.run('INSERT INTO rollup_source (shard, day, newest_file, changed_ms) VALUES (?, ?, ?, 0)', shard, day, newestFile);
      // A table that nobody has made roll-ups of, and a shard that another one has none of.
      for (const { name } of ROLLUP_TABLES.slice(1)) {
        if (isSo(4) || (name === 'rollup_1h' && shard === '1/1')) continue;
        const throughFile = 10 + below(3);
        const policy = 1 + below(2);
        sql.run('INSERT INTO rollup_day (table_name, shard, day, through_file, policy) VALUES (?, ?, ?, ?, ?)', name, shard, day, throughFile, policy);
        if (!hasSource || throughFile >= newestFile) expected.push({ table: name, shard, day, policy });
      }
    }
  }
});

test.each([[0, DAYS - 1], [3, 3], [-5, 17], [DAYS, DAYS + 9]])('the days from %i to %i are those that are up to date', (firstDay, lastDay) => {
  const { days, policies } = rollupDays(sql, { version: CATALOG_RPC_VERSION, firstDay, lastDay });
  const listed = days.flatMap(({ table, shard, firstDay: from, lastDay: to, policy }) => Array.from({ length: to - from + 1 }, (_, i) => ({ table, shard, day: from + i, policy })));
  const wanted = expected.filter(({ day }) => day >= firstDay && day <= lastDay);
  const keyOf = (each: (typeof wanted)[number]): string => JSON.stringify([each.table, each.shard, each.day, each.policy]);
  expect(listed.map(keyOf).sort()).toEqual(wanted.map(keyOf).sort());
  expect(policies.length).toBe(new Set(wanted.map(({ policy }) => policy)).size);
});

describe('of many days none is looked at that is not meant', () => {
  test.each<[string, (port: Sql) => void]>([
    ['where a query asks', (port) => void rollupDays(port, { version: CATALOG_RPC_VERSION, firstDay: 3, lastDay: 4 })],
    ['where samples come', (port) => new RollupSources(port).noteAdded([FILE], '1/0', 0)],
    ['where a deletion has left nothing', (port) => new RollupSources(port).forgetDeleted('1/0', 3)],
    ['where days have left', (port) => new RollupSources(port).forgetBefore(9)],
    ['where a day has nothing to roll up', (port) => new RollupLedger(port).forget('1/0', 3)],
  ])('%s', (_, act) => {
    const explained = withQueryPlans(sql);
    act(explained.sql);
    const scans = [...explained.plans].flatMap(([statement, plan]) => plan.filter((line) => /SCAN rollup_day/.test(line)).map((line) => `${line}: ${statement}`));
    expect(scans).toEqual([]);
    expect([...explained.plans.values()].flat().some((line) => line.includes('SEARCH rollup_day'))).toBe(true);
  });
});

const FILE = { table: 'samples', key: 'k', sizeBytes: 1, tailBytes: 1, rowCount: 1, minTimeMs: 3 * DAY_MS + 1, maxTimeMs: 3 * DAY_MS + 1, firstMetric: '', lastMetric: '', columns: [] } as const;
