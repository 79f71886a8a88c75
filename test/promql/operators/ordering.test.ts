import { expect, test } from 'vitest';
import { labelHashFraction } from '../../../promql/operators/label-hash.ts';
import { compareNaturally } from '../../../promql/operators/natural-order.ts';
import { ReplacementTemplate } from '../../../promql/operators/replacement-template.ts';
import { selectBest } from '../../../promql/operators/select-best.ts';

test('natural order', () => {
  const f = (...ascending: readonly string[]): void => {
    expect([...ascending].reverse().sort(compareNaturally)).toEqual(ascending);
  };
  f('', '1', '2', '10', '10a', 'a', 'a1', 'a2', 'a10', 'a10b', 'b');
  f('v1.2.3', 'v1.10.0', 'v1.10.1', 'v2.0.0');
  f('99999999999999999998', '99999999999999999999', '100000000000000000000');
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
