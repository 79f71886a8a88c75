import type { FloatHistogram } from '../../storage/model/histogram.ts';

/** What a histogram takes beside its sample, in bytes: itself, each of its spans, and each bucket and custom bound. */
const HISTOGRAM_BYTES = 200;
const SPAN_BYTES = 40;
const NUMBER_BYTES = 8;
/** As in Prometheus, what the budget counts as a sample. */
const SAMPLE_BYTES = 16;

/** Both sides' buckets. */
export function bucketCountOf({ positiveBuckets, negativeBuckets }: FloatHistogram): number {
  return positiveBuckets.length + negativeBuckets.length;
}

/** How many samples beside its own a histogram counts as where memory is held. */
function weightOf(histogram: FloatHistogram): number {
  const spans = histogram.positiveSpans.length + histogram.negativeSpans.length;
  const numbers = bucketCountOf(histogram) + histogram.customValues.length;
  return (HISTOGRAM_BYTES + spans * SPAN_BYTES + numbers * NUMBER_BYTES) / SAMPLE_BYTES;
}

/** Of all histograms of a series, as samples; 0 where it has none, as nearly all. Neighbours that are one histogram are counted once. */
export function histogramWeight({ histograms }: { readonly histograms: readonly (FloatHistogram | undefined)[] | undefined }): number {
  if (histograms === undefined) return 0;
  let weight = 0;
  let last: FloatHistogram | undefined;
  for (const histogram of histograms) {
    if (histogram === undefined || histogram === last) continue;
    weight += weightOf(histogram);
    last = histogram;
  }
  return Math.ceil(weight);
}

/** Work of a window function for a histogram, as against a float: it looks at all of its buckets. On average of these. */
export function workPerHistogram(histograms: readonly FloatHistogram[]): number {
  let buckets = 0;
  for (const histogram of histograms) buckets += bucketCountOf(histogram);
  return 1 + buckets / Math.max(1, histograms.length);
}
