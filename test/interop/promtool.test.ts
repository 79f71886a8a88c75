import { expect, test } from 'vitest';
import { parseInstant, parseRange } from './promtool.ts';
import { freeFraction } from './query-times.ts';

test('an instant answer', () => {
  expect(parseInstant('up{job="a => b"} => 1 @[1700000000.25]\n{x="y"} => +Inf @[1700000000.25]\n')).toEqual([
    { key: 'up{job="a => b"}', points: [[1_700_000_000.25, 1]] },
    { key: '{x="y"}', points: [[1_700_000_000.25, Infinity]] },
  ]);
  expect(parseInstant('scalar: NaN @[5]\n')).toEqual([{ key: 'scalar', points: [[5, Number.NaN]] }]);
  expect(parseInstant('')).toEqual([]);
  expect(() => parseInstant('query error: no')).toThrow('not an instant answer');
});

test('a range answer, which a matrix looks like too', () => {
  const text = 'up{job="a"} =>\n1 @[10.5]\n0 @[11.5]\nup{job="b"} =>\n1e-05 @[10.5]\n';
  const wanted = [
    { key: 'up{job="a"}', points: [[10.5, 1], [11.5, 0]] },
    { key: 'up{job="b"}', points: [[10.5, 1e-5]] },
  ];
  expect(parseRange(text)).toEqual(wanted);
  expect(parseInstant(text)).toEqual(wanted);
  expect(() => parseRange('1 @[10.5]')).toThrow('not a range answer');
  expect(() => parseRange('up =>\n1O @[10.5]')).toThrow('not a value');
});

test('the free fraction keeps away from every sample, and so does its complement', () => {
  expect(freeFraction([5_000, 6_000])).toBe(500);
  const fraction = freeFraction([1_250, 2_250, 1_500, 7_500]);
  for (const taken of [250, 500]) {
    expect(Math.abs(fraction - taken)).toBeGreaterThan(100);
    expect(Math.abs(1_000 - fraction - taken)).toBeGreaterThan(100);
  }
  expect(() => freeFraction(Array.from({ length: 1_000 }, (_, index) => index))).toThrow('no millisecond');
});
