import { exp2 } from '../../storage/model/go-math/exponential.ts';
import { log2 } from '../../storage/model/go-math/logarithm.ts';
import { allCounts, bucketAt, logarithmicShare, type Bucket } from '../../storage/model/histogram-buckets.ts';
import { isCustomSchema, type FloatHistogram } from '../../storage/model/histogram.ts';

/**
 * What observations of NaN did to an answer. They are counted, but lie in no bucket: a quantile among them is NaN, and one below them
 * comes out too high, because they take part as if they were larger than everything else. A fraction leaves them out.
 */
export type NanEffect = 'none' | 'result-is-nan' | 'skewed';

export interface QuantileResult {
  readonly value: number;
  readonly nanEffect: NanEffect;
}

/**
 * The φ-quantile of a native histogram. Inside exponential buckets observations are taken to be spread evenly on a logarithmic scale, in
 * the zero bucket and in custom ones evenly. Below 0 and above 1 it is ∓Inf, of no observations NaN.
 */
export function nativeQuantile(quantile: number, histogram: FloatHistogram): QuantileResult {
  if (quantile < 0) return plain(-Infinity);
  if (quantile > 1) return plain(Infinity);
  if (histogram.count === 0 || Number.isNaN(quantile)) return plain(NaN);
  // The nearer end is counted from, for accuracy. Observations of NaN (they make the sum NaN) are missing at the upper end.
  const mayHaveNan = Number.isNaN(histogram.sum);
  const upwards = mayHaveNan || quantile < 0.5;
  const counts = allCounts(histogram);
  const rank = (upwards ? quantile : 1 - quantile) * histogram.count;
  const { position, counted } = upwards ? findRank(counts, rank) : findRankFromTop(counts, rank);
  const bucket = counts.length === 0 ? undefined : bucketAt(histogram, position);
  const { lower, upper, answer } = quantileBounds(histogram, bucket);
  if (answer !== undefined) return plain(answer);
  const reached = Math.min(counted, histogram.count);
  if (reached < rank) return mayHaveNan ? { value: NaN, nanEffect: 'result-is-nan' } : plain(upper);
  const bucketCount = bucket === undefined ? 0 : bucket.count;
  const rankInBucket = upwards ? rank - (reached - bucketCount) : reached - rank;
  const value = interpolate(histogram, lower, upper, rankInBucket / bucketCount);
  // A NaN sum may also come of +Inf and -Inf observed together, which are in buckets and skew nothing.
  const isSkewed = mayHaveNan && countFrom(counts, position + 1, reached) < histogram.count;
  return { value, nanEffect: isSkewed ? 'skewed' : 'none' };
}

function plain(value: number): QuantileResult {
  return { value, nanEffect: 'none' };
}

interface FoundRank {
  readonly position: number;
  /** In this bucket and those passed on the way to it. */
  readonly counted: number;
}

/** The first populated bucket at which the count from below reaches `rank`, or the last bucket. */
function findRank(counts: readonly number[], rank: number): FoundRank {
  let counted = 0;
  for (let position = 0; position < counts.length; position++) {
    const count = counts[position]!;
    counted += count;
    if (count !== 0 && counted >= rank) return { position, counted };
  }
  return { position: counts.length - 1, counted };
}

/** The same from above. */
function findRankFromTop(counts: readonly number[], rank: number): FoundRank {
  let counted = 0;
  for (let position = counts.length - 1; position >= 0; position--) {
    const count = counts[position]!;
    counted += count;
    if (count !== 0 && counted >= rank) return { position, counted };
  }
  return { position: 0, counted };
}

/** `before` and all from a position on, added one by one: the count of a rate or difference is compared to the last bit. */
function countFrom(counts: readonly number[], from: number, before: number): number {
  let counted = before;
  for (let i = from; i < counts.length; i++) counted += counts[i]!;
  return counted;
}

interface InterpolationBounds {
  readonly lower: number;
  readonly upper: number;
  /** Set when the bucket has an infinite bound, which nothing can be interpolated to. */
  readonly answer: number | undefined;
}

