import { combinedHint } from './histogram-add.ts';
import { coarserIndex, exponentialBound } from './histogram-bounds.ts';
import { coarserCustomIndexes, commonBounds, sameBounds } from './histogram-custom.ts';
import { sameLayout, spanIndexes, toRun, toSpans, type BucketRun } from './histogram-layout.ts';
import { addCounts, addRun, copyRun, joinRun, toSumRun, type SumRun } from './histogram-sum-run.ts';
import { commonThreshold, widenZero, zeroSides, type ZeroSides } from './histogram-zero.ts';
import { isCustomSchema, type CounterResetHint, type FloatHistogram, type Span } from './histogram.ts';
import { KahanSum } from './kahan-sum.ts';

/**
 * Below this no sum of two histograms can leave the range of doubles, even when a coarser schema joins thousands of buckets into one.
 */
const FAR_FROM_OVERFLOW = 2 ** 1000;

/**
 * A running sum of histograms in which every number is compensated (see KahanSum), so that the order of the addends hardly matters.
 * Mutable; `histogram()` may be taken at any time.
 */
export class HistogramSum {
  #hint: CounterResetHint;
  #schema: number;
  #zeroThreshold: number;
  #customValues: readonly number[];
  #zeroCount: KahanSum;
  #count: KahanSum;
  #sum: KahanSum;
  #positive: SumRun;
  #negative: SumRun;
  /** Spans of the runs as far as known: most addends have the same layout as the one before, often the very same spans. */
  #positiveSpans: readonly Span[];
  #negativeSpans: readonly Span[];

  constructor(first: FloatHistogram) {
    this.#hint = first.counterResetHint;
    this.#schema = first.schema;
    this.#zeroThreshold = first.zeroThreshold;
    this.#customValues = first.customValues;
    this.#zeroCount = new KahanSum(first.zeroCount);
    this.#count = new KahanSum(first.count);
    this.#sum = new KahanSum(first.sum);
    this.#positive = toSumRun(toRun(first.positiveSpans, first.positiveBuckets));
    this.#negative = toSumRun(toRun(first.negativeSpans, first.negativeBuckets));
    this.#positiveSpans = first.positiveSpans;
    this.#negativeSpans = first.negativeSpans;
  }

  /** Both sides' buckets. */
  get bucketCount(): number {
    return this.#positive.counts.length + this.#negative.counts.length;
  }

