import { nextCompensation } from '../../storage/model/kahan-sum.ts';
import { mixedFloatsHistograms } from '../annotations.ts';
import { FLOAT } from '../operators/step-series.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { averageHistogramsOverTime, sumHistogramsOverTime } from './sum-over-time-of-histograms.ts';
import { hasAnyHistogram, hasHistograms, isMixedWindow, mapFloatWindows, metricNameOf } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

export const sumOverTime: WindowFunction = (input, out) => {
  if (hasAnyHistogram(input)) overFloatsOrHistograms(input, out, sumFloats, sumHistogramsOverTime);
  else setSums(input, out, false);
};

export const avgOverTime: WindowFunction = (input, out) => {
  if (hasAnyHistogram(input)) overFloatsOrHistograms(input, out, averageFloats, averageHistogramsOverTime);
  else setSums(input, out, true);
};

/**
 * The compensated sum of each window, or its mean. While a sum stays finite, which nearly every one does, there is nothing to look out for
 * at each addition, and an infinity or NaN on the way still shows at the end: such a window is summed again with care.
 *
 * An addition waits for the one before it. Two windows at a time wait together; neighbours mostly hold as many samples.
 */
function setSums(input: WindowInput, out: StepColumns, isMean: boolean): void {
  const { values } = input.floats;
  const { from, to } = input.floatWindows;
  const { values: results, present } = out;
  let isEmpty = out.isEmpty;
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const count = to[step]! - first;
    if (count <= 0) continue;
    const isPair = step + 1 < from.length && to[step + 1]! - from[step + 1]! === count;
    // Alone, a window keeps itself company.
    const second = isPair ? from[step + 1]! : first;
    let sum1 = values[first]!;
    let sum2 = values[second]!;
    let compensation1 = 0;
    let compensation2 = 0;
    for (let i = 1; i < count; i++) {
      const value1 = values[first + i]!;
      const value2 = values[second + i]!;
      const next1 = sum1 + value1;
      const next2 = sum2 + value2;
      // What an addition leaves behind, exactly, whichever of the two is larger (Knuth's TwoSum): no branch.
      const added1 = next1 - sum1;
      const added2 = next2 - sum2;
      compensation1 += sum1 - (next1 - added1) + (value1 - added1);
      compensation2 += sum2 - (next2 - added2) + (value2 - added2);
      sum1 = next1;
      sum2 = next2;
    }
    results[step] = settledSum(values, first, count, sum1, compensation1, isMean);
    present[step] = FLOAT;
    isEmpty = false;
    if (!isPair) continue;
    step++;
    results[step] = settledSum(values, second, count, sum2, compensation2, isMean);
    present[step] = FLOAT;
  }
  out.isEmpty = isEmpty;
}

function settledSum(values: Float64Array, first: number, count: number, sum: number, compensation: number, isMean: boolean): number {
  if (!Number.isFinite(sum)) return isMean ? averageFloats(values, first, first + count) : sumFloats(values, first, first + count);
  return isMean ? sum / count + compensation / count : sum + compensation;
}

function overFloatsOrHistograms(
  input: WindowInput, out: StepColumns,
  ofFloats: (values: Float64Array, from: number, to: number) => number,
  ofHistograms: (input: WindowInput, out: StepColumns, step: number) => void,
): void {
  const { values } = input.floats;
  mapFloatWindows(input, out, (from, to, step) => {
    if (!isMixedWindow(input, step)) return ofFloats(values, from, to);
    input.annotate(mixedFloatsHistograms(metricNameOf(input)));
    return undefined;
  });
  for (let step = 0; step < input.histogramWindows.from.length; step++) {
    if (hasHistograms(input, step) && !isMixedWindow(input, step)) ofHistograms(input, out, step);
  }
}

function sumFloats(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  let compensation = 0;
  for (let i = from; i < to; i++) {
    const next = sum + values[i]!;
    compensation = nextCompensation(values[i]!, sum, next, compensation);
    sum = next;
  }
  return Number.isFinite(sum) ? sum + compensation : sum;
}

/** Sum through count, which is the most exact; where the sum would overflow, the mean is corrected value by value from there on. */
function averageFloats(values: Float64Array, from: number, to: number): number {
  let sum = values[from]!;
  let compensation = 0;
  for (let i = from + 1; i < to; i++) {
    const next = sum + values[i]!;
    if (next === Infinity || next === -Infinity) return incrementalMean(values, from, i, to, sum, compensation);
    compensation = nextCompensation(values[i]!, sum, next, compensation);
    sum = next;
  }
  const count = to - from;
  return sum / count + compensation / count;
}

function incrementalMean(values: Float64Array, from: number, at: number, to: number, sum: number, sumCompensation: number): number {
  let mean = sum / (at - from);
  let compensation = sumCompensation / (at - from);
  for (let i = at; i < to; i++) {
    const count = i - from + 1;
    const share = (count - 1) / count;
    const scaledMean = share * mean;
    const increment = values[i]! / count;
    const next = scaledMean + increment;
    compensation = nextCompensation(increment, scaledMean, next, share * compensation);
    mean = next;
  }
  return mean + compensation;
}
