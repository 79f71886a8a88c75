import { badData } from '../runtime/errors.ts';
import { shown } from './shown.ts';

/**
 * What can be asked of a bucket: `p99` is the 99th percentile, `p99.9` and any other from p0 to p100 likewise.
 *
 * `count` counts all points, JSON values too; the others are about numbers. min, max and percentiles leave NaN values out (and are NaN where
 * there is nothing else); sum and avg become NaN with them. Percentiles are exact where the raw values are there, or a roll-up of the same
 * width has them; out of narrower roll-ups that have any percentiles they are within 1 %.
 */
export type Aggregate = 'min' | 'max' | 'avg' | 'sum' | 'count' | 'first' | 'last' | `p${number}`;

/** Kept beside a roll-up whose bucket also had JSON values: how many of its points were numbers. */
export const NUMBERS = 'numbers';

const PLAIN: ReadonlySet<string> = new Set(['min', 'max', 'avg', 'sum', 'count', 'first', 'last']);
const PERCENTILE = /^p(\d{1,3}(?:\.\d{1,6})?)$/;

/** The aggregates, checked, each once. */
export function parseAggregates(names: readonly string[], what: string): Aggregate[] {
  if (!Array.isArray(names) || names.length === 0) throw badData(`${what} is ${Array.isArray(names) ? 'empty' : shown(names)}; want a list with some of min, max, avg, sum, count, first, last, p50, p99`);
  for (const name of names) {
    if (!PLAIN.has(name) && !(percentileOf(name) <= 100)) {
      throw badData(`${what} has ${shown(name)}; want min, max, avg, sum, count, first, last or a percentile from p0 to p100`);
    }
  }
  return [...new Set(names)] as Aggregate[];
}

/** 99 of `p99`; NaN when it is not a percentile. */
export function percentileOf(name: string): number {
  const match = PERCENTILE.exec(name);
  return match === null ? NaN : Number(match[1]);
}

export function isPercentile(name: Aggregate): boolean {
  return !PLAIN.has(name);
}
