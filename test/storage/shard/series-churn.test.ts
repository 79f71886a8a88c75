import { expect, test, vi } from 'vitest';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named, write } from './batches.ts';
import { dump } from './store-model.ts';

const MINUTE_MS = 60_000;
const LIMITS = limitsWith({ logEntriesMax: 2_000, batchSamplesMax: 1_000, logAgeMsMax: 5 * MINUTE_MS, activeSeriesMax: 1_500 });
const PODS = 100;

/** A deployment every ten minutes: one hundred new pods, the old ones are gone; ten series stay. */
function live(minutes: number): { store: HotStore; sql: NodeSql; clock: FixedClock; refused: number } {
  const sql = new NodeSql();
  const clock = new FixedClock(0);
  let refused = 0;
  let store = new HotStore(sql, LIMITS, { clock, retentionMs: 30 * MINUTE_MS });
  for (let minute = 0; minute < minutes; minute++) {
    clock.advance(MINUTE_MS);
    const generation = Math.floor(minute / 10);
    const pods = Array.from({ length: PODS }, (_, pod) => named('requests', { pod: `pod-${generation}-${pod}`, node: `node-${pod % 7}` }));
    const stable = Array.from({ length: 10 }, (_, i) => named('up', { i: String(i) }));
    const answer = write(store, [...pods, ...stable].map((labels) => ({ labels, samples: [[clock.nowMs(), minute]] as const })));
    refused += answer.status === 'stored' ? answer.refusals.length : 1;
    while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) store.maintain();
    if (minute % 37 === 0) store = new HotStore(new NodeSql(sql.database), LIMITS, { clock, retentionMs: 30 * MINUTE_MS });
  }
  return { store, sql, clock, refused };
}

function blockBytes(sql: NodeSql): number {
  return sql.all<{ bytes: number }>('SELECT sum(length(definitions)) AS bytes FROM series_block')[0]!.bytes;
}

test('series that come and go leave memory and storage as large as those that are there', () => {
  const early = live(100);
  const late = live(600);
  expect(late.refused).toBe(0); // 6,010 series in all went through a shard that takes 1,500
  for (const { store, sql } of [early, late]) {
    expect(store.stats().gauges['series']).toBeLessThan(10 * PODS);
    expect(sql.all('SELECT segment FROM segment').length).toBeLessThan(40);
  }
  expect(blockBytes(late.sql)).toBeLessThan(blockBytes(early.sql) * 1.5);
  const refs = late.sql.all<{ limit: number }>('SELECT max(first_ref) AS "limit" FROM series_block')[0]!;
  expect(refs.limit).toBeLessThan(10 * PODS); // refs are given again
  const read = dump(late.store);
  expect(read.filter(([series]) => series.startsWith('up')).length).toBe(10);
  const pods = read.filter(([series]) => series.startsWith('requests')).map(([series]) => Number(/pod-(\d+)-/.exec(series)![1]));
  expect(Math.min(...pods)).toBeGreaterThanOrEqual(54); // 30 minutes and the rows that straddle, of generations 0 to 59
  expect(dump(new HotStore(new NodeSql(late.sql.database), LIMITS))).toEqual(read);
});

test('a ref is not given again while a snapshot mentions it', () => {
  const { store, clock } = live(20);
  const before = dump(store);
  const snapshot = store.createSnapshot();
  clock.advance(24 * 60 * MINUTE_MS);
  store.maintain();
  store.prune(clock.nowMs());
  expect(dump(store)).toEqual([]);
  expect(store.stats().gauges['series']).toBe(2 * PODS + 10);
  write(store, Array.from({ length: 200 }, (_, i) => ({ labels: named('later', { i: String(i) }), samples: [[clock.nowMs(), i]] as const })));
  store.restoreSnapshot(snapshot);
  expect(dump(store)).toEqual(before);
  store.deleteSnapshot(snapshot);
  store.prune(clock.nowMs());
  expect(store.stats().gauges['series']).toBe(0);
});

