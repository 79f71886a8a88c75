import { describe, expect, test } from 'vitest';
import { TimeBounds, unitDoubt } from '../../ingest/time-bounds.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { ImportStack } from './import/import-stack.ts';

const NOW_MS = 1_700_000_000_123;

describe('a time out of bounds is told with what it probably is', () => {
  function f(timestampMs: number, wanted: string | undefined): void {
    test(String(timestampMs), () => expect(new TimeBounds(NOW_MS, LIMITS).refusal(timestampMs)?.replace(/^.*(?: ago| ahead of now)/, '')).toBe(wanted));
  }
  f(NOW_MS - LIMITS.hotWindowMs, undefined);
  f(NOW_MS - LIMITS.hotWindowMs - 1, '');
  f(NOW_MS + LIMITS.timestampAheadMsMax + 1, '');
  f(1_700_000_000, ' (is it in seconds? it has to be in milliseconds)');
  f(NOW_MS * 1000, ' (is it in microseconds? it has to be in milliseconds)');
  f(NOW_MS * 1e6, ' (is it in nanoseconds? it has to be in milliseconds)');
  // As OTLP has them, whose nanoseconds are milliseconds by now.
  f(Math.floor(NOW_MS / 1e6), ' (is its unit right? a million times as much would be 2023-11-14)');
  f(1700, ' (is its unit right? a billion times as much would be 2023-11-14)');
  f(0, ' (was it left out?)');
});

test('a time that no number holds is not quoted as another one', () => {
  const times = new TimeBounds(NOW_MS, LIMITS);
  expect(times.refusal(Number.MIN_SAFE_INTEGER)).toMatch(/^too old: -9007199254740991 or less is more than hotWindowMs /);
  expect(times.refusal(Number.MAX_SAFE_INTEGER)).toMatch(/^out of bounds: 9007199254740991 or more is more than timestampAheadMsMax /);
  expect(times.refusal(Number.MIN_SAFE_INTEGER + 1)).toMatch(/^too old: -9007199254740990 is /);
});

test('an import of Influx lines does so, whatever its precision', async () => {
  const stack = new ImportStack({ keptMsOf: () => 365 * 86_400_000 });
  const outcomes = [await stack.influx('m f=1 1700000000123\n'), await stack.influx('m f=1 1700000000\n', { precision: 'ms' })];
  const factors = ['million', 'thousand'];
  outcomes.forEach(({ rejections }, i) => expect(rejections.reasons()).toContain(`(is its unit right? a ${factors[i]} times as much would be 2023-11-14)`));
  expect(unitDoubt(NOW_MS - 400 * 86_400_000, NOW_MS)).toBe('');
});
