import { expect, test } from 'vitest';
import { goSort } from '../../../promql/go-sort.ts';
import { labelHashFraction } from '../../../promql/operators/label-hash.ts';
import { isNaturallyBefore } from '../../../promql/operators/natural-order.ts';
import { ReplacementTemplate } from '../../../promql/operators/replacement-template.ts';
import { selectBest } from '../../../promql/operators/select-best.ts';

test('natural order', () => {
  const f = (...ascending: readonly string[]): void => {
    for (const [i, a] of ascending.entries()) for (const b of ascending.slice(i + 1)) expect([isNaturallyBefore(a, b), isNaturallyBefore(b, a)]).toEqual([true, false]);
  };
  f('1', '2', '10', '10a', 'a', 'a1', 'a2', 'a10', 'a10b', 'b');
  f('v1.2.3', 'v1.10.0', 'v1.10.1', 'v2.0.0');
  // The largest 64-bit integer is still a number, larger ones are text.
  f('9223372036854775806', '9223372036854775807');
  f('10000000000000000000', '99999999999999999998');
  f('100000000000000000000', '99999999999999999999');
  expect([isNaturallyBefore('a1', 'a01'), isNaturallyBefore('a01', 'a1')]).toEqual([true, true]);
  expect([isNaturallyBefore('', 'a'), isNaturallyBefore('a', '')]).toEqual([false, false]);
});

test('goSort moves equal items as Go does', () => {
  const f = (count: number, remainders: number, ...sorted: readonly number[]): void => {
    const order = goSort([...Array(count).keys()], (a, b) => a % remainders < b % remainders);
    expect(order.slice(0, sorted.length)).toEqual(sorted);
    expect(order.map((i) => i % remainders)).toEqual(Array.from({ length: count }, (_, i) => i % remainders).sort((a, b) => a - b));
  };
  f(5, 2, 0, 2, 4, 1, 3);
  f(20, 3, 9, 18, 15, 3, 12, 0, 6, 10, 7, 4, 13, 16, 1, 19, 8, 5, 11, 14, 2, 17);
  f(49, 3, 24, 18, 48, 3, 45, 42, 6, 39, 36, 9, 33, 30, 12, 27, 0, 15, 21, 37, 10, 19, 46, 16, 22, 4, 1, 43, 25, 13, 28, 40);
  f(60, 3, 21, 57, 54, 3, 51, 48, 6, 45, 42, 9, 39, 36, 12, 33, 0, 15, 30, 27, 18, 24, 31, 10, 22, 58, 19, 25, 1, 55, 28, 52);
  f(200, 3, 69, 198, 195, 3, 192, 189, 6, 186, 183, 9, 180, 177, 12, 174, 171, 15, 168, 165, 18, 162, 159, 21, 156, 153, 24, 150, 147, 27, 144, 141);
  f(1000, 3, 336, 999, 996, 3, 993, 990, 6, 987, 984, 9, 981, 978, 12, 975, 972, 15, 969, 966, 18, 963, 960, 21, 957, 954, 24, 951, 948, 27, 945, 942);
});

test('goSort sorts what makes for bad pivots', () => {
  const f = (values: readonly number[]): void => expect(goSort([...values], (a, b) => a < b)).toEqual(values.toSorted((a, b) => a - b));
  for (const count of [0, 1, 2, 12, 13, 50, 51, 1000]) {
    f(Array.from({ length: count }, (_, i) => i));
    f(Array.from({ length: count }, (_, i) => -i));
    f(Array.from({ length: count }, (_, i) => Math.min(i, count - i)));
    f(Array.from({ length: count }, (_, i) => (i === count - 2 ? 0 : i)));
    f(Array.from({ length: count }, (_, i) => (i * 7919) % 211));
    f(Array.from({ length: count }, (_, i) => Math.sin(i)));
  }
});

test('selectBest is a sort cut short', () => {
  const values = Float64Array.from({ length: 200 }, (_, i) => (i % 10 === 3 ? NaN : (i * 7919) % 211));
  const candidates = Array.from(values, (_, i) => i).filter((i) => i % 7 !== 0);
  const sorted = (largest: boolean): number[] => {
    const rank = (i: number): number => (Number.isNaN(values[i]!) ? Infinity : largest ? -values[i]! : values[i]!);
    return candidates.map(rank).sort((a, b) => (a === b ? 0 : a - b));
  };
  for (const largest of [true, false]) {
    for (const limit of [1, 2, 7, 150, 171, 500]) {
      const best = selectBest(candidates, values, limit, largest).map((i) => (Number.isNaN(values[i]!) ? Infinity : largest ? -values[i]! : values[i]!));
      expect(best).toEqual(sorted(largest).slice(0, limit));
    }
  }
});

test('of equal values selectBest keeps those that the heap of Prometheus keeps', () => {
  const f = (limit: number, values: readonly number[], ...best: readonly number[]): void => {
    expect(selectBest([...values.keys()], Float64Array.from(values), limit, true)).toEqual(best);
  };
  f(1, [1, 1, 1], 0);
  f(2, [1, 1, 2], 2, 1);
  f(2, [2, 1, 1], 0, 1);
  f(3, [1, 1, 1, 2], 3, 1, 2);
  f(2, [NaN, NaN, 1], 2, 0);
  f(4, [NaN, NaN, 1, NaN], 2, 0, 1, 3);
});

test('label hashes are spread evenly and tell parts apart', () => {
  const fractions = Array.from({ length: 20_000 }, (_, i) => labelHashFraction(['__name__', 'm', 'id', String(i)]));
  expect(new Set(fractions).size).toBe(fractions.length);
  for (let tenth = 1; tenth < 10; tenth++) {
    const below = fractions.filter((fraction) => fraction < tenth / 10).length / fractions.length;
    expect(Math.abs(below - tenth / 10)).toBeLessThan(0.02);
  }
  expect(labelHashFraction(['a', 'bc'])).not.toBe(labelHashFraction(['ab', 'c']));
});

test('replacement templates', () => {
  const f = (template: string, result: string): void => {
    expect(new ReplacementTemplate(template).expand(['all', 'one', undefined, 'three'], { name: 3, gone: 2 }).join('')).toBe(result);
  };
  f('plain', 'plain');
  f('$0-$1', 'all-one');
  f('${1}x$1x', 'onex');
  f('$name ${name} $gone. $other.', 'three three . .');
  f('$$1 $ $- ${ ${}', '$1 $ $- ${ ${}');
  f('$9', '');
});
