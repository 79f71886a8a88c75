import { mixedFloatsHistograms, startTimeOverlap } from '../annotations.ts';
import type { FloatColumn } from '../operators/sample-columns.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { extendedRate } from './extended-rate.ts';
import { extrapolation, knownStartMs } from './extrapolation.ts';
import { computeGeometry, GEOMETRY_STEPS_MAX, geometryOf, type WindowGeometry } from './window-geometry.ts';
import { histogramRate } from './rate-of-histograms.ts';
import { isStartOverlap, isStartReset } from './start-timestamps.ts';
import { hasHistograms, isMixedWindow, metricNameOf, windowEndMs } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

/** What rate, increase and delta differ in. */
export interface RateKind {
  /** Drops are resets of a counter that began again at 0, not decreases. */
  readonly isCounter: boolean;
  /** Per second of the range. */
  readonly perSecond: boolean;
}

export const rate: WindowFunction = (input, out) => rateOfKind(input, out, { isCounter: true, perSecond: true });
export const increase: WindowFunction = (input, out) => rateOfKind(input, out, { isCounter: true, perSecond: false });
export const delta: WindowFunction = (input, out) => rateOfKind(input, out, { isCounter: false, perSecond: false });

function rateOfKind(input: WindowInput, out: StepColumns, kind: RateKind): void {
  if (input.edges !== undefined) {
    extendedRate(input, out, kind);
    return;
  }
  warnOfOverlaps(input, kind);
  if (input.histograms.timestampsMs.length > 0) {
    mixedRate(input, out, kind);
    return;
  }
  const resets = kind.isCounter ? findResets(input.floats) : NO_RESETS;
  const { from, to } = input.floatWindows;
  if (resets.length === 0 && input.floats.startTimestampsMs === undefined) {
    setSteadyRates(input, out, kind);
    return;
  }
  let firstReset = 0;
  for (let step = 0; step < from.length; step++) {
    const start = from[step]!;
    const end = to[step]!;
    if (end <= start) continue;
    while (firstReset < resets.length && resets[firstReset]! <= start) firstReset++;
    setFloatRate(input, out, kind, step, resets, firstReset);
  }
}

/**
 * Rates of a series without resets, which is nearly every one. What hangs on timestamps alone is the same for all series scraped together
 * and was computed with the first of them; to the bit, the result is that of `setFloatRate`.
 */
function setSteadyRates(input: WindowInput, out: StepColumns, kind: RateKind): void {
  const divisor = kind.perSecond ? input.rangeMs / 1000 : 1;
  const stepCount = input.floatWindows.from.length;
  if (stepCount > GEOMETRY_STEPS_MAX) {
    for (let step = 0; step < stepCount; step += GEOMETRY_STEPS_MAX) {
      setRatesOf(input, out, kind, computeGeometry(input, divisor, step, Math.min(stepCount, step + GEOMETRY_STEPS_MAX)), divisor);
    }
    return;
  }
  const geometry = geometryOf(input, divisor);
  if (geometry.isWhole && kind.isCounter) {
    setWholeCounterRates(input, out.values, geometry, divisor);
    if (out.values.length > 0) out.setAllFloats();
  } else setRatesOf(input, out, kind, geometry, divisor);
}

/** The steps that the geometry is of. */
function setRatesOf({ floats, floatWindows }: WindowInput, out: StepColumns, kind: RateKind, geometry: WindowGeometry, divisor: number): void {
  const { values } = floats;
  const { from, to } = floatWindows;
  const { firstStep, factors } = geometry;
  for (let at = 0; at < factors.length; at++) {
    const first = from[firstStep + at]!;
    const last = to[firstStep + at]! - 1;
    if (last <= first) continue;
    const difference = values[last]! - values[first]!;
    const factor = kind.isCounter ? factorFromZero(geometry, at, values[first]!, difference, divisor) : factors[at]!;
    out.setFloat(firstStep + at, difference * factor);
  }
}

/** Where each window has its samples, which nearly every one has that is looked at: the loop that a rate's time goes into. */
function setWholeCounterRates({ floats, floatWindows }: WindowInput, results: Float64Array, geometry: WindowGeometry, divisor: number): void {
  const { values } = floats;
  const { from, to } = floatWindows;
  const { factors, nearZeroRatios } = geometry;
  for (let step = 0; step < results.length; step++) {
    const start = values[from[step]!]!;
    const difference = values[to[step]! - 1]! - start;
    // Most counters are so far from zero that this is plain without a division.
    const factor = start > difference * nearZeroRatios[step]! ? factors[step]! : factorFromZero(geometry, step, start, difference, divisor);
    results[step] = difference * factor;
  }
}

