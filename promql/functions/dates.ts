import { DAY_MS } from '../../storage/runtime/units.ts';

/** Parts of a date from Unix seconds, in UTC. Fractions of a second are cut. */
export type DateFunction = (seconds: number) => number;

function dateOf(seconds: number): Date {
  return new Date(Math.trunc(seconds) * 1000);
}

export const dayOfMonth: DateFunction = (seconds) => dateOf(seconds).getUTCDate();
/** 0 is Sunday. */
export const dayOfWeek: DateFunction = (seconds) => dateOf(seconds).getUTCDay();
export const hour: DateFunction = (seconds) => dateOf(seconds).getUTCHours();
export const minute: DateFunction = (seconds) => dateOf(seconds).getUTCMinutes();
/** 1 is January. */
export const month: DateFunction = (seconds) => dateOf(seconds).getUTCMonth() + 1;
export const year: DateFunction = (seconds) => dateOf(seconds).getUTCFullYear();

/** 1 is the first of January. */
export const dayOfYear: DateFunction = (seconds) => {
  const date = dateOf(seconds);
  const newYear = new Date(date);
  newYear.setUTCMonth(0, 1);
  newYear.setUTCHours(0, 0, 0, 0);
  return Math.floor((date.getTime() - newYear.getTime()) / DAY_MS) + 1;
};

export const daysInMonth: DateFunction = (seconds) => {
  const date = dateOf(seconds);
  const lastDay = new Date(date);
  lastDay.setUTCDate(1);
  lastDay.setUTCMonth(date.getUTCMonth() + 1, 0);
  return lastDay.getUTCDate();
};
