import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { badData } from '../runtime/errors.ts';
import { DAY_MS } from '../runtime/units.ts';
import { namedOptions } from './named-options.ts';
import { shown } from './shown.ts';

/**
 * Unix milliseconds, a Date, or ISO 8601 text: `2024-01-15`, `2024-01-15T12:00`, `2024-01-15T12:00:00.250Z`, `2024-01-15T12:00:00+02:00`.
 * Text without an offset is UTC wherever the code runs.
 */
export type Timestamp = number | Date | string;

/** A stretch of time, both ends inclusive. A date without a time stands for the whole of its UTC day: from its start, to its last millisecond. */
export interface TimeRange {
  readonly start?: Timestamp | undefined;
  readonly end?: Timestamp | undefined;
}

const ISO_DATE = /^[+-]?\d{4,6}-\d\d-\d\d$/;
const ISO_TIME = /^([+-]?\d{4,6}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:?\d\d)?$/;
const RANGE_NAMES = { start: true, end: true } as const;

/** Whole Unix milliseconds. `what` names the timestamp in errors. A date alone is the start of its day. */
export function timestampMs(timestamp: Timestamp, what: string): number {
  if (typeof timestamp === 'string') return checked(parseIso(timestamp.trim()), timestamp, what);
  // One of another realm is a Date too.
  return checked(isDate(timestamp) ? Date.prototype.getTime.call(timestamp) : timestamp, timestamp, what);
}

/** A range that somebody handed over, which has nothing but its ends. */
export function checkedRange(range: TimeRange): TimeRange {
  return namedOptions(range, RANGE_NAMES, 'the range');
}

/** The range with its ends as Unix milliseconds, both inclusive; an end that is not given is as far as timestamps go. */
export function timeRangeMs(range: TimeRange): { readonly startMs: number; readonly endMs: number } {
  const startMs = range.start === undefined ? -TIMESTAMP_MS_MAX : timestampMs(range.start, 'start');
  const endMs = range.end === undefined ? TIMESTAMP_MS_MAX : endOf(range.end);
  if (endMs < startMs) throw badData(`the range ends at ${isoText(endMs)}, before its start at ${isoText(startMs)}`);
  return { startMs, endMs };
}

/** ISO 8601 in UTC, to the second where that is exact. */
export function isoText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

function isDate(timestamp: Date | number): timestamp is Date {
  return Object.prototype.toString.call(timestamp) === '[object Date]';
}

function endOf(end: Timestamp): number {
  const ms = timestampMs(end, 'end');
  return typeof end === 'string' && ISO_DATE.test(end.trim()) ? ms + DAY_MS - 1 : ms;
}

function parseIso(text: string): number {
  if (ISO_DATE.test(text)) return dateMs(text, '00:00', 'Z');
  const parts = ISO_TIME.exec(text);
  if (parts === null) return NaN;
  const offset = (parts[3] ?? 'Z').toUpperCase();
  return dateMs(parts[1]!, parts[2]!, offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset);
}

function dateMs(date: string, time: string, offset: string): number {
  // Date.parse rolls the 30th of February over to March, and 24:00 to the next day; those are mistakes in a timestamp.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(day) || !new Date(day).toISOString().startsWith(date.replace(/^\+(\d{4}-)/, '$1'))) return NaN;
  if (time.startsWith('24')) return NaN;
  return Date.parse(`${date}T${time}${offset}`);
}

function checked(ms: number, given: Timestamp, what: string): number {
  if (typeof ms !== 'number' || !Number.isFinite(ms)) {
    throw badData(`${what} is ${shown(given)}; want Unix milliseconds, a valid Date or ISO 8601 text such as '2024-01-15T12:00:00Z'`);
  }
  if (!Number.isInteger(ms)) throw badData(`${what} is ${ms}; want whole milliseconds since 1970 (a time in seconds has to be multiplied by 1000)`);
  if (Math.abs(ms) > TIMESTAMP_MS_MAX) throw badData(`${what} is ${ms}; want at most 2^50 - 1 milliseconds before or after 1970 (is it in micro- or nanoseconds?)`);
  return ms === 0 ? 0 : ms; // -0 is 0
}
