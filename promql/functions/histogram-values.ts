import { allBuckets, type Bucket } from '../../storage/model/histogram-buckets.ts';
import { isCustomSchema, type FloatHistogram } from '../../storage/model/histogram.ts';
import { KahanSum } from '../../storage/model/kahan-sum.ts';

export function histogramCount(histogram: FloatHistogram): number {
  return histogram.count;
}

export function histogramSum(histogram: FloatHistogram): number {
  return histogram.sum;
}

/** The mean of all observations; NaN when there are none. */
export function histogramAvg(histogram: FloatHistogram): number {
  return histogram.sum / histogram.count;
}

/**
 * The variance of the observations, estimated with each of them at the middle of its bucket: the geometric middle of exponential buckets,
 * the arithmetic one of custom buckets, 0 for the zero bucket.
 */
export function histogramStdvar(histogram: FloatHistogram): number {
  const custom = isCustomSchema(histogram.schema);
  const mean = histogramAvg(histogram);
  const squares = new KahanSum();
  for (const bucket of allBuckets(histogram)) {
    if (bucket.count === 0) continue;
    const difference = middleOf(bucket, custom) - mean;
    squares.add(bucket.count * difference * difference);
  }
  return squares.value() / histogram.count;
}

/** The square root of `histogramStdvar`. */
export function histogramStddev(histogram: FloatHistogram): number {
  return Math.sqrt(histogramStdvar(histogram));
}

function middleOf(bucket: Bucket, custom: boolean): number {
  if (custom) return (bucket.upper + bucket.lower) / 2;
  if (bucket.lower <= 0 && bucket.upper >= 0) return 0;
  const middle = Math.sqrt(bucket.upper * bucket.lower);
  return bucket.upper < 0 ? -middle : middle;
}
