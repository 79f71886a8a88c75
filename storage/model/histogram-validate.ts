import { isCustomSchema, isExponentialSchema, type FloatHistogram, type Span } from './histogram.ts';
import { formatG } from './number-text.ts';

const NEGATIVE_BUCKET_COUNT = 'histogram has a bucket whose observation count is negative';
const NEGATIVE_COUNT = "histogram's observation count is negative";
const COUNT_NOT_BIG_ENOUGH = "histogram's observation count should be at least the number of observations found in the buckets";
const COUNT_MISMATCH = "histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)";
/** Ours: Prometheus keeps 64 bits. */
export const COUNT_NOT_EXACT = 'histogram has a count above 2^53, which cannot be kept exactly';
const NEGATIVE_SPAN_OFFSET = 'histogram has a span whose offset is negative';
const INDEX_OUT_OF_RANGE = 'histogram has a span whose bucket index is out of range';
const SPANS_MISMATCH = 'histogram spans specify different number of buckets than provided';
const BOUNDS_TOO_FEW = 'histogram custom bounds are too few';
const BOUNDS_NOT_INCREASING = 'histogram custom bounds must be in strictly increasing order';
const BOUNDS_INFINITE = 'histogram custom bounds must be finite';
const BOUNDS_NAN = 'histogram custom bounds must not be NaN';

/**
 * What is wrong with a histogram, in Prometheus' words, or undefined when nothing is. Whatever passes can go through all operations.
 *
 * That the count covers the buckets is not asked of float counts, which sums and rates make inexact; see `validateIntegerCounts`.
 */
export function validateFloatHistogram(histogram: FloatHistogram): string | undefined {
  const custom = isCustomSchema(histogram.schema);
  if (!custom && !isExponentialSchema(histogram.schema)) {
    const known = 'must be between -4 and 8 for exponential buckets, or -53 for custom buckets';
    return `histogram has an invalid schema, which ${known}, got schema ${histogram.schema}`;
  }
  const layoutError = custom ? customLayoutError(histogram) : exponentialLayoutError(histogram);
  if (layoutError !== undefined) return layoutError;
  if (histogram.count < 0) return `observation count is  ${formatG(histogram.count)}: ${NEGATIVE_COUNT}`;
  return onSide('positive side', negativeCountError(histogram.positiveBuckets));
}

/**
 * Integer counts are exact: without NaN observations (which make the sum NaN) the buckets hold as many as the count says, and with some of
 * them at most as many.
 */
export function validateIntegerCounts(histogram: FloatHistogram): string | undefined {
  return countMismatch(total(histogram.positiveBuckets) + total(histogram.negativeBuckets) + histogram.zeroCount, histogram.count, histogram.sum);
}

/** The same of counts that are known to be whole and not negative: `inBuckets` of them in the buckets, `count` in all. Those above 2^53 are refused. */
export function integerCountsError(inBuckets: number, count: number, sum: number): string | undefined {
  return Number.isSafeInteger(count) ? countMismatch(inBuckets, count, sum) : COUNT_NOT_EXACT;
}

function countMismatch(inBuckets: number, count: number, sum: number): string | undefined {
  const mayHaveNan = Number.isNaN(sum);
  if (mayHaveNan ? inBuckets <= count : inBuckets === count) return undefined;
  const found = `${inBuckets} observations found in buckets, but the Count field is ${count}`;
  return `${found}: ${mayHaveNan ? COUNT_NOT_BIG_ENOUGH : COUNT_MISMATCH}`;
}

function total(counts: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}

function exponentialLayoutError(histogram: FloatHistogram): string | undefined {
  const { positiveSpans, positiveBuckets, negativeSpans, negativeBuckets, zeroCount, customValues } = histogram;
  return (
    onSide('positive side', spanError(positiveSpans, positiveBuckets.length, 1)) ??
    onSide('negative side', spanError(negativeSpans, negativeBuckets.length, 1)) ??
    onSide('negative side', negativeCountError(negativeBuckets)) ??
    (zeroCount < 0 ? `zero bucket has observation count of ${formatG(zeroCount)}: ${NEGATIVE_BUCKET_COUNT}` : undefined) ??
    (customValues.length > 0 ? 'histogram with exponential schema must not have custom bounds' : undefined)
  );
}

function customLayoutError(histogram: FloatHistogram): string | undefined {
  const boundsError = customBoundsError(histogram);
  if (boundsError !== undefined) return `custom buckets: ${boundsError}`;
  if (histogram.zeroCount !== 0) return 'custom buckets: must have zero count of 0';
  if (histogram.zeroThreshold !== 0) return 'custom buckets: must have zero threshold of 0';
  if (histogram.negativeSpans.length > 0) return 'custom buckets: must not have negative spans';
  return histogram.negativeBuckets.length > 0 ? 'custom buckets: must not have negative buckets' : undefined;
}

function customBoundsError({ customValues, positiveSpans, positiveBuckets }: FloatHistogram): string | undefined {
  // So that -Inf is no first bound: nothing is in the bucket below it.
  let previous = -Infinity;
  for (const bound of customValues) {
    if (Number.isNaN(bound)) return BOUNDS_NAN;
    if (bound <= previous) return `previous bound is ${fixed(previous)} and current is ${fixed(bound)}: ${BOUNDS_NOT_INCREASING}`;
    previous = bound;
  }
  if (previous === Infinity) return `last +Inf bound must not be explicitly defined: ${BOUNDS_INFINITE}`;
  const error = spanError(positiveSpans, positiveBuckets.length, 0);
  if (error !== undefined) return error;
  const reach = positiveSpans.reduce((sum, span) => sum + span.offset + span.length, 0);
  if (reach <= customValues.length + 1) return undefined;
  return `only ${customValues.length} custom bounds defined which is insufficient to cover total span length of ${reach}: ${BOUNDS_TOO_FEW}`;
}

/** Go's `%f`. */
function fixed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(6) : formatG(value);
}

/** Indexes of buckets are int32, and the lower bound of the first one has an index, too. */
const INDEX_MAX = 2 ** 31 - 1;

/** Offsets before `firstChecked` may be negative: the first one of an exponential side is a bucket index. */
function spanError(spans: readonly Span[], bucketCount: number, firstChecked: number): string | undefined {
  let spanBuckets = 0;
  let index = 0;
  for (let i = 0; i < spans.length; i++) {
    const { offset, length } = spans[i]!;
    if (i >= firstChecked && offset < 0) return `span number ${i + 1} with offset ${offset}: ${NEGATIVE_SPAN_OFFSET}`;
    index += offset;
    if (index < -INDEX_MAX) return `span number ${i + 1} starts at bucket index ${index}: ${INDEX_OUT_OF_RANGE}`;
    index += length;
    if (index - 1 > INDEX_MAX) return `span number ${i + 1} ends at bucket index ${index - 1}: ${INDEX_OUT_OF_RANGE}`;
    spanBuckets += length;
  }
  return spanBuckets === bucketCount ? undefined : `spans need ${spanBuckets} buckets, have ${bucketCount} buckets: ${SPANS_MISMATCH}`;
}

function negativeCountError(counts: readonly number[]): string | undefined {
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! < 0) return `bucket number ${i + 1} has observation count of ${formatG(counts[i]!)}: ${NEGATIVE_BUCKET_COUNT}`;
  }
  return undefined;
}

function onSide(side: string, error: string | undefined): string | undefined {
  return error === undefined ? undefined : `${side}: ${error}`;
}
