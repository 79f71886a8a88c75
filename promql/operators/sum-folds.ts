import { compactHistogram } from '../../storage/model/histogram-add.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { nextCompensation } from '../../storage/model/kahan-sum.ts';
import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import { counterResetCollision, mixedExponentialCustomHistograms, mixedFloatsHistogramsInAggregation, reconciledCustomBuckets } from '../annotations.ts';
import { HistogramMean, HistogramTotal, workOfMoving } from '../functions/histogram-mean.ts';
import type { FoldContext, GroupFold } from './folds.ts';
import { bucketCountOf } from './histogram-weight.ts';
import { ABSENT, FLOAT, HISTOGRAM } from './step-series.ts';
import type { StepColumns, StepSeries } from './step-series.ts';

/**
 * What a step of a group has seen, as bits. Floats and histograms together have no sum, and neither have exponential and custom buckets;
 * once these have met, nothing more is looked at.
 */
const SAW_FLOAT = 1;
const SAW_HISTOGRAM = 2;
const SAW_MIXED_SCHEMAS = 4;

/** `sum`, with compensation, so that the order of series hardly matters. */
export class SumFold implements GroupFold {
  readonly #context: FoldContext;
  readonly #sums: Float64Array;
  readonly #compensations: Float64Array;
  readonly #seen: Uint8Array;
  readonly #histograms: HistogramFold;
  #isFirst = true;
  /** Whether all series so far had floats at all steps. */
  #isWhole = false;

  constructor(context: FoldContext) {
    this.#context = context;
    this.#sums = new Float64Array(context.stepCount);
    this.#compensations = new Float64Array(context.stepCount);
    this.#seen = new Uint8Array(context.stepCount);
    this.#histograms = new HistogramFold(context, () => new HistogramTotal());
  }

  add(series: StepSeries): void {
    const { present } = series;
    // Both are found out as fast as memory is read.
    const isWhole = !present.includes(ABSENT) && !present.includes(HISTOGRAM);
    if (isWhole && this.#isWhole) this.#addWhole(series.values);
    else this.#addSome(series);
    this.#isWhole = isWhole && (this.#isFirst || this.#isWhole);
    this.#isFirst = false;
  }

  /** Floats at all steps onto sums of floats at all steps. Whether a sum is infinite need not be asked: it stays so, and `finish` sees it. */
  #addWhole(values: Float64Array): void {
    const sums = this.#sums;
    const compensations = this.#compensations;
    for (let step = 0; step < values.length; step++) {
      const value = values[step]!;
      const sum = sums[step]!;
      const next = sum + value;
      // What the addition leaves behind, exactly, whichever of the two is larger (Knuth's TwoSum): no branch.
      const added = next - sum;
      compensations[step]! += sum - (next - added) + (value - added);
      sums[step] = next;
    }
  }

