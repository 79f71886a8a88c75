import { expect, test } from 'vitest';
import { isoText, timeRangeMs, timestampMs, type TimeRange, type Timestamp } from '../../../storage/time-series/timestamp.ts';

test('timestamps', () => {
  const f = (timestamp: Timestamp, ms: number): void => expect(timestampMs(timestamp, 'x'), String(timestamp)).toBe(ms);
  const noon = Date.UTC(2024, 0, 15, 12);
  f(noon, noon);
  f(0, 0);
  f(-0, 0);
  f(-1, -1);
  f(1_705_320_000, 1_705_320_000);
  f(new Date(noon), noon);
  f('2024-01-15T12:00:00Z', noon);
  f('2024-01-15T12:00:00', noon);
  f('2024-01-15T12:00', noon);
  f('2024-01-15 12:00:00z', noon);
  f('2024-01-15T14:00:00+02:00', noon);
  f('2024-01-15T14:00:00+0200', noon);
  f('2024-01-15T12:00:00.25Z', noon + 250);
  f('2024-01-15T12:00:00.123456789Z', noon + 123);
  f('2024-01-15', Date.UTC(2024, 0, 15));
  f('2024-02-29', Date.UTC(2024, 1, 29));
  f(2 ** 50 - 1, 2 ** 50 - 1);
});

test('what is no timestamp says what it is', () => {
  const f = (timestamp: unknown, message: string): void => expect(() => timestampMs(timestamp as Timestamp, 'the timestamp')).toThrow(message);
  f('yesterday', `the timestamp is "yesterday"; want Unix milliseconds, a valid Date or ISO 8601 text`);
  f('', 'the timestamp is ""');
  f('2024-02-30', 'the timestamp is "2024-02-30"');
  f('2024-13-01T00:00:00Z', 'the timestamp is "2024-13-01T00:00:00Z"');
  f('2024-01-15T24:00:00Z', 'the timestamp is "2024-01-15T24:00:00Z"');
  f('1705320000', 'the timestamp is "1705320000"');
  f(NaN, 'the timestamp is NaN');
  f(Infinity, 'the timestamp is Infinity');
  f(new Date(NaN), 'the timestamp is an invalid Date');
  f(1_705_320_000.5, 'whole milliseconds since 1970 (a time in seconds has to be multiplied by 1000)');
  f(1_705_320_000_000_000_000, 'is it in micro- or nanoseconds?');
  f(10n, 'the timestamp is 10n; want');
  f(null, 'the timestamp is null');
});

test('ranges', () => {
  const f = (range: TimeRange, startMs: number, endMs: number): void => expect(timeRangeMs(range)).toEqual({ startMs, endMs });
  const day = Date.UTC(2024, 0, 31);
  f({ start: 1, end: 2 }, 1, 2);
  f({ start: 1, end: 1 }, 1, 1);
  f({ start: '2024-01-01', end: '2024-01-31' }, Date.UTC(2024, 0, 1), day + 86_400_000 - 1);
  f({ start: '2024-01-31T00:00:00Z', end: '2024-01-31T00:00:00Z' }, day, day);
  f({}, -(2 ** 50 - 1), 2 ** 50 - 1);
  expect(() => timeRangeMs({ start: 2, end: 1 })).toThrow('the range ends at 1970-01-01T00:00:00.001Z, before its start at 1970-01-01T00:00:00.002Z');
});

test('ISO text', () => {
  expect(isoText(Date.UTC(2024, 0, 14, 12))).toBe('2024-01-14T12:00:00Z');
  expect(isoText(1)).toBe('1970-01-01T00:00:00.001Z');
});
