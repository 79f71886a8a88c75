import { expect } from 'vitest';
import { compactHistogram } from '../../../storage/model/histogram-add.ts';
import { spanIndexes } from '../../../storage/model/histogram-layout.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';

/** Equal but for the last digits and empty buckets. The hint is not compared. */
export function expectClose(actual: FloatHistogram, expected: FloatHistogram): void {
  const readable = (histogram: FloatHistogram): Record<string, unknown> => {
    const { schema, zeroThreshold, zeroCount, count, sum, customValues, ...sides } = compactHistogram(histogram);
    const side = (spans: FloatHistogram['positiveSpans'], counts: readonly number[]): string =>
      spanIndexes(spans, counts.length).map((index, i) => `${index}:${rounded(counts[i]!)}`).join(' ');
    return {
      schema,
      zeroThreshold,
      zeroCount: rounded(zeroCount),
      count: rounded(count),
      sum: rounded(sum),
      customValues,
      positive: side(sides.positiveSpans, sides.positiveBuckets),
      negative: side(sides.negativeSpans, sides.negativeBuckets),
    };
  };
  expect(readable(actual)).toEqual(readable(expected));
}

function rounded(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(10))) : String(value);
}
