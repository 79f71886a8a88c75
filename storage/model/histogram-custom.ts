import { joinBuckets, type BucketRun } from './histogram-layout.ts';

/** The bounds that both lists have; both ascend. */
export function commonBounds(a: readonly number[], b: readonly number[]): number[] {
  const common: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const boundA = a[i]!;
    const boundB = b[j]!;
    if (boundA === boundB) common.push(boundA);
    if (boundA <= boundB) i++;
    if (boundB <= boundA) j++;
  }
  return common;
}

export function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}

/** For each of `indexes`, buckets with the upper bounds `bounds`, the bucket of the coarser `targetBounds` that it lies in. */
export function coarserCustomIndexes(indexes: readonly number[], bounds: readonly number[], targetBounds: readonly number[]): number[] {
  let target = 0;
  return indexes.map((index) => {
    const upper = index < bounds.length ? bounds[index]! : Infinity;
    while (target < targetBounds.length && targetBounds[target]! < upper) target++;
    return target;
  });
}

/** Joins custom buckets into those of `targetBounds`, a part of their own bounds. */
export function reduceCustomRun(run: BucketRun, bounds: readonly number[], targetBounds: readonly number[]): BucketRun {
  return joinBuckets(run, coarserCustomIndexes(run.indexes, bounds, targetBounds));
}
