import { addHistograms } from '../../storage/model/histogram-add.ts';
import { multiplyHistogram } from '../../storage/model/histogram-scale.ts';
import { withHint, type FloatHistogram } from '../../storage/model/histogram.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { histogramDifference } from './histogram-difference.ts';
import { noteText, type HistogramNote } from './histogram-notes.ts';
import { extrapolation, knownStartMs } from './extrapolation.ts';
import type { RateKind } from './rate.ts';
import { metricNameOf, windowEndMs } from './window-function.ts';
import type { WindowInput } from './window-function.ts';

/** Rate, increase or delta of one window of histograms: their difference, stretched to the range as the count alone would be. */
export function histogramRate(input: WindowInput, out: StepColumns, kind: RateKind, step: number): void {
  const { timestampsMs, histograms, startTimestampsMs } = input.histograms;
  const first = input.histogramWindows.from[step]!;
  const last = input.histogramWindows.to[step]! - 1;
  const rangeEndMs = windowEndMs(input, step);
  const window = {
    rangeStartMs: rangeEndMs - input.rangeMs,
    rangeEndMs,
    firstMs: timestampsMs[first]!,
    lastMs: timestampsMs[last]!,
    sampleCount: last - first + 1,
  };
  const startMs = kind.isCounter && startTimestampsMs !== undefined ? knownStartMs(window, startTimestampsMs[first]!) : undefined;
  if (last === first && startMs === undefined) return;
  let difference: FloatHistogram | undefined;
  if (last > first) {
    const { result, notes } = histogramDifference(input.histograms, first, last, kind.isCounter);
    annotateAll(input, notes);
    if (result === undefined) return;
    difference = result;
  }
  if (startMs !== undefined) difference = withFirstSample(input, difference, histograms[first]!);
  if (difference === undefined) return;
  const isZeroKnown = kind.isCounter && difference.count > 0 && histograms[first]!.count >= 0;
  const factor = extrapolation(window, startMs, isZeroKnown ? histograms[first]!.count / difference.count : undefined);
  out.setHistogram(step, multiplyHistogram(difference, kind.perSecond ? factor / (input.rangeMs / 1000) : factor));
}

/** The counter is known to have begun at zero inside the range, so all of its first sample is increase. */
function withFirstSample(input: WindowInput, difference: FloatHistogram | undefined, first: FloatHistogram): FloatHistogram | undefined {
  if (difference === undefined) return withHint(first, 'gauge');
  const sum = addHistograms(difference, first);
  if (sum.kind !== 'histogram') {
    annotateAll(input, ['mixed-schemas']);
    return undefined;
  }
  if (sum.boundsReconciled) annotateAll(input, ['reconciled-in-addition']);
  return sum.histogram;
}

export function annotateAll(input: WindowInput, notes: Iterable<HistogramNote>): void {
  for (const note of notes) input.annotate(noteText(note, metricNameOf(input)));
}
