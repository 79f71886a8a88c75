import type { FloatHistogram } from './histogram.ts';

/** Every count and the sum times `factor`. A negative factor makes a gauge of a counter. */
export function multiplyHistogram(histogram: FloatHistogram, factor: number): FloatHistogram {
  const times = (value: number): number => value * factor;
  return {
    ...histogram,
    counterResetHint: factor < 0 ? 'gauge' : histogram.counterResetHint,
    zeroCount: times(histogram.zeroCount),
    count: times(histogram.count),
    sum: times(histogram.sum),
    positiveBuckets: histogram.positiveBuckets.map(times),
    negativeBuckets: histogram.negativeBuckets.map(times),
  };
}

/**
 * Every count and the sum divided by `divisor`, which is not the same as multiplying by its inverse in the last bits.
 * Division by zero leaves no buckets: infinitely many observations have no distribution.
 */
export function divideHistogram(histogram: FloatHistogram, divisor: number): FloatHistogram {
  const by = (value: number): number => value / divisor;
  const divided = {
    ...histogram,
    counterResetHint: divisor < 0 ? ('gauge' as const) : histogram.counterResetHint,
    zeroCount: by(histogram.zeroCount),
    count: by(histogram.count),
    sum: by(histogram.sum),
  };
  if (divisor === 0) return { ...divided, positiveSpans: [], positiveBuckets: [], negativeSpans: [], negativeBuckets: [] };
  return { ...divided, positiveBuckets: histogram.positiveBuckets.map(by), negativeBuckets: histogram.negativeBuckets.map(by) };
}

/** Unary minus. */
export function negateHistogram(histogram: FloatHistogram): FloatHistogram {
  return multiplyHistogram(histogram, -1);
}
