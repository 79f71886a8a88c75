import { expect, test } from 'vitest';
import { ANNOTATION_CHARACTERS_MAX, Annotations, badBucketLabel, invalidQuantile, nativeHistogramNotGauge, sortInRangeQuery } from '../../promql/annotations.ts';

test('positions count lines, and columns in bytes, from 1', () => {
  const f = (query: string, start: number, place: string): void => {
    const annotations = new Annotations();
    annotations.add(sortInRangeQuery(), { start, end: query.length });
    expect(annotations.toResult(query).warnings[0]).toMatch(new RegExp(`\\(${place}\\)$`));
  };
  f('sort(x)', 0, '1:1');
  f('a + sort(x)', 4, '1:5');
  f('a +\n  sort(x)', 6, '2:3');
  f('{"é"} + sort(x)', 8, '1:10');
  f('\n\n\nsort(x)', 3, '4:1');
});

test('equal texts are one annotation, kinds stand apart', () => {
  const annotations = new Annotations();
  annotations.add(invalidQuantile(2), { start: 0, end: 1 });
  annotations.add(invalidQuantile(2), { start: 5, end: 6 });
  annotations.add(nativeHistogramNotGauge('a "b"'), { start: 2, end: 3 });
  expect(annotations.toResult('0123456')).toEqual({
    warnings: [
      'PromQL warning: quantile value should be between 0 and 1, got 2 (1:6)',
      'PromQL warning: this native histogram metric is not a gauge: "a \\"b\\"" (1:3)',
    ],
    infos: [],
  });
});

test('of equal texts that is told which was heard last', () => {
  const f = (place: string, ...heard: readonly (readonly [at: number, node: readonly [start: number, end: number]])[]): void => {
    for (const order of [heard, heard.toReversed()]) {
      const annotations = new Annotations();
      for (const [at, [start, end]] of order) annotations.add(sortInRangeQuery(), { start: at, end: at + 1 }, { start, end });
      expect(annotations.toResult('0123456789').warnings[0]).toMatch(new RegExp(`\\(${place}\\)$`));
    }
  };
  f('1:8', [1, [0, 4]], [7, [6, 9]]);
  f('1:2', [1, [0, 9]], [5, [4, 9]]);
  f('1:2', [1, [0, 9]], [5, [4, 8]]);
  f('1:6', [3, [0, 9]], [5, [0, 9]]);
});

test('repairs of one metric are told together', () => {
  const annotations = new Annotations();
  const position = { start: 3, end: 4 };
  annotations.addMonotonicityRepair('x', position, { timestampMs: 61_500, minBucket: 0.5, maxBucket: 2, maxDifference: 150 });
  annotations.addMonotonicityRepair('x', position, { timestampMs: 1_000, minBucket: 1, maxBucket: Infinity, maxDifference: 3 });
  expect(annotations.toResult('0123').infos).toEqual([
    'PromQL info: input to histogram_quantile needed to be fixed for monotonicity ' +
      '(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name "x", ' +
      'from buckets 0.5 to +Inf, with a max diff of 1.5e+02, over 2 samples from 1970-01-01T00:00:01Z to 1970-01-01T00:01:01Z (1:4)',
  ]);
});

test('as many texts are kept as there is room for, and of which kind there were more is said', () => {
  const position = { start: 0, end: 1 };
  const annotations = new Annotations();
  const add = (i: number): void => annotations.add(badBucketLabel('m', `${i} ${'x'.repeat(2000)}`), position);
  for (let i = 0; i < 2000; i++) add(i);
  annotations.add(sortInRangeQuery(), position);
  const { warnings, infos, cut } = annotations.toResult('m');
  expect(warnings.length).toBeGreaterThan(400);
  expect(warnings.reduce((sum, text) => sum + text.length, 0)).toBeLessThan(ANNOTATION_CHARACTERS_MAX);
  // Of the first ones it is still told where they were heard last.
  annotations.add(badBucketLabel('m', `0 ${'x'.repeat(2000)}`), { start: 1, end: 2 });
  expect(annotations.toResult('mm').warnings[0]).toMatch(/"m" \(1:2\)$/);
  expect([infos, cut]).toEqual([[], ['warning']]);
  for (let i = 0; i < 1000; i++) annotations.addMonotonicityRepair(`metric_${i}`, position, { timestampMs: 0, minBucket: 0, maxBucket: 1, maxDifference: 1 });
  expect(annotations.toResult('m').cut).toEqual(['warning', 'info']);
});
