import type { FloatHistogram } from './histogram.ts';

/**
 * A histogram with integer counts as the exposition formats and remote write carry it: each bucket as the difference from the one before,
 * the first from 0.
 */
export interface IntegerHistogram extends Omit<FloatHistogram, 'positiveBuckets' | 'negativeBuckets'> {
  readonly positiveDeltas: readonly number[];
  readonly negativeDeltas: readonly number[];
}

/** The same histogram with absolute float counts, which are exact up to 2^53. */
export function fromIntegerHistogram(histogram: IntegerHistogram): FloatHistogram {
  const { positiveDeltas, negativeDeltas, ...shared } = histogram;
  return { ...shared, positiveBuckets: countsOfDeltas(positiveDeltas), negativeBuckets: countsOfDeltas(negativeDeltas) };
}

function countsOfDeltas(deltas: readonly number[]): number[] {
  let count = 0;
  return deltas.map((delta) => (count += delta));
}
