import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { histogramBytes } from '../../storage/model/histogram-bytes.ts';
import { SAMPLE_BYTES } from '../budget.ts';

/** Both sides' buckets. */
export function bucketCountOf({ positiveBuckets, negativeBuckets }: FloatHistogram): number {
  return positiveBuckets.length + negativeBuckets.length;
}

/** How many samples beside their own the histograms of a series count as where memory is held; 0 where it has none, as nearly all. Neighbours that are one histogram are counted once. */
export function histogramWeight({ histograms }: { readonly histograms: readonly (FloatHistogram | undefined)[] | undefined }): number {
  if (histograms === undefined) return 0;
  let weight = 0;
  let last: FloatHistogram | undefined;
  for (const histogram of histograms) {
    if (histogram === undefined || histogram === last) continue;
    weight += histogramBytes(histogram) / SAMPLE_BYTES;
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
