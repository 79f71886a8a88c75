import { equalHistograms } from '../../storage/model/histogram-equal.ts';
import { detectReset } from '../../storage/model/histogram-reset.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';

export function histogramEquals(a: FloatHistogram, b: FloatHistogram): boolean {
  return a === b || equalHistograms(a, b);
}

export function isHistogramReset(previous: FloatHistogram, current: FloatHistogram): boolean {
  return detectReset(current, previous);
}
