import type { ReferenceTimes } from '../plan/step-grid.ts';
import type { RawSeries } from '../series-source.ts';

export const NO_SAMPLE = -1;

/** For each step the index of the newest sample not after its reference time and inside the left-open look-back; a stale marker is none. */
export function findNewestSamples(raw: RawSeries, reference: ReferenceTimes, lookbackMs: number): Int32Array {
  const { timestampsMs, isStale } = raw;
  const { firstMs, stepMs, count } = reference;
  const newest = new Int32Array(count);
  let end = 0;
  for (let step = 0; step < count; step++) {
    const referenceMs = firstMs + step * stepMs;
    while (end < timestampsMs.length && timestampsMs[end]! <= referenceMs) end++;
    const index = end - 1;
    const isFound = index >= 0 && timestampsMs[index]! > referenceMs - lookbackMs && isStale?.[index] !== 1;
    newest[step] = isFound ? index : NO_SAMPLE;
  }
  return newest;
}
