import { histogramEquals, isHistogramReset } from './compare-histograms.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { findEdges } from './range-edges.ts';
import { isStartReset } from './start-timestamps.ts';
import { hasAnyHistogram, windowEndMs } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';

/** How often the value changed from one sample to the next. A change between float and histogram counts. */
export const changes: WindowFunction = (input, out) => {
  countPairs(input, out, {
    floats: (values, i) => values[i] !== values[i - 1] && !(Number.isNaN(values[i]!) && Number.isNaN(values[i - 1]!)),
    histograms: (previous, current) => !histogramEquals(previous, current),
    starts: false,
  });
};

/** How often a counter was reset. */
export const resets: WindowFunction = (input, out) => {
  countPairs(input, out, { floats: (values, i) => values[i]! < values[i - 1]!, histograms: isHistogramReset, starts: true });
};

interface PairTest {
  readonly floats: (values: Float64Array, i: number) => boolean;
  readonly histograms: (previous: FloatHistogram, current: FloatHistogram) => boolean;
  /** Whether start timestamps count too. */
  readonly starts: boolean;
}

/** Counts the neighbouring samples that pass a test: once over the series, then a subtraction a window. */
function countPairs(input: WindowInput, out: StepColumns, pairTest: PairTest): void {
  // Anchored ranges know nothing of start timestamps.
  const test = input.edges === undefined ? pairTest : { ...pairTest, starts: false };
  const merged = hasAnyHistogram(input) ? mergeByTime(input) : undefined;
  const timestampsMs = merged?.timestampsMs ?? input.floats.timestampsMs;
  const counts = merged === undefined ? countFloatPairs(input, test) : countMixedPairs(input, merged, test);
  for (let step = 0; step < input.floatWindows.from.length; step++) {
    const from = input.floatWindows.from[step]! + input.histogramWindows.from[step]!;
    const to = input.floatWindows.to[step]! + input.histogramWindows.to[step]!;
    if (to <= from) continue;
    const first = firstOfWindow(input, timestampsMs, from, to, step);
    if (first !== undefined) out.setFloat(step, counts[to - 1]! - counts[first]!);
  }
}

/** An anchored window begins at the last sample at or before the start of its range. */
function firstOfWindow(input: WindowInput, timestampsMs: Float64Array, from: number, to: number, step: number): number | undefined {
  if (input.edges === undefined) return from;
  const rangeEndMs = windowEndMs(input, step);
  return findEdges(timestampsMs, from, to, rangeEndMs - input.rangeMs, rangeEndMs, false)?.first;
}

function countFloatPairs(input: WindowInput, test: PairTest): Int32Array {
  const { timestampsMs, values, startTimestampsMs } = input.floats;
  const counts = new Int32Array(values.length);
  for (let i = 1; i < values.length; i++) {
    const isReset = test.starts && startTimestampsMs !== undefined
      && isStartReset(startTimestampsMs[i - 1]!, timestampsMs[i - 1]!, startTimestampsMs[i]!, timestampsMs[i]!);
    counts[i] = counts[i - 1]! + (isReset || test.floats(values, i) ? 1 : 0);
  }
  return counts;
}

interface MergedSamples {
  readonly timestampsMs: Float64Array;
  /** Index of the float, or -1 - index of the histogram. */
  readonly indexes: Int32Array;
}

function mergeByTime(input: WindowInput): MergedSamples {
  const floatTimes = input.floats.timestampsMs;
  const histogramTimes = input.histograms.timestampsMs;
  const timestampsMs = new Float64Array(floatTimes.length + histogramTimes.length);
  const indexes = new Int32Array(timestampsMs.length);
  let float = 0;
  let histogram = 0;
  for (let i = 0; i < timestampsMs.length; i++) {
    const takesFloat = histogram >= histogramTimes.length || (float < floatTimes.length && floatTimes[float]! < histogramTimes[histogram]!);
    timestampsMs[i] = takesFloat ? floatTimes[float]! : histogramTimes[histogram]!;
    indexes[i] = takesFloat ? float++ : -1 - histogram++;
  }
  return { timestampsMs, indexes };
}

function countMixedPairs(input: WindowInput, merged: MergedSamples, test: PairTest): Int32Array {
  const { timestampsMs, indexes } = merged;
  const counts = new Int32Array(indexes.length);
  const pair = new Float64Array(2);
  const startOf = (index: number): number => (index >= 0 ? input.floats.startTimestampsMs?.[index] : input.histograms.startTimestampsMs?.[-1 - index]) ?? 0;
  for (let i = 1; i < indexes.length; i++) {
    const previous = indexes[i - 1]!;
    const current = indexes[i]!;
    let passes: boolean;
    if (previous >= 0 && current >= 0) {
      pair[0] = input.floats.values[previous]!;
      pair[1] = input.floats.values[current]!;
      passes = test.floats(pair, 1);
    } else if (previous < 0 && current < 0) {
      passes = test.histograms(input.histograms.histograms[-1 - previous]!, input.histograms.histograms[-1 - current]!);
    } else passes = true;
    if (test.starts && isStartReset(startOf(previous), timestampsMs[i - 1]!, startOf(current), timestampsMs[i]!)) passes = true;
    counts[i] = counts[i - 1]! + (passes ? 1 : 0);
  }
  return counts;
}
