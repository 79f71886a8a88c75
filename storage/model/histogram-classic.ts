import { compactHistogram } from './histogram-add.ts';
import { CUSTOM_BUCKETS_SCHEMA, EMPTY_HISTOGRAM, type FloatHistogram } from './histogram.ts';

/** A classic histogram at one moment. */
export interface ClassicHistogram {
  /** Ascending; a last bound of +Inf may be there or not. */
  readonly upperBounds: readonly number[];
  /** How many observations were at or below each bound. */
  readonly cumulativeCounts: readonly number[];
  /** Undefined when unknown: then it is that of the highest bucket. */
  readonly count: number | undefined;
  readonly sum: number;
}

/** The native histogram with custom buckets (NHCB) that holds the same as a classic one. */
export function customFromClassic(classic: ClassicHistogram): FloatHistogram {
  const { upperBounds, cumulativeCounts, sum } = classic;
  const isOpen = upperBounds.at(-1) !== Infinity;
  const count = classic.count ?? cumulativeCounts.at(-1) ?? 0;
  const cumulative = isOpen ? [...cumulativeCounts, count] : cumulativeCounts;
  const histogram = {
    ...EMPTY_HISTOGRAM,
    schema: CUSTOM_BUCKETS_SCHEMA,
    count,
    sum,
    positiveSpans: [{ offset: 0, length: cumulative.length }],
    positiveBuckets: cumulative.map((reached, i) => reached - (i === 0 ? 0 : cumulative[i - 1]!)),
    customValues: isOpen ? upperBounds.slice() : upperBounds.slice(0, -1),
  };
  return compactHistogram(histogram);
}
