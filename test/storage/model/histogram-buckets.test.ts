import { describe, expect, test } from 'vitest';
import { allBuckets, allCounts, apiBuckets, bucketAt } from '../../../storage/model/histogram-buckets.ts';
import { equalHistograms } from '../../../storage/model/histogram-equal.ts';
import { fromIntegerHistogram } from '../../../storage/model/histogram-integer.ts';
import { interpolateHistograms } from '../../../storage/model/histogram-interpolate.ts';
import { formatHistogram } from '../../../storage/model/histogram-text.ts';
import { EMPTY_HISTOGRAM } from '../../../storage/model/histogram.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';
import { expectClose } from './expect-histogram.ts';
import { randomCustom, randomExponential, seededRandom } from './random-histogram.ts';

describe('formatHistogram', () => {
  function f(literal: string, text: string): void {
    test(text, () => expect(formatHistogram(parseHistogramLiteral(literal))).toBe(text));
  }
  f('{{}}', '{count:0, sum:0}');
  f('{{count:4 sum:5 buckets:[1 0 3]}}', '{count:4, sum:5, (0.5,1]:1, (2,4]:3}');
  f('{{count:4 sum:-5 z_bucket:1 z_bucket_w:0.5 n_buckets:[1 2] n_offset:1}}', '{count:4, sum:-5, [-4,-2):2, [-2,-1):1, [-0.5,0.5]:1}');
  f('{{schema:-53 count:6 sum:1e9 custom_values:[1 2] buckets:[1 2 3]}}', '{count:6, sum:1e+09, [-Inf,1]:1, (1,2]:2, (2,+Inf]:3}');
});

describe('apiBuckets', () => {
  function f(literal: string, buckets: readonly (readonly number[])[]): void {
    test(literal, () => expect(apiBuckets(parseHistogramLiteral(literal))).toEqual(buckets));
  }
  f('{{}}', []);
  f('{{z_bucket:1 z_bucket_w:0.5 buckets:[2 0 3] n_buckets:[4]}}', [[1, -1, -0.5, 4], [3, -0.5, 0.5, 1], [0, 0.5, 1, 2], [0, 2, 4, 3]]);
  f('{{schema:-53 custom_values:[1 2] buckets:[1 2 3]}}', [[3, -Infinity, 1, 1], [0, 1, 2, 2], [0, 2, Infinity, 3]]);
  // Buckets that the zero bucket reaches into begin at its edge.
  f('{{z_bucket:1 z_bucket_w:0.75 buckets:[2] n_buckets:[3]}}', [[1, -1, -0.75, 3], [3, -0.75, 0.75, 1], [0, 0.75, 1, 2]]);
});

test('buckets come in ascending order', () => {
  const bounds = allBuckets(parseHistogramLiteral('{{z_bucket:1 z_bucket_w:0.001 buckets:[1 1 1] offset:-3 n_buckets:[1 1] n_offset:2}}')).flatMap(({ lower, upper }) => [lower, upper]);
  expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
});

describe('equalHistograms', () => {
  function f(a: string, b: string, expected: boolean): void {
    test(`${a} ${expected ? 'is' : 'is not'} ${b}`, () => expect(equalHistograms(parseHistogramLiteral(a), parseHistogramLiteral(b))).toBe(expected));
  }
  f('{{}}', '{{}}', true);
  f('{{sum:NaN}}', '{{sum:NaN}}', true);
  f('{{count:1 buckets:[1]}}', '{{count:1 buckets:[1] counter_reset_hint:gauge}}', true);
  f('{{count:1 buckets:[1]}}', '{{count:1 buckets:[1] offset:1}}', false);
  f('{{count:1 buckets:[1]}}', '{{count:1 buckets:[0 1 0] offset:-1}}', true);
  f('{{count:1 buckets:[1]}}', '{{count:1 n_buckets:[1]}}', false);
  f('{{schema:1}}', '{{schema:2}}', false);
  f('{{z_bucket_w:1}}', '{{z_bucket_w:2}}', false);
  f('{{schema:-53 custom_values:[1]}}', '{{schema:-53 custom_values:[2]}}', false);
});

describe('interpolateHistograms', () => {
  function f(earlier: string, later: string, timestampMs: number, isCounter: boolean, expected: string): void {
    test(`between ${earlier} and ${later} at ${timestampMs}`, () => {
      const at = (atMs: number, literal: string) => ({ timestampMs: atMs, histogram: parseHistogramLiteral(literal) });
      const result = interpolateHistograms(at(0, earlier), at(100, later), timestampMs, isCounter);
      if (result.kind === 'mixed-schemas') expect(expected).toBe('mixed');
      else expectClose(result.histogram, parseHistogramLiteral(expected));
    });
  }
  f('{{count:10 buckets:[10]}}', '{{count:20 buckets:[20]}}', 25, true, '{{count:12.5 buckets:[12.5]}}');
  f('{{count:10 buckets:[10]}}', '{{count:20 buckets:[20]}}', 0, true, '{{count:10 buckets:[10]}}');
  f('{{count:10 buckets:[10]}}', '{{count:20 buckets:[20]}}', 100, true, '{{count:20 buckets:[20]}}');
  f('{{count:10 buckets:[10]}}', '{{count:4 buckets:[4]}}', 25, true, '{{count:1 buckets:[1]}}');
  f('{{count:10 buckets:[10]}}', '{{count:4 buckets:[4]}}', 50, false, '{{count:7 buckets:[7]}}');
  f('{{count:10 buckets:[10]}}', '{{schema:-53 count:40 buckets:[40]}}', 50, false, 'mixed');
});

test('integer histograms carry differences', () => {
  const { positiveBuckets: _positive, negativeBuckets: _negative, ...shared } = EMPTY_HISTOGRAM;
  const spans = [{ offset: 0, length: 4 }];
  const histogram = fromIntegerHistogram({ ...shared, count: 8, positiveSpans: spans, positiveDeltas: [1, 2, -1, 0], negativeDeltas: [] });
  expectClose(histogram, parseHistogramLiteral('{{count:8 buckets:[1 3 2 2]}}'));
});

test('counts and single buckets agree with the whole list', () => {
  for (let seed = 1; seed <= 200; seed++) {
    for (const histogram of [randomExponential(seededRandom(seed)), randomCustom(seededRandom(seed))]) {
      const buckets = allBuckets(histogram);
      expect(allCounts(histogram)).toEqual(buckets.map(({ count }) => count));
      expect(buckets.map((_, position) => bucketAt(histogram, position))).toEqual(buckets);
    }
  }
});
