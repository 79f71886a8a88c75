import { expect, test } from 'vitest';
import { durationMs, durationText, type Duration } from '../../../storage/time-series/duration.ts';

test('durations', () => {
  const f = (duration: Duration, ms: number): void => expect(durationMs(duration, 'x'), String(duration)).toBe(ms);
  f(1, 1);
  f(90_000, 90_000);
  f('500ms', 500);
  f('15s', 15_000);
  f('1m', 60_000);
  f('1h', 3_600_000);
  f('1h30m', 5_400_000);
  f('1.5h', 5_400_000);
  f('1.1s', 1100);
  f('7d', 604_800_000);
  f('365d', 365 * 86_400_000);
  f('2w', 14 * 86_400_000);
  f('1y', 365 * 86_400_000);
  f(' 1m ', 60_000);
});

test('what is no duration says what it is', () => {
  const f = (duration: unknown, message: string): void => expect(() => durationMs(duration as Duration, 'the bucket')).toThrow(message);
  f('', `the bucket is ""; want milliseconds or text such as '15s', '1h30m' or '7d'`);
  f('1', `the bucket is "1"`);
  f('h', `the bucket is "h"`);
  f('1h x', `the bucket is "1h x"`);
  f('-1h', `the bucket is "-1h"`);
  f('0s', `the bucket is "0s"; want a whole number of milliseconds from 1`);
  f('0.5ms', 'want a whole number');
  f(0, 'the bucket is 0');
  f(-5, 'the bucket is -5');
  f(1.5, 'the bucket is 1.5');
  f(NaN, 'the bucket is NaN');
  f(Infinity, 'the bucket is Infinity');
  f(undefined, 'the bucket is undefined');
  f('9999999y', 'from 1 to 2^50');
});

test('the shortest text', () => {
  const f = (ms: number, text: string): void => expect(durationText(ms)).toBe(text);
  f(60_000, '1m');
  f(300_000, '5m');
  f(90_000, '90s');
  f(86_400_000, '1d');
  f(1500, '1500ms');
});
