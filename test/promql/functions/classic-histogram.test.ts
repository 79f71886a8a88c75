import { describe, expect, test } from 'vitest';
import { classicFraction, classicQuantile, type LiftedCounts } from '../../../promql/functions/classic-histogram.ts';
import { groupHistogramSeries } from '../../../promql/functions/histogram-groups.ts';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { seededRandom } from '../../storage/model/random-histogram.ts';

const inf = Infinity;

describe('classicQuantile', () => {
  function f(quantile: number, upperBounds: readonly number[], counts: readonly number[], expected: number, lifted?: LiftedCounts): void {
    test(`${quantile} of ${upperBounds.map((bound, i) => `${bound}:${counts[i]}`).join(' ')}`, () => {
      const result = classicQuantile(quantile, { upperBounds, counts });
      if (Number.isFinite(expected)) expect(result.value).toBeCloseTo(expected, 9);
      else expect(result.value).toBe(expected);
      expect(result.lifted).toEqual(lifted);
    });
  }
  f(0.5, [1, 2, inf], [2, 4, 4], 1);
  f(0.25, [1, 2, inf], [2, 4, 4], 0.5);
  f(0.75, [1, 2, inf], [2, 4, 4], 1.5);
  f(1, [1, 2, inf], [2, 4, 4], 2);
  f(0, [1, 2, inf], [2, 4, 4], 0);
  f(0.99, [1, 2, inf], [2, 4, 9], 2);
  f(-1, [1, inf], [1, 1], -inf);
  f(2, [1, inf], [1, 1], inf);
  f(NaN, [1, inf], [1, 1], NaN);
  f(0.5, [], [], NaN);
  f(0.5, [1, 2], [1, 2], NaN);
  f(0.5, [inf], [9], NaN);
  f(0.5, [1, inf], [0, 0], NaN);
  // The first bucket has no lower end when it does not reach above 0.
  f(0.1, [-1, 1, inf], [2, 4, 4], -1);
  f(0.75, [-1, 1, inf], [2, 4, 4], 0);
  f(0.1, [0, 1, inf], [2, 4, 4], 0);
  // Two spellings of one bound.
  f(0.5, [1, 1, 2, inf], [1, 1, 4, 4], 1);
  // Falling counts are lifted, and told of, unless they fall by noise alone.
  f(0.5, [1, 2, 4, inf], [4, 2, 8, 8], 1, { minBound: 2, maxBound: 2, maxDifference: 2 });
  f(0.5, [1, 2, 4, inf], [4, 2, 1, 8], 1, { minBound: 2, maxBound: 4, maxDifference: 3 });
  f(0.5, [1, 2, inf], [4, 4 * (1 - 1e-14), 4], 0.5);
  f(1, [1, 2, inf], [4, 4 * (1 + 1e-14), 4 * (1 + 1e-14)], 1);
});

describe('classicFraction', () => {
  function f(lower: number, upper: number, upperBounds: readonly number[], counts: readonly number[], expected: number): void {
    test(`${lower} to ${upper} of ${upperBounds.map((bound, i) => `${bound}:${counts[i]}`).join(' ')}`, () => {
      const value = classicFraction(lower, upper, { upperBounds, counts });
      if (Number.isFinite(expected)) expect(value).toBeCloseTo(expected, 9);
      else expect(value).toBe(expected);
    });
  }
  f(0, 1, [1, 2, inf], [2, 4, 8], 0.25);
  f(0.5, 1.5, [1, 2, inf], [2, 4, 8], 0.25);
  f(-inf, inf, [1, 2, inf], [2, 4, 8], 1);
  f(2, inf, [1, 2, inf], [2, 4, 8], 0.5);
  f(3, inf, [1, 2, inf], [2, 4, 8], 0.5);
  f(-inf, 3, [1, 2, inf], [2, 4, 8], 0.5);
  f(-inf, -2, [-1, 1, inf], [2, 4, 8], 0.25);
  f(-2, inf, [-1, 1, inf], [2, 4, 8], 0.75);
  f(1, 0, [1, inf], [1, 1], 0);
  f(NaN, 1, [1, inf], [1, 1], NaN);
  f(0, 1, [1, 2], [1, 1], NaN);
  f(0, 1, [], [], NaN);
  f(0, 1, [1, inf], [0, 0], NaN);
});

test('quantiles rise with φ whatever the counts', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const upperBounds = [-2, 0, 1, 5, 10, inf];
    const counts = upperBounds.map(() => Math.floor(random() * 20));
    let previous = -inf;
    for (let quantile = 0; quantile <= 1; quantile += 1 / 64) {
      const { value } = classicQuantile(quantile, { upperBounds, counts });
      if (Number.isNaN(value)) continue;
      expect(value).toBeGreaterThanOrEqual(previous);
      previous = value;
    }
  }
});

describe('groupHistogramSeries', () => {
  const series = (labels: Record<string, string>): Labels => labelsFrom({ __name__: 'h', ...labels });

  test('buckets of one histogram come together by ascending bound', () => {
    const { groups, malformed } = groupHistogramSeries([series({ le: '+Inf', a: 'x' }), series({ le: '1e1', a: 'x' }), series({ le: '2', a: 'x' }), series({ le: '1', a: 'y' })]);
    expect(malformed).toEqual([]);
    expect(groups.filter(({ buckets }) => buckets.length > 0).map(({ labels, buckets }) => [labels, buckets.map(({ series: at }) => at)])).toEqual([
      [series({ a: 'x' }), [2, 1, 0]],
      [series({ a: 'y' }), [3]],
    ]);
  });

  test('a native histogram meets the classic one with its labels', () => {
    const { groups, malformed } = groupHistogramSeries([series({ le: '1' }), series({})]);
    expect(malformed).toEqual([1]);
    expect(groups.find(({ labels }) => labels.length === 2)).toMatchObject({ buckets: [{ series: 0, upperBound: 1 }], natives: [1] });
  });

  test('bounds that are no numbers are named', () => {
    expect(groupHistogramSeries([series({ le: 'Hello World' }), series({ le: '' }), series({ le: 'NaN' })]).malformed).toEqual([0, 1, 2]);
  });
});
