/**
 * A sketch of a distribution that can be merged: counts of values by the power of γ that they lie under (Masson, Rim and Lee, "DDSketch: a
 * fast and fully-mergeable quantile sketch with relative-error guarantees", 2019).
 *
 * Every order statistic is known within `SKETCH_ERROR` of itself, however many sketches were merged on the way; zeros, infinities and the
 * number of values are exact. A quantile lies between two order statistics, so its error is at most `SKETCH_ERROR` of the larger one.
 */
export const SKETCH_ERROR = 0.01;

const LOG_GAMMA = Math.log((1 + SKETCH_ERROR) / (1 - SKETCH_ERROR));

export class QuantileSketch {
  /** Count by index of the bucket, of values above and below zero. */
  readonly positive = new Map<number, number>();
  readonly negative = new Map<number, number>();
  zeros = 0;
  nans = 0;
  positiveInfinities = 0;
  negativeInfinities = 0;

  /** Values taken in, NaN among them. */
  get count(): number {
    let count = this.zeros + this.nans + this.positiveInfinities + this.negativeInfinities;
    for (const side of [this.positive, this.negative]) for (const inBucket of side.values()) count += inBucket;
    return count;
  }

  clear(): void {
    this.positive.clear();
    this.negative.clear();
    this.zeros = this.nans = this.positiveInfinities = this.negativeInfinities = 0;
  }

  add(value: number, times = 1): void {
    if (value === 0) this.zeros += times;
    else if (value === Infinity) this.positiveInfinities += times;
    else if (value === -Infinity) this.negativeInfinities += times;
    else if (value > 0) increment(this.positive, indexOf(value), times);
    else if (value < 0) increment(this.negative, indexOf(-value), times);
    else this.nans += times;
  }

  merge(other: QuantileSketch): void {
    for (const [index, count] of other.positive) increment(this.positive, index, count);
    for (const [index, count] of other.negative) increment(this.negative, index, count);
    this.zeros += other.zeros;
    this.nans += other.nans;
    this.positiveInfinities += other.positiveInfinities;
    this.negativeInfinities += other.negativeInfinities;
  }

  /** As PromQL's quantile: linear between the two nearest ranks, NaN the smallest; NaN without a value. */
  quantile(quantile: number): number {
    const { count } = this;
    if (count === 0 || Number.isNaN(quantile)) return NaN;
    if (quantile < 0) return -Infinity;
    if (quantile > 1) return Infinity;
    const rank = quantile * (count - 1);
    const lower = Math.floor(rank);
    const upper = Math.min(count - 1, lower + 1);
    const weight = rank - lower;
    const [atLower, atUpper] = this.#valuesAt(lower, upper);
    // Nothing times infinity would be NaN.
    return weight === 0 ? atLower : atLower * (1 - weight) + atUpper * weight;
  }

  #valuesAt(lower: number, upper: number): [number, number] {
    let seen = 0;
    let atLower: number | undefined;
    for (const [value, count] of this.#ascending()) {
      seen += count;
      if (atLower === undefined && lower < seen) atLower = value;
      if (upper < seen) return [atLower!, value];
    }
    return [NaN, NaN];
  }

  *#ascending(): Generator<readonly [number, number]> {
    if (this.nans > 0) yield [NaN, this.nans];
    if (this.negativeInfinities > 0) yield [-Infinity, this.negativeInfinities];
    for (const index of [...this.negative.keys()].sort((a, b) => b - a)) yield [-valueOf(index), this.negative.get(index)!];
    if (this.zeros > 0) yield [0, this.zeros];
    for (const index of [...this.positive.keys()].sort((a, b) => a - b)) yield [valueOf(index), this.positive.get(index)!];
    if (this.positiveInfinities > 0) yield [Infinity, this.positiveInfinities];
  }
}

/** Bucket i has the values above γ^(i-1) up to γ^i. */
function indexOf(value: number): number {
  return Math.ceil(Math.log(value) / LOG_GAMMA);
}

/** The value from which both ends of a bucket are equally far, as a share of themselves. */
function valueOf(index: number): number {
  return Math.min(Number.MAX_VALUE, Math.exp((index - 1) * LOG_GAMMA) * (1 + SKETCH_ERROR));
}

function increment(counts: Map<number, number>, index: number, by: number): void {
  counts.set(index, (counts.get(index) ?? 0) + by);
}
