import { exponentialBound } from './histogram-bounds.ts';
import { dropFront, toRun, type BucketRun } from './histogram-layout.ts';
import type { FloatHistogram } from './histogram.ts';

/** The parts of an exponential histogram that a wider zero bucket changes. */
export interface ZeroSides {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: BucketRun;
  readonly negative: BucketRun;
}

export function zeroSides(histogram: FloatHistogram): ZeroSides {
  return {
    schema: histogram.schema,
    zeroThreshold: histogram.zeroThreshold,
    zeroCount: histogram.zeroCount,
    positive: toRun(histogram.positiveSpans, histogram.positiveBuckets),
    negative: toRun(histogram.negativeSpans, histogram.negativeBuckets),
  };
}

/**
 * The smallest threshold from `threshold` on that does not cut a populated bucket. A cut bucket moves the threshold to its far bound: its
 * observations cannot be told apart, so all of them have to count as zero.
 */
export function settledThreshold(sides: ZeroSides, threshold: number): number {
  let settled = threshold;
  for (;;) {
    const next = pastCutBucket(sides.negative, sides.schema, pastCutBucket(sides.positive, sides.schema, settled));
    if (!(next > settled)) return settled;
    settled = next;
  }
}

function pastCutBucket(run: BucketRun, schema: number, threshold: number): number {
  for (let i = 0; i < run.indexes.length; i++) {
    const index = run.indexes[i]!;
    if (exponentialBound(index - 1, schema) >= threshold) return threshold;
    const upper = exponentialBound(index, schema);
    if (upper > threshold) return run.counts[i] === 0 ? threshold : upper;
  }
  return threshold;
}

/** The same observations with a zero bucket up to `threshold`, which must be settled and not smaller than the present one. */
export function widenZero(sides: ZeroSides, threshold: number): ZeroSides {
  if (threshold === sides.zeroThreshold) return sides;
  const isInside = (index: number): boolean => exponentialBound(index, sides.schema) <= threshold;
  const positive = dropFront(sides.positive, isInside);
  const negative = dropFront(sides.negative, isInside);
  const zeroCount = sides.zeroCount + frontCount(sides.positive, positive) + frontCount(sides.negative, negative);
  return { schema: sides.schema, zeroThreshold: threshold, zeroCount, positive, negative };
}

/** What was dropped from the front of `before`. */
function frontCount(before: BucketRun, after: BucketRun): number {
  const dropped = before.counts.length - after.counts.length;
  let count = 0;
  for (let i = 0; i < dropped; i++) count += before.counts[i]!;
  return count;
}

/**
 * A threshold that suits both: the larger of the two, or the next beyond it that cuts no populated bucket of the one that is widened. Whose
 * threshold it is already keeps a bucket that it cuts: when a client halves its resolution, a bucket may come to reach into the zero bucket.
 */
export function commonThreshold(a: ZeroSides, b: ZeroSides): number {
  let ofA = a.zeroThreshold;
  let ofB = b.zeroThreshold;
  for (;;) {
    if (ofA > ofB) ofB = settledThreshold(b, ofA);
    else if (ofB > ofA) ofA = settledThreshold(a, ofB);
    else return ofA;
  }
}
