import type { FloatHistogram } from './histogram.ts';

/** What a histogram takes in memory, about: itself, each of its spans, and each bucket and custom bound. */
const HISTOGRAM_BYTES = 200;
const SPAN_BYTES = 40;
const NUMBER_BYTES = 8;

/** About what a histogram takes in memory. */
export function histogramBytes({ positiveSpans, negativeSpans, positiveBuckets, negativeBuckets, customValues }: FloatHistogram): number {
  const numbers = positiveBuckets.length + negativeBuckets.length + customValues.length;
  return HISTOGRAM_BYTES + (positiveSpans.length + negativeSpans.length) * SPAN_BYTES + numbers * NUMBER_BYTES;
}
