import { counterResetCollision, mixedExponentialCustomHistograms, reconciledCustomBuckets } from '../annotations.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { HistogramMean, HistogramTotal, workOfMoving } from './histogram-mean.ts';
import { metricNameOf, type WindowInput } from './window-function.ts';

export function sumHistogramsOverTime(input: WindowInput, out: StepColumns, step: number): void {
  aggregateOverTime(input, out, step, new HistogramTotal());
}

export function averageHistogramsOverTime(input: WindowInput, out: StepColumns, step: number): void {
  aggregateOverTime(input, out, step, new HistogramMean());
}

function aggregateOverTime(input: WindowInput, out: StepColumns, step: number, aggregate: HistogramTotal | HistogramMean): void {
  const { histograms } = input.histograms;
  for (let i = input.histogramWindows.from[step]!; i < input.histogramWindows.to[step]!; i++) {
    const { bucketCount } = aggregate;
    aggregate.add(histograms[i]!);
    // Where no two samples have the same buckets, the sum takes the square of their number.
    input.spend(workOfMoving(bucketCount, aggregate.bucketCount));
  }
  const { histogram, hintCollision, boundsReconciled } = aggregate.result();
  if (histogram === undefined) {
    input.annotate(mixedExponentialCustomHistograms(metricNameOf(input)));
    return;
  }
  if (hintCollision) input.annotate(counterResetCollision('aggregation'));
  if (boundsReconciled) input.annotate(reconciledCustomBuckets('aggregation'));
  out.setHistogram(step, histogram);
}
