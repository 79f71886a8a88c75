import { interpolateHistograms } from '../../storage/model/histogram-interpolate.ts';
import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import { mixedExponentialCustomHistograms, mixedFloatsHistograms, reconciledCustomBuckets } from '../annotations.ts';
import type { Annotation } from '../annotations.ts';
import { interpolate } from '../functions/range-edges.ts';
import type { ReferenceTimes } from '../plan/step-grid.ts';
import type { SampleColumns } from './sample-columns.ts';
import type { StepColumns } from './step-series.ts';
import { WindowFinder } from './windows.ts';

/**
 * `x smoothed`: the value at each step, interpolated between the samples around it within the look-back on both sides; after the last
 * sample that goes on, before the first there is nothing.
 */
export function smoothSeries(
  series: SampleColumns, reference: ReferenceTimes, lookbackMs: number, out: StepColumns, annotate: (annotation: Annotation) => void,
): void {
  const finder = new WindowFinder(reference, 0, lookbackMs, lookbackMs);
  const { floats, histograms } = series;
  const floatWindows = finder.find(floats.timestampsMs);
  const histogramWindows = finder.find(histograms.timestampsMs);
  for (let step = 0; step < reference.count; step++) {
    const timeMs = reference.firstMs + step * reference.stepMs;
    const floatCount = floatWindows.to[step]! - floatWindows.from[step]!;
    const histogramCount = histogramWindows.to[step]! - histogramWindows.from[step]!;
    if (floatCount > 0 && histogramCount > 0) {
      annotate(mixedFloatsHistograms(labelValue(series.labels, METRIC_NAME)));
    } else if (floatCount > 0) {
      const from = floatWindows.from[step]!;
      const after = firstAtOrAfter(floats.timestampsMs, from, floatWindows.to[step]!, timeMs);
      if (after < floatWindows.to[step]! && floats.timestampsMs[after] === timeMs) out.setFloat(step, floats.values[after]!);
      else if (after === floatWindows.to[step]!) out.setFloat(step, floats.values[after - 1]!);
      else if (after > from) out.setFloat(step, interpolate(floats, after - 1, timeMs, false));
    } else if (histogramCount > 0) {
      smoothHistogram(series, histogramWindows.from[step]!, histogramWindows.to[step]!, timeMs, step, out, annotate);
    }
  }
}

function smoothHistogram(
  series: SampleColumns, from: number, to: number, timeMs: number, step: number, out: StepColumns, annotate: (annotation: Annotation) => void,
): void {
  const { timestampsMs, histograms } = series.histograms;
  const after = firstAtOrAfter(timestampsMs, from, to, timeMs);
  if (after < to && timestampsMs[after] === timeMs) {
    out.setHistogram(step, histograms[after]!);
    return;
  }
  if (after === to) {
    out.setHistogram(step, histograms[after - 1]!);
    return;
  }
  if (after === from) return;
  const earlier = { timestampMs: timestampsMs[after - 1]!, histogram: histograms[after - 1]! };
  const later = { timestampMs: timestampsMs[after]!, histogram: histograms[after]! };
  const isCounter = earlier.histogram.counterResetHint !== 'gauge' || later.histogram.counterResetHint !== 'gauge';
  const result = interpolateHistograms(earlier, later, timeMs, isCounter);
  if (result.kind === 'mixed-schemas') {
    annotate(mixedExponentialCustomHistograms(labelValue(series.labels, METRIC_NAME)));
    return;
  }
  if (result.reconciledInSubtraction) annotate(reconciledCustomBuckets('subtraction'));
  if (result.reconciledInAddition) annotate(reconciledCustomBuckets('addition'));
  out.setHistogram(step, result.histogram);
}

function firstAtOrAfter(timestampsMs: Float64Array, from: number, to: number, timeMs: number): number {
  let index = from;
  while (index < to && timestampsMs[index]! < timeMs) index++;
  return index;
}
