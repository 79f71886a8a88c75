import { describe, expect, test } from 'vitest';
import { nativeFraction, nativeQuantile, type NanEffect } from '../../../promql/functions/histogram-quantile.ts';
import { histogramAvg, histogramStddev, histogramStdvar } from '../../../promql/functions/histogram-values.ts';
import { randomCustom, randomExponential, seededRandom } from '../../storage/model/random-histogram.ts';
import { parseHistogramLiteral } from '../histogram-literal.ts';

function expectClose(actual: number, expected: number): void {
  if (Number.isFinite(expected)) expect(actual).toBeCloseTo(expected, 9);
  else expect(actual).toBe(expected);
}

describe('nativeQuantile', () => {
  function f(quantile: number, literal: string, expected: number, nanEffect: NanEffect = 'none'): void {
    test(`${quantile} of ${literal}`, () => {
      const result = nativeQuantile(quantile, parseHistogramLiteral(literal));
      expectClose(result.value, expected);
      expect(result.nanEffect).toBe(nanEffect);
    });
  }
  const two = '{{count:8 sum:20 buckets:[4 4] offset:1}}'; // (1,2] and (2,4]
  f(0, two, 1);
  f(0.25, two, Math.SQRT2);
  f(0.5, two, 2);
  f(0.75, two, Math.sqrt(8));
  f(1, two, 4);
  f(-0.1, two, -Infinity);
  f(1.1, two, Infinity);
  f(NaN, two, NaN);
  f(0.5, '{{}}', NaN);
  // Negative buckets mirror positive ones.
  f(0.25, '{{count:8 sum:-20 n_buckets:[4 4] n_offset:1}}', -Math.sqrt(8));
  f(0.75, '{{count:8 sum:-20 n_buckets:[4 4] n_offset:1}}', -Math.SQRT2);
  // The zero bucket is linear, and one-sided when nothing is on its other side.
  f(0.5, '{{count:4 z_bucket:4 z_bucket_w:1}}', 0);
  f(0.25, '{{count:4 z_bucket:4 z_bucket_w:1}}', -0.5);
  f(0.25, '{{count:8 sum:1 z_bucket:4 z_bucket_w:1 buckets:[4] offset:1}}', 0.5);
  f(0.75, '{{count:8 sum:-1 z_bucket:4 z_bucket_w:1 n_buckets:[4] n_offset:1}}', -0.5);
  // In a gap: the bound of the next populated bucket, seen from the nearer end.
  f(0.5, '{{count:8 sum:1 buckets:[4 0 0 4] offset:1}}', 8);
  f(0.499999999999, '{{count:8 sum:1 buckets:[4 0 0 4] offset:1}}', 2);
  // Custom buckets are linear and treat their open ends as classic ones do.
  const custom = '{{schema:-53 count:8 sum:1 custom_values:[2 4] buckets:[4 2 2]}}';
  f(0.25, custom, 1);
  f(0.625, custom, 3);
  f(0.9, custom, 4);
  f(0.1, '{{schema:-53 count:8 sum:1 custom_values:[-2 4] buckets:[4 2 2]}}', -2);
  // NaN observations are counted but in no bucket.
  f(0.5, '{{count:3 sum:NaN}}', NaN, 'result-is-nan');
  f(0.9, '{{count:15 sum:NaN buckets:[12]}}', NaN, 'result-is-nan');
  f(0.4, '{{count:15 sum:NaN buckets:[12]}}', Math.SQRT1_2, 'skewed');
  // All are in buckets, as far as sums of such numbers can tell.
  f(0.1, '{{count:0.6000000000000001 sum:NaN buckets:[0.1 0.2 0.3]}}', 0.7578582832551991);
  f(0.5, '{{count:12 sum:NaN buckets:[12]}}', Math.SQRT1_2);
});

