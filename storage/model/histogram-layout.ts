import { coarserIndex } from './histogram-bounds.ts';
import type { Span } from './histogram.ts';

/**
 * The buckets of one side of a histogram in the form that all arithmetic uses: bucket indexes, strictly ascending, beside their counts.
 * Whoever made one owns it and may change its arrays until it hands it on.
 */
export interface BucketRun {
  readonly indexes: number[];
  readonly counts: number[];
}

/** One bucket index for each bucket of the spans. Buckets that the spans promise but `bucketCount` does not have are left out. */
export function spanIndexes(spans: readonly Span[], bucketCount: number): number[] {
  const indexes: number[] = [];
  let index = 0;
  for (const span of spans) {
    index += span.offset;
    for (let i = 0; i < span.length && indexes.length < bucketCount; i++) indexes.push(index + i);
    index += span.length;
  }
  return indexes;
}

export function toRun(spans: readonly Span[], buckets: readonly number[]): BucketRun {
  const indexes = spanIndexes(spans, buckets.length);
  return { indexes, counts: indexes.length === buckets.length ? buckets.slice() : buckets.slice(0, indexes.length) };
}

/** The fewest spans that cover exactly these indexes. */
export function toSpans(indexes: readonly number[]): Span[] {
  const spans: Span[] = [];
  let start = 0;
  let previousEnd = 0;
  for (let i = 1; i <= indexes.length; i++) {
    if (i < indexes.length && indexes[i] === indexes[i - 1]! + 1) continue;
    const first = indexes[start]!;
    spans.push({ offset: first - previousEnd, length: i - start });
    previousEnd = first + i - start;
    start = i;
  }
  return spans;
}

/** Whether two span lists place the same number of buckets at the same indexes, however the spans are cut. */
export function sameLayout(a: readonly Span[], b: readonly Span[]): boolean {
  if (a === b) return true;
  if (a.length === b.length && a.every((span, i) => span.offset === b[i]!.offset && span.length === b[i]!.length)) return true;
  const normalA = normalSpans(a);
  const normalB = normalSpans(b);
  return (
    normalA.length === normalB.length &&
    normalA.every((span, i) => span.offset === normalB[i]!.offset && span.length === normalB[i]!.length)
  );
}

/** The same layout without spans of length zero and with adjacent spans joined. */
function normalSpans(spans: readonly Span[]): Span[] {
  const normal: { offset: number; length: number }[] = [];
  let gap = 0;
  for (const { offset, length } of spans) {
    gap += offset;
    if (length === 0) continue;
    const last = normal.at(-1);
    if (last !== undefined && gap === 0) last.length += length;
    else normal.push({ offset: gap, length });
    gap = 0;
  }
  return normal;
}

/** Joins buckets into those of a coarser schema. */
export function reduceRun(run: BucketRun, schema: number, targetSchema: number): BucketRun {
  if (schema === targetSchema) return run;
  return joinBuckets(run, run.indexes.map((index) => coarserIndex(index, schema, targetSchema)));
}

/** Joins neighbours that share a target index; `targets` ascends and has one entry for each bucket. */
export function joinBuckets(run: BucketRun, targets: readonly number[]): BucketRun {
  const joined: BucketRun = { indexes: [], counts: [] };
  for (let i = 0; i < targets.length; i++) {
    const last = joined.indexes.length - 1;
    if (last >= 0 && joined.indexes[last] === targets[i]) joined.counts[last]! += run.counts[i]!;
    else {
      joined.indexes.push(targets[i]!);
      joined.counts.push(run.counts[i]!);
    }
  }
  return joined;
}

/** Bucket by bucket a + b (`sign` 1) or a - b (`sign` -1). A bucket that only one side has is in the result, even when it is empty. */
export function mergeRuns(a: BucketRun, b: BucketRun, sign: 1 | -1): BucketRun {
  const merged: BucketRun = { indexes: [], counts: [] };
  const { indexes, counts } = merged;
  let i = 0;
  let j = 0;
  while (i < a.indexes.length || j < b.indexes.length) {
    const indexA = i < a.indexes.length ? a.indexes[i]! : Infinity;
    const indexB = j < b.indexes.length ? b.indexes[j]! : Infinity;
    indexes.push(Math.min(indexA, indexB));
    if (indexA === indexB) counts.push(a.counts[i++]! + sign * b.counts[j++]!);
    else if (indexA < indexB) counts.push(a.counts[i++]!);
    else counts.push(sign * b.counts[j++]!);
  }
  return merged;
}

/** Without the buckets at the front that `isInside` holds for (those the zero bucket has swallowed). */
export function dropFront(run: BucketRun, isInside: (index: number) => boolean): BucketRun {
  let start = 0;
  while (start < run.indexes.length && isInside(run.indexes[start]!)) start++;
  return start === 0 ? run : { indexes: run.indexes.slice(start), counts: run.counts.slice(start) };
}

/** Without empty buckets. */
export function compactRun(run: BucketRun): BucketRun {
  if (!run.counts.includes(0)) return run;
  const kept: BucketRun = { indexes: [], counts: [] };
  for (let i = 0; i < run.indexes.length; i++) {
    if (run.counts[i] === 0) continue;
    kept.indexes.push(run.indexes[i]!);
    kept.counts.push(run.counts[i]!);
  }
  return kept;
}
