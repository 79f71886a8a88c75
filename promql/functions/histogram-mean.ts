import { divideHistogram } from '../../storage/model/histogram-scale.ts';
import { HistogramSum } from '../../storage/model/histogram-sum.ts';
import type { CounterResetHint, FloatHistogram } from '../../storage/model/histogram.ts';

/** What a bucket of a sum costs that is moved since others come beside it, as against one that is added to: 60 to 90 ns. */
const MOVED_BUCKET_WORK = 32;

/** Work of a sum for its buckets, all of which are moved where it gets new ones. None for the first histogram, which is only copied. */
export function workOfMoving(bucketsBefore: number, buckets: number): number {
  return bucketsBefore > 0 && buckets > bucketsBefore ? buckets * MOVED_BUCKET_WORK : 0;
}

/** What an aggregation of histograms came to. Without a histogram, exponential and custom buckets were mixed. */
export interface AggregatedHistogram {
  readonly histogram: FloatHistogram | undefined;
  /** Some said that the counter was reset, others that it was not. */
  readonly hintCollision: boolean;
  readonly boundsReconciled: boolean;
}

/** The sum of histograms that arrive one by one. */
export class HistogramTotal {
  readonly #hints = new Set<CounterResetHint>();
  #sum: HistogramSum | undefined;
  #boundsReconciled = false;
  #isMixed = false;

  /** Exponential and custom buckets have met: there will be no result. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** Of the sum so far. */
  get bucketCount(): number {
    return this.#sum?.bucketCount ?? 0;
  }

  add(histogram: FloatHistogram): void {
    this.#hints.add(histogram.counterResetHint);
    if (this.#sum === undefined) this.#sum = new HistogramSum(histogram);
    else if (!this.#isMixed) {
      const outcome = this.#sum.add(histogram);
      if (outcome === 'mixed-schemas') this.#isMixed = true;
      else if (outcome === 'bounds-reconciled') this.#boundsReconciled = true;
    }
  }

  /** At least one histogram must have been added. */
  result(): AggregatedHistogram {
    return aggregated(this.#isMixed ? undefined : this.#sum?.histogram(), this.#hints, this.#boundsReconciled);
  }
}

/**
 * The mean of histograms that arrive one by one: their sum through their count. Where the sum would overflow, the mean so far is corrected
 * by each further histogram instead, which is less exact.
 */
export class HistogramMean {
  readonly #hints = new Set<CounterResetHint>();
  #sum: HistogramSum | undefined;
  #count = 0;
  #isIncremental = false;
  #boundsReconciled = false;
  #isMixed = false;

  /** Exponential and custom buckets have met: there will be no result. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** Of the mean so far. */
  get bucketCount(): number {
    return this.#sum?.bucketCount ?? 0;
  }

  add(histogram: FloatHistogram): void {
    this.#hints.add(histogram.counterResetHint);
    this.#count++;
    if (this.#sum === undefined) this.#sum = new HistogramSum(histogram);
    else if (!this.#isMixed && !(!this.#isIncremental && this.#addToSum(this.#sum, histogram))) this.#correctMean(this.#sum, histogram);
  }

  /** False when the sum would have become infinite; it is as before then. */
  #addToSum(sum: HistogramSum, histogram: FloatHistogram): boolean {
    const attempt = sum.mayOverflow(histogram) ? sum.clone() : sum;
    this.#noteOutcome(attempt.add(histogram));
    if (this.#isMixed) return true;
    if (attempt !== sum && attempt.hasOverflow()) {
      sum.divide(this.#count - 1);
      this.#isIncremental = true;
      return false;
    }
    this.#sum = attempt;
    return true;
  }

  #correctMean(mean: HistogramSum, histogram: FloatHistogram): void {
    mean.multiply((this.#count - 1) / this.#count);
    this.#noteOutcome(mean.add(divideHistogram(histogram, this.#count)));
  }

  #noteOutcome(outcome: ReturnType<HistogramSum['add']>): void {
    if (outcome === 'mixed-schemas') this.#isMixed = true;
    if (outcome === 'bounds-reconciled') this.#boundsReconciled = true;
  }

  /** At least one histogram must have been added. May be taken once. */
  result(): AggregatedHistogram {
    if (!this.#isIncremental) this.#sum?.divide(this.#count);
    return aggregated(this.#isMixed ? undefined : this.#sum?.histogram(), this.#hints, this.#boundsReconciled);
  }
}

function aggregated(histogram: FloatHistogram | undefined, hints: ReadonlySet<CounterResetHint>, boundsReconciled: boolean): AggregatedHistogram {
  return { histogram, hintCollision: hints.has('reset') && hints.has('not-reset'), boundsReconciled };
}
