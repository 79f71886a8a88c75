import type { ArchiveDeletion } from '../catalog/archive-api.ts';
import { compileSelector } from '../model/compile-matcher.ts';
import type { Labels } from '../model/labels.ts';
import { lowerBound } from '../shard/run/piece.ts';

/** A time, Unix milliseconds, both inclusive. */
export interface DeletedRange {
  readonly startMs: number;
  readonly endMs: number;
}

/** Which samples some deletions mean. Patterns are compiled once. */
export class DeletionTest {
  readonly #deletions: readonly (DeletedRange & { readonly selectors: readonly ((labels: Labels) => boolean)[] })[];

  constructor(deletions: readonly ArchiveDeletion[]) {
    this.#deletions = deletions.map(({ selectors, startMs, endMs }) => ({
      startMs,
      endMs,
      selectors: selectors.map(compileSelector),
    }));
  }

  /** What is deleted of a series that has samples of a time, by rising start; none when nothing is. */
  rangesOf(labels: Labels, minTimeMs: number, maxTimeMs: number): DeletedRange[] {
    return this.#deletions
      .filter(({ startMs, endMs, selectors }) => startMs <= maxTimeMs && endMs >= minTimeMs && selectors.some((matches) => matches(labels)))
      .sort((a, b) => a.startMs - b.startMs);
  }
}

/** Whether nothing is left between two times. */
export function coversAll(ranges: readonly DeletedRange[], minTimeMs: number, maxTimeMs: number): boolean {
  return ranges.some(({ startMs, endMs }) => startMs <= minTimeMs && endMs >= maxTimeMs);
}

/** What is left of the samples `from` to `to`, by rising time; `ranges` by rising start. */
export function stretchesOutside(timestampsMs: Float64Array, from: number, to: number, ranges: readonly DeletedRange[]): { readonly from: number; readonly to: number }[] {
  const stretches: { from: number; to: number }[] = [];
  let at = from;
  for (const { startMs, endMs } of ranges) {
    const end = Math.min(to, lowerBound(timestampsMs, startMs, to));
    if (end > at) stretches.push({ from: at, to: end });
    at = Math.max(at, lowerBound(timestampsMs, endMs + 1, to));
  }
  if (at < to) stretches.push({ from: at, to });
  return stretches;
}
