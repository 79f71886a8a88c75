import { DAY_MS, HOUR_MS, MINUTE_MS } from '../storage/runtime/units.ts';

/* Times and durations as clients of Prometheus' API write them. */

/** What Prometheus' clients send for "as early as can be" and "as late as can be". */
const MIN_TIME_TEXT = '-292273086-05-16T16:47:06Z';
const MAX_TIME_TEXT = '292277025-08-18T07:12:54.999999999Z';
/** The times that dates can express, in Unix milliseconds. */
export const TIME_MS_MAX = 8.64e15;

const RFC3339 = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const UNDERSCORE_BETWEEN_DIGITS = /(?<=\d)_(?=\d)/g;

/** A number as Go writes it, apart from hexadecimal ones; `undefined` where it is none, or more than a double can hold. */
function parseFloat64(text: string): number | undefined {
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const plain = text.replace(UNDERSCORE_BETWEEN_DIGITS, '');
  const value = FLOAT.test(plain) ? Number(plain) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** Unix milliseconds of float seconds, RFC 3339, or one of the two ends; `undefined` where it is none of these, or beyond TIME_MS_MAX. */
export function parseTimeMs(text: string): number | undefined {
  const seconds = parseFloat64(text);
  if (seconds !== undefined) {
    const timeMs = Math.round(seconds * 1000);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : undefined;
  }
  const day = RFC3339.exec(text)?.[1];
  if (day !== undefined) {
    const timeMs = Date.parse(text);
    return !Number.isNaN(timeMs) && isDayOfCalendar(day) ? timeMs : undefined;
  }
  if (text === MIN_TIME_TEXT) return -TIME_MS_MAX;
  if (text === MAX_TIME_TEXT) return TIME_MS_MAX;
  return undefined;
}

/** `Date.parse` takes the 30th of February for the first of March. */
function isDayOfCalendar(day: string): boolean {
  return new Date(Date.parse(day)).toISOString().startsWith(day);
}

/** Nanoseconds in an int64, as milliseconds: about 292 years. */
const DURATION_MS_MAX = 2 ** 63 / 1e6;

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DURATION_UNITS_MS = [365 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, 1000, 1];

/** Milliseconds of float seconds or of Prometheus' duration text; or what is wrong with it. */
export function parseDurationMs(text: string): number | string {
  const wrong = `cannot parse ${JSON.stringify(text)} to a valid duration`;
  const seconds = parseFloat64(text);
  if (seconds !== undefined) return Math.abs(seconds * 1000) <= DURATION_MS_MAX ? seconds * 1000 : `${wrong}. It overflows int64`;
  const parts = text === '' ? null : DURATION.exec(text);
  const durationMs = parts === null ? NaN : DURATION_UNITS_MS.reduce((sum, unitMs, i) => sum + Number(parts[i + 1] ?? 0) * unitMs, 0);
  return durationMs <= DURATION_MS_MAX ? durationMs : wrong;
}
