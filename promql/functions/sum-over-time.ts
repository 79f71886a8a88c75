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
 */
function setSums(input: WindowInput, out: StepColumns, isMean: boolean): void {
  const { values } = input.floats;
  const { from, to } = input.floatWindows;
  const { values: results, present } = out;
  let isEmpty = out.isEmpty;
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const end = to[step]!;
    if (end <= first) continue;
    let sum = values[first]!;
    let compensation = 0;
    for (let i = first + 1; i < end; i++) {
      const value = values[i]!;
      const next = sum + value;
      compensation += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
    }
    const count = end - first;
    if (!Number.isFinite(sum)) results[step] = isMean ? averageFloats(values, first, end) : sumFloats(values, first, end);
    else results[step] = isMean ? sum / count + compensation / count : sum + compensation;
    present[step] = FLOAT;
    isEmpty = false;
  }
  out.isEmpty = isEmpty;
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
