import { expect, test } from 'vitest';
import { quantileOfFloats } from '../../../promql/functions/quantile-of-floats.ts';
import { quantileOfSorted } from '../../../storage/model/quantile.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

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

test('at a rank the quantile is its value, though an infinity follows', () => {
  const f = (quantile: number, values: readonly number[], result: number): void => expect(quantileOfFloats(quantile, Float64Array.from(values))).toBe(result);
  f(0.5013, [Infinity], Infinity);
  f(0.5, [-Infinity], -Infinity);
  f(0, [1, Infinity], 1);
  f(0, [Infinity, -Infinity], -Infinity);
  f(1, [Infinity, -Infinity], Infinity);
  f(0.5, [2, Infinity, 1], 2);
  f(0.5, [Infinity, NaN, 1], 1);
  f(1, [Infinity, NaN], Infinity);
  f(0, [5, -0, 3], -0);
  // Between ranks an infinity has all the weight, and two of them have none.
  f(0.25, [1, Infinity], Infinity);
  f(0.75, [1, -Infinity], -Infinity);
  f(0.5, [Infinity, -Infinity], NaN);
});

test('the ranks are those of all values sorted, whatever their order', () => {
  const random = new SeededRandom(5);
  const special = [NaN, Infinity, -Infinity, 0, 1];
  const orders: ((values: Float64Array) => void)[] = [() => {}, (values) => values.sort(), (values) => values.sort().reverse()];
  for (let turn = 0; turn < 6000; turn++) {
    const distinct = random.pick([1, 3, 1000, 1e9]);
    const values = Float64Array.from({ length: random.between(1, 150) }, () => (random.oneIn(20) ? random.pick(special) : random.below(distinct) - distinct / 2));
    random.pick(orders)(values);
    const quantile = random.oneIn(4) ? random.below(2) : random.below(1001) / 1000;
    const wanted = quantileOfSorted(quantile, values.slice().sort());
    if (!Object.is(quantileOfFloats(quantile, values.slice()), wanted)) expect({ values: [...values], quantile }).toBe(wanted);
  }
});
