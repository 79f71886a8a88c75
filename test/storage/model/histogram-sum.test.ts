import { describe, expect, test } from 'vitest';
import { addHistograms } from '../../../storage/model/histogram-add.ts';
import { divideHistogram, multiplyHistogram, negateHistogram } from '../../../storage/model/histogram-scale.ts';
import { HistogramSum } from '../../../storage/model/histogram-sum.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';
import { expectClose } from './expect-histogram.ts';
import { randomCustom, randomExponential, seededRandom } from './random-histogram.ts';

function sumOf(histograms: readonly FloatHistogram[]): HistogramSum {
  const sum = new HistogramSum(histograms[0]!);
  for (const histogram of histograms.slice(1)) sum.add(histogram);
  return sum;
}

describe('compensated sum', () => {
  function f(literals: readonly string[], expected: string): void {
    test(literals.join(' + '), () => expectClose(sumOf(literals.map(parseHistogramLiteral)).histogram(), parseHistogramLiteral(expected)));
  }
  f(['{{sum:1}}', '{{sum:1e100}}', '{{sum:1}}', '{{sum:-1e100}}'], '{{sum:2}}');
  f(['{{z_bucket:1}}', '{{z_bucket:1e100}}', '{{z_bucket:1}}', '{{z_bucket:-1e100}}'], '{{z_bucket:2}}');
  f(['{{buckets:[1 2]}}', '{{buckets:[1e100]}}', '{{buckets:[1 1]}}', '{{buckets:[-1e100]}}'], '{{buckets:[2 3]}}');
  // Errors survive a change of the resolution, of the zero bucket and of bounds.
  f(['{{schema:1 buckets:[1] offset:1}}', '{{schema:1 buckets:[1e100] offset:1}}', '{{schema:0 buckets:[-1e100] offset:1}}'], '{{schema:0 buckets:[1] offset:1}}');
  f(['{{buckets:[1]}}', '{{buckets:[1e100]}}', '{{z_bucket:-1e100 z_bucket_w:1}}'], '{{z_bucket:1 z_bucket_w:1}}');
  f(
    ['{{schema:-53 custom_values:[1 2] buckets:[1]}}', '{{schema:-53 custom_values:[1 2] buckets:[1e100]}}', '{{schema:-53 custom_values:[2] buckets:[-1e100]}}'],
    '{{schema:-53 custom_values:[2] buckets:[1]}}',
  );
});

test('tells of reconciled bounds and mixed schemas', () => {
  const sum = new HistogramSum(parseHistogramLiteral('{{schema:-53 count:1 custom_values:[1 2] buckets:[1]}}'));
  expect(sum.add(parseHistogramLiteral('{{schema:-53 custom_values:[1 2]}}'))).toBe('added');
  expect(sum.add(parseHistogramLiteral('{{schema:-53 custom_values:[2]}}'))).toBe('bounds-reconciled');
  expect(sum.add(parseHistogramLiteral('{{count:9}}'))).toBe('mixed-schemas');
  expect(sum.histogram().count).toBe(1);
});

test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: equals plain addition where that is exact', (_name, make) => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const histograms = [make(random), make(random), make(random)];
    let plain = histograms[0]!;
    for (const histogram of histograms.slice(1)) {
      const result = addHistograms(plain, histogram);
      if (result.kind !== 'histogram') throw new Error(result.kind);
      plain = result.histogram;
    }
    expectClose(sumOf(histograms).histogram(), plain);
  }
});

test('a clone goes its own way', () => {
  const sum = sumOf([parseHistogramLiteral('{{sum:1 buckets:[1]}}'), parseHistogramLiteral('{{sum:1e100 buckets:[1e100]}}')]);
  const clone = sum.clone();
  sum.add(parseHistogramLiteral('{{sum:7 buckets:[7 7]}}'));
  clone.add(parseHistogramLiteral('{{sum:-1e100 buckets:[-1e100]}}'));
  expectClose(clone.histogram(), parseHistogramLiteral('{{sum:1 buckets:[1]}}'));
});

test('overflow is foreseen and seen', () => {
  const small = parseHistogramLiteral('{{count:1e300 buckets:[1]}}');
  const large = parseHistogramLiteral('{{count:1.7e308 buckets:[1]}}');
  const sum = new HistogramSum(small);
  expect(sum.mayOverflow(small)).toBe(false);
  expect(sum.mayOverflow(large)).toBe(true);
  sum.add(large);
  expect(sum.hasOverflow()).toBe(false);
  sum.add(large);
  expect(sum.hasOverflow()).toBe(true);
});

describe('scaling', () => {
  const h = parseHistogramLiteral('{{count:6 sum:9 z_bucket:3 buckets:[3] n_buckets:[6] counter_reset_hint:not_reset}}');
  test('by a factor', () => expectClose(multiplyHistogram(h, 2), parseHistogramLiteral('{{count:12 sum:18 z_bucket:6 buckets:[6] n_buckets:[12]}}')));
  test('by a divisor', () => expectClose(divideHistogram(h, 3), parseHistogramLiteral('{{count:2 sum:3 z_bucket:1 buckets:[1] n_buckets:[2]}}')));
  test('by zero', () => expectClose(divideHistogram(h, 0), parseHistogramLiteral('{{count:Inf sum:Inf z_bucket:Inf}}')));
  test('a negative factor makes a gauge', () => {
    expect(multiplyHistogram(h, 2).counterResetHint).toBe('not-reset');
    for (const negative of [multiplyHistogram(h, -2), divideHistogram(h, -2), negateHistogram(h)]) expect(negative.counterResetHint).toBe('gauge');
  });
});
