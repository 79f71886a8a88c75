import { expect, test } from 'vitest';
import { withoutBuckets } from '../../../promql/operators/histogram-statistics.ts';
import type { RawSeries } from '../../../promql/series-source.ts';
import { EMPTY_HISTOGRAM } from '../../../storage/model/histogram.ts';
import { parseHistogramLiteral } from '../histogram-literal.ts';

function seriesOf(literals: readonly (string | undefined)[]): RawSeries {
  return {
    labels: ['__name__', 'h'],
    timestampsMs: Float64Array.from(literals, (_, i) => i * 1000),
    values: new Float64Array(literals.length),
    isStale: undefined,
    histograms: literals.map((literal) => literal && parseHistogramLiteral(literal)) as RawSeries['histograms'],
    startTimestampsMs: undefined,
  };
}

test('count, sum, schema and what the buckets told of resets stay, and that it is a gauge', () => {
  const { histograms } = withoutBuckets(
    seriesOf([
      '{{schema:1 count:3 sum:5 buckets:[1 2]}}',
      '{{schema:1 count:4 sum:6 buckets:[2 2]}}',
      '{{schema:1 count:5 sum:7 buckets:[1 4]}}',
      '{{schema:1 count:6 sum:8 buckets:[0 6] counter_reset_hint:gauge}}',
      undefined,
      '{{schema:1 count:7 sum:9 buckets:[7 0]}}',
    ]),
    0,
  );
  const bare = { ...EMPTY_HISTOGRAM, schema: 1 };
  expect(histograms).toEqual([
    { ...bare, count: 3, sum: 5, counterResetHint: 'unknown' },
    { ...bare, count: 4, sum: 6, counterResetHint: 'not-reset' },
    { ...bare, count: 5, sum: 7, counterResetHint: 'reset' },
    { ...bare, count: 6, sum: 8, counterResetHint: 'gauge' },
    undefined,
    { ...bare, count: 7, sum: 9, counterResetHint: 'unknown' },
  ]);
});

test('of resets only the samples tell that are not too early', () => {
  const series = seriesOf(['{{count:3 buckets:[3]}}', '{{count:2 buckets:[2]}}', '{{count:1 buckets:[1]}}']);
  const hints = (fromMs: number): unknown => withoutBuckets(series, fromMs).histograms?.map((histogram) => histogram?.counterResetHint);
  expect(hints(0)).toEqual(['unknown', 'reset', 'reset']);
  expect(hints(1000)).toEqual(['unknown', 'unknown', 'reset']);
});

test('the first sample claims no reset, a later one may', () => {
  const series = seriesOf(['{{count:1 buckets:[1] counter_reset_hint:reset}}', '{{count:2 buckets:[2] counter_reset_hint:reset}}', '{{count:3 buckets:[3]}}']);
  expect(withoutBuckets(series, 0).histograms?.map((histogram) => histogram?.counterResetHint)).toEqual(['unknown', 'reset', 'not-reset']);
});

test('a series without histograms stays as it is', () => {
  const series = { ...seriesOf([undefined]), histograms: undefined };
  expect(withoutBuckets(series, 0)).toBe(series);
});
