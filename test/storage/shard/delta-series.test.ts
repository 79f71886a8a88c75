import { describe, expect, test } from 'vitest';
import { addHistograms, compactHistogram } from '../../../storage/model/histogram-add.ts';
import { withHint, type FloatHistogram } from '../../../storage/model/histogram.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { expectAllOrNothing } from '../../fakes/all-or-nothing.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomCustom, randomExponential, seededRandom } from '../model/random-histogram.ts';
import { fullMessage, named, STALE, write, type TestBatch, type TestSeries, type TestValue } from './batches.ts';
import { faultyLives, type Life } from './faulty-life.ts';
import { dump, StoreModel } from './store-model.ts';

const REQUESTS = named('requests_total');
const LIMITS = limitsWith({ logEntriesMax: 40, batchSamplesMax: 20, walSlotsMax: 8, deltaSumsMax: 2, segmentRowBytesTarget: 300, segmentFrameBytesTarget: 100 });

function deltas(...samples: TestSeries['samples']): TestBatch {
  return [{ labels: REQUESTS, samples, isDelta: true }];
}

function sums(...samples: TestSeries['samples']): ReturnType<typeof dump> {
  const model = new StoreModel();
  model.apply([{ labels: REQUESTS, samples }]);
  return model.dump();
}

function open(): { sql: NodeSql; store: HotStore; reopened: () => HotStore } {
  const sql = new NodeSql();
  return { sql, store: new HotStore(sql, LIMITS), reopened: () => new HotStore(new NodeSql(sql.database), LIMITS) };
}

test('a batch of several rows, with series and exemplars that are new, is stored whole or not at all', () => {
  const { sql } = open();
  const limits = limitsWith({ logEntriesMax: 40, batchSamplesMax: 20, walSlotsMax: 8, sqlRowBytesMax: 200 });
  const batch: TestBatch = ['a', 'b'].map((i) => ({
    labels: named('requests_total', { i }),
    samples: Array.from({ length: 6 }, (_, k) => [10 + k, k] as const),
    exemplars: [[10, 1, named('trace')]],
  }));
  const clock = new FixedClock(0);
  const isThere = (port: Sql): boolean => port.all('SELECT 1 FROM wal').length > 0;
  expect(expectAllOrNothing(sql, (port) => isThere(port) || write(new HotStore(port, limits, { clock }), batch))).toBeGreaterThan(0);
  new HotStore(sql, limits).append(fullMessage(batch));
  expect(sql.all('SELECT slot FROM wal').length).toBeGreaterThan(1);
});

