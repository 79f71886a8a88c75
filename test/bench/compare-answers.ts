import type { AnswerSeries } from './prometheus-api.ts';

/**
 * The first difference between two answers, `undefined` when they agree: the same series, the same timestamps, and values that differ by at
 * most `tolerance` relative to the larger. Order of series does not count. Sums in another order differ in their last digits; nothing else may.
 */
export function firstDifference(wanted: readonly AnswerSeries[], got: readonly AnswerSeries[], tolerance: number): string | undefined {
  const gotByKey = new Map(got.map((series) => [series.key, series]));
  for (const series of wanted) {
    const other = gotByKey.get(series.key);
    if (other === undefined) return `series ${series.key} is missing`;
    gotByKey.delete(series.key);
    if (other.points.length !== series.points.length) return `series ${series.key} has ${other.points.length} points, not ${series.points.length}`;
    for (const [index, [timestampSeconds, value]] of series.points.entries()) {
      const [otherSeconds, otherValue] = other.points[index]!;
      if (otherSeconds !== timestampSeconds) return `series ${series.key} has a point at ${otherSeconds}, not at ${timestampSeconds}`;
      if (!areClose(value, otherValue, tolerance)) return `series ${series.key} at ${timestampSeconds} is ${otherValue}, not ${value}`;
    }
  }
  for (const key of gotByKey.keys()) return `series ${key} should not be there`;
  return undefined;
}

export function areClose(a: number, b: number, tolerance: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  // An infinity is within every relative distance of any number: it equals only itself.
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}
