import { commonBounds, reduceCustomRun, sameBounds } from './histogram-custom.ts';
import { compactRun, mergeRuns, reduceRun, sameLayout, toRun, toSpans, type BucketRun } from './histogram-layout.ts';
import { commonThreshold, widenZero, zeroSides } from './histogram-zero.ts';
import { isCustomSchema, type CounterResetHint, type FloatHistogram } from './histogram.ts';

/**
 * What came of an operation on two histograms. Exponential and custom buckets cannot be brought together; everything else can, at the cost
 * of resolution. The caller turns the flags into the annotations that fit its operator.
 */
export type HistogramResult =
  | {
      readonly kind: 'histogram';
      readonly histogram: FloatHistogram;
      /** One operand said that there was a counter reset, the other that there was none. */
      readonly hintCollision: boolean;
      /** The custom bounds differed, and the result has only those in common. */
      readonly boundsReconciled: boolean;
    }
  | { readonly kind: 'mixed-schemas' };

const MIXED_SCHEMAS: HistogramResult = { kind: 'mixed-schemas' };

/**
 * a + b, bucket by bucket, at the coarser of the two resolutions and with a zero bucket that covers both.
 * Empty buckets stay; see `compactHistogram`.
 */
export function addHistograms(a: FloatHistogram, b: FloatHistogram): HistogramResult {
  return combine(a, b, 1);
}

/**
 * a - b. The hint comes out as for an addition, which is right inside a mean; where PromQL subtracts, the result is a gauge and the caller
 * says so.
 */
export function subtractHistograms(a: FloatHistogram, b: FloatHistogram): HistogramResult {
  return combine(a, b, -1);
}

function combine(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): HistogramResult {
  if (isCustomSchema(a.schema) !== isCustomSchema(b.schema)) return MIXED_SCHEMAS;
  const { hint, collision } = combinedHint(a.counterResetHint, b.counterResetHint);
  const totals = { counterResetHint: hint, count: a.count + sign * b.count, sum: a.sum + sign * b.sum };
  if (isCustomSchema(a.schema)) {
    const boundsReconciled = !sameBounds(a.customValues, b.customValues);
    const histogram = { ...a, ...totals, ...combineCustom(a, b, sign, boundsReconciled) };
    return { kind: 'histogram', histogram, hintCollision: collision, boundsReconciled };
  }
  const histogram = { ...a, ...totals, ...combineExponential(a, b, sign) };
  return { kind: 'histogram', histogram, hintCollision: collision, boundsReconciled: false };
}

function combineCustom(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1, boundsDiffer: boolean): Partial<FloatHistogram> {
  if (!boundsDiffer) return positiveSide(a, b, sign);
  const bounds = commonBounds(a.customValues, b.customValues);
  const runA = reduceCustomRun(toRun(a.positiveSpans, a.positiveBuckets), a.customValues, bounds);
  const runB = reduceCustomRun(toRun(b.positiveSpans, b.positiveBuckets), b.customValues, bounds);
  const merged = compactRun(mergeRuns(runA, runB, sign));
  return { customValues: bounds, positiveSpans: toSpans(merged.indexes), positiveBuckets: merged.counts };
}

function combineExponential(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): Partial<FloatHistogram> {
  if (a.schema === b.schema && a.zeroThreshold === b.zeroThreshold) {
    return { zeroCount: a.zeroCount + sign * b.zeroCount, ...positiveSide(a, b, sign), ...negativeSide(a, b, sign) };
  }
  let sidesA = zeroSides(a);
  let sidesB = zeroSides(b);
  const zeroThreshold = commonThreshold(sidesA, sidesB);
  sidesA = widenZero(sidesA, zeroThreshold);
  sidesB = widenZero(sidesB, zeroThreshold);
  const schema = Math.min(a.schema, b.schema);
  const merge = (runA: BucketRun, runB: BucketRun): BucketRun =>
    mergeRuns(reduceRun(runA, a.schema, schema), reduceRun(runB, b.schema, schema), sign);
  const positive = merge(sidesA.positive, sidesB.positive);
  const negative = merge(sidesA.negative, sidesB.negative);
  return { schema, zeroThreshold, zeroCount: sidesA.zeroCount + sign * sidesB.zeroCount, ...sideFields(positive, negative) };
}

