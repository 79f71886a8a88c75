import type { ExponentialBuckets, ExponentialPoint } from '../../proto/otlp-histogram-points.ts';
import { columnsPayload } from '../../storage/chunk/index.ts';
import { integerCountsError } from '../../storage/model/histogram-validate.ts';
import { EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN } from '../../storage/model/histogram.ts';
import type { Invalid } from '../validate.ts';
import { BucketRuns } from './bucket-runs.ts';

/** The width of the zero bucket where the sender says none: Prometheus' default. */
const DEFAULT_ZERO_THRESHOLD = 1e-128;
/** Beyond any bucket that a finite observation could fall into. */
const BUCKET_INDEX_MAX = 2 ** 30;

const NO_BOUNDS = { values: new Float64Array(0), length: 0 };

const positive = new BucketRuns();
const negative = new BucketRuns();

/**
 * An exponential histogram point as the payload of a native histogram, which is good until the next one. Scales above 8 are merged down to
 * it. SDKs fill 160 buckets a point: they go from the decoder's column to the payload without an object in between.
 */
export function exponentialHistogram(point: ExponentialPoint): Uint8Array | Invalid {
  const { scale, zeroThreshold, zeroCount, count, sum } = point;
  if (scale < EXPONENTIAL_SCHEMA_MIN) return { invalid: `cannot convert exponential to native histogram: scale must be >= ${EXPONENTIAL_SCHEMA_MIN}, was ${scale}` };
  // An infinite one would take all other buckets in, of the sum of deltas for ever.
  if (!(zeroThreshold >= 0 && zeroThreshold < Infinity)) return { invalid: `the zero threshold is ${zeroThreshold}` };
  const schema = Math.min(scale, EXPONENTIAL_SCHEMA_MAX);
  if (!readSide(positive, point.positive, scale - schema) || !readSide(negative, point.negative, scale - schema)) {
    return { invalid: 'a bucket of the exponential histogram lies beyond all numbers' };
  }
  const invalid = integerCountsError(positive.total + negative.total + zeroCount, count, sum);
  if (invalid !== undefined) return { invalid };
  const head = { counterResetHint: 'unknown', schema, zeroThreshold: zeroThreshold === 0 ? DEFAULT_ZERO_THRESHOLD : zeroThreshold, sum, count, zeroCount } as const;
  return columnsPayload(head, positive, negative, NO_BOUNDS);
}

/**
 * OpenTelemetry's bucket i ends at base^(i + 1), Prometheus' at base^i: hence one more. False when an index is beyond all that numbers can
 * need.
 */
function readSide(runs: BucketRuns, { offset, counts }: ExponentialBuckets, mergedScales: number): boolean {
  runs.clear();
  const { values, length } = counts;
  if (mergedScales === 0) {
    runs.addAll(offset + 1, counts);
    return runs.length === 0 || (Math.abs(offset + 1) <= BUCKET_INDEX_MAX && Math.abs(offset + length) <= BUCKET_INDEX_MAX);
  }
  // Offsets have 32 bits: beyond 40 everything is in the two middle buckets, and 2 ** that many stays a number.
  const merged = 2 ** Math.min(mergedScales, 40);
  for (let i = 0; i < length; i++) {
    const index = Math.floor((offset + i) / merged) + 1;
    if (Math.abs(index) > BUCKET_INDEX_MAX && values[i] !== 0) return false;
    runs.add(index, values[i]!);
  }
  return true;
}
