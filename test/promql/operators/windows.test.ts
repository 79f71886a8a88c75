import { expect, test } from 'vitest';
import { NewestSamples } from '../../../promql/operators/newest-samples.ts';
import { WindowFinder } from '../../../promql/operators/windows.ts';
import type { ReferenceTimes } from '../../../promql/plan/step-grid.ts';

const TIMES = Float64Array.of(0, 10, 20, 30, 40);

test('windows are left-open and right-closed', () => {
  const f = (reference: ReferenceTimes, rangeMs: number, windows: readonly (readonly number[])[], beforeMs = 0, afterMs = 0): void => {
    const { from, to } = new WindowFinder(reference, rangeMs, beforeMs, afterMs).find(TIMES);
    expect(Array.from(from, (start, step) => [...TIMES.subarray(start, to[step])])).toEqual(windows);
  };
  f({ firstMs: 20, stepMs: 10, count: 3 }, 10, [[20], [30], [40]]);
  f({ firstMs: 20, stepMs: 10, count: 2 }, 11, [[10, 20], [20, 30]]);
  f({ firstMs: 25, stepMs: 25, count: 3 }, 20, [[10, 20], [40], []]);
  f({ firstMs: 20, stepMs: 0, count: 2 }, 20, [[10, 20], [10, 20]]);
  f({ firstMs: -10, stepMs: 10, count: 2 }, 100, [[], [0]]);
  f({ firstMs: 20, stepMs: 10, count: 1 }, 10, [[0, 10, 20, 30]], 11, 10);
});

test('series with the same timestamps share their windows', () => {
  const finder = new WindowFinder({ firstMs: 20, stepMs: 10, count: 3 }, 10);
  const windows = finder.find(TIMES);
  expect(finder.find(TIMES)).toBe(windows);
  expect(finder.find(TIMES.slice())).not.toBe(windows);
});

test('the newest sample of the look-back, unless it is stale', () => {
  const f = (lookbackMs: number, stale: readonly number[] | undefined, indexes: readonly number[]): void => {
    const isStale = stale && Uint8Array.from(stale);
    const raw = { labels: [], timestampsMs: TIMES, values: TIMES, isStale, histograms: undefined, startTimestampsMs: undefined };
    expect([...new NewestSamples({ firstMs: -5, stepMs: 15, count: 5 }, lookbackMs).find(raw)]).toEqual(indexes);
  };
  f(100, undefined, [-1, 1, 2, 4, 4]);
  f(15, undefined, [-1, 1, 2, 4, -1]);
  f(16, [0, 0, 1, 0, 0], [-1, 1, -1, 4, 4]);
});
