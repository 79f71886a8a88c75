import { describe, expect, test } from 'vitest';
import { avgOverTime, sumOverTime } from '../../promql/functions/sum-over-time.ts';
import type { WindowInput } from '../../promql/functions/window-function.ts';
import { NO_HISTOGRAMS } from '../../promql/operators/sample-columns.ts';
import { ABSENT, FLOAT, StepColumns } from '../../promql/operators/step-series.ts';
import { SumFold } from '../../promql/operators/sum-folds.ts';
import { KahanSum } from '../../storage/model/kahan-sum.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const SPECIAL = [NaN, Infinity, -Infinity, -0, 1e308, -1e308, 1e-320];

function someValue(random: SeededRandom, hasSpecial: boolean): number {
  if (hasSpecial && random.oneIn(30)) return random.pick(SPECIAL);
  return (random.uint32() - 2 ** 31) * 2 ** random.between(-60, 60);
}

describe('sums of windows', () => {
  const outOf = (values: Float64Array, from: readonly number[], to: readonly number[], apply: typeof sumOverTime): StepColumns => {
    const out = new StepColumns(from.length);
    const floats = { timestampsMs: values, values, startTimestampsMs: undefined };
    apply({ floats, floatWindows: { from: Int32Array.from(from), to: Int32Array.from(to), sampleCount: 0 }, histograms: NO_HISTOGRAMS } as unknown as WindowInput, out);
    return out;
  };

  test('are the compensated sums of their samples, to the bit, empty windows apart', () => {
    const random = new SeededRandom(11);
    for (let turn = 0; turn < 300; turn++) {
      const values = Float64Array.from({ length: 60 }, () => someValue(random, false));
      const from = Array.from({ length: random.between(1, 40) }, () => random.below(60));
      // Of the same length often, as neighbours are, and often not.
      const to = from.map((first) => Math.min(60, first + (random.oneIn(3) ? random.below(30) : 7)));
      const sums = outOf(values, from, to, sumOverTime);
      const means = outOf(values, from, to, avgOverTime);
      for (let step = 0; step < from.length; step++) {
        const count = to[step]! - from[step]!;
        expect([sums.present[step], means.present[step]]).toEqual(count > 0 ? [FLOAT, FLOAT] : [ABSENT, ABSENT]);
        if (count === 0) continue;
        const wanted = new KahanSum();
        for (let i = from[step]!; i < to[step]!; i++) wanted.add(values[i]!);
        expect(sums.values[step]).toBe(wanted.value());
        expect(means.values[step]).toBe(wanted.sum / count + wanted.compensation / count);
      }
    }
  });

  test('an infinity in one window is none in its neighbour', () => {
    const values = Float64Array.of(1, 2, Infinity, 3, 4);
    expect([...outOf(values, [0, 1, 3], [2, 3, 5], sumOverTime).values]).toEqual([3, Infinity, 7]);
    const large = Float64Array.of(1e308, 1e308, 1, 2);
    expect([...outOf(large, [0, 2], [2, 4], avgOverTime).values]).toEqual([1e308, 1.5]);
  });
});

test('a group is the compensated sum of its series at each step, whichever steps they have', () => {
  const random = new SeededRandom(12);
  for (let turn = 0; turn < 400; turn++) {
    const stepCount = random.between(1, 12);
    const hasGaps = random.oneIn(2);
    const hasSpecial = random.oneIn(2);
    const fold = new SumFold({ stepCount } as ConstructorParameters<typeof SumFold>[0]);
    const wanted = Array.from({ length: stepCount }, (): KahanSum | undefined => undefined);
    for (let left = random.between(1, 12); left > 0; left--) {
      const isWhole = !hasGaps || random.oneIn(2);
      const values = Float64Array.from({ length: stepCount }, () => someValue(random, hasSpecial));
      const present = Uint8Array.from({ length: stepCount }, () => (isWhole || random.oneIn(2) ? FLOAT : ABSENT));
      fold.add({ labels: [], dropName: false, values, present, histograms: undefined });
      for (let step = 0; step < stepCount; step++) {
        if (present[step] === ABSENT) continue;
        const sum = wanted[step];
        if (sum === undefined) wanted[step] = new KahanSum(values[step]);
        else sum.add(values[step]!);
      }
    }
    const out = new StepColumns(stepCount);
    fold.finish(out, 0, stepCount);
    for (let step = 0; step < stepCount; step++) {
      const sum = wanted[step];
      expect(out.present[step]).toBe(sum === undefined ? ABSENT : FLOAT);
      if (sum !== undefined) expect(out.values[step]).toBe(sum.value());
    }
  }
});
