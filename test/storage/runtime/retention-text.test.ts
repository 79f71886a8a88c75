import { expect, test } from 'vitest';
import { retentionMsOf } from '../../../storage/runtime/retention-text.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../storage/runtime/units.ts';

test.each<[unknown, number | undefined]>([
  ['36h', 36 * HOUR_MS],
  ['90m', 90 * MINUTE_MS],
  ['7200s', 2 * HOUR_MS],
  ['2w', 14 * DAY_MS],
  ['1000y', 1000 * 365 * DAY_MS],
  ['1001y', undefined],
  ['59m', undefined],
  ['36', undefined],
  ['1h30m', undefined],
  ['-2h', undefined],
  [36, undefined],
])('a retention of %j, at least an hour', (text, ms) => {
  expect(retentionMsOf(text, HOUR_MS)).toBe(ms);
});
