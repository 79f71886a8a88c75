import { nextCompensation } from '../../storage/model/kahan-sum.ts';
import { histogramIgnoredInMixedRange, invalidQuantile } from '../annotations.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { quantileOfFloats } from './quantile-of-floats.ts';
import { hasAnyHistogram, hasFloats, hasHistograms, isMixedWindow, mapFloatWindows, metricNameOf } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

export const countOverTime: WindowFunction = (input, out) => {
  forEachWindow(input, (step) => {
    const floatCount = input.floatWindows.to[step]! - input.floatWindows.from[step]!;
    out.setFloat(step, floatCount + input.histogramWindows.to[step]! - input.histogramWindows.from[step]!);
  });
};

export const presentOverTime: WindowFunction = (input, out) => forEachWindow(input, (step) => out.setFloat(step, 1));

export const firstOverTime: WindowFunction = (input, out) => {
  forEachWindow(input, (step) => {
    const float = input.floatWindows.from[step]!;
    const histogram = input.histogramWindows.from[step]!;
    if (!hasHistograms(input, step) || (hasFloats(input, step) && input.floats.timestampsMs[float]! < input.histograms.timestampsMs[histogram]!)) {
      out.setFloat(step, input.floats.values[float]!);
    } else out.setHistogram(step, input.histograms.histograms[histogram]!);
  });
};

export const lastOverTime: WindowFunction = (input, out) => {
  forEachWindow(input, (step) => {
    const float = input.floatWindows.to[step]! - 1;
    const histogram = input.histogramWindows.to[step]! - 1;
    if (!hasHistograms(input, step) || (hasFloats(input, step) && input.histograms.timestampsMs[histogram]! < input.floats.timestampsMs[float]!)) {
      out.setFloat(step, input.floats.values[float]!);
    } else out.setHistogram(step, input.histograms.histograms[histogram]!);
  });
};

export const tsOfFirstOverTime: WindowFunction = (input, out) => {
  forEachWindow(input, (step) => {
    const float = hasFloats(input, step) ? input.floats.timestampsMs[input.floatWindows.from[step]!]! : Infinity;
    const histogram = hasHistograms(input, step) ? input.histograms.timestampsMs[input.histogramWindows.from[step]!]! : Infinity;
    out.setFloat(step, Math.min(float, histogram) / 1000);
  });
};

export const tsOfLastOverTime: WindowFunction = (input, out) => {
  forEachWindow(input, (step) => {
    const float = hasFloats(input, step) ? input.floats.timestampsMs[input.floatWindows.to[step]! - 1]! : -Infinity;
    const histogram = hasHistograms(input, step) ? input.histograms.timestampsMs[input.histogramWindows.to[step]! - 1]! : -Infinity;
    out.setFloat(step, Math.max(float, histogram) / 1000);
  });
};

export const stddevOverTime: WindowFunction = (input, out) => floatsOnly(input, out, (from, to) => Math.sqrt(variance(input.floats.values, from, to)));
export const stdvarOverTime: WindowFunction = (input, out) => floatsOnly(input, out, (from, to) => variance(input.floats.values, from, to));

export const quantileOverTime: WindowFunction = (input, out) => {
  const quantiles = input.args[0]!;
  floatsOnly(input, out, (from, to, step) => {
    const quantile = quantiles[step]!;
    if (!(quantile >= 0 && quantile <= 1)) input.annotate(invalidQuantile(quantile));
    return quantileOfFloats(quantile, input.floats.values.slice(from, to));
  });
};

/** The median distance from the median. A NaN anywhere in the window makes it NaN. */
export const madOverTime: WindowFunction = (input, out) => {
  floatsOnly(input, out, (from, to) => {
    const values = input.floats.values.slice(from, to);
    if (values.some((value) => Number.isNaN(value))) return NaN;
    const median = quantileOfFloats(0.5, values);
    for (let i = 0; i < values.length; i++) values[i] = Math.abs(values[i]! - median);
    return quantileOfFloats(0.5, values);
  });
};

/** For functions that know floats only: histograms beside floats are skipped with an info, histograms alone give nothing. */
export function floatsOnly(input: WindowInput, out: StepColumns, apply: (from: number, to: number, step: number) => number | undefined): void {
  mapFloatWindows(input, out, apply);
  if (hasAnyHistogram(input) && input.floatWindows.from.some((_, step) => isMixedWindow(input, step))) {
    input.annotate(histogramIgnoredInMixedRange(metricNameOf(input)));
  }
}

function forEachWindow(input: WindowInput, apply: (step: number) => void): void {
  for (let step = 0; step < input.floatWindows.from.length; step++) {
    if (hasFloats(input, step) || hasHistograms(input, step)) apply(step);
  }
}

/** Welford's method with compensated sums. */
function variance(values: Float64Array, from: number, to: number): number {
  let count = 0;
  let mean = 0;
  let meanCompensation = 0;
  let squares = 0;
  let squaresCompensation = 0;
  for (let i = from; i < to; i++) {
    count++;
    const difference = values[i]! - (mean + meanCompensation);
    const meanStep = difference / count;
    const nextMean = mean + meanStep;
    meanCompensation = nextCompensation(meanStep, mean, nextMean, meanCompensation);
    mean = nextMean;
    const square = difference * (values[i]! - (mean + meanCompensation));
    const nextSquares = squares + square;
    squaresCompensation = nextCompensation(square, squares, nextSquares, squaresCompensation);
    squares = nextSquares;
  }
  return (squares + squaresCompensation) / count;
}
