/**
 * A classic histogram at one moment: upper bounds, ascending, and how many observations were at or below each. The last bound must be +Inf
 * for there to be an answer. A bound may occur twice (`le="1"` beside `le="1.0"`); such counts are added.
 */
export interface ClassicBuckets {
  readonly upperBounds: ArrayLike<number>;
  readonly counts: ArrayLike<number>;
}

/** Cumulative counts that went down and were lifted: between which bounds, and by how much at most. */
export interface LiftedCounts {
  readonly minBound: number;
  readonly maxBound: number;
  readonly maxDifference: number;
}

export interface ClassicQuantile {
  readonly value: number;
  /** Undefined when nothing had to be lifted, apart from differences that are only noise of floating point. */
  readonly lifted: LiftedCounts | undefined;
}

/** Relative differences between neighbouring counts up to this are taken for noise. */
const NOISE_TOLERANCE = 1e-12;

/**
 * The φ-quantile of a classic histogram, observations spread evenly inside each bucket. The first bucket begins at 0 when its bound is
 * positive; a quantile in the last one is the highest finite bound, for lack of anything better.
 */
export function classicQuantile(quantile: number, buckets: ClassicBuckets): ClassicQuantile {
  if (Number.isNaN(quantile)) return { value: NaN, lifted: undefined };
  if (quantile < 0) return { value: -Infinity, lifted: undefined };
  if (quantile > 1) return { value: Infinity, lifted: undefined };
  const length = buckets.upperBounds.length;
  if (length === 0 || buckets.upperBounds[length - 1] !== Infinity) return { value: NaN, lifted: undefined };
  const { upperBounds, counts } = joinEqualBounds(buckets);
  const lifted = liftCounts(upperBounds, counts);
  return { value: quantileOfRising(quantile, upperBounds, counts), lifted };
}

function quantileOfRising(quantile: number, upperBounds: readonly number[], counts: readonly number[]): number {
  const last = upperBounds.length - 1;
  const total = counts[last]!;
  if (last === 0 || total === 0) return NaN;
  const rank = quantile * total;
  const at = lowestReaching(counts, last, rank);
  if (at === last) return upperBounds[last - 1]!;
  const upper = upperBounds[at]!;
  if (at === 0) return upper <= 0 ? upper : upper * (rank / counts[0]!);
  const lower = upperBounds[at - 1]!;
  const below = counts[at - 1]!;
  return lower + (upper - lower) * ((rank - below) / (counts[at]! - below));
}

/** The first of `length` ascending counts that reaches `rank`, `length` when none does. */
function lowestReaching(counts: readonly number[], length: number, rank: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (counts[middle]! >= rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The share of observations between two values. The counts are taken as they are: a fraction needs no search, and so no rising counts.
 */
export function classicFraction(lower: number, upper: number, buckets: ClassicBuckets): number {
  const length = buckets.upperBounds.length;
  if (length === 0 || buckets.upperBounds[length - 1] !== Infinity) return NaN;
  const { upperBounds, counts } = joinEqualBounds(buckets);
  const total = counts.at(-1)!;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return NaN;
  if (lower >= upper) return 0;
  const rank = (value: number): number => Math.min(rankOf(value, upperBounds, counts) ?? total, total);
  return (rank(upper) - rank(lower)) / total;
}

function rankOf(value: number, upperBounds: readonly number[], counts: readonly number[]): number | undefined {
  let below = 0;
  let lower = upperBounds[0]! > 0 ? 0 : -Infinity;
  for (let i = 0; i < upperBounds.length; i++) {
    const upper = upperBounds[i]!;
    if (lower >= value) return below;
    if (upper > value) return lower === -Infinity ? counts[i]! : below + ((counts[i]! - below) * (value - lower)) / (upper - lower);
    lower = upper;
    below = counts[i]!;
  }
  return undefined;
}

function joinEqualBounds(buckets: ClassicBuckets): { readonly upperBounds: number[]; readonly counts: number[] } {
  const upperBounds: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < buckets.upperBounds.length; i++) {
    const last = upperBounds.length - 1;
    if (last >= 0 && upperBounds[last] === buckets.upperBounds[i]) counts[last]! += buckets.counts[i]!;
    else {
      upperBounds.push(buckets.upperBounds[i]!);
      counts.push(buckets.counts[i]!);
    }
  }
  return { upperBounds, counts };
}

/**
 * Makes cumulative counts rise, in place. They fail to where buckets were scraped, stored or summed at different moments, and a search
 * among falling counts would find nonsense. A count that falls takes the one before it; so does one that differs by mere noise.
 */
function liftCounts(upperBounds: readonly number[], counts: number[]): LiftedCounts | undefined {
  let lifted: LiftedCounts | undefined;
  let previous = counts[0]!;
  for (let i = 1; i < counts.length; i++) {
    const count = counts[i]!;
    if (count === previous) continue;
    const isNoise = almostEqual(previous, count);
    if (!isNoise && !(count < previous)) {
      previous = count;
      continue;
    }
    counts[i] = previous;
    if (!isNoise) {
      lifted = {
        minBound: Math.min(lifted?.minBound ?? Infinity, upperBounds[i]!),
        maxBound: Math.max(lifted?.maxBound ?? -Infinity, upperBounds[i]!),
        maxDifference: Math.max(lifted?.maxDifference ?? 0, previous - count),
      };
    }
  }
  return lifted;
}

/** The smallest normal double: below it relative differences mean nothing. */
const MIN_NORMAL = 2 ** -1022;

function almostEqual(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const magnitude = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || magnitude < MIN_NORMAL) return difference < NOISE_TOLERANCE * MIN_NORMAL;
  return difference / Math.min(magnitude, Number.MAX_VALUE) < NOISE_TOLERANCE;
}