describe('differences', () => {
  test('add up, and the start is that of the first', () => {
    const { store } = open();
    write(store, deltas([10, 1, 5], [20, 2, 10]));
    expect(write(store, deltas([30, 4, 20]))).toMatchObject({ samplesStored: 1, refusals: [] });
    expect(dump(store)).toEqual(sums([10, 1, 5], [20, 3, 5], [30, 7, 5]));
  });

  test('go on from where they were after waking, sealing and both', () => {
    const { store, reopened } = open();
    write(store, deltas([10, 0.1, 5]));
    write(reopened(), deltas([20, 0.2]));
    const third = reopened();
    third.seal();
    write(third, deltas([30, 0.3]));
    write(reopened(), deltas([40, 0.4]));
    expect(dump(reopened())).toEqual(sums([10, 0.1, 5], [20, 0.1 + 0.2, 5], [30, 0.1 + 0.2 + 0.3, 5], [40, 0.1 + 0.2 + 0.3 + 0.4, 5]));
  });

  test('that come again count once: the last, an older one, in one batch, in one commit', () => {
    const { store, reopened } = open();
    const batch = deltas([10, 1], [20, 2], [30, 4]);
    for (let i = 0; i < 3; i++) expect(write(store, batch)).toMatchObject({ samplesStored: 3, refusals: [] });
    expect(write(reopened(), batch)).toMatchObject({ samplesStored: 3, refusals: [] });
    const later = reopened();
    const message = fullMessage(deltas([40, 8], [50, 16], [40, 8]));
    for (const answer of later.appendAll([message, message, fullMessage(batch)])) expect(answer).toMatchObject({ samplesStored: 3, refusals: [] });
    expect(dump(later)).toEqual(sums([10, 1], [20, 3], [30, 7], [40, 15], [50, 31]));
  });

  test('a stale marker stays one, and the sum goes on behind it', () => {
    const { store, reopened } = open();
    write(store, deltas([10, 1], [20, STALE], [30, STALE]));
    write(reopened(), deltas([40, 2]));
    expect(dump(reopened())).toEqual(sums([10, 1], [20, STALE], [30, STALE], [40, 3]));
  });

  test('stay where a stale marker comes at their time, and what has been summed with them', () => {
    const { store, reopened } = open();
    write(store, deltas([10, 1], [20, 2], [20, STALE]));
    write(reopened(), deltas([10, STALE], [20, STALE], [30, 4], [30, STALE]));
    write(reopened(), deltas([40, 8]));
    expect(dump(reopened())).toEqual(sums([10, 1], [20, 3], [30, 7], [40, 15]));
  });

  test('begin anew behind a deletion, whoever remembers what was there', () => {
    const { store, reopened } = open();
    write(store, deltas([10, 1], [20, 2]));
    store.deleteSeries({ version: SHARD_RPC_VERSION, selectors: [[{ name: '__name__', type: '=', value: 'requests_total' }]], startMs: 0, endMs: 100, limit: 0 });
    expect(write(store, deltas([20, 5], [30, 6]))).toMatchObject({ samplesStored: 2, refusals: [] });
    expect(dump(reopened())).toEqual(sums([20, 5], [30, 11]));
  });

  test('of histograms add up bucket by bucket', () => {
    const { reopened } = open();
    const random = seededRandom(3);
    const parts = Array.from({ length: 6 }, () => randomExponential(random));
    const expected: [number, TestValue][] = [];
    let sum: FloatHistogram | undefined;
    parts.forEach((part, i) => {
      write(reopened(), deltas([i * 10, part]));
      const result = sum === undefined ? undefined : addHistograms(sum, part);
      sum = sum === undefined ? part : withHint(compactHistogram((result as { histogram: FloatHistogram }).histogram), 'unknown');
      expected.push([i * 10, sum]);
    });
    expect(dump(reopened())).toEqual(sums(...expected));
  });

  test('of buckets that do not fit those before begin anew, as do floats behind histograms', () => {
    const { store } = open();
    const random = seededRandom(4);
    const [exponential, custom] = [randomExponential(random), randomCustom(random)];
    write(store, deltas([10, exponential, 1], [20, custom, 2], [30, 5, 3], [40, 6, 4]));
    expect(dump(store)).toEqual(sums([10, exponential, 1], [20, custom, 2], [30, 5, 3], [40, 11, 3]));
  });

  test('stand beside ordinary series of the same batch', () => {
    const { store } = open();
    const batch: TestBatch = [{ labels: named('gauge'), samples: [[10, 1], [20, 2]] }, ...deltas([10, 1], [20, 2]), { labels: named('other'), samples: [[10, 5]] }];
    write(store, batch);
    const model = new StoreModel();
    model.apply([{ labels: named('gauge'), samples: [[10, 1], [20, 2]] }, { labels: REQUESTS, samples: [[10, 1], [20, 3]] }, { labels: named('other'), samples: [[10, 5]] }]);
    expect(dump(store)).toEqual(model.dump());
  });

  test('begin anew once the samples before are pruned', () => {
    const { store } = open();
    write(store, deltas([10, 1], [20, 2]));
    store.prune(25);
    write(store, deltas([30, 4]));
    expect(dump(store)).toEqual(sums([30, 4]));
  });

  test('sums of histograms that outgrow a WAL row are several', () => {
    const { sql } = open();
    const wide = (offset: number): FloatHistogram => ({ ...randomExponential(() => 0), schema: 0, positiveSpans: [{ offset, length: 400 }], positiveBuckets: Array.from({ length: 400 }, (_, i) => i + 0.5) });
    const small = new HotStore(new NodeSql(sql.database), { ...LIMITS, sqlRowBytesMax: 9000 as never });
    write(small, deltas([10, wide(0)]));
    const before = sql.all('SELECT slot FROM wal').length;
    write(small, deltas([20, wide(400)], [30, wide(800)]));
    expect(sql.all('SELECT slot FROM wal').length).toBe(before + 2);
    expect(dump(new HotStore(new NodeSql(sql.database), LIMITS))).toEqual(dump(small));
  });
});

/** Differences of several series in random order of arrival, sent again at random, over seals, prunes of nothing and wakings. */
test('whatever happens, each difference counts once', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const sql = new NodeSql();
    let store = new HotStore(sql, LIMITS);
    const sent: TestBatch[] = [];
    const totals = new Map<string, number>();
    const model = new StoreModel();
    for (let step = 0; step < 60; step++) {
      const action = random.below(8);
      if (action === 0) store = new HotStore(new NodeSql(sql.database), LIMITS);
      else if (action === 1) store.seal();
      else if (action === 2 && sent.length > 0) expect(write(store, random.pick(sent))).toMatchObject({ refusals: [] });
      else {
        const batch = ['a', 'b', 'c', 'd'].filter(() => random.oneIn(2)).map((series) => ({ labels: named('d', { series }), samples: [[step * 10, random.below(100) / 7]] as const, isDelta: true }));
        expect(write(store, batch)).toMatchObject({ refusals: [] });
        sent.push(batch);
        model.apply(
          batch.map(({ labels, samples: [[timestampMs, value]] }) => {
            const total = (totals.get(labels.join()) ?? 0) + value;
            totals.set(labels.join(), total);
            return { labels, samples: [[timestampMs, total]] as const };
          }),
        );
      }
      expect(dump(store), `seed ${seed}, step ${step}`).toEqual(model.dump());
    }
  }
});

/** Storage breaks at each call in turn; the sender, who has no answer, sends the same again to the store that wakes. */
test.each(['before', 'after'] as const)('storage breaks %s each call: every difference once', (when) => {
  const life: Life = [deltas([10, 1]), deltas([20, 2], [30, 4]), 'seal', deltas([40, 8]), deltas([50, randomExponential(seededRandom(1))]), deltas([60, randomExponential(seededRandom(2))])];
  const { store: whole } = open();
  for (const next of life) {
    if (next === 'seal') whole.seal();
    else write(whole, next);
  }
  let broke = 0;
  for (const { call, store } of faultyLives(life, LIMITS, when)) {
    broke++;
    expect(dump(store), `call ${call}, ${when}`).toEqual(dump(whole));
  }
  expect(broke).toBeGreaterThan(when === 'before' ? 30 : 10);
});
