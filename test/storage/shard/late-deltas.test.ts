import { describe, expect, test } from 'vitest';
import { addHistograms, compactHistogram } from '../../../storage/model/histogram-add.ts';
import { withHint, type FloatHistogram } from '../../../storage/model/histogram.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { DeltaSums } from '../../../storage/shard/append/delta-sums.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomExponential, seededRandom } from '../model/random-histogram.ts';
import { fullMessage, named, STALE, write, type TestBatch, type TestSeries } from './batches.ts';
import { faultyLives, type Life } from './faulty-life.ts';
import { dump, StoreModel } from './store-model.ts';

/* Differences that come behind newer ones, as they do from a sender with several connections that had to wait. */

const REQUESTS = named('requests_total');
const ROOMY = limitsWith({ logEntriesMax: 400, batchSamplesMax: 20, walSlotsMax: 8, deltaSumsMax: 2, deltaRaisedSamplesMax: 30, segmentRowBytesTarget: 300, segmentFrameBytesTarget: 100 });
/** Two samples of a commit can be written anew for what comes late, and two more for what is added to the newest alone. */
const TIGHT = { ...ROOMY, deltaRaisedSamplesMax: 4 as never };

type Samples = TestSeries['samples'];

function deltas(...samples: Samples): TestBatch {
  return [{ labels: REQUESTS, samples, isDelta: true }];
}

function sums(...samples: Samples): ReturnType<typeof dump> {
  const model = new StoreModel();
  model.apply([{ labels: REQUESTS, samples }]);
  return model.dump();
}

function open(limits = ROOMY): { store: HotStore; reopened: () => HotStore } {
  const sql = new NodeSql();
  return { store: new HotStore(sql, limits), reopened: () => new HotStore(new NodeSql(sql.database), limits) };
}

function total(...histograms: readonly FloatHistogram[]): FloatHistogram {
  return histograms.reduce((sum, next) => withHint(compactHistogram((addHistograms(sum, next) as { histogram: FloatHistogram }).histogram), 'unknown'));
}

