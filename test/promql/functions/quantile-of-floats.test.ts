import { expect, test } from 'vitest';
import { power } from '../../../promql/functions/binary-floats.ts';
import { quantileOfFloats } from '../../../promql/functions/quantile-of-floats.ts';

test('quantiles interpolate between ranks, NaN first', () => {
  const f = (quantile: number, values: readonly number[], result: number): void => expect(quantileOfFloats(quantile, Float64Array.from(values))).toBe(result);
  f(0.5, [], NaN);
  f(NaN, [1], NaN);
  f(-0.1, [1], -Infinity);
  f(1.1, [1], Infinity);
  f(0, [3, 1, 2], 1);
  f(1, [3, 1, 2], 3);
  f(0.25, [3, 1, 2], 1.5);
  f(0.9, [5], 5);
  f(0, [1, NaN, 2], NaN);
  f(1, [1, NaN, 2], 2);
  f(0.75, [1, NaN, 2], 1.5);
});

test('powers of one and minus one', () => {
  const f = (base: number, exponent: number, result: number): void => expect(power(base, exponent)).toBe(result);
  f(1, NaN, 1);
  f(1, -Infinity, 1);
  f(-1, Infinity, 1);
  f(NaN, 0, 1);
  f(2, NaN, NaN);
  f(-8, 1 / 3, NaN);
});