  /** Adds one histogram. After `mixed-schemas` nothing has changed. */
  add(addend: FloatHistogram): 'added' | 'bounds-reconciled' | 'mixed-schemas' {
    const custom = isCustomSchema(this.#schema);
    if (custom !== isCustomSchema(addend.schema)) return 'mixed-schemas';
    this.#hint = combinedHint(this.#hint, addend.counterResetHint).hint;
    this.#count.add(addend.count);
    this.#sum.add(addend.sum);
    const boundsDiffer = custom && !sameBounds(this.#customValues, addend.customValues);
    if (boundsDiffer) this.#addOtherBounds(addend);
    else this.#addExponential(addend);
    return boundsDiffer ? 'bounds-reconciled' : 'added';
  }

  #addExponential(addend: FloatHistogram): void {
    if (addend.schema === this.#schema && addend.zeroThreshold === this.#zeroThreshold) {
      this.#zeroCount.add(addend.zeroCount);
      this.#addSides(addend);
      return;
    }
    const addendSides = zeroSides(addend);
    const sides = widenZero(addendSides, commonThreshold(this.#zeroSides(), addendSides));
    this.#widenZero(sides.zeroThreshold);
    this.#zeroCount.add(sides.zeroCount);
    const schema = Math.min(this.#schema, addend.schema);
    const ownTarget = (index: number): number => coarserIndex(index, this.#schema, schema);
    const addendTarget = (index: number): number => coarserIndex(index, addend.schema, schema);
    const merge = (own: SumRun, other: BucketRun): SumRun =>
      addRun(joinRun(own, own.indexes.map(ownTarget)), other.indexes.map(addendTarget), other.counts);
    this.#positive = merge(this.#positive, sides.positive);
    this.#negative = merge(this.#negative, sides.negative);
    this.#positiveSpans = toSpans(this.#positive.indexes);
    this.#negativeSpans = toSpans(this.#negative.indexes);
    this.#schema = schema;
  }

  /** Of the same resolution. */
  #addSides(addend: FloatHistogram): void {
    const { positiveSpans, positiveBuckets, negativeSpans, negativeBuckets } = addend;
    if (positiveBuckets.length === this.#positive.counts.length && sameLayout(positiveSpans, this.#positiveSpans)) {
      addCounts(this.#positive, positiveBuckets);
    } else {
      this.#positive = addRun(this.#positive, spanIndexes(positiveSpans, positiveBuckets.length), positiveBuckets);
      this.#positiveSpans = toSpans(this.#positive.indexes);
    }
    if (negativeBuckets.length === this.#negative.counts.length && sameLayout(negativeSpans, this.#negativeSpans)) {
      addCounts(this.#negative, negativeBuckets);
    } else {
      this.#negative = addRun(this.#negative, spanIndexes(negativeSpans, negativeBuckets.length), negativeBuckets);
      this.#negativeSpans = toSpans(this.#negative.indexes);
    }
  }

  #addOtherBounds(addend: FloatHistogram): void {
    const bounds = commonBounds(this.#customValues, addend.customValues);
    const own = joinRun(this.#positive, coarserCustomIndexes(this.#positive.indexes, this.#customValues, bounds));
    const indexes = spanIndexes(addend.positiveSpans, addend.positiveBuckets.length);
    this.#positive = addRun(own, coarserCustomIndexes(indexes, addend.customValues, bounds), addend.positiveBuckets);
    this.#positiveSpans = toSpans(this.#positive.indexes);
    this.#customValues = bounds;
  }

  #zeroSides(): ZeroSides {
    return {
      schema: this.#schema,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: this.#zeroCount.sum,
      positive: this.#positive,
      negative: this.#negative,
    };
  }

  #widenZero(threshold: number): void {
    if (threshold === this.#zeroThreshold) return;
    this.#positive = this.#moveToZero(this.#positive, threshold);
    this.#negative = this.#moveToZero(this.#negative, threshold);
    this.#zeroThreshold = threshold;
  }

  #moveToZero(run: SumRun, threshold: number): SumRun {
    let kept = 0;
    while (kept < run.indexes.length && exponentialBound(run.indexes[kept]!, this.#schema) <= threshold) {
      this.#zeroCount.add(run.counts[kept]!);
      this.#zeroCount.add(run.compensations[kept]!);
      kept++;
    }
    return { indexes: run.indexes.slice(kept), counts: run.counts.slice(kept), compensations: run.compensations.slice(kept) };
  }

  /** Every number times `factor`, their compensations too. */
  multiply(factor: number): void {
    this.#scale((value) => value * factor);
  }

  divide(divisor: number): void {
    this.#scale((value) => value / divisor);
  }

  #scale(scaled: (value: number) => number): void {
    for (const total of [this.#zeroCount, this.#count, this.#sum]) {
      total.sum = scaled(total.sum);
      total.compensation = scaled(total.compensation);
    }
    for (const run of [this.#positive, this.#negative]) {
      for (let i = 0; i < run.counts.length; i++) {
        run.counts[i] = scaled(run.counts[i]!);
        run.compensations[i] = scaled(run.compensations[i]!);
      }
    }
  }

  /** Whether some number has become infinite. */
  hasOverflow(): boolean {
    return this.#someTotal((value) => value === Infinity);
  }

  /** Whether adding `addend` might make some number infinite. */
  mayOverflow(addend: FloatHistogram): boolean {
    const isLarge = (value: number): boolean => Math.abs(value) > FAR_FROM_OVERFLOW;
    return (
      this.#someTotal((value) => value > FAR_FROM_OVERFLOW) ||
      isLarge(addend.zeroCount) ||
      isLarge(addend.count) ||
      isLarge(addend.sum) ||
      addend.positiveBuckets.some(isLarge) ||
      addend.negativeBuckets.some(isLarge)
    );
  }

  #someTotal(test: (magnitude: number) => boolean): boolean {
    const testSigned = (value: number): boolean => test(Math.abs(value));
    return (
      testSigned(this.#zeroCount.sum) ||
      testSigned(this.#count.sum) ||
      testSigned(this.#sum.sum) ||
      this.#positive.counts.some(testSigned) ||
      this.#negative.counts.some(testSigned)
    );
  }

  clone(): HistogramSum {
    const copy = new HistogramSum(this.#uncompensated());
    copy.#zeroCount.compensation = this.#zeroCount.compensation;
    copy.#count.compensation = this.#count.compensation;
    copy.#sum.compensation = this.#sum.compensation;
    copy.#positive = copyRun(this.#positive);
    copy.#negative = copyRun(this.#negative);
    copy.#positiveSpans = this.#positiveSpans;
    copy.#negativeSpans = this.#negativeSpans;
    return copy;
  }

  #uncompensated(): FloatHistogram {
    return {
      counterResetHint: this.#hint,
      schema: this.#schema,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: this.#zeroCount.sum,
      count: this.#count.sum,
      sum: this.#sum.sum,
      positiveSpans: [],
      negativeSpans: [],
      positiveBuckets: [],
      negativeBuckets: [],
      customValues: this.#customValues,
    };
  }

  /** The sum so far, compensated; empty buckets stay. */
  histogram(): FloatHistogram {
    const compensated = (run: SumRun): number[] => run.counts.map((count, i) => count + run.compensations[i]!);
    return {
      ...this.#uncompensated(),
      zeroCount: this.#zeroCount.value(),
      count: this.#count.value(),
      sum: this.#sum.value(),
      positiveSpans: this.#positiveSpans,
      negativeSpans: this.#negativeSpans,
      positiveBuckets: compensated(this.#positive),
      negativeBuckets: compensated(this.#negative),
    };
  }
}
