import { describe, expect, test } from 'vitest';
import { addHistograms, combinedHint, compactHistogram, reduceSchema, subtractHistograms } from '../../../storage/model/histogram-add.ts';
import { equalHistograms } from '../../../storage/model/histogram-equal.ts';
import { sameLayout, spanIndexes, toSpans } from '../../../storage/model/histogram-layout.ts';
import type { CounterResetHint, FloatHistogram } from '../../../storage/model/histogram.ts';
import { validateFloatHistogram } from '../../../storage/model/histogram-validate.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';
import { randomCustom, randomExponential, seededRandom } from './random-histogram.ts';

type Operation = typeof addHistograms;

function histogramOf(result: ReturnType<Operation>): FloatHistogram {
  if (result.kind !== 'histogram') throw new Error(result.kind);
  return result.histogram;
}

function expectSame(actual: FloatHistogram, expected: FloatHistogram): void {
  if (!equalHistograms(compactHistogram(actual), compactHistogram(expected))) expect(compactHistogram(actual)).toEqual(compactHistogram(expected));
}

function f(operation: Operation, a: string, b: string, expected: string): void {
  test(`${operation === addHistograms ? '' : 'less '}${a} and ${b}`, () => {
    const result = operation(parseHistogramLiteral(a), parseHistogramLiteral(b));
    if (expected === 'mixed') expect(result.kind).toBe('mixed-schemas');
    else expectSame(histogramOf(result), parseHistogramLiteral(expected));
  });
}

describe('addition', () => {
  const add = (a: string, b: string, expected: string): void => f(addHistograms, a, b, expected);
  add('{{}}', '{{}}', '{{}}');
  add('{{count:3 sum:5 buckets:[1 2]}}', '{{count:1 sum:2 buckets:[1] offset:1}}', '{{count:4 sum:7 buckets:[1 3]}}');
  add('{{count:1 buckets:[1] offset:3}}', '{{count:1 buckets:[1] offset:-3}}', '{{count:2 buckets:[1 0 0 0 0 0 1] offset:-3}}');
  // At the coarser resolution: buckets (1,2] and (2,4] of schema 0 are one of schema -1.
  add('{{schema:-1 count:1 buckets:[1] offset:1}}', '{{count:4 buckets:[2 2] offset:1}}', '{{schema:-1 count:5 buckets:[5] offset:1}}');
  add('{{count:4 buckets:[2 2] offset:1}}', '{{schema:-1 count:1 buckets:[1] offset:1}}', '{{schema:-1 count:5 buckets:[5] offset:1}}');
  // The wider zero bucket takes what lies in it, on both sides.
  add(
    '{{z_bucket:1 z_bucket_w:0.5 count:1}}',
    '{{count:6 buckets:[1 2] offset:-1 n_buckets:[3] n_offset:-2}}',
    '{{z_bucket:5 z_bucket_w:0.5 count:7 buckets:[2]}}',
  );
  // A zero bucket that would cut a populated bucket grows to its end, in both histograms.
  add(
    '{{z_bucket:1 z_bucket_w:0.7 count:4 buckets:[3] offset:0}}',
    '{{z_bucket:2 z_bucket_w:0.1 count:5 buckets:[3] offset:0}}',
    '{{z_bucket:9 z_bucket_w:1 count:9}}',
  );
  // …and not when the bucket is empty.
  add('{{z_bucket:1 z_bucket_w:0.7 count:1}}', '{{z_bucket_w:0.1 buckets:[0 1] count:1}}', '{{z_bucket:1 z_bucket_w:0.7 count:2 buckets:[0 1]}}');
  add(
    '{{schema:-53 count:15 custom_values:[2 4 6] buckets:[1 2 5 7]}}',
    '{{schema:-53 count:450 custom_values:[1 2 3 4 5 6 7 8] buckets:[10 20 30 40 50 60 70 80 90]}}',
    '{{schema:-53 count:465 custom_values:[2 4 6] buckets:[31 72 115 247]}}',
  );
  add('{{schema:-53 custom_values:[1] buckets:[1 2]}}', '{{schema:-53 custom_values:[2] buckets:[3 4]}}', '{{schema:-53 buckets:[10]}}');
  add('{{count:1 buckets:[1]}}', '{{schema:-53 count:1 buckets:[1]}}', 'mixed');
  add('{{schema:-53 count:1 buckets:[1]}}', '{{count:1 buckets:[1]}}', 'mixed');
});

describe('subtraction', () => {
  const subtract = (a: string, b: string, expected: string): void => f(subtractHistograms, a, b, expected);
  subtract('{{count:4 sum:7 buckets:[1 3]}}', '{{count:1 sum:2 buckets:[1] offset:1}}', '{{count:3 sum:5 buckets:[1 2]}}');
  subtract('{{count:1 buckets:[1]}}', '{{count:3 buckets:[1 2]}}', '{{count:-2 buckets:[0 -2]}}');
  subtract('{{count:5 z_bucket:5}}', '{{count:2 z_bucket:2}}', '{{count:3 z_bucket:3}}');
});

