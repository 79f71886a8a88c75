import { nextCompensation } from '../../storage/model/kahan-sum.ts';
import { histogramIgnoredInMixedRange } from '../annotations.ts';
import type { FloatColumn } from '../operators/sample-columns.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { hasHistograms, mapFloatWindows, metricNameOf } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

/** The slope per second of the straight line through the window's samples. */
export const deriv: WindowFunction = (input, out) => {
  twoFloatsAtLeast(input, out, (from, to) => linearRegression(input.floats, from, to, input.floats.timestampsMs[from]!).slope);
};

/** Where that line will be so many seconds after the step. */
export const predictLinear: WindowFunction = (input, out) => {
  const seconds = input.args[0]!;
  twoFloatsAtLeast(input, out, (from, to, step) => {
    const { slope, intercept } = linearRegression(input.floats, from, to, input.grid.startMs + step * input.grid.stepMs);
    return slope * seconds[step]! + intercept;
  });
};

/** Functions that need two floats skip histograms beside them with an info. */
export function twoFloatsAtLeast(input: WindowInput, out: StepColumns, apply: (from: number, to: number, step: number) => number): void {
  mapFloatWindows(input, out, (from, to, step) => {
    if (hasHistograms(input, step)) input.annotate(histogramIgnoredInMixedRange(metricNameOf(input)));
    return to - from < 2 ? undefined : apply(from, to, step);
  });
}

/** Least squares over (seconds since `interceptMs`, value). Times are taken relative to a near moment to keep the sums exact. */
function linearRegression(floats: FloatColumn, from: number, to: number, interceptMs: number): { slope: number; intercept: number } {
  const { timestampsMs, values } = floats;
  const first = values[from]!;
  let isConstant = true;
  let sumX = 0, errorX = 0, sumY = 0, errorY = 0, sumXY = 0, errorXY = 0, sumXX = 0, errorXX = 0;
  for (let i = from; i < to; i++) {
    const y = values[i]!;
    if (y !== first && i > from) isConstant = false;
    const x = (timestampsMs[i]! - interceptMs) / 1000;
    let next = sumX + x;
    errorX = nextCompensation(x, sumX, next, errorX);
    sumX = next;
    next = sumY + y;
    errorY = nextCompensation(y, sumY, next, errorY);
    sumY = next;
    next = sumXY + x * y;
    errorXY = nextCompensation(x * y, sumXY, next, errorXY);
    sumXY = next;
    next = sumXX + x * x;
    errorXX = nextCompensation(x * x, sumXX, next, errorXX);
    sumXX = next;
  }
  if (isConstant) return Number.isFinite(first) || Number.isNaN(first) ? { slope: 0, intercept: first } : { slope: NaN, intercept: NaN };
  const count = to - from;
  sumX += errorX;
  sumY += errorY;
  const covariance = sumXY + errorXY - (sumX * sumY) / count;
  const varianceX = sumXX + errorXX - (sumX * sumX) / count;
  const slope = covariance / varianceX;
  return { slope, intercept: sumY / count - (slope * sumX) / count };
}
