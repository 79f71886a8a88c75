import type { ExponentialBuckets, ExponentialPoint, HistogramPoint } from '../proto/otlp-histogram-points.ts';
import { CUSTOM_BUCKETS_SCHEMA, EMPTY_HISTOGRAM, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN, type FloatHistogram } from '../storage/model/histogram.ts';
import { validateFloatHistogram, validateIntegerCounts } from '../storage/model/histogram-validate.ts';

/** The width of the zero bucket where the sender says none: Prometheus' default. */
const DEFAULT_ZERO_THRESHOLD = 1e-128;
/** A gap of more empty buckets begins a new span; fewer are written out, which is shorter. */
const GAP_BUCKETS_MAX = 2;
/** Beyond any bucket that a finite observation could fall into. */
const BUCKET_INDEX_MAX = 2 ** 30;

const NO_BOUNDS: readonly number[] = [];

type Result = FloatHistogram | { readonly invalid: string };

/** An exponential histogram point as a native histogram. Scales above 8 are merged down to it. */
export function exponentialHistogram(point: ExponentialPoint): Result {
  const { scale, zeroThreshold } = point;
  if (scale < EXPONENTIAL_SCHEMA_MIN) return { invalid: `cannot convert exponential to native histogram: scale must be >= ${EXPONENTIAL_SCHEMA_MIN}, was ${scale}` };
  if (!(zeroThreshold >= 0)) return { invalid: `the zero threshold is ${zeroThreshold}` };
  const schema = Math.min(scale, EXPONENTIAL_SCHEMA_MAX);
  const positive = exponentialSide(point.positive, scale - schema);
  const negative = exponentialSide(point.negative, scale - schema);
  if (positive === undefined || negative === undefined) return { invalid: 'a bucket of the exponential histogram lies beyond all numbers' };
  return checked({
    counterResetHint: 'unknown',
    schema,
    zeroThreshold: zeroThreshold === 0 ? DEFAULT_ZERO_THRESHOLD : zeroThreshold,
    zeroCount: point.zeroCount,
    count: point.count,
    sum: point.sum,
    positiveSpans: positive.spans,
    negativeSpans: negative.spans,
    positiveBuckets: positive.counts,
    negativeBuckets: negative.counts,
    customValues: NO_BOUNDS,
  });
}

/** A point with explicit bounds as a native histogram with custom buckets. */
export function customBucketsHistogram(point: HistogramPoint): Result {
  const buckets = new SparseBuckets();
  // Without counts by bucket all observations are in the one that goes to infinity.
  const boundCount = point.counts.length === 0 ? 0 : finiteBounds(point);
  if (point.counts.length === 0) buckets.add(0, point.count);
  for (let i = 0; i < point.counts.length; i++) buckets.add(Math.min(i, boundCount), point.counts.values[i]!);
  return checked({
    ...EMPTY_HISTOGRAM,
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: point.count,
    sum: point.sum,
    positiveSpans: buckets.spans,
    positiveBuckets: buckets.counts,
    customValues: Array.from(point.bounds.values.subarray(0, boundCount)),
  });
}

/** What is wrong with the shape of a point with explicit bounds, `undefined` when nothing is. A last bound of infinity is accepted. */
export function explicitBoundsError({ bounds, counts }: HistogramPoint): string | undefined {
  if (counts.length > 0 && counts.length !== bounds.length + 1) return `${counts.length} bucket counts for ${bounds.length} bounds, want one more than bounds`;
  for (let i = 0; i < bounds.length; i++) {
    const bound = bounds.values[i]!;
    if (Number.isNaN(bound) || (i > 0 && bound <= bounds.values[i - 1]!)) return `bound ${i} is ${bound}: bounds must rise`;
  }
  return undefined;
}

/** How many bounds there are but for infinity, which is always the end of the last bucket and may be written as a bound. */
export function finiteBounds({ bounds }: HistogramPoint): number {
  return bounds.length > 0 && bounds.values[bounds.length - 1] === Infinity ? bounds.length - 1 : bounds.length;
}

function checked(histogram: FloatHistogram): Result {
  const invalid = validateFloatHistogram(histogram) ?? validateIntegerCounts(histogram);
  return invalid === undefined ? histogram : { invalid };
}

/**
 * One side. OpenTelemetry's bucket i ends at base^(i + 1), Prometheus' at base^i: hence one more. `undefined` when an index is beyond all
 * that numbers can need.
 */
function exponentialSide({ offset, counts }: ExponentialBuckets, mergedScales: number): SparseBuckets | undefined {
  const buckets = new SparseBuckets();
  // Offsets have 32 bits: beyond 40 everything is in the two middle buckets, and 2 ** that many stays a number.
  const merged = mergedScales === 0 ? 1 : 2 ** Math.min(mergedScales, 40);
  const { values, length } = counts;
  for (let i = 0; i < length; i++) {
    const count = values[i]!;
    if (count === 0) continue;
    const index = (merged === 1 ? offset + i : Math.floor((offset + i) / merged)) + 1;
    if (Math.abs(index) > BUCKET_INDEX_MAX) return undefined;
    buckets.add(index, count);
  }
  return buckets;
}

/** Buckets by rising index, as spans and counts. */
class SparseBuckets {
  readonly counts: number[] = [];
  readonly spans: { offset: number; length: number }[] = [];
  #span = { offset: 0, length: 0 };
  /** Of the last bucket written. */
  #index = 0;

  add(index: number, count: number): void {
    if (count === 0) return;
    const { counts, spans } = this;
    const gap = index - this.#index - 1;
    if (counts.length > 0 && gap === 0) {
      counts.push(count);
      this.#span.length++;
    } else if (counts.length > 0 && index === this.#index) {
      counts[counts.length - 1]! += count;
    } else if (counts.length > 0 && gap <= GAP_BUCKETS_MAX) {
      for (let empty = 0; empty < gap; empty++) counts.push(0);
      counts.push(count);
      this.#span.length += gap + 1;
    } else {
      this.#span = { offset: counts.length === 0 ? index : gap, length: 1 };
      spans.push(this.#span);
      counts.push(count);
    }
    this.#index = index;
  }
}
