import { divideHistogram } from '../../storage/model/histogram-scale.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { lastHistogramDifference } from './histogram-difference.ts';
import { annotateAll } from './rate-of-histograms.ts';
import type { WindowInput } from './window-function.ts';

/** irate or idelta of the last two histograms of a window. */
export function instantHistogramRate(input: WindowInput, out: StepColumns, isRate: boolean, step: number): void {
  const last = input.histogramWindows.to[step]! - 1;
  const intervalMs = input.histograms.timestampsMs[last]! - input.histograms.timestampsMs[last - 1]!;
  if (intervalMs === 0) return;
  const { result, notes } = lastHistogramDifference(input.histograms, last, isRate);
  annotateAll(input, notes);
  if (result !== undefined) out.setHistogram(step, isRate ? divideHistogram(result, intervalMs / 1000) : result);
}
