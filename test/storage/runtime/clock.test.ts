import { expect, test } from 'vitest';
import { lastsStill } from '../../../storage/runtime/clock.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';

test('what lasts for a while is over when that is over, or when nobody knows its age since the clock was set back', () => {
  const NOON_MS = 43_200_000;
  const f = (ageMs: number, want: boolean): void => expect([ageMs, lastsStill(NOON_MS - ageMs, 5000, NOON_MS)]).toEqual([ageMs, want]);
  f(0, true);
  f(4999, true);
  f(5000, false);
  f(Infinity, false);
  f(-LIMITS.clockStepBackMsMax, true);
  f(-LIMITS.clockStepBackMsMax - 1, false);
});
