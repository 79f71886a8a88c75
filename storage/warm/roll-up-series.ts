import type { SeriesPlace } from '../archive/rewrite/merge-series.ts';
import { dayOf } from '../catalog/iceberg/data-file.ts';
import { DAY_MS } from '../runtime/units.ts';
import { lowerBound, mergeParts, type Part } from '../shard/run/piece.ts';
import type { RunSource } from '../shard/run/sample-run.ts';
import { BucketColumns } from './bucket-columns.ts';
import type { BucketFold } from './bucket-fold.ts';

/** What a file has of a series: samples to make buckets of, or buckets that are made. */
export type RollupRows = { readonly samples: RunSource; readonly buckets?: undefined } | { readonly samples?: undefined; readonly buckets: BucketColumns };

/** Whether a place may have samples of the buckets of some days, which end with the first moment of the day behind. */
export function touchesDays({ entry }: Pick<SeriesPlace<unknown>, 'entry'>, days: readonly number[]): boolean {
  return days.some((day) => entry.maxTimeMs > day * DAY_MS && entry.minTimeMs <= (day + 1) * DAY_MS);
}

/** Places of samples in groups that follow each other in time; within a group they may overlap, and are in the order given. */
export function inOrderOfTime<T>(places: readonly SeriesPlace<T>[]): SeriesPlace<T>[][] {
  const byStart = places.map((place, rank) => ({ place, rank })).sort((a, b) => a.place.entry.minTimeMs - b.place.entry.minTimeMs || a.rank - b.rank);
  const groups: { places: typeof byStart; endMs: number }[] = [];
  for (const each of byStart) {
    const last = groups.at(-1);
    const { minTimeMs, maxTimeMs } = each.place.entry;
    if (last === undefined || minTimeMs > last.endMs) groups.push({ places: [each], endMs: maxTimeMs });
    else {
      last.places.push(each);
      last.endMs = Math.max(last.endMs, maxTimeMs);
    }
  }
  return groups.map((group) => group.places.sort((a, b) => a.rank - b.rank).map(({ place }) => place));
}

/** Adds the samples of one group to the fold: those of the buckets of some days, which rise. */
export function foldGroup(samples: readonly RunSource[], days: readonly number[], fold: BucketFold, out: BucketColumns): void {
  const parts = samples.map((source): Part => ({ ...source, from: 0, to: source.timestampsMs.length, hasStale: true }));
  const part = parts.length === 1 ? parts[0]! : mergeParts(parts);
  for (const day of days) {
    const from = lowerBound(part.timestampsMs, day * DAY_MS + 1, part.to);
    const to = lowerBound(part.timestampsMs, (day + 1) * DAY_MS + 1, part.to);
    if (to > from) fold.add(part, from, to, out);
  }
}

/** Buckets of before that are of other days, and new ones, in the order of time. */
export function joinBuckets(before: readonly BucketColumns[], made: BucketColumns, days: readonly number[]): BucketColumns {
  if (before.length === 0) return made;
  const replaced = new Set(days);
  const joined = new BucketColumns();
  let next = 0;
  for (const buckets of before) {
    for (let row = 0; row < buckets.length; row++) {
      const startMs = buckets.startMs[row]!;
      if (replaced.has(dayOf(startMs))) continue;
      let end = next;
      while (end < made.length && made.startMs[end]! < startMs) end++;
      if (end > next) joined.append(made, next, end);
      next = end;
      let rows = row + 1;
      while (rows < buckets.length && !replaced.has(dayOf(buckets.startMs[rows]!)) && !(next < made.length && made.startMs[next]! < buckets.startMs[rows]!)) rows++;
      joined.append(buckets, row, rows);
      row = rows - 1;
    }
  }
  joined.append(made, next, made.length);
  return joined;
}