describe('a difference that comes behind newer ones', () => {
  test.each(['log', 'woken', 'sealed'] as const)('is added to all samples behind it, once (%s)', (where) => {
    const { store, reopened } = open();
    write(store, deltas([10, 1, 5], [30, 2], [50, 4]));
    if (where === 'sealed') store.seal();
    const next = where === 'log' ? store : reopened();
    for (let i = 0; i < 2; i++) expect(write(next, deltas([20, 8], [60, 16]))).toMatchObject({ samplesStored: 2, refusals: [] });
    const expected = sums([10, 1, 5], [20, 9, 5], [30, 11, 5], [50, 15, 5], [60, 31, 5]);
    expect(dump(next)).toEqual(expected);
    next.seal();
    expect(dump(reopened())).toEqual(expected);
    expect(next.stats().counters).toMatchObject({ deltas_refused_by_order_total: 0, delta_sums_raised_total: 2 });
  });

  test.each(['log', 'woken'] as const)('takes the place of a stale marker of its time (%s)', (where) => {
    const { store, reopened } = open();
    write(store, deltas([10, 1], [20, STALE], [30, 2]));
    const next = where === 'log' ? store : reopened();
    for (let i = 0; i < 2; i++) expect(write(next, deltas([20, 8]))).toMatchObject({ samplesStored: 1, refusals: [] });
    expect(dump(next)).toEqual(sums([10, 1], [20, 9], [30, 11]));
  });

  test('is added once, too, in one batch and one commit with what it comes behind', () => {
    const { store, reopened } = open();
    const [first, second] = [deltas([30, 1], [10, 2], [40, 4], [20, 8]), deltas([20, 8], [35, 16], [10, 2])].map((batch) => fullMessage(batch));
    for (const answer of store.appendAll([first!, second!, first!])) expect(answer).toMatchObject({ refusals: [] });
    expect(dump(reopened())).toEqual(sums([10, 2], [20, 10], [30, 11], [35, 27], [40, 31]));
  });

  test.each(['log', 'sealed', 'woken'] as const)('is added to what the sender told as a sum meanwhile (%s)', (where) => {
    const { store, reopened } = open();
    write(store, deltas([10, 1], [20, 2]));
    write(store, [{ labels: REQUESTS, samples: [[30, 100], [40, 101]] }]);
    if (where === 'sealed') store.seal();
    const next = where === 'woken' ? reopened() : store;
    write(next, deltas([50, 4], [60, 8]));
    write(next, [{ labels: REQUESTS, samples: [[80, STALE]] }]);
    for (let i = 0; i < 2; i++) write(next, deltas([65, 16], [70, 32], [90, 64]));
    expect(dump(next)).toEqual(sums([10, 1], [20, 3], [30, 100], [40, 101], [50, 105], [60, 113], [65, 129], [70, 161], [80, STALE], [90, 225]));
  });

  test('and begins the series takes the start with it', () => {
    const { store } = open();
    write(store, deltas([30, 1, 20], [40, 2, 30]));
    write(store, deltas([20, 4, 10]));
    expect(dump(store)).toEqual(sums([20, 4, 10], [30, 5, 10], [40, 7, 10]));
  });

  test('is known however often it comes again, and when what was behind it has been deleted', () => {
    const { store } = open();
    write(store, deltas([10, 1], [20, 2], [30, 4]));
    for (let i = 0; i < 300; i++) expect(write(store, deltas([10, 1], [20, 2]))).toMatchObject({ samplesStored: 2, refusals: [] });
    const selectors = [[{ name: '__name__', type: '=' as const, value: 'requests_total' }]];
    store.deleteSeries({ version: SHARD_RPC_VERSION, selectors, startMs: 15, endMs: 25, limit: 0 });
    write(store, deltas([20, 8]));
    expect(dump(store)).toEqual(sums([10, 1], [20, 9], [30, 15]));
  });

  test('leaves stale markers as they are', () => {
    const { store } = open();
    write(store, deltas([10, 1], [30, STALE], [40, 2]));
    write(store, deltas([20, 4]));
    expect(dump(store)).toEqual(sums([10, 1], [20, 5], [30, STALE], [40, 7]));
  });

  test('of a histogram is added to those behind it, and to none with which the series began anew', () => {
    const { store } = open();
    const random = seededRandom(5);
    const [a, b, c] = [randomExponential(random), randomExponential(random), randomExponential(random)];
    write(store, deltas([10, a], [30, c], [50, 3], [60, 4]));
    write(store, deltas([20, b], [55, 8]));
    expect(dump(store)).toEqual(sums([10, a], [20, total(a, b)], [30, total(a, c, b)], [50, 3], [55, 11], [60, 15]));
  });
});

describe('a difference with too many samples behind it', () => {
  test('is added to the newest alone, once', () => {
    const { store, reopened } = open(TIGHT);
    write(store, deltas([10, 1], [20, 2], [30, 4], [40, 8]));
    for (let i = 0; i < 2; i++) expect(write(reopened(), deltas([15, 16]))).toMatchObject({ samplesStored: 1, refusals: [] });
    const woken = reopened();
    expect(dump(woken)).toEqual(sums([10, 1], [15, 1], [20, 3], [30, 7], [40, 31]));
    write(woken, deltas([50, 32]));
    expect(dump(woken)).toEqual(sums([10, 1], [15, 1], [20, 3], [30, 7], [40, 31], [50, 63]));
  });

  test('is refused and counted when the commit has room for no more, and when nothing is known from before', () => {
    const { store } = open(TIGHT);
    write(store, deltas([10, 1], [20, 2], [30, 4], [40, 8]));
    const answer = write(store, deltas([11, 1], [12, 1], [13, 1], [14, 1], [15, 1]));
    expect(answer).toMatchObject({ samplesStored: 4, refusals: [{ kind: 'bad-data', samples: 1, message: '1 delta sample behind newer ones of the same series can no longer be added up' }] });
    expect(write(store, deltas([5, 1]))).toMatchObject({ samplesStored: 0, refusals: [{ samples: 1 }] });
    expect(dump(store)).toEqual(sums([10, 1], [11, 1], [12, 1], [13, 1], [14, 1], [20, 3], [30, 7], [40, 19]));
    expect(store.stats().counters).toMatchObject({ deltas_refused_by_order_total: 2, delta_sums_raised_total: 4 });
  });
});

