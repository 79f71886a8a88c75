import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { collect } from '../fakes/collect.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/* Several stores in one object: those of different names have nothing in common, and two that would remove each other's values are told apart. */
const NOON = Date.UTC(2024, 0, 15, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let clock: FixedClock;
let sql: NodeSql;

beforeEach(() => {
  clock = new FixedClock(NOON);
  sql = new NodeSql();
});

function open(options: TimeSeriesStoreOptions): TimeSeriesStore<unknown> {
  return new TimeSeriesStore<unknown>({ sql, clock, ...options });
}

describe('stores of different names', () => {
  const READINGS = { retention: { hot: '1h' } };
  const AUDIT = { name: 'audit', retention: { hot: '365d' } };
  const LATEST = { name: 'audit_2', maxVersionsPerKey: 1 };

  test('have the same keys for themselves, also in the next instance', async () => {
    for (const [i, options] of [READINGS, AUDIT, LATEST].entries()) await open(options).putBatch([{ key: 'k', value: { i }, timestamp: NOON + i }, { key: `only ${i}`, value: i, timestamp: NOON }]);
    sql = new NodeSql(sql.database);
    for (const [i, options] of [READINGS, AUDIT, LATEST].entries()) {
      expect(await collect(open(options).range('k'))).toEqual([{ key: 'k', timestamp: NOON + i, value: { i } }]);
      expect(open(options).keys()).toEqual(['k', `only ${i}`]);
    }
  });

  test('keep, compact, snapshot and restore each its own values', async () => {
    const [readings, audit, latest] = [open(READINGS), open(AUDIT), open(LATEST)];
    for (const store of [readings, audit, latest]) for (let i = 0; i < 3; i++) await store.put('k', i, NOON + i);
    const snapshotId = audit.createSnapshot();
    expect(readings.listSnapshots()).toEqual([]);
    await audit.put('k', 3, NOON + 3);
    expect(await latest.compact()).toBe(2);
    clock.advance(2 * HOUR);
    await readings.put('k', 9);
    expect(await collect(readings.range('k'))).toHaveLength(1);
    expect(await collect(latest.range('k'))).toHaveLength(1);
    expect(await collect(audit.range('k'))).toHaveLength(4);
    await audit.restoreSnapshot(snapshotId);
    expect(await collect(audit.range('k'))).toHaveLength(3);
    expect(await readings.get('k')).toBe(9);
  });

  test('have feeds of their own, whose events have the name unless a table is given', async () => {
    await open(READINGS).put('k', 1);
    await open(AUDIT).put('k', 2);
    expect((await collect(open(READINGS).cdc())).map((event) => [event.table, event.type === 'cdc.insert' && event.after.value])).toEqual([['metrics', 1]]);
    expect((await collect(open(AUDIT).cdc())).map((event) => [event.table, event.type === 'cdc.insert' && event.after.value])).toEqual([['audit', 2]]);
    expect((await collect(open({ ...AUDIT, table: 'log' }).cdc()))[0]!.table).toBe('log');
  });

  test('archive into one bucket, each its own', async () => {
    const archive = new MemoryObjectStore();
    const both = [{ retention: { hot: '1h' }, archive }, { name: 'catalog', retention: { hot: '1h' }, archive }];
    for (const [i, options] of both.entries()) await open(options).put('k', i, NOON - DAY + i);
    clock.advance(DAY);
    for (const options of both) await open(options).maintain();
    expect(archive.counts.create).toBeGreaterThan(4);
    sql = new NodeSql(sql.database);
    for (const [i, options] of both.entries()) expect(await collect(open(options).range('k'))).toEqual([{ key: 'k', timestamp: NOON - DAY + i, value: i }]);
  });

  test.each(['', 'Audit', 'a__b', '_a', 'a_', '1a', 'a b', 'a;b', 'ä', 'a'.repeat(41), 7, null])('%j is no name', (name) => {
    expect(() => open({ name: name as string })).toThrow('the name of the store is');
  });
});

describe('stores of one name', () => {
  test.each<[TimeSeriesStoreOptions, TimeSeriesStoreOptions, string]>([
    [{ retention: { hot: '1h' } }, { retention: { hot: '7d' } }, 'already, with hot retention 1h, and now one with hot retention 7d: give each a name'],
    [{ retention: { hot: '1h' } }, { retention: { hot: '1h', warm: '7d' } }, 'hot retention 1h, warm retention 7d'],
    [{ retention: { hot: '1h' } }, { retention: { hot: '1h', cold: '365d' } }, 'hot retention 1h, cold retention 365d'],
    [{ retention: { hot: '1h', cold: Infinity } }, { retention: { hot: '1h' } }, 'with hot retention 1h, cold retention Infinity, and'],
    [{ retentionMs: HOUR }, { maxVersionsPerKey: 3 }, 'maxVersionsPerKey 3'],
    [{ name: 'a', maxVersionsPerKey: 3 }, { name: 'a', maxVersionsPerKey: 4 }, 'with maxVersionsPerKey 3'],
  ])('do not remove values by different rules: %j and %j', async (first, second, message) => {
    await open(first).put('k', 1);
    expect(() => open(second)).toThrow(message);
    expect(await open(first).get('k')).toBe(1);
  });

  test('may say the same in other words, or nothing', async () => {
    await open({}).put('k', 1);
    await open({ retention: { hot: '1h' } }).put('k', 2);
    expect(await open({ retentionMs: HOUR }).get('k')).toBe(2);
    expect(await open({ tieringPolicy: { hot: { retention: '60m' } }, table: 'other' }).get('k')).toBe(2);
    expect(await collect(open({}).range('k'))).toHaveLength(2);
  });
});
