import { compactHistogram } from './histogram-add.ts';
import { sameBounds } from './histogram-custom.ts';
import { sameLayout } from './histogram-layout.ts';
import type { FloatHistogram } from './histogram.ts';

/**
 * Whether two histograms hold the same data: the same schema, bounds, populated buckets and numbers, with NaN equal to itself. Empty buckets
 * are only a way to write a histogram down, and the counter reset hint says something about a neighbour: neither counts.
 */
export function equalHistograms(first: FloatHistogram, second: FloatHistogram): boolean {
  const a = compactHistogram(first);
  const b = compactHistogram(second);
  return (
    a.schema === b.schema &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount, b.zeroCount) &&
    sameBounds(a.customValues, b.customValues) &&
    sameCounts(a.positiveBuckets, b.positiveBuckets) &&
    sameCounts(a.negativeBuckets, b.negativeBuckets) &&
    sameLayout(a.positiveSpans, b.positiveSpans) &&
    sameLayout(a.negativeSpans, b.negativeSpans)
  );
}

function sameCounts(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((count, i) => Object.is(count, b[i])));
}