  #addSome(series: StepSeries): void {
    const sums = this.#sums;
    const compensations = this.#compensations;
    const seen = this.#seen;
    const { present, values } = series;
    for (let step = 0; step < present.length; step++) {
      if (present[step] !== FLOAT) continue;
      const value = values[step]!;
      if (seen[step] === 0) {
        sums[step] = value;
        seen[step] = SAW_FLOAT;
        continue;
      }
      if ((seen[step]! & SAW_MIXED_SCHEMAS) !== 0) continue;
      seen[step]! |= SAW_FLOAT;
      const sum = sums[step]!;
      const next = sum + value;
      // `nextCompensation`, written out: the call was a fifth of what a sum costs.
      if (next === Infinity || next === -Infinity) compensations[step] = 0;
      else compensations[step]! += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sums[step] = next;
    }
    if (series.histograms !== undefined) this.#histograms.add(series, seen);
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) {
      const seen = this.#seen[step]!;
      if (seen === SAW_FLOAT) out.setFloat(step, compensated(this.#sums[step]!, this.#compensations[step]!));
      else if (seen !== 0) finishHistogram(this.#context, this.#histograms, seen, step, out);
    }
  }
}

/**
 * `avg`: the compensated sum through the count, and from the step on at which the sum would overflow, a mean that each value corrects.
 */
export class AverageFold implements GroupFold {
  readonly #context: FoldContext;
  /** The sum, or the mean where `#isMean` is 1. */
  readonly #sums: Float64Array;
  readonly #compensations: Float64Array;
  readonly #counts: Float64Array;
  readonly #isMean: Uint8Array;
  readonly #seen: Uint8Array;
  readonly #histograms: HistogramFold;

  constructor(context: FoldContext) {
    this.#context = context;
    this.#sums = new Float64Array(context.stepCount);
    this.#compensations = new Float64Array(context.stepCount);
    this.#counts = new Float64Array(context.stepCount);
    this.#isMean = new Uint8Array(context.stepCount);
    this.#seen = new Uint8Array(context.stepCount);
    this.#histograms = new HistogramFold(context, () => new HistogramMean());
  }

  add(series: StepSeries): void {
    const { present, values } = series;
    for (let step = 0; step < present.length; step++) if (present[step] === FLOAT) this.#addValue(step, values[step]!);
    if (series.histograms !== undefined) this.#histograms.add(series, this.#seen);
  }

  #addValue(step: number, value: number): void {
    if ((this.#seen[step]! & SAW_MIXED_SCHEMAS) !== 0) return;
    this.#seen[step]! |= SAW_FLOAT;
    const count = ++this.#counts[step]!;
    const sum = this.#sums[step]!;
    if (count === 1) {
      this.#sums[step] = value;
      return;
    }
    if (this.#isMean[step] === 0) {
      const next = sum + value;
      if (next !== Infinity && next !== -Infinity) {
        this.#compensations[step] = nextCompensation(value, sum, next, this.#compensations[step]!);
        this.#sums[step] = next;
        return;
      }
      this.#isMean[step] = 1;
      this.#sums[step]! /= count - 1;
      this.#compensations[step]! /= count - 1;
    }
    const share = (count - 1) / count;
    const scaledMean = share * this.#sums[step]!;
    const increment = value / count;
    const next = scaledMean + increment;
    this.#compensations[step] = nextCompensation(increment, scaledMean, next, share * this.#compensations[step]!);
    this.#sums[step] = next;
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) {
      const seen = this.#seen[step]!;
      if (seen === SAW_FLOAT) {
        const divisor = this.#isMean[step] === 1 ? 1 : this.#counts[step]!;
        out.setFloat(step, this.#sums[step]! / divisor + this.#compensations[step]! / divisor);
      } else if (seen !== 0) finishHistogram(this.#context, this.#histograms, seen, step, out);
    }
  }
}

/** A sum that is infinite or NaN left nothing behind. */
function compensated(sum: number, compensation: number): number {
  return Number.isFinite(sum) ? sum + compensation : sum;
}

type HistogramAccumulator = Pick<HistogramTotal, 'add' | 'isMixed' | 'bucketCount' | 'result'>;

/** Samples that the budget holds for a bucket of a sum: its index, its count and what that is off by, 8 bytes each. */
const SUM_BUCKET_SAMPLES = 1.5;

/** The histograms of a group, an accumulator a step. */
class HistogramFold {
  readonly #context: FoldContext;
  readonly #create: () => HistogramAccumulator;
  readonly #accumulators: (HistogramAccumulator | undefined)[] = [];

  constructor(context: FoldContext, create: () => HistogramAccumulator) {
    this.#context = context;
    this.#create = create;
  }

  /** Updates `seen`. The series that brings the other kind of buckets is the one that the warning names. */
  add(series: StepSeries, seen: Uint8Array): void {
    for (let step = 0; step < series.present.length; step++) {
      if (series.present[step] !== HISTOGRAM || (seen[step]! & SAW_MIXED_SCHEMAS) !== 0) continue;
      const isAfterFloat = (seen[step]! & SAW_FLOAT) !== 0;
      seen[step]! |= SAW_HISTOGRAM;
      let accumulator = this.#accumulators[step];
      // After a float there will be no sum: the first histogram need not be kept.
      if (accumulator === undefined && isAfterFloat) continue;
      accumulator ??= this.#accumulators[step] = this.#create();
      this.#addTo(accumulator, series.histograms![step]!);
      if (!accumulator.isMixed) continue;
      seen[step]! |= SAW_MIXED_SCHEMAS;
      this.#context.annotate(mixedExponentialCustomHistograms(labelValue(series.labels, METRIC_NAME)));
    }
  }

  /** A sum gets no more to hold from series with the same buckets, as those of one metric mostly have. */
  #addTo(accumulator: HistogramAccumulator, histogram: FloatHistogram): void {
    const { budget } = this.#context;
    const before = accumulator.bucketCount;
    accumulator.add(histogram);
    const { bucketCount } = accumulator;
    budget.spend(bucketCountOf(histogram) + workOfMoving(before, bucketCount));
    budget.holdWorking((bucketCount - before) * SUM_BUCKET_SAMPLES);
  }

  /** The histograms of a step, which are let go of; `undefined` where there were none, or floats before them. */
  take(step: number): HistogramAccumulator | undefined {
    const accumulator = this.#accumulators[step];
    this.#accumulators[step] = undefined;
    this.#context.budget.releaseWorking((accumulator?.bucketCount ?? 0) * SUM_BUCKET_SAMPLES);
    return accumulator;
  }

  finish(step: number, out: StepColumns): void {
    const { histogram, hintCollision, boundsReconciled } = this.take(step)!.result();
    if (boundsReconciled) this.#context.annotate(reconciledCustomBuckets('aggregation'));
    if (histogram === undefined) return;
    if (hintCollision) this.#context.annotate(counterResetCollision('aggregation'));
    out.setHistogram(step, compactHistogram(histogram));
  }
}

function finishHistogram(context: FoldContext, histograms: HistogramFold, seen: number, step: number, out: StepColumns): void {
  if ((seen & SAW_FLOAT) === 0) histograms.finish(step, out);
  else {
    histograms.take(step);
    context.annotate(mixedFloatsHistogramsInAggregation());
  }
}
