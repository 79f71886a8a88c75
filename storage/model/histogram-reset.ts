import { exponentialBound } from './histogram-bounds.ts';
import { commonBounds, reduceCustomRun, sameBounds } from './histogram-custom.ts';
import { reduceRun, sameLayout, toRun, type BucketRun } from './histogram-layout.ts';
import { settledThreshold, widenZero, zeroSides } from './histogram-zero.ts';
import { isCustomSchema, type FloatHistogram } from './histogram.ts';

/**
 * Whether the counter was reset between two samples: some count (never the sum) went down, or the layout changed in a way that only a new
 * start explains, which is a finer schema, a smaller zero bucket, or a zero bucket that now cuts through a formerly populated bucket.
 *
 * The hint of `current` is believed when it says something. A gauge is looked at like a counter; the caller warns about it.
 */
export function detectReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.counterResetHint === 'reset') return true;
  if (current.counterResetHint === 'not-reset') return false;
  if (current.count < previous.count) return true;
  if (isCustomSchema(current.schema)) return !isCustomSchema(previous.schema) || customBucketsShrank(current, previous);
  if (current.schema > previous.schema || current.zeroThreshold < previous.zeroThreshold) return true;
  if (current.schema === previous.schema && current.zeroThreshold === previous.zeroThreshold) {
    return (
      current.zeroCount < previous.zeroCount ||
      sideShrank(current.positiveSpans, current.positiveBuckets, previous.positiveSpans, previous.positiveBuckets) ||
      sideShrank(current.negativeSpans, current.negativeBuckets, previous.negativeSpans, previous.negativeBuckets)
    );
  }
  return shrankAcrossLayouts(current, previous);
}

function shrankAcrossLayouts(current: FloatHistogram, previous: FloatHistogram): boolean {
  const { schema, zeroThreshold } = current;
  const sides = zeroSides(previous);
  if (zeroThreshold !== previous.zeroThreshold && settledThreshold(sides, zeroThreshold) !== zeroThreshold) return true;
  const widened = widenZero(sides, zeroThreshold);
  if (current.zeroCount < widened.zeroCount) return true;
  const shrank = (run: BucketRun, previousRun: BucketRun): boolean =>
    runShrank(run, reduceRun(previousRun, previous.schema, schema), (index) => exponentialBound(index, schema) <= zeroThreshold);
  return (
    shrank(toRun(current.positiveSpans, current.positiveBuckets), widened.positive) ||
    shrank(toRun(current.negativeSpans, current.negativeBuckets), widened.negative)
  );
}

function customBucketsShrank(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (sameBounds(current.customValues, previous.customValues)) {
    return sideShrank(current.positiveSpans, current.positiveBuckets, previous.positiveSpans, previous.positiveBuckets);
  }
  const bounds = commonBounds(current.customValues, previous.customValues);
  const reduced = (histogram: FloatHistogram): BucketRun =>
    reduceCustomRun(toRun(histogram.positiveSpans, histogram.positiveBuckets), histogram.customValues, bounds);
  return runShrank(reduced(current), reduced(previous), () => false);
}

type Spans = FloatHistogram['positiveSpans'];

function sideShrank(spans: Spans, buckets: readonly number[], previousSpans: Spans, previousBuckets: readonly number[]): boolean {
  if (previousBuckets.length === 0) return false;
  if (buckets.length === previousBuckets.length && sameLayout(spans, previousSpans)) {
    for (let i = 0; i < buckets.length; i++) {
      if (buckets[i]! < previousBuckets[i]!) return true;
    }
    return false;
  }
  return runShrank(toRun(spans, buckets), toRun(previousSpans, previousBuckets), () => false);
}

/** Whether a bucket of `previous` is populated and missing in `run`, or has a greater count. */
function runShrank(run: BucketRun, previous: BucketRun, isInZeroBucket: (index: number) => boolean): boolean {
  let i = 0;
  for (let j = 0; j < previous.indexes.length; j++) {
    const index = previous.indexes[j]!;
    if (isInZeroBucket(index)) continue;
    while (i < run.indexes.length && run.indexes[i]! < index) i++;
    const isMissing = i === run.indexes.length || run.indexes[i] !== index;
    if (isMissing ? previous.counts[j] !== 0 : run.counts[i]! < previous.counts[j]!) return true;
  }
  return false;
}
