import { mixedFloatsHistograms } from '../annotations.ts';
import type { FloatColumn } from '../operators/sample-columns.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { extendedHistogramRate } from './extended-rate-of-histograms.ts';
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
  let difference = right - left;
  if (!isCounter) return difference;
  // Resets at the edges are in the interpolated values already; only the samples inside the range are left to look at.
  const first = timestampsMs[edges.first]! <= rangeStartMs ? edges.first + 1 : edges.first;
  const last = timestampsMs[edges.last]! >= rangeEndMs ? edges.last - 1 : edges.last;
  let previous = left;
  for (let i = first; i <= last; i++) {
    if (values[i]! < previous) difference += previous;
    previous = values[i]!;
  }
  if (right < previous) difference += previous;
  return difference;
}

/** The samples that decide the values at a range's edges, as indexes. */
export interface EdgeSamples {
  /** First of the window. */
  readonly from: number;
  /** The last sample at or before the start of the range, or the first there is. */
  readonly first: number;
  /** The last sample of the range; smoothed: the first at or after its end, if any. */
  readonly last: number;
}

/** Undefined when the range has no value: nothing after its start, or nothing before its end. */
export function findEdges(
  timestampsMs: Float64Array, from: number, to: number, rangeStartMs: number, rangeEndMs: number, isSmoothed: boolean,
): EdgeSamples | undefined {
  let last = to - 1;
  let first = from;
  while (first < last && timestampsMs[first + 1]! <= rangeStartMs) first++;
  if (isSmoothed) {
    last = first;
    while (last < to - 1 && timestampsMs[last]! < rangeEndMs) last++;
  }
  if (timestampsMs[last]! <= rangeStartMs || timestampsMs[first]! > rangeEndMs) return undefined;
  return { from, first, last };
}

export function valueAtLeftEdge(floats: FloatColumn, first: number, rangeStartMs: number, isSmoothed: boolean, isCounter: boolean): number {
  if (isSmoothed && floats.timestampsMs[first]! < rangeStartMs) return interpolate(floats, first, rangeStartMs, isCounter);
  return floats.values[first]!;
}

export function valueAtRightEdge(floats: FloatColumn, edges: EdgeSamples, rangeEndMs: number, isSmoothed: boolean, isCounter: boolean): number {
  if (isSmoothed && edges.last > edges.from && floats.timestampsMs[edges.last]! > rangeEndMs) {
    return interpolate(floats, edges.last - 1, rangeEndMs, isCounter);
  }
  return floats.values[edges.last]!;
}

/** The value at a time between sample `index` and the next. A counter that was reset in between is taken to have started from 0. */
export function interpolate(floats: FloatColumn, index: number, timeMs: number, isCounter: boolean): number {
  const { timestampsMs, values } = floats;
  const newer = values[index + 1]!;
  const older = isCounter && newer < values[index]! ? 0 : values[index]!;
  const share = (timeMs - timestampsMs[index]!) / (timestampsMs[index + 1]! - timestampsMs[index]!);
  return older + (newer - older) * share;
}
