import { expect, test } from 'vitest';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { everyCall, type FaultPlan, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomExponential, seededRandom } from '../model/random-histogram.ts';
import { named, STALE, write, type TestBatch, type TestValue } from './batches.ts';
import { dump, StoreModel } from './store-model.ts';

/*
 * The crash index of append and seal: a life of the store is run once for each storage call in it, and breaks before or behind that call.
 *
 * I1, I6: the instance that wakes reads every acknowledged batch, once. I2, I3: the batch under way is there whole or not at all, and nothing
 * else is. I4: sent again it is stored, and the end is that of an undisturbed life. I8: what a seal has been through reads the same to the bit,
 * also stale markers, histograms and start timestamps.
 */
const LIMITS = limitsWith({ logEntriesMax: 12, batchSamplesMax: 8, walSlotsMax: 4, sealStepSamples: 9, segmentRowBytesTarget: 60, segmentFrameBytesTarget: 40, seriesBlockBytesTarget: 60 });

const HISTOGRAM = randomExponential(seededRandom(2));

type Step = TestBatch | 'seal' | 'reopen';

function batch(...samples: readonly (readonly [series: string, timestampMs: number, value: TestValue])[]): TestBatch {
  return samples.map(([series, timestampMs, value]) => ({ labels: named('m', { series }), samples: [[timestampMs, value]] }));
}

const LIFE: readonly Step[] = [
  batch(['a', 10, 1], ['b', 10, 2], ['c', 10, 3]), // new series, in two blocks
  batch(['a', 20, 1], ['b', 20, STALE], ['c', 20, 3]), // known series
  'seal',
  batch(['a', 10, 7], ['d', 5, 1]), // overwrites what is sealed; a known and a new series
  'reopen',
  batch(['a', 30, 1], ['b', 30, 2]),
  'seal',
  'seal', // with nothing to do
  batch(['a', 31, 1]),
  batch(['a', 32, 1], ['a', 31, 2]),
  batch(['a', 33, 1]),
  batch(['a', 34, 1]),
  batch(['e', 35, 1]), // the WAL is full: seals first, with a new series behind it
  batch(['a', 36, 1], ['b', 36, 1], ['c', 36, 1], ['d', 36, 1], ['e', 36, 1]),
  batch(['a', 37, 1], ['b', 37, 1], ['c', 37, 1], ['d', 37, 1], ['e', 37, 1]),
  batch(['a', 38, 1], ['b', 38, 1], ['c', 38, 1], ['f', 38, 1]), // the log is full
  batch(['a', 39, HISTOGRAM], ['b', 39, STALE]), // a histogram and a start timestamp
  [{ labels: named('m', { series: 'a' }), samples: [[40, HISTOGRAM, 7], [41, 5, 7]] }],
  'reopen',
  'seal',
  batch(['a', 39, 4], ['a', 42, HISTOGRAM]), // overwrites a sealed histogram
];

interface Outcome {
  readonly model: StoreModel;
  /** The step under way when storage broke, if it did. */
  readonly broken: number;
}

/** Lives until the end or until storage breaks. The model holds what was acknowledged. */
function live(sql: Sql, model: StoreModel, fromStep: number): Outcome {
  let step = fromStep;
  try {
    // Each instance draws its own, and the same in every life.
    let store = new HotStore(sql, LIMITS, { random: new SeededRandom(step * 2) });
    for (; step < LIFE.length; step++) {
      const next = LIFE[step]!;
      if (next === 'seal') store.seal();
      else if (next === 'reopen') store = new HotStore(sql, LIMITS, { random: new SeededRandom(step * 2 + 1) });
      else {
        expect(write(store, next).status).toBe('stored');
        model.apply(next);
      }
    }
    return { model, broken: -1 };
  } catch (error) {
    if (!(error instanceof InjectedFault)) throw error;
    return { model, broken: step };
  }
}

function reopen(sql: NodeSql): { next: NodeSql; read: ReturnType<typeof dump> } {
  const next = new NodeSql(sql.database);
  return { next, read: dump(new HotStore(next, LIMITS)) };
}

/** Answers what has become of the batch of the step that broke. */
function survive(plan: FaultPlan): 'in-doubt' | 'nothing' | 'whole' {
  const where = `call ${plan.call}, ${plan.when}`;
  const sql = new NodeSql();
  const { model, broken } = live(new FaultySql(sql, plan), new StoreModel(), 0);
  expect(broken, where).toBeGreaterThanOrEqual(0);
  const underWay = LIFE[broken]!;
  const { next, read } = reopen(sql);
  let outcome: 'in-doubt' | 'nothing' | 'whole' = 'in-doubt';
  const acknowledged = model.dump();
  if (typeof underWay !== 'string') {
    const withBatch = model.clone();
    withBatch.apply(underWay);
    outcome = JSON.stringify(read) === JSON.stringify(acknowledged) ? 'nothing' : 'whole';
    if (outcome === 'whole') expect(read, where).toEqual(withBatch.dump());
  } else expect(read, where).toEqual(acknowledged);
  // The sender tries the same again, and life goes on.
  const end = live(next, model, broken);
  expect(end.broken).toBe(-1);
  expect(reopen(next).read, where).toEqual(COMPLETE.dump());
  const log = next.all<{ sequence: number }>('SELECT sequence FROM wal ORDER BY sequence').map((row) => row.sequence);
  expect(new Set(log).size, where).toBe(log.length);
  return outcome;
}

const counting = new FaultySql(new NodeSql());
const COMPLETE = live(counting, new StoreModel(), 0).model;

test('an undisturbed life', () => {
  expect(counting.calls).toBeGreaterThan(70);
});

test.each(['before', 'after'] as const)('storage breaks %s each call in turn', { timeout: 60_000 }, (when) => {
  const outcomes = { 'in-doubt': 0, nothing: 0, whole: 0 };
  for (const call of everyCall(counting)) outcomes[survive({ call, when })]++;
  // Both fates of a batch must have been seen, or the test looks at nothing. Before a commit there is never a whole batch.
  if (when === 'after') expect(outcomes.whole).toBeGreaterThan(10);
  else expect(outcomes).toMatchObject({ nothing: expect.toSatisfy((count: number) => count > 10) as unknown, whole: 0 });
});

test('a store that broke must not be used again: its storage throws', () => {
  const sql = new FaultySql(new NodeSql(), { call: 30, when: 'before' });
  live(sql, new StoreModel(), 0);
  expect(sql.isBroken).toBe(true);
  expect(() => sql.all('SELECT 1')).toThrow(InjectedFault);
});