test('great numbers of late differences of one series are refused before they cost much', () => {
  let reads = 0;
  const newest = { timestampMs: 100_000, value: 1, bitsLow: 0, bitsHigh: 0x3ff00000, payload: undefined, startMs: 0 };
  const read = <T>(answer: T): T => (reads++, answer);
  const deltas = new DeltaSums({ newestMs: () => -Infinity, lastAt: (_, timeMs) => read(timeMs < newest.timestampMs ? undefined : newest), from: () => read({ samples: [newest], untilMs: Infinity }) }, LIMITS);
  const outcomes = Array.from({ length: 5000 }, (_, i) => deltas.add(7, 90_000 - i, 0, 0x3ff00000, undefined, 0));
  expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(4000);
  expect(outcomes[0]).toMatchObject({ raised: [{ timestampMs: 100_000 }] });
  expect(reads).toBeLessThan(600);
  // With the next commit others have their turn.
  deltas.noteCommitted();
  expect(deltas.add(7, 95_000, 0, 0x3ff00000, undefined, 0)).not.toBe('refused');
});

/** The same differences in any order, sent again at random, over seals and wakings, are the same sums: fractions of two add up exactly. */
test('the order of arrival makes no difference', () => {
  let raised = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const sql = new NodeSql();
    let store = new HotStore(sql, ROOMY);
    const arrived = new Map<string, Map<number, number>>();
    const sent: TestBatch[] = [];
    let newest = 0;
    for (let step = 0; step < 60; step++) {
      const action = random.below(8);
      if (action === 0) store = new HotStore(new NodeSql(sql.database), ROOMY);
      else if (action === 1) store.seal();
      else if (action === 2 && sent.length > 0) expect(write(store, random.pick(sent))).toMatchObject({ refusals: [] });
      else {
        newest++;
        const batch = ['a', 'b', 'c'].filter(() => random.oneIn(2)).map((series) => {
          const times = Array.from({ length: 1 + random.below(3) }, () => Math.max(1, newest - random.below(4)) * 10);
          // What has been sent is sent again as it was: a time has one difference.
          return { labels: named('d', { series }), samples: times.map((timeMs): readonly [number, number] => [timeMs, ((timeMs * 7) % 64) / 4]), isDelta: true };
        });
        expect(write(store, batch)).toMatchObject({ refusals: [] });
        sent.push(batch);
        for (const { labels, samples } of batch) {
          const known = arrived.get(labels.join()) ?? new Map<number, number>();
          arrived.set(labels.join(), known);
          for (const [timeMs, value] of samples) known.set(timeMs, value);
        }
      }
      expect(dump(store), `seed ${seed}, step ${step}`).toEqual(summedUp(arrived));
    }
    raised += store.stats().counters['delta_sums_raised_total']!;
  }
  // Of the last life of each.
  expect(raised).toBeGreaterThan(30);
});

function summedUp(arrived: ReadonlyMap<string, ReadonlyMap<number, number>>): ReturnType<typeof dump> {
  const model = new StoreModel();
  for (const [key, differences] of arrived) {
    let sum = 0;
    const samples = [...differences].sort(([a], [b]) => a - b).map(([timeMs, value]): readonly [number, number] => [timeMs, (sum += value)]);
    model.apply([{ labels: key.split(','), samples }]);
  }
  return model.dump();
}

/** Storage breaks at each call in turn; the sender, who has no answer, sends the same again to the store that wakes. */
test.each(['before', 'after'] as const)('storage breaks %s each call: every late difference once', (when) => {
  const life: Life = [deltas([10, 1], [40, 2]), 'seal', deltas([30, 4]), deltas([20, 8], [50, 16]), deltas([45, 32])];
  let broke = 0;
  for (const { call, store } of faultyLives(life, ROOMY, when)) {
    broke++;
    expect(dump(store), `call ${call}, ${when}`).toEqual(sums([10, 1], [20, 9], [30, 13], [40, 15], [45, 47], [50, 63]));
  }
  expect(broke).toBeGreaterThan(when === 'before' ? 30 : 10);
});
