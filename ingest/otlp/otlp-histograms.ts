import type { HistogramPoint } from '../../proto/otlp-histogram-points.ts';
import { columnsPayload } from '../../storage/chunk/index.ts';
import { integerCountsError } from '../../storage/model/histogram-validate.ts';
import { CUSTOM_BUCKETS_SCHEMA } from '../../storage/model/histogram.ts';
import type { Invalid } from '../validate.ts';
import { BucketRuns } from './bucket-runs.ts';

const buckets = new BucketRuns();
const noBuckets = new BucketRuns();

/**
 * A point with explicit bounds, in which `explicitBoundsError` finds nothing wrong, as the payload of a native histogram with custom buckets.
 * It is good until the next one.
 */
export function customBucketsHistogram(point: HistogramPoint): Uint8Array | Invalid {
  const { counts, bounds, count, sum } = point;
  // Without counts by bucket all observations are in the one that goes to infinity.
  const boundCount = counts.length === 0 ? 0 : finiteBounds(point);
  if (boundCount > 0 && bounds.values[0] === -Infinity) return { invalid: 'bound 0 is -Infinity: those of a native histogram are finite' };
  buckets.clear();
  if (counts.length === 0) buckets.add(0, count);
  for (let i = 0; i < counts.length; i++) buckets.add(Math.min(i, boundCount), counts.values[i]!);
  const invalid = integerCountsError(buckets.total, count, sum);
  if (invalid !== undefined) return { invalid };
  const head = { counterResetHint: 'unknown', schema: CUSTOM_BUCKETS_SCHEMA, zeroThreshold: 0, sum, count, zeroCount: 0 } as const;
  return columnsPayload(head, buckets, noBuckets, { values: bounds.values, length: boundCount });
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
