import { describe, expect, test } from 'vitest';
import { formatHistogram } from '../../storage/model/histogram-text.ts';
import { namesResetHint, parseHistogramLiteral, parseHistogramPoints } from './histogram-literal.ts';

test('every field is read', () => {
  const text = '{{schema:1 sum:-2.5 count:7 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] offset:3 n_buckets:[ 3 ] n_offset:-1 counter_reset_hint:gauge}}';
  expect(parseHistogramLiteral(text)).toEqual({
    counterResetHint: 'gauge', schema: 1, sum: -2.5, count: 7, zeroCount: 1, zeroThreshold: 0.5, customValues: [],
    positiveSpans: [{ offset: 3, length: 2 }], positiveBuckets: [1, 2], negativeSpans: [{ offset: -1, length: 1 }], negativeBuckets: [3],
  });
  expect(parseHistogramLiteral('{{schema:-53 custom_values:[1 2.5 1e3] buckets:[]}}')).toMatchObject({ schema: -53, customValues: [1, 2.5, 1000], positiveSpans: [] });
  expect(parseHistogramLiteral('{{sum:NaN count:Inf}}')).toMatchObject({ sum: NaN, count: Infinity });
  expect(namesResetHint(text)).toBe(true);
});

describe('points', () => {
  function f(text: string, points: readonly string[]): void {
    test(text, () => expect(parseHistogramPoints(text).map(formatHistogram)).toEqual(points));
  }
  f('{{}}', ['{count:0, sum:0}']);
  f('{{count:1}}x2', ['{count:1, sum:0}', '{count:1, sum:0}', '{count:1, sum:0}']);
  f('{{count:1 buckets:[1]}}+{{count:2 buckets:[0 2]}}x2', ['{count:1, sum:0, (0.5,1]:1}', '{count:3, sum:0, (0.5,1]:1, (1,2]:2}', '{count:5, sum:0, (0.5,1]:1, (1,2]:4}']);
  f('{{count:5}}-{{count:2}}x1', ['{count:5, sum:0}', '{count:3, sum:0}']);
});

describe('what is no histogram', () => {
  function f(text: string): void {
    test(text, () => expect(() => parseHistogramPoints(text)).toThrow());
  }
  f('{count:1}');
  f('{{count}}');
  f('{{count:one}}');
  f('{{counter_reset_hint:perhaps}}');
  f('{{}}+{{schema:-53}}x2');
});
