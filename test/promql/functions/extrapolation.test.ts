import { expect, test } from 'vitest';
import { extrapolation } from '../../../promql/functions/extrapolation.ts';
import { isStartOverlap, isStartReset } from '../../../promql/functions/start-timestamps.ts';

test('extrapolation goes to the edges of the range, or half an interval beyond the samples', () => {
  const f = (firstMs: number, lastMs: number, sampleCount: number, firstShare: number | undefined, factor: number, startMs?: number): void => {
    const window = { rangeStartMs: 0, rangeEndMs: 60_000, firstMs, lastMs, sampleCount };
    expect(extrapolation(window, startMs, firstShare)).toBeCloseTo(factor, 12);
  };
  f(10_000, 50_000, 5, undefined, 60 / 40);
  f(11_000, 49_000, 3, undefined, 60 / 38);
  // The edge is 1.1 intervals away: no more than half an interval is added.
  f(11_000, 51_000, 5, undefined, (40 + 5 + 9) / 40);
  f(20_000, 40_000, 3, undefined, (20 + 5 + 5) / 20);
  // The counter would have been at zero 4 s before the first sample.
  f(10_000, 50_000, 5, 0.1, (40 + 4 + 10) / 40);
  // Its start is known.
  f(10_000, 50_000, 5, 0.1, (45 + 10) / 45, 5_000);
  f(10_000, 10_000, 1, undefined, 1, 5_000);
});

test('start timestamps that are resets', () => {
  const f = (previousStartMs: number, previousMs: number, startMs: number, timestampMs: number, reset: boolean, overlap: boolean): void => {
    expect([isStartReset(previousStartMs, previousMs, startMs, timestampMs), isStartOverlap(previousStartMs, previousMs, startMs)]).toEqual([reset, overlap]);
  };
  f(0, 100, 0, 200, false, false);
  f(50, 100, 50, 200, false, false);
  f(50, 100, 150, 200, true, false);
  f(50, 100, 200, 200, false, false);
  f(50, 100, 250, 200, false, false);
  f(50, 100, 100, 200, true, false);
  f(0, 100, 100, 200, false, false);
  f(100, 100, 100, 200, false, false);
  f(150, 100, 100, 200, false, false);
  f(50, 100, 60, 200, false, true);
  f(0, 100, 60, 200, false, true);
});