test('the change feed does not read what was written before with refs that are given again', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS, { clock: new FixedClock(0) });
  const batch = (name: string, timestampMs: number) => Array.from({ length: 5 }, (_, i) => ({ labels: named(name, { i: String(i) }), samples: [[timestampMs, i]] as const }));
  const { newest } = store.changeCursors();
  write(store, batch('gone', 10));
  store.prune(20);
  expect(store.stats().gauges['series']).toBe(0);
  write(store, batch('new', 30));
  for (const each of [store, new HotStore(new NodeSql(sql.database), LIMITS, { clock: new FixedClock(0) })]) {
    expect(each.changes({ version: SHARD_RPC_VERSION, cursor: newest, rowsMax: 10, selectors: [] }).status).toBe('resync');
    expect(each.changes({ version: SHARD_RPC_VERSION, cursor: each.changeCursors().oldest, rowsMax: 10, selectors: [] })).toMatchObject({ status: 'changes', batches: [{ sequence: each.newestChange }] });
  }
});

test('an instance notices that another has forgotten series, whose refs are free then', () => {
  const sql = new NodeSql();
  const clock = new FixedClock(0);
  const wake = (): HotStore => new HotStore(new NodeSql(sql.database), LIMITS, { clock, retentionMs: 30 * MINUTE_MS });
  const store = wake();
  write(store, [{ labels: named('gone'), samples: [[1, 1]] }]);
  const snapshot = store.createSnapshot();
  clock.advance(60 * MINUTE_MS);
  store.maintain();
  store.deleteSnapshot(snapshot);
  expect(store.stats().gauges).toMatchObject({ segments: 0, series: 1 });
  const other = wake();
  store.maintain();
  expect(store.stats().gauges['series']).toBe(0);
  expect(() => write(other, [{ labels: named('gone'), samples: [[clock.nowMs(), 1]] }])).toThrow('replaced');
  expect(() => dump(other)).toThrow('replaced');
});

/** Eight logs, sealed as they grow old and merged then, of ten series; the first has five more, of which `each` is told first. */
function mergedOnce(each: (store: HotStore) => void): { readonly store: HotStore; readonly sql: NodeSql; readonly refsRead: number } {
  const sql = new NodeSql();
  const clock = new FixedClock(0);
  const store = new HotStore(sql, LIMITS, { clock });
  const all = vi.spyOn(sql, 'all');
  const series = (name: string, count: number) => Array.from({ length: count }, (_, i) => ({ labels: named(name, { i: String(i) }), samples: [[clock.nowMs(), i]] as const }));
  for (let seal = 0; seal < 8; seal++) {
    write(store, [...series('stays', 10), ...(seal === 0 ? series('comes once', 5) : [])]);
    clock.advance(MINUTE_MS);
    write(store, series('stays', 10));
    clock.advance(6 * MINUTE_MS);
    if (seal === 0) each(store);
    while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) store.maintain();
  }
  expect(store.stats().counters['merges_total']).toBe(1);
  return { store, sql, refsRead: all.mock.calls.filter(([statement]) => statement.includes('FROM segment_refs WHERE')).length };
}

test('a merge that leaves every series with samples makes nobody look for dead ones in all that is stored', () => {
  const { store, refsRead } = mergedOnce(() => {});
  expect(refsRead).toBe(0);
  expect(store.stats().gauges['series']).toBe(15);
});

test('series whose last samples a merge leaves out, since they lie below the floor, are forgotten', () => {
  const { store } = mergedOnce((store) => {
    store.prune(MINUTE_MS / 2);
    expect(store.stats().gauges['series']).toBe(15);
  });
  expect(store.stats().gauges['series']).toBe(10);
});

test('a look for dead series begins with the newest rows, and ends once all series are found', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS, { clock: new FixedClock(0) });
  const all = vi.spyOn(sql, 'all');
  const rowsRead = (pruneMs: number): number => {
    all.mockClear();
    store.prune(pruneMs);
    return all.mock.calls.filter(([statement]) => statement.includes('FROM segment_refs WHERE')).length;
  };
  const writeSeries = (count: number, timeMs: number) => write(store, Array.from({ length: count }, (_, i) => ({ labels: named('m', { i: String(i) }), samples: [[timeMs, i]] as const })));
  // A row each.
  for (const [minute, count] of [15, 10, 15, 10].entries()) {
    writeSeries(count, (minute + 1) * MINUTE_MS);
    store.createSnapshot();
  }
  expect(rowsRead(1)).toBe(2);
  writeSeries(10, 5 * MINUTE_MS);
  expect(rowsRead(2)).toBe(2);
  writeSeries(15, 6 * MINUTE_MS);
  expect(rowsRead(3)).toBe(0);
  expect(store.stats().gauges['series']).toBe(15);
});
