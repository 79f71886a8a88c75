/** Parts of a date from Unix seconds, in UTC. Fractions of a second are cut. */
export type DateFunction = (seconds: number) => number;

const DAY_SECONDS = 86_400;
/** After so many years, whose days make whole weeks, the calendar repeats. */
const CYCLE_YEARS = 400;
const CYCLE_SECONDS = 146_097 * DAY_SECONDS;
/** Dates up to so many seconds from 1970 are left to the language; they reach far enough for a cycle to either side. */
const PLAIN_SECONDS_MAX = 8e12;

/** March of the year −292,277,022,400: where Go begins to count, so that earlier seconds are taken for those 2^64 later. */
const GO_FIRST_SECOND = -9_223_372_028_741_760_000n;
const INT64_MIN = -(2n ** 63n);

interface PlacedDate {
  /** As the date, but for the year where that is too far away. */
  readonly date: Date;
  readonly yearsAway: number;
}

function placedDate(seconds: number): PlacedDate {
  if (Math.abs(seconds) <= PLAIN_SECONDS_MAX) return { date: new Date(Math.trunc(seconds) * 1000), yearsAway: 0 };
  let wholeSeconds = int64Of(seconds);
  if (wholeSeconds < GO_FIRST_SECOND) wholeSeconds += 2n ** 64n;
  const cycles = wholeSeconds / BigInt(CYCLE_SECONDS);
  return { date: new Date(Number(wholeSeconds % BigInt(CYCLE_SECONDS)) * 1000), yearsAway: Number(cycles) * CYCLE_YEARS };
}

/** As amd64 makes a whole number of a float: what is none, or too large, is the smallest. */
function int64Of(seconds: number): bigint {
  return seconds >= -(2 ** 63) && seconds < 2 ** 63 ? BigInt(Math.trunc(seconds)) : INT64_MIN;
}

function dateOf(seconds: number): Date {
  return placedDate(seconds).date;
}

export const dayOfMonth: DateFunction = (seconds) => dateOf(seconds).getUTCDate();
/** 0 is Sunday. */
export const dayOfWeek: DateFunction = (seconds) => dateOf(seconds).getUTCDay();
export const hour: DateFunction = (seconds) => dateOf(seconds).getUTCHours();
export const minute: DateFunction = (seconds) => dateOf(seconds).getUTCMinutes();
/** 1 is January. */
export const month: DateFunction = (seconds) => dateOf(seconds).getUTCMonth() + 1;

export const year: DateFunction = (seconds) => {
  const { date, yearsAway } = placedDate(seconds);
  return date.getUTCFullYear() + yearsAway;
};

/** 1 is the first of January. */
export const dayOfYear: DateFunction = (seconds) => {
  const date = dateOf(seconds);
  const newYear = new Date(date);
  newYear.setUTCMonth(0, 1);
  newYear.setUTCHours(0, 0, 0, 0);
  return Math.floor((date.getTime() - newYear.getTime()) / (DAY_SECONDS * 1000)) + 1;
};

export const daysInMonth: DateFunction = (seconds) => {
  const date = dateOf(seconds);
  const lastDay = new Date(date);
  lastDay.setUTCDate(1);
  lastDay.setUTCMonth(date.getUTCMonth() + 1, 0);
  return lastDay.getUTCDate();
};
