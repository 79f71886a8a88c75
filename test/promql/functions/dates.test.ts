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

test('what is no date is no number', () => {
  for (const seconds of [NaN, Infinity, 1e300]) expect(dayOfYear(seconds)).toBeNaN();
});