function quantileBounds(histogram: FloatHistogram, bucket: Bucket | undefined): InterpolationBounds {
  if (bucket === undefined) return { lower: 0, upper: 0, answer: undefined };
  if (!isCustomSchema(histogram.schema)) {
    const isZeroBucket = bucket.lower < 0 && bucket.upper > 0;
    return { ...(isZeroBucket ? zeroBucketBounds(histogram, bucket) : bucket), answer: undefined };
  }
  if (bucket.lower === -Infinity) {
    return { lower: 0, upper: bucket.upper, answer: bucket.upper <= 0 ? bucket.upper : undefined };
  }
  return { lower: bucket.lower, upper: bucket.upper, answer: bucket.upper === Infinity ? bucket.lower : undefined };
}

/** Of a histogram that saw nothing negative, the zero bucket begins at 0; of one that saw nothing positive, it ends there. */
function zeroBucketBounds(histogram: FloatHistogram, bucket: Bucket): { readonly lower: number; readonly upper: number } {
  const hasNegative = histogram.negativeBuckets.length > 0;
  const hasPositive = histogram.positiveBuckets.length > 0;
  if (hasPositive && !hasNegative) return { lower: 0, upper: bucket.upper };
  if (hasNegative && !hasPositive) return { lower: bucket.lower, upper: 0 };
  return bucket;
}

/** The value below which `share` of the observations between two bounds lie. */
function interpolate(histogram: FloatHistogram, lower: number, upper: number, share: number): number {
  if (isCustomSchema(histogram.schema) || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * share;
  const logLower = log2(Math.abs(lower));
  const logUpper = log2(Math.abs(upper));
  if (lower > 0) return exp2(logLower + (logUpper - logLower) * share);
  return -exp2(logUpper + (logLower - logUpper) * (1 - share));
}

/**
 * The share of all observations between two values, the inverse of the quantile, with the same assumptions inside buckets.
 * NaN observations are in no share, though they count among all.
 */
export function nativeFraction(lower: number, upper: number, histogram: FloatHistogram): QuantileResult {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return plain(NaN);
  if (lower >= upper) return plain(0);
  const counts = allCounts(histogram);
  const mayHaveNan = Number.isNaN(histogram.sum);
  const counted = mayHaveNan ? countFrom(counts, 0, 0) : histogram.count;
  const lowerRank = Math.min(rankOf(histogram, counts, lower) ?? counted, counted);
  const upperRank = Math.min(rankOf(histogram, counts, upper) ?? counted, counted);
  return { value: (upperRank - lowerRank) / histogram.count, nanEffect: mayHaveNan && counted < histogram.count ? 'skewed' : 'none' };
}

/** How many observations are below `value`; undefined when it is beyond all buckets. */
function rankOf(histogram: FloatHistogram, counts: readonly number[], value: number): number | undefined {
  const position = firstReaching(histogram, counts.length, value);
  if (position === counts.length) return undefined;
  let rank = 0;
  for (let i = 0; i < position; i++) rank += counts[i]!;
  const bucket = fractionBucket(histogram, position);
  const { lower, upper } = bucket;
  if (lower >= value) return rank;
  if (isCustomSchema(histogram.schema) || bucket.isZeroBucket) {
    return lower === -Infinity ? bucket.count : rank + (bucket.count * (value - lower)) / (upper - lower);
  }
  return rank + bucket.count * logarithmicShare(lower, upper, value);
}

/** The first of `length` buckets, which ascend, that is not wholly below `value`. */
function firstReaching(histogram: FloatHistogram, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const bucket = fractionBucket(histogram, middle);
    if (bucket.lower >= value || bucket.upper > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface FractionBucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  readonly isZeroBucket: boolean;
}

function fractionBucket(histogram: FloatHistogram, position: number): FractionBucket {
  const bucket = bucketAt(histogram, position);
  if (isCustomSchema(histogram.schema)) {
    // As in a classic histogram, the lowest bucket begins at 0 where it ends above.
    const beginsAtZero = bucket.lower === -Infinity && bucket.upper > 0;
    return { lower: beginsAtZero ? 0 : bucket.lower, upper: bucket.upper, count: bucket.count, isZeroBucket: false };
  }
  const isZeroBucket = bucket.lower <= 0 && bucket.upper >= 0;
  const { lower, upper } = isZeroBucket ? zeroBucketBounds(histogram, bucket) : bucket;
  return { lower, upper, count: bucket.count, isZeroBucket };
}