describe('nativeFraction', () => {
  function f(lower: number, upper: number, literal: string, expected: number, nanEffect: NanEffect = 'none'): void {
    test(`${lower} to ${upper} of ${literal}`, () => {
      const result = nativeFraction(lower, upper, parseHistogramLiteral(literal));
      expectClose(result.value, expected);
      expect(result.nanEffect).toBe(nanEffect);
    });
  }
  const two = '{{count:8 sum:20 buckets:[4 4] offset:1}}';
  f(-Infinity, Infinity, two, 1);
  f(1, 2, two, 0.5);
  f(Math.SQRT2, Math.sqrt(8), two, 0.5);
  f(4, Infinity, two, 0);
  f(2, 1, two, 0);
  f(2, 2, two, 0);
  f(NaN, 2, two, NaN);
  f(1, NaN, two, NaN);
  f(0, 1, '{{}}', NaN);
  f(-Math.SQRT2, 0, '{{count:8 sum:-20 n_buckets:[4 4] n_offset:1}}', 0.25);
  f(0, 0.5, '{{count:4 z_bucket:4 z_bucket_w:1}}', 0.25);
  f(0, 0.5, '{{count:8 sum:1 z_bucket:4 z_bucket_w:1 buckets:[4] offset:1}}', 0.25);
  f(-Infinity, 3, '{{schema:-53 count:8 sum:1 custom_values:[2 4] buckets:[4 2 2]}}', 0.625);
  f(-Infinity, 1, '{{schema:-53 count:8 sum:1 custom_values:[2 4] buckets:[4 2 2]}}', 0.25);
  f(4, Infinity, '{{schema:-53 count:8 sum:1 custom_values:[2 4] buckets:[4 2 2]}}', 0.25);
  f(-Infinity, 9, '{{schema:-53 count:8 sum:1 custom_values:[2 4] buckets:[4 2 2]}}', 0.75);
  f(-Infinity, Infinity, '{{count:15 sum:NaN buckets:[12]}}', 0.8, 'skewed');
  f(-Infinity, Infinity, '{{count:12 sum:NaN buckets:[12]}}', 1);
});

describe('average and variance', () => {
  function f(literal: string, average: number, variance: number): void {
    test(literal, () => {
      const histogram = parseHistogramLiteral(literal);
      expectClose(histogramAvg(histogram), average);
      expectClose(histogramStdvar(histogram), variance);
      expectClose(histogramStddev(histogram), Math.sqrt(variance));
    });
  }
  f('{{}}', NaN, NaN);
  f('{{count:2 sum:4 buckets:[2] offset:1}}', 2, (Math.SQRT2 - 2) ** 2);
  f('{{count:2 sum:0 buckets:[1] offset:1 n_buckets:[1] n_offset:1}}', 0, 2);
  f('{{count:2 sum:2 z_bucket:2 z_bucket_w:0.1}}', 1, 1);
  f('{{schema:-53 count:2 sum:6 custom_values:[2 4] buckets:[0 2]}}', 3, 0);
  f('{{count:1 sum:NaN buckets:[1]}}', NaN, NaN);
});

describe('properties', () => {
  /** A zero bucket that ends before all others begin, as it does in what clients send. */
  const NARROW = 1e-9;

  test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: quantiles rise with φ', (_name, make) => {
    for (let seed = 1; seed <= 300; seed++) {
      const histogram = { ...make(seededRandom(seed)), zeroThreshold: NARROW };
      if (histogram.count === 0) continue;
      let previous = -Infinity;
      for (let quantile = 0; quantile <= 1; quantile += 1 / 64) {
        const { value } = nativeQuantile(quantile, histogram);
        expect(value).toBeGreaterThanOrEqual(previous - 1e-9 * Math.abs(previous));
        previous = value;
      }
    }
  });

  test('a fraction is the inverse of a quantile', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const histogram = { ...randomExponential(seededRandom(seed)), zeroThreshold: NARROW };
      if (histogram.count === 0) continue;
      const random = seededRandom(seed);
      const quantile = random();
      const { value } = nativeQuantile(quantile, histogram);
      expect(nativeFraction(-Infinity, value, histogram).value).toBeCloseTo(quantile, 6);
    }
  });
});
