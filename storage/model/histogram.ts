/** Schema of a native histogram with custom bucket bounds (NHCB). */
export const CUSTOM_BUCKETS_SCHEMA = -53;

/** Exponential schema s divides every power of two into 2^s buckets; negative schemas join powers of two. */
export const EXPONENTIAL_SCHEMA_MIN = -4;
export const EXPONENTIAL_SCHEMA_MAX = 8;

/** What is known of a counter reset between a histogram sample and the one before it. */
export type CounterResetHint = 'unknown' | 'reset' | 'not-reset' | 'gauge';

/** `length` consecutive buckets that begin `offset` buckets after the end of the span before (the first: after bucket 0). */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/**
 * A native histogram sample with float counts (integer histograms are converted when they are decoded).
 * Buckets hold absolute counts, one for each bucket of the spans. Schema -4…8 is exponential; -53 has `customValues` as upper bounds.
 * A stale marker is a histogram whose `sum` is the stale NaN; columns carry that apart (see RawSeries.isStale).
 */
export interface FloatHistogram {
  readonly counterResetHint: CounterResetHint;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positiveSpans: readonly Span[];
  readonly negativeSpans: readonly Span[];
  readonly positiveBuckets: readonly number[];
  readonly negativeBuckets: readonly number[];
  readonly customValues: readonly number[];
}

/** Without a single observation; the base that other histograms are spread over. */
export const EMPTY_HISTOGRAM: FloatHistogram = {
  counterResetHint: 'unknown',
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 0,
  sum: 0,
  positiveSpans: [],
  negativeSpans: [],
  positiveBuckets: [],
  negativeBuckets: [],
  customValues: [],
};

/** Buckets with bounds of their own. */
export function isCustomSchema(schema: number): boolean {
  return schema === CUSTOM_BUCKETS_SCHEMA;
}

/** Buckets whose bounds are powers of 2^(2^-schema). */
export function isExponentialSchema(schema: number): boolean {
  return schema >= EXPONENTIAL_SCHEMA_MIN && schema <= EXPONENTIAL_SCHEMA_MAX;
}

export function withHint(histogram: FloatHistogram, counterResetHint: CounterResetHint): FloatHistogram {
  return histogram.counterResetHint === counterResetHint ? histogram : { ...histogram, counterResetHint };
}
