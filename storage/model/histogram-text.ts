import { negativeBuckets, positiveBuckets, zeroBucket, type Bucket } from './histogram-buckets.ts';
import type { FloatHistogram } from './histogram.ts';
import { formatG } from './number-text.ts';

/** A histogram as Prometheus prints it in messages and in `count_values` labels: `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`. */
export function formatHistogram(histogram: FloatHistogram): string {
  const zero = histogram.zeroCount === 0 ? [] : [zeroBucket(histogram)];
  const buckets = [...negativeBuckets(histogram).reverse(), ...zero, ...positiveBuckets(histogram)].filter((bucket) => bucket.count !== 0);
  const parts = [`count:${formatG(histogram.count)}`, `sum:${formatG(histogram.sum)}`, ...buckets.map(formatBucket)];
  return `{${parts.join(', ')}}`;
}

function formatBucket(bucket: Bucket): string {
  const open = bucket.lowerInclusive ? '[' : '(';
  const close = bucket.upperInclusive ? ']' : ')';
  return `${open}${formatG(bucket.lower)},${formatG(bucket.upper)}${close}:${formatG(bucket.count)}`;
}
