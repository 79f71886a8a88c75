import { beforeEach, expect, test } from 'vitest';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import type { RollupTableName } from '../../../storage/catalog/iceberg/rollup-tables.ts';
import { RollupLedger } from '../../../storage/warm/rollup-ledger.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

let sql: NodeSql;

beforeEach(() => {
  sql = new NodeSql();
  migrateCatalog(sql);
});

function addSource(shard: string, day: number, newestFile: number): void {
  sql.run('INSERT INTO rollup_source (shard, day, newest_file, changed_ms) VALUES (?, ?, ?, ?)', shard, day, newestFile, day * 100);
}

function addDay(table: RollupTableName, shard: string, day: number, throughFile: number): void {
  sql.run('INSERT INTO rollup_day (table_name, shard, day, through_file, policy) VALUES (?, ?, ?, ?, 1)', table, shard, day, throughFile);
}

test('a table lacks the days that it does not have, and those that files have come for since, the oldest first', () => {
  for (const day of [3, 2, 1]) for (const shard of ['1/1', '1/0']) addSource(shard, day, 7);
  addDay('rollup_5m', '1/0', 1, 7);
  addDay('rollup_5m', '1/0', 2, 6);
  addDay('rollup_5m', '1/1', 2, 8);
  addDay('rollup_5m', '1/1', 3, 7);
  // Of days that nothing is made from any more.
  addDay('rollup_5m', '1/0', 9, 1);
  addDay('rollup_1h', '1/0', 3, 7);
  const { missing } = new RollupLedger(sql).state([{ name: 'rollup_5m' }, { name: 'rollup_1h' }]);
  const listed = [...missing].map(([table, days]) => [table, days.map(({ shard, day }) => `${shard} ${day}`)]);
  expect(listed).toEqual([
    ['rollup_5m', ['1/1 1', '1/0 2', '1/0 3']],
    ['rollup_1h', ['1/0 1', '1/1 1', '1/0 2', '1/1 2', '1/1 3']],
  ]);
  expect(missing.get('rollup_5m')?.[1]).toEqual({ shard: '1/0', day: 2, newestFile: 7, changedMs: 200 });
});
