import { expect, test } from 'vitest';
import { dayOfMonth, dayOfWeek, dayOfYear, daysInMonth, hour, minute, month, year } from '../../../promql/functions/dates.ts';

test('parts of dates in UTC', () => {
  const f = (iso: string, parts: readonly number[]): void => {
    const seconds = Date.parse(iso) / 1000;
    expect([year, month, dayOfMonth, hour, minute, dayOfWeek, dayOfYear, daysInMonth].map((part) => part(seconds))).toEqual(parts);
  };
  f('1970-01-01T00:00:00Z', [1970, 1, 1, 0, 0, 4, 1, 31]);
  f('2000-02-29T23:59:59Z', [2000, 2, 29, 23, 59, 2, 60, 29]);
  f('1900-03-01T00:00:00Z', [1900, 3, 1, 0, 0, 4, 60, 31]);
  f('2023-12-31T12:30:00Z', [2023, 12, 31, 12, 30, 0, 365, 31]);
  f('2024-12-31T12:30:00Z', [2024, 12, 31, 12, 30, 2, 366, 31]);
  f('1969-12-31T23:59:00Z', [1969, 12, 31, 23, 59, 3, 365, 31]);
  f('0045-06-15T00:00:00Z', [45, 6, 15, 0, 0, 4, 166, 30]);
});

test('dates beyond those of the language', () => {
  const f = (seconds: number, parts: readonly number[]): void => {
    expect([year, month, dayOfMonth, hour, minute, dayOfWeek, dayOfYear, daysInMonth].map((part) => part(seconds))).toEqual(parts);
  };
  f(1e13, [318_857, 5, 20, 17, 46, 0, 140, 31]);
  f(-1e13, [-314_918, 8, 13, 6, 13, 0, 225, 31]);
  f(1e18, [31_688_740_476, 10, 23, 1, 46, 5, 297, 31]);
  f(-1e18, [-31_688_736_537, 3, 10, 22, 13, 2, 69, 31]);
});

test('what is no 64-bit number of seconds is the smallest, which wraps around', () => {
  for (const seconds of [NaN, Infinity, -Infinity, 1e300, -1e19]) {
    expect([year, month, dayOfMonth, hour, minute, dayOfWeek, dayOfYear, daysInMonth].map((part) => part(seconds))).toEqual([292_277_026_596, 12, 4, 15, 30, 0, 339, 31]);
  }
});
