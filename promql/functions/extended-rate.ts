import { mixedFloatsHistograms } from '../annotations.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { extendedHistogramRate } from './extended-rate-of-histograms.ts';
import { findEdges, valueAtLeftEdge, valueAtRightEdge } from './range-edges.ts';
import type { RateKind } from './rate.ts';
import { hasFloats, hasHistograms, isMixedWindow, metricNameOf, windowEndMs } from './window-function.ts';
import type { WindowInput } from './window-function.ts';

/**
 * rate, increase and delta of `anchored` and `smoothed` ranges: nothing is extrapolated, since the window reaches beyond the range and so
 * the values at its edges are known (anchored: the last sample at or before the start; smoothed: interpolated at both edges).
 */
export function extendedRate(input: WindowInput, out: StepColumns, kind: RateKind): void {
  for (let step = 0; step < input.floatWindows.from.length; step++) {
    if (isMixedWindow(input, step)) input.annotate(mixedFloatsHistograms(metricNameOf(input)));
    else if (hasHistograms(input, step)) extendedHistogramRate(input, out, kind, step);
    else if (hasFloats(input, step)) {
      const difference = extendedDifference(input, kind.isCounter, step);
      if (difference !== undefined) out.setFloat(step, kind.perSecond ? difference / (input.rangeMs / 1000) : difference);
    }
  }
}

function extendedDifference(input: WindowInput, isCounter: boolean, step: number): number | undefined {
  const { timestampsMs, values } = input.floats;
  const rangeEndMs = windowEndMs(input, step);
  const rangeStartMs = rangeEndMs - input.rangeMs;
  const isSmoothed = input.edges === 'smoothed';
  const edges = findEdges(timestampsMs, input.floatWindows.from[step]!, input.floatWindows.to[step]!, rangeStartMs, rangeEndMs, isSmoothed);
  if (edges === undefined) return undefined;
  const left = valueAtLeftEdge(input.floats, edges.first, rangeStartMs, isSmoothed, isCounter);
  const right = valueAtRightEdge(input.floats, edges, rangeEndMs, isSmoothed, isCounter);
  const difference = right - left;
  if (!isCounter) return difference;
  // Resets at the edges are in the interpolated values already; only the samples inside the range are left to look at.
  const first = timestampsMs[edges.first]! <= rangeStartMs ? edges.first + 1 : edges.first;
  const last = timestampsMs[edges.last]! >= rangeEndMs ? edges.last - 1 : edges.last;
  let previous = left;
  let lost = 0;
  for (let i = first; i <= last; i++) {
    if (values[i]! < previous) lost += previous;
    previous = values[i]!;
  }
  if (right < previous) lost += previous;
  return difference + lost;
}
