import { QuantileSketch } from '../model/quantile-sketch.ts';

/*
 * The distribution of a bucket's values, as samples beside its other roll-ups: so percentiles of several buckets can be put together where the
 * raw values are gone, within 1 % (storage/model/quantile-sketch.ts). One series has how many entries there are, at the bucket's start; the
 * other one the entries, at the bucket's start and the milliseconds behind it. A bucket has at most one value a millisecond, and no more
 * entries than values, so they all lie within it. Where a bucket is made anew with fewer of them, the number says which are meant.
 */
export const SKETCH_SIZE = 'sketch_size';
export const SKETCH_ENTRIES = 'sketch_entries';

/** An entry: how many values there are of a kind, and in the 18 bits below that the kind. */
const KINDS = 2 ** 18;
const ZERO = 0;
const POSITIVE_INFINITY = 1;
const NEGATIVE_INFINITY = 2;
/** Kind of the values that lie in the sketch's bucket 0; buckets go from -37,221 (5e-324) to 35,489 (1.8e308). */
const POSITIVE = 50_000;
const NEGATIVE = 150_000;
const BETWEEN = (POSITIVE + NEGATIVE) / 2;

/** A sketch without NaNs as entries. */
export function sketchEntries(sketch: QuantileSketch): number[] {
  const entries: number[] = [];
  const put = (kind: number, count: number): void => {
    if (count > 0) entries.push(count * KINDS + kind);
  };
  put(ZERO, sketch.zeros);
  put(POSITIVE_INFINITY, sketch.positiveInfinities);
  put(NEGATIVE_INFINITY, sketch.negativeInfinities);
  for (const [index, count] of sketch.positive) put(POSITIVE + index, count);
  for (const [index, count] of sketch.negative) put(NEGATIVE + index, count);
  return entries;
}

/** Adds what an entry stands for. */
export function addSketchEntry(sketch: QuantileSketch, entry: number): void {
  const kind = entry % KINDS;
  const count = Math.floor(entry / KINDS);
  if (kind === ZERO) sketch.zeros += count;
  else if (kind === POSITIVE_INFINITY) sketch.positiveInfinities += count;
  else if (kind === NEGATIVE_INFINITY) sketch.negativeInfinities += count;
  else if (kind < BETWEEN) sketch.positive.set(kind - POSITIVE, (sketch.positive.get(kind - POSITIVE) ?? 0) + count);
  else sketch.negative.set(kind - NEGATIVE, (sketch.negative.get(kind - NEGATIVE) ?? 0) + count);
}
