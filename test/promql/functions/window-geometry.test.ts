import { expect, test } from 'vitest';
import { EDGE_TOLERANCE, extrapolation, reachOf } from '../../../promql/functions/extrapolation.ts';
import { computeGeometry } from '../../../promql/functions/window-geometry.ts';
import { WindowFinder } from '../../../promql/operators/windows.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const RANGE_MS = 20_000;
const STEP_MS = 500;
const STEP_COUNT = 120;

test('every window reaches as far as extrapolation says, to the bit, also where an edge is just as far away as counts as near', () => {
  const seen = { atTolerance: 0, toStart: 0, toEnd: 0, short: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed);
    // A scrape every 5 s, of which some fail: the tolerance is then 5.5 s, and a step ends there.
    const timestampsMs = Float64Array.from({ length: 12 }, (_, i) => i * 5_000).filter(() => !random.oneIn(seed % 5 === 0 ? 2 : 8));
    const reference = { firstMs: 0, stepMs: STEP_MS, count: STEP_COUNT };
    const input = { floats: { timestampsMs }, floatWindows: new WindowFinder(reference, RANGE_MS).find(timestampsMs), rangeMs: RANGE_MS, reference };
    const { from, to } = input.floatWindows;
    const geometry = computeGeometry(input, 1, 0, STEP_COUNT);
    for (let step = 0; step < STEP_COUNT; step++) {
      const sampleCount = to[step]! - from[step]!;
      if (sampleCount < 2) {
        seen.short++;
        continue;
      }
      const rangeEndMs = step * STEP_MS;
      const window = { rangeStartMs: rangeEndMs - RANGE_MS, rangeEndMs, firstMs: timestampsMs[from[step]!]!, lastMs: timestampsMs[to[step]! - 1]!, sampleCount };
      const reach = reachOf(window);
      const at = `seed ${seed}, step ${step}`;
      expect([geometry.sampledSeconds[step], geometry.toStartSeconds[step], geometry.toEndSeconds[step]], at).toEqual([reach.sampledSeconds, reach.toStartSeconds, reach.toEndSeconds]);
      expect(geometry.factors[step], at).toBe(extrapolation(window, undefined, undefined));
      const average = reach.sampledSeconds / (sampleCount - 1);
      if ((rangeEndMs - window.lastMs) / 1000 === average * EDGE_TOLERANCE) seen.atTolerance++;
      if (reach.toStartSeconds !== (window.firstMs - window.rangeStartMs) / 1000) seen.toStart++;
      if (reach.toEndSeconds !== (rangeEndMs - window.lastMs) / 1000) seen.toEnd++;
    }
  }
  for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(20);
});

test('the geometry of some of the steps is that part of all of them, and whole where each has two samples', () => {
  const timestampsMs = Float64Array.from({ length: 20 }, (_, i) => i * 5_000);
  const reference = { firstMs: 0, stepMs: 5_000, count: 20 };
  const input = { floats: { timestampsMs }, floatWindows: new WindowFinder(reference, RANGE_MS).find(timestampsMs), rangeMs: RANGE_MS, reference };
  const all = computeGeometry(input, 20, 0, 20);
  const part = computeGeometry(input, 20, 1, 20);
  // The first step has one sample.
  expect([all.isWhole, part.isWhole]).toEqual([false, true]);
  expect([...part.factors]).toEqual([...all.factors.subarray(1)]);
  expect(all.factors[10]).toBeCloseTo(1 / 15, 12);
});
