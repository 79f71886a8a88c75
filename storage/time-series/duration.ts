import { badData } from '../runtime/errors.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../runtime/units.ts';
import { shown } from './shown.ts';

/** Milliseconds, or text such as `500ms`, `15s`, `1m`, `1h30m`, `7d`, `2w`, `1y` (a day is 24 hours, a year 365 days). */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
  y: 365 * DAY_MS,
};
const TERM = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/y;
/** More than this is no duration that a timestamp could be reached with. */
export const DURATION_MS_MAX = 2 ** 50;

/** Whole milliseconds, at least 1. `what` names the duration in errors. */
export function durationMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'string' ? parse(duration.trim()) : duration;
  if (ms === undefined) throw badData(`${what} is ${shown(duration)}; want milliseconds or text such as '15s', '1h30m' or '7d'`);
  if (!Number.isInteger(ms) || ms < 1 || ms > DURATION_MS_MAX) {
    throw badData(`${what} is ${shown(duration)}; want a whole number of milliseconds from 1 to 2^50`);
  }
  return ms;
}

/** The shortest text of a duration: 90,000 ms is `90s`, 3,600,000 ms is `1h`. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    if (ms % UNIT_MS[unit]! === 0) return `${ms / UNIT_MS[unit]!}${unit}`;
  }
  return `${ms}ms`;
}

function parse(text: string): number | undefined {
  let sum = 0;
  let end = 0;
  for (const match of text.matchAll(new RegExp(TERM, 'gy'))) {
    sum += Number(match[1]) * UNIT_MS[match[2]!]!;
    end = match.index + match[0].length;
  }
  if (end !== text.length || text === '') return undefined;
  // 1.1s is 1100.0000000000002 ms in float64.
  return Math.abs(sum - Math.round(sum)) < 1e-6 ? Math.round(sum) : sum;
}
