import { log2 } from './go-math/logarithm.ts';
import { bucketBound } from './histogram-bounds.ts';
import { spanIndexes } from './histogram-layout.ts';
import { isCustomSchema, type FloatHistogram, type Span } from './histogram.ts';

/** One bucket with its bounds. Exponential buckets include the bound farther from zero, custom ones the upper bound. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
}

/** Positive (or custom) buckets upwards, empty ones too: one for each count. */
export function positiveBuckets(histogram: FloatHistogram): Bucket[] {
  const counts = histogram.positiveBuckets;
  return spanIndexes(histogram.positiveSpans, counts.length).map((index, i) => positiveBucket(histogram, index, counts[i]!));
}

/** Negative buckets, away from zero, empty ones too: one for each count. */
export function negativeBuckets(histogram: FloatHistogram): Bucket[] {
  const counts = histogram.negativeBuckets;
  return spanIndexes(histogram.negativeSpans, counts.length).map((index, i) => negativeBucket(histogram, index, counts[i]!));
}

function positiveBucket({ schema, customValues }: FloatHistogram, index: number, count: number): Bucket {
  const lower = bucketBound(index - 1, schema, customValues);
  const upper = bucketBound(index, schema, customValues);
  return { lower, upper, lowerInclusive: index === 0 && isCustomSchema(schema), upperInclusive: true, count };
}

function negativeBucket({ schema, customValues }: FloatHistogram, index: number, count: number): Bucket {
  const lower = -bucketBound(index, schema, customValues);
  const upper = -bucketBound(index - 1, schema, customValues);
  return { lower, upper, lowerInclusive: true, upperInclusive: false, count };
}

export function zeroBucket(histogram: FloatHistogram): Bucket {
  const { zeroThreshold, zeroCount } = histogram;
  return { lower: -zeroThreshold, upper: zeroThreshold, lowerInclusive: true, upperInclusive: true, count: zeroCount };
}

/**
 * All buckets from the lowest to the highest, the zero bucket (when anything is in it) between the negative and the positive ones.
 * A bucket that reaches into the zero bucket ends at its edge.
 */
export function allBuckets(histogram: FloatHistogram): Bucket[] {
  const { zeroThreshold, zeroCount } = histogram;
  const buckets = negativeBuckets(histogram).reverse().map((bucket) => outsideZero(bucket, zeroThreshold));
  if (zeroCount > 0) buckets.push(zeroBucket(histogram));
  for (const bucket of positiveBuckets(histogram)) buckets.push(outsideZero(bucket, zeroThreshold));
  return buckets;
}

function outsideZero(bucket: Bucket, zeroThreshold: number): Bucket {
  if (bucket.upper < 0 && bucket.upper > -zeroThreshold) return { ...bucket, upper: -zeroThreshold };
  if (bucket.lower > 0 && bucket.lower < zeroThreshold) return { ...bucket, lower: zeroThreshold };
  return bucket;
}

/** Just the counts of `allBuckets`, which need no bounds to be worked out. */
export function allCounts(histogram: FloatHistogram): number[] {
  const counts = histogram.negativeBuckets.toReversed();
  if (histogram.zeroCount > 0) counts.push(histogram.zeroCount);
  for (const count of histogram.positiveBuckets) counts.push(count);
  return counts;
}

/** One of `allBuckets`, by its position there. */
export function bucketAt(histogram: FloatHistogram, position: number): Bucket {
  const { zeroThreshold, zeroCount, negativeSpans, positiveSpans } = histogram;
  const negativeCount = histogram.negativeBuckets.length;
  if (position < negativeCount) {
    const i = negativeCount - 1 - position;
    return outsideZero(negativeBucket(histogram, indexAt(negativeSpans, i), histogram.negativeBuckets[i]!), zeroThreshold);
  }
  const isZeroListed = zeroCount > 0;
  if (isZeroListed && position === negativeCount) return zeroBucket(histogram);
  const i = position - negativeCount - (isZeroListed ? 1 : 0);
  return outsideZero(positiveBucket(histogram, indexAt(positiveSpans, i), histogram.positiveBuckets[i]!), zeroThreshold);
}

/** The bucket index of count `i` of a side. */
function indexAt(spans: readonly Span[], i: number): number {
  let start = 0;
  let before = 0;
  for (const { offset, length } of spans) {
    start += offset;
    if (i < before + length) return start + i - before;
    start += length;
    before += length;
  }
  return start + i - before;
}

/** Which share of the distance between two bounds of one sign lies below `value`, on the logarithmic scale of exponential buckets. */
export function logarithmicShare(lower: number, upper: number, value: number): number {
  const logLower = log2(Math.abs(lower));
  const logUpper = log2(Math.abs(upper));
  const logValue = log2(Math.abs(value));
  return value > 0 ? (logValue - logLower) / (logUpper - logLower) : 1 - (logValue - logUpper) / (logLower - logUpper);
}

/** How a bucket's bounds belong to it, as the HTTP API encodes it: 0 only the upper, 1 only the lower, 2 neither, 3 both. */
export type BoundaryRule = 0 | 1 | 2 | 3;

/** The populated buckets as the HTTP API lists them, upwards: `[boundary rule, lower, upper, count]`. */
export function apiBuckets(histogram: FloatHistogram): (readonly [BoundaryRule, number, number, number])[] {
  return allBuckets(histogram)
    .filter((bucket) => bucket.count !== 0)
    .map((bucket) => [boundaryRule(bucket), bucket.lower, bucket.upper, bucket.count] as const);
}

function boundaryRule(bucket: Bucket): BoundaryRule {
  if (bucket.lowerInclusive) return bucket.upperInclusive ? 3 : 1;
  return bucket.upperInclusive ? 0 : 2;
}