test('flags tell of reconciled bounds', () => {
  const result = addHistograms(parseHistogramLiteral('{{schema:-53 custom_values:[1 2]}}'), parseHistogramLiteral('{{schema:-53 custom_values:[2]}}'));
  expect(result).toMatchObject({ boundsReconciled: true, hintCollision: false, histogram: { customValues: [2] } });
});

describe('hint of a combination', () => {
  function h(a: CounterResetHint, b: CounterResetHint, hint: CounterResetHint, collision = false): void {
    test(`${a} and ${b}`, () => {
      expect(combinedHint(a, b)).toEqual({ hint, collision });
      expect(combinedHint(b, a)).toEqual({ hint, collision });
    });
  }
  h('unknown', 'unknown', 'unknown');
  h('unknown', 'reset', 'unknown');
  h('unknown', 'not-reset', 'unknown');
  h('unknown', 'gauge', 'gauge');
  h('reset', 'reset', 'reset');
  h('reset', 'not-reset', 'unknown', true);
  h('reset', 'gauge', 'gauge');
  h('not-reset', 'not-reset', 'not-reset');
  h('not-reset', 'gauge', 'gauge');
  h('gauge', 'gauge', 'gauge');
});

describe('layout', () => {
  test('spans and indexes are two forms of one thing', () => {
    expect(spanIndexes([{ offset: -2, length: 2 }, { offset: 0, length: 1 }, { offset: 3, length: 0 }, { offset: 1, length: 2 }], 5)).toEqual([-2, -1, 0, 5, 6]);
    expect(toSpans([-2, -1, 0, 5, 6])).toEqual([{ offset: -2, length: 3 }, { offset: 4, length: 2 }]);
    expect(toSpans([])).toEqual([]);
  });

  test('spans that promise more buckets than there are end with the buckets', () => {
    expect(spanIndexes([{ offset: 0, length: 4_000_000_000 }], 2)).toEqual([0, 1]);
  });

  test('layouts are the same however they are cut', () => {
    const cut = [{ offset: 1, length: 1 }, { offset: 0, length: 2 }, { offset: 2, length: 0 }, { offset: 1, length: 1 }];
    expect(sameLayout(cut, [{ offset: 1, length: 3 }, { offset: 3, length: 1 }])).toBe(true);
    expect(sameLayout(cut, [{ offset: 1, length: 3 }, { offset: 2, length: 1 }])).toBe(false);
    expect(sameLayout([], [{ offset: 5, length: 0 }])).toBe(true);
  });
});

describe('properties', () => {
  const cases = (make: (random: () => number) => FloatHistogram, check: (a: FloatHistogram, b: FloatHistogram) => void): void => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      check(make(random), make(random));
    }
  };

  const inBuckets = (histogram: FloatHistogram): number =>
    [...histogram.positiveBuckets, ...histogram.negativeBuckets].reduce((sum, count) => sum + count, histogram.zeroCount);

  test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: nothing is lost or counted twice', (_name, make) => {
    cases(make, (a, b) => {
      const sum = histogramOf(addHistograms(a, b));
      expect(inBuckets(sum)).toBe(inBuckets(a) + inBuckets(b));
      expect(validateFloatHistogram(sum)).toBeUndefined();
    });
  });

  test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: addition does not depend on the order', (_name, make) => {
    cases(make, (a, b) => expectSame(histogramOf(addHistograms(a, b)), histogramOf(addHistograms(b, a))));
  });

  test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: a + b - b has the counts of a', (_name, make) => {
    cases(make, (a, b) => {
      const back = histogramOf(subtractHistograms(histogramOf(addHistograms(a, b)), b));
      expect([back.count, back.sum, inBuckets(back)]).toEqual([a.count, a.sum, inBuckets(a)]);
    });
  });

  test('a + b - b is a where no resolution was lost', () => {
    cases(randomExponential, (a, b) => {
      const like = { ...b, schema: a.schema, zeroThreshold: a.zeroThreshold };
      expectSame(histogramOf(subtractHistograms(histogramOf(addHistograms(a, like)), like)), a);
    });
  });

  test('operands stay as they were', () => {
    cases(randomExponential, (a, b) => {
      const before = JSON.stringify([a, b]);
      addHistograms(a, b);
      subtractHistograms(a, b);
      reduceSchema(a, -4);
      compactHistogram(a);
      expect(JSON.stringify([a, b])).toBe(before);
    });
  });

  test('a coarser schema keeps the count, and steps on the way do not matter', () => {
    cases(randomExponential, (a) => {
      const coarse = reduceSchema(a, -4);
      expect(inBuckets(coarse)).toBe(inBuckets(a));
      expectSame(coarse, reduceSchema(reduceSchema(a, -2), -4));
      expect(validateFloatHistogram(coarse)).toBeUndefined();
    });
  });
});
