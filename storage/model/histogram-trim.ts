import { compactHistogram } from './histogram-add.ts';
import { logarithmicShare, negativeBuckets, positiveBuckets, zeroBucket, type Bucket } from './histogram-buckets.ts';
import { isCustomSchema, type FloatHistogram } from './histogram.ts';

/** Which observations stay: those at or below the limit (`</`), or those above it (`>/`). */
export type TrimSide = 'keep-below' | 'keep-above';

interface Cut {
  readonly limit: number;
  readonly side: TrimSide;
}

/** The part of a bucket's observations that stays, and the value that stands for each of them in the new sum. */
interface KeptPart {
  readonly count: number;
  readonly middle: number;
}

/** A stretch of values, as every bucket is one. */
interface Stretch {
  readonly lower: number;
  readonly upper: number;
}

type Middle = (stretch: Stretch) => number;

/**
 * The histogram of the observations on one side of a limit. A bucket that the limit cuts is divided by where the limit lies in it: evenly
 * in custom buckets and the zero bucket, on the logarithmic scale in exponential ones.
 *
 * What was observed beyond the buckets' bounds is unknown, so as soon as anything was cut away the sum is estimated anew from the middles
 * of what is left. A histogram that loses nothing stays as it is.
 */
export function trimHistogram(histogram: FloatHistogram, limit: number, side: TrimSide): FloatHistogram {
  const custom = isCustomSchema(histogram.schema);
  const cut: Cut = { limit, side };
  const estimate = { count: 0, sum: 0, changed: false };
  const keep = (part: KeptPart, before: number): number => {
    estimate.count += part.count;
    estimate.sum += part.middle * part.count;
    if (part.count !== before) estimate.changed = true;
    return part.count;
  };
  const trimBuckets = (buckets: readonly Bucket[], middle: Middle): number[] =>
    buckets.map((bucket) => (bucket.count === 0 ? 0 : keep(keptPart(bucket, cut, custom, middle), bucket.count)));

  const positive = positiveBuckets(histogram);
  const negative = negativeBuckets(histogram);
  const positiveCounts = trimBuckets(positive, custom ? arithmeticMiddle : geometricMiddle);
  const negativeCounts = trimBuckets(negative, (stretch) => -geometricMiddle(stretch));
  let { zeroCount } = histogram;
  if (zeroCount > 0) {
    const stretch = zeroStretch(histogram, positive.some(isPopulated), negative.some(isPopulated));
    zeroCount = keep(keptOfZero({ ...stretch, count: zeroCount }, cut), zeroCount);
  }
  if (!estimate.changed) return histogram;
  const { count, sum } = estimate;
  return compactHistogram({ ...histogram, count, sum, zeroCount, positiveBuckets: positiveCounts, negativeBuckets: negativeCounts });
}

function isPopulated(bucket: Bucket): boolean {
  return bucket.count !== 0;
}

/** The zero bucket, which begins at 0 where nothing negative was observed and ends there where nothing positive was. */
function zeroStretch(histogram: FloatHistogram, hasPositive: boolean, hasNegative: boolean): Stretch {
  const { lower, upper } = zeroBucket(histogram);
  return { lower: hasPositive && !hasNegative ? 0 : lower, upper: hasNegative && !hasPositive ? 0 : upper };
}

function keptPart(bucket: Bucket, cut: Cut, custom: boolean, middle: Middle): KeptPart {
  const { limit, side } = cut;
  const isKeepingBelow = side === 'keep-below';
  const isWhole = isKeepingBelow ? bucket.upper <= limit : bucket.lower >= limit;
  if (isWhole) return { count: bucket.count, middle: finiteMiddle(bucket, middle) };
  const isGone = isKeepingBelow ? bucket.lower >= limit : bucket.upper <= limit;
  if (isGone || Number.isNaN(limit)) return { count: 0, middle: 0 };
  if (bucket.lower === -Infinity) return keptOfLowest(bucket, cut);
  // Of a bucket without an upper end nothing is known but that all of it is above its lower one.
  if (bucket.upper === Infinity) return isKeepingBelow ? { count: 0, middle: 0 } : { count: bucket.count, middle: limit };
  if (custom) return keptEvenly(bucket, cut);
  const below = bucket.count * logarithmicShare(bucket.lower, bucket.upper, limit);
  if (isKeepingBelow) return { count: below, middle: middle({ lower: bucket.lower, upper: limit }) };
  return { count: bucket.count - below, middle: middle({ lower: limit, upper: bucket.upper }) };
}

/**
 * A custom bucket without a lower end that the limit cuts. With a positive upper bound it is taken to begin at 0, like the first bucket of
 * a classic histogram; a limit below that bound and above 0 divides it. With another upper bound, what is kept below a limit is kept whole.
 */
function keptOfLowest(bucket: Bucket, { limit, side }: Cut): KeptPart {
  const { upper, count } = bucket;
  const beginsAtZero = upper > 0 && upper < Infinity;
  if (side === 'keep-below') {
    if (beginsAtZero && limit > 0) return { count: (count * limit) / upper, middle: limit / 2 };
    return upper <= 0 ? { count, middle: limit } : { count: 0, middle: 0 };
  }
  if (beginsAtZero && limit >= 0) return { count: count * (1 - limit / upper), middle: (limit + upper) / 2 };
  return { count: 0, middle: 0 };
}

/** A zero bucket without any width is above a limit of 0. */
function keptOfZero(bucket: Stretch & { readonly count: number }, cut: Cut): KeptPart {
  if (cut.side === 'keep-below' && cut.limit <= bucket.lower) return { count: 0, middle: 0 };
  return keptEvenly(bucket, cut);
}

function keptEvenly(bucket: Stretch & { readonly count: number }, { limit, side }: Cut): KeptPart {
  const { lower, upper, count } = bucket;
  const isKeepingBelow = side === 'keep-below';
  if (isKeepingBelow ? limit >= upper : limit <= lower) return { count, middle: (lower + upper) / 2 };
  if (isKeepingBelow ? limit <= lower : limit >= upper) return { count: 0, middle: 0 };
  const width = upper - lower;
  if (isKeepingBelow) return { count: (count * (limit - lower)) / width, middle: (lower + limit) / 2 };
  return { count: (count * (upper - limit)) / width, middle: (limit + upper) / 2 };
}

/** The middle of a bucket; of one with an open end, the best that is known. */
function finiteMiddle(bucket: Bucket, middle: Middle): number {
  const { lower, upper } = bucket;
  if (lower === -Infinity) return upper === Infinity ? 0 : upper > 0 ? upper / 2 : upper;
  return upper === Infinity ? lower : middle(bucket);
}

function arithmeticMiddle({ lower, upper }: Stretch): number {
  return (lower + upper) / 2;
}

function geometricMiddle({ lower, upper }: Stretch): number {
  return Math.sqrt(Math.abs(lower * upper));
}