function positiveSide(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): Partial<FloatHistogram> {
  const side = combineSide(a.positiveSpans, a.positiveBuckets, b.positiveSpans, b.positiveBuckets, sign);
  return { positiveSpans: side.spans, positiveBuckets: side.buckets };
}

function negativeSide(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): Partial<FloatHistogram> {
  const side = combineSide(a.negativeSpans, a.negativeBuckets, b.negativeSpans, b.negativeBuckets, sign);
  return { negativeSpans: side.spans, negativeBuckets: side.buckets };
}

type Spans = FloatHistogram['positiveSpans'];

function combineSide(
  spansA: Spans,
  bucketsA: readonly number[],
  spansB: Spans,
  bucketsB: readonly number[],
  sign: 1 | -1,
): { readonly spans: Spans; readonly buckets: readonly number[] } {
  if (bucketsB.length === 0) return { spans: spansA, buckets: bucketsA };
  if (bucketsA.length === bucketsB.length && sameLayout(spansA, spansB)) {
    return { spans: spansA, buckets: bucketsA.map((count, i) => count + sign * bucketsB[i]!) };
  }
  const merged = mergeRuns(toRun(spansA, bucketsA), toRun(spansB, bucketsB), sign);
  return { spans: toSpans(merged.indexes), buckets: merged.counts };
}

type SideFields = Pick<FloatHistogram, 'positiveSpans' | 'positiveBuckets' | 'negativeSpans' | 'negativeBuckets'>;

function sideFields(positive: BucketRun, negative: BucketRun): SideFields {
  return {
    positiveSpans: toSpans(positive.indexes),
    positiveBuckets: positive.counts,
    negativeSpans: toSpans(negative.indexes),
    negativeBuckets: negative.counts,
  };
}

/**
 * The hint of a sum: what both agree on; a gauge if one of them is; otherwise unknown. A reset beside no reset is a collision: the sum of
 * such counters is no counter, and the caller warns.
 */
export function combinedHint(a: CounterResetHint, b: CounterResetHint): { readonly hint: CounterResetHint; readonly collision: boolean } {
  if (a === b) return { hint: a, collision: false };
  if (a === 'gauge' || b === 'gauge') return { hint: 'gauge', collision: false };
  return { hint: 'unknown', collision: a !== 'unknown' && b !== 'unknown' };
}

/** Without empty buckets. Counts, sum and what the histogram means stay the same. */
export function compactHistogram(histogram: FloatHistogram): FloatHistogram {
  if (!histogram.positiveBuckets.includes(0) && !histogram.negativeBuckets.includes(0)) return histogram;
  const positive = compactRun(toRun(histogram.positiveSpans, histogram.positiveBuckets));
  const negative = compactRun(toRun(histogram.negativeSpans, histogram.negativeBuckets));
  return { ...histogram, ...sideFields(positive, negative) };
}

/**
 * At a coarser exponential resolution; a histogram that is as coarse already, or has custom buckets, comes back as it is. Also from schemas
 * 9 to 52, which are too fine to be computed with but may be sent.
 */
export function reduceSchema(histogram: FloatHistogram, targetSchema: number): FloatHistogram {
  const { schema } = histogram;
  if (isCustomSchema(schema) || isCustomSchema(targetSchema) || targetSchema >= schema) return histogram;
  const positive = reduceRun(toRun(histogram.positiveSpans, histogram.positiveBuckets), schema, targetSchema);
  const negative = reduceRun(toRun(histogram.negativeSpans, histogram.negativeBuckets), schema, targetSchema);
  return { ...histogram, schema: targetSchema, ...sideFields(positive, negative) };
}
