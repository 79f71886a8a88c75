import { LIMITS } from './limits.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './units.ts';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS, y: 365 * DAY_MS };

/** Milliseconds of a retention as it is configured: a number and a unit, `36h`, `7d`, `1y`. `undefined` for what is none, or not from `leastMs` to `retentionMsMax`. */
export function retentionMsOf(text: unknown, leastMs: number): number | undefined {
  const parts = typeof text === 'string' ? /^(\d+)([smhdwy])$/.exec(text) : null;
  const ms = parts === null ? NaN : Number(parts[1]) * UNIT_MS[parts[2]!]!;
  return ms >= leastMs && ms <= LIMITS.retentionMsMax ? ms : undefined;
}
