import { expect, test } from 'vitest';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import type { DataFile } from '../../../storage/catalog/iceberg/data-file.ts';
import { RecoveryState } from '../../../storage/catalog/recovery/recovery-state.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { expectAllOrNothing } from '../../fakes/all-or-nothing.ts';
import { faultsOf, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

/* Changes of a catalog that several tables see: storage may break anywhere in them, and what is left is all or nothing. */

const DAY_MS = 86_400_000;

function filled(): NodeSql {
  const sql = new NodeSql();
  migrateCatalog(sql);
  commit(sql, 1, 'a', 'b');
  return sql;
}

const dataFile = (name: string): DataFile => ({ table: 'samples', key: `t/archive/samples/data/${name}`, sizeBytes: 100, tailBytes: 10, rowCount: 10, minTimeMs: 20_000 * DAY_MS, maxTimeMs: 20_001 * DAY_MS, firstMetric: 'a', lastMetric: 'b', columns: [] });

const commit = (sql: Sql, sequence: number, ...names: readonly string[]): unknown =>
  new ArchiveFiles(sql, LIMITS).commit({ version: CATALOG_RPC_VERSION, shard: '1/0', sequence, files: names.map(dataFile), archivedUntilMs: sequence * 1e6 }, 5);

test.each([
  ['the next one', 2],
  ['one behind others that are lost', 7],
])('a commit of a shard: %s', (_, sequence) => {
  expectAllOrNothing(filled(), (sql) => expect(commit(sql, sequence, 'c', 'd')).toEqual({ status: 'committed' }));
});

test('files that take the place of others', () => {
  expectAllOrNothing(filled(), (sql) => expect(new ArchiveFiles(sql, LIMITS).replace({ id: 'p', table: 'samples', remove: [1, 2], add: [dataFile('ab'), dataFile('ba')], nowMs: 5 })).toBe('done'));
});

test('a file that is found clean is looked at again, or its partition is: a merge that waits for it goes on', () => {
  const sql = filled();
  const partition = { table: 'samples', day: 20_000, shard: '1/0' } as const;
  expect(new Tombstones(sql, LIMITS).add({ version: CATALOG_RPC_VERSION, selectors: [], startMs: 0, endMs: 1e15, flushes: {} }, 5)).toBeUndefined();
  new ArchiveFiles(sql, LIMITS).unmark(partition);
  const markClean = (port: Sql): void => new Tombstones(port, LIMITS).markClean(1, 1);
  const counting = new FaultySql(sql.copy());
  markClean(counting);
  for (const call of faultsOf(counting, 'after')) {
    const left = sql.copy();
    expect(() => markClean(new FaultySql(left, { call, when: 'after' }))).toThrow(InjectedFault);
    const isAgain = new Tombstones(left, LIMITS).unclean(10).some(({ file }) => file === 1);
    expect(isAgain || new ArchiveFiles(left, LIMITS).isChanged(partition), `call ${call}`).toBe(true);
  }
});

test('the end of a look: with it nothing is lost any more, for the clean-up either', () => {
  const sql = filled();
  commit(sql, 7, 'c');
  const tombstones = new Tombstones(sql, LIMITS);
  expect(tombstones.add({ version: CATALOG_RPC_VERSION, selectors: [], startMs: 0, endMs: 1, flushes: {} }, 5)).toBeUndefined();
  expect(tombstones.finish(6)).toBe(false);
  const { length } = new RecoveryState(sql).lost();
  expect(length).toBe(1);
  expectAllOrNothing(sql, (port) => {
    const state = new RecoveryState(port);
    // The look that is done again finds nothing that is lost.
    state.finish(state.lost(), 10, 1000);
  });
});
