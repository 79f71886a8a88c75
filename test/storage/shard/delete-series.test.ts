import { expect, test } from 'vitest';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { named, write, type TestBatch } from './batches.ts';
import { dump, StoreModel, type Range } from './store-model.ts';

const LIMITS = limitsWith({ logEntriesMax: 64, batchSamplesMax: 32, segmentRowBytesTarget: 150, segmentFrameBytesTarget: 60, deleteRowsMax: 2, mergeFanIn: 3, mergeSamplesMax: 400 });

function deleteSeries(store: HotStore, { matchers = [], startMs = -Infinity, endMs = Infinity }: Range): { removed: number; steps: number } {
  let removed = 0;
  for (let steps = 1; ; steps++) {
    const answer = store.deleteSeries({ version: SHARD_RPC_VERSION, selectors: [matchers], startMs, endMs, limit: 0 });
    removed += answer.samplesRemoved;
    if (!answer.more) return { removed, steps };
  }
}

const is = (value: string) => [{ name: 'i', type: '=', value }] as const;

test('of two samples under one timestamp neither comes back', () => {
  const store = new HotStore(new NodeSql(), LIMITS);
  const batch = (value: number): TestBatch => [{ labels: named('m', { i: 'a' }), samples: [[10, value], [20, value]] }];
  write(store, batch(1));
  store.seal();
  write(store, batch(2));
  store.seal();
  write(store, batch(3));
  deleteSeries(store, { matchers: is('a'), startMs: 10, endMs: 10 });
  expect(dump(store).map(([, samples]) => samples.length)).toEqual([1]);
  expect(dump(store)[0]![1][0]).toMatch(/^20:40080000:/);
});

test('both ends are included, and no selector deletes nothing', () => {
  const store = new HotStore(new NodeSql(), LIMITS);
  write(store, [{ labels: named('m', { i: 'a' }), samples: [[1, 1], [2, 2], [3, 3], [4, 4]] }]);
  expect(store.deleteSeries({ version: SHARD_RPC_VERSION, selectors: [], startMs: 0, endMs: 9, limit: 0 })).toEqual({ status: 'deleted', samplesRemoved: 0, more: false, flushesBegun: 0, isLateWaiting: false });
  expect(deleteSeries(store, { matchers: is('a'), startMs: 2, endMs: 3 }).removed).toBe(2);
  expect(dump(store)[0]![1].map((text) => text.split(':')[0])).toEqual(['1', '4']);
  expect(store.stats().counters['samples_deleted_total']).toBe(2);
});

test.each([3, 1200])('rows that have none of %i series are not read, neither before nor once these have gone', (count) => {
  const sql = new NodeSql();
  const store = new HotStore(sql, limitsWith({ segmentRowBytesTarget: 4096, deleteRowsMax: 2 }));
  const batch = (metric: string, series: number): TestBatch => Array.from({ length: series }, (_, i) => ({ labels: named(metric, { i: String(i) }), samples: [[10, i], [20, i]] }));
  write(store, batch('kept', 2000));
  write(store, batch('gone', count));
  store.seal();
  const kept = store.segmentSummaries().length;
  let rowsRead = 0;
  const all = sql.all.bind(sql);
  sql.all = (statement, ...parameters) => {
    if (/^SELECT samples FROM segment /.test(statement)) rowsRead++;
    return all(statement, ...parameters);
  };
  const matchers = [{ name: '__name__', type: '=', value: 'gone' }] as const;
  const { removed, steps } = deleteSeries(store, { matchers });
  expect(removed).toBe(count * 2);
  // Each row that has some of them once, of which the first may have series of the other metric too.
  const written = rowsRead;
  expect(written).toBeLessThan(kept);
  expect(steps).toBe(Math.max(1, Math.ceil(written / 2)));
  deleteSeries(store, { matchers });
  expect(rowsRead).toBe(written);
});

test('what was pruned does not come back when a row of which a deletion left older samples alone expires', () => {
  const clock = new FixedClock(0);
  const store = new HotStore(new NodeSql(), LIMITS, { clock, retentionMs: 100 });
  for (const [i, timesMs] of [['a', [10, 50]], ['b', [25, 90]]] as const) {
    write(store, [{ labels: named('m', { i }), samples: timesMs.map((timeMs) => [timeMs, 1] as const) }]);
    store.seal();
  }
  store.prune(30);
  deleteSeries(store, { matchers: is('a'), startMs: 30, endMs: 100 });
  const left = dump(store);
  expect(left.map(([, samples]) => samples.length)).toEqual([1]);
  clock.advance(122);
  expect(store.nextDueMs()).toBeLessThanOrEqual(122);
  store.maintain();
  expect(dump(store)).toEqual(left);
});

test('random writes and deletions, in many steps, against a naive store', () => {
  let manySteps = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const sql = new NodeSql();
    let store = new HotStore(sql, LIMITS);
    const model = new StoreModel();
    for (let operation = 0; operation < 60; operation++) {
      const where = `seed ${seed}, operation ${operation}`;
      if (random.oneIn(4)) {
        const startMs = random.below(1000);
        const range: Range = random.oneIn(5) ? {} : { matchers: is(String(random.below(6))), startMs, endMs: startMs + random.below(400) };
        model.deleteRange(range);
        if (deleteSeries(store, range).steps > 1) manySteps++;
        expect(dump(store), where).toEqual(model.dump());
      } else if (random.oneIn(8)) store = new HotStore(new NodeSql(sql.database), LIMITS);
      else if (random.oneIn(6)) store.maintain();
      else {
        const batch: TestBatch = [{ labels: named('m', { i: String(random.below(6)) }), samples: Array.from({ length: random.between(1, 12) }, () => [random.below(1000), random.below(5)] as const) }];
        write(store, batch);
        model.apply(batch);
      }
    }
    expect(dump(store), `seed ${seed}`).toEqual(model.dump());
  }
  expect(manySteps).toBeGreaterThan(20);
});