/** The factor for a counter at a place of the geometry, which is not stretched to before it would have been zero. */
function factorFromZero({ sampledSeconds, toStartSeconds, toEndSeconds, factors }: WindowGeometry, at: number, start: number, difference: number, divisor: number): number {
  if (!(difference > 0 && start >= 0)) return factors[at]!;
  const sampled = sampledSeconds[at]!;
  const toZeroSeconds = sampled * (start / difference);
  return toZeroSeconds < toStartSeconds[at]! ? (sampled + toZeroSeconds + toEndSeconds[at]!) / sampled / divisor : factors[at]!;
}

/** Windows that hold histograms; those with both kinds have no result. */
function mixedRate(input: WindowInput, out: StepColumns, kind: RateKind): void {
  const resets = kind.isCounter ? findResets(input.floats) : NO_RESETS;
  for (let step = 0; step < input.floatWindows.from.length; step++) {
    if (isMixedWindow(input, step)) input.annotate(mixedFloatsHistograms(metricNameOf(input)));
    else if (hasHistograms(input, step)) histogramRate(input, out, kind, step);
    else if (input.floatWindows.to[step]! > input.floatWindows.from[step]!) setFloatRate(input, out, kind, step, resets, 0);
  }
}

const NO_RESETS: readonly number[] = [];

/** Indexes of the samples before which the counter was reset, ascending. Usually there are none, and then rates cost O(1) a step. */
function findResets(floats: FloatColumn): readonly number[] {
  const { timestampsMs, values, startTimestampsMs } = floats;
  const resets: number[] = [];
  let before = NaN;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < before) resets.push(i);
    else if (i > 0 && startTimestampsMs !== undefined && isStartReset(startTimestampsMs[i - 1]!, timestampsMs[i - 1]!, startTimestampsMs[i]!, timestampsMs[i]!)) {
      resets.push(i);
    }
    before = value;
  }
  return resets;
}

function setFloatRate(input: WindowInput, out: StepColumns, kind: RateKind, step: number, resets: readonly number[], firstReset: number): void {
  const { timestampsMs, values, startTimestampsMs } = input.floats;
  const first = input.floatWindows.from[step]!;
  const last = input.floatWindows.to[step]! - 1;
  const rangeEndMs = windowEndMs(input, step);
  const rangeStartMs = rangeEndMs - input.rangeMs;
  const window = { rangeStartMs, rangeEndMs, firstMs: timestampsMs[first]!, lastMs: timestampsMs[last]!, sampleCount: last - first + 1 };
  const startMs = kind.isCounter && startTimestampsMs !== undefined ? knownStartMs(window, startTimestampsMs[first]!) : undefined;
  if (last === first && startMs === undefined) return;

  let difference = values[last]! - values[first]!;
  for (let r = firstReset; r < resets.length && resets[r]! <= last; r++) {
    if (resets[r]! > first) difference += values[resets[r]! - 1]!;
  }
  if (startMs !== undefined) difference += values[first]!;
  const isZeroKnown = kind.isCounter && difference > 0 && values[first]! >= 0;
  const factor = extrapolation(window, startMs, isZeroKnown ? values[first]! / difference : undefined);
  out.setFloat(step, difference * (kind.perSecond ? factor / (input.rangeMs / 1000) : factor));
}

/** Warns once a series when two samples of one window claim overlapping times. */
function warnOfOverlaps(input: WindowInput, kind: RateKind): void {
  if (!kind.isCounter || (input.floats.startTimestampsMs === undefined && input.histograms.startTimestampsMs === undefined)) return;
  const columns = [
    { column: input.floats, windows: input.floatWindows },
    { column: input.histograms, windows: input.histogramWindows },
  ];
  for (const { column, windows } of columns) {
    const { timestampsMs, startTimestampsMs } = column;
    if (startTimestampsMs === undefined) continue;
    for (let i = 1; i < timestampsMs.length; i++) {
      if (!isStartOverlap(startTimestampsMs[i - 1]!, timestampsMs[i - 1]!, startTimestampsMs[i]!)) continue;
      if (windows.from.some((from, step) => from < i && windows.to[step]! > i)) {
        input.annotate(startTimeOverlap(metricNameOf(input)));
        return;
      }
    }
  }
}
