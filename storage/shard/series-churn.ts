import type { LIMITS } from '../runtime/limits.ts';
import type { SeriesRegistry } from './index/series-registry.ts';
import type { LogHead } from './log/log-head.ts';
import type { Segments } from './segment/segments.ts';

type ChurnLimits = Pick<typeof LIMITS, 'activeSeriesMax'>;

/** A clean-up rewrites every definition, so it waits until it frees this share of them, or the shard is nearly full. */
const DEAD_SHARE_MIN = 0.1;
const NEARLY_FULL_SHARE = 0.9;

/**
 * By ref: whether the log or any stored segment, be it only a snapshot's, mentions the series. It looks at the newest first, and no further than until all
 * series are found: of weeks of a full shard, reading the refs of all rows takes seconds, and mostly all series have samples of late.
 */
export function findAlive(segments: Segments, head: LogHead, { table, count, refLimit }: SeriesRegistry): Uint8Array {
  const isAlive = new Uint8Array(refLimit);
  let missing = count;
  for (let entry = head.count - 1; entry >= 0 && missing > 0; entry--) {
    const ref = head.refs[entry]!;
    if (isAlive[ref] !== 0) continue;
    isAlive[ref] = 1;
    if (table.has(ref)) missing--;
  }
  for (const info of [...segments.stored()].reverse()) {
    if (missing === 0) break;
    const edges = segments.refsOf(info);
    for (let i = 0; i < edges.length; i += 2) {
      for (let ref = edges[i]!; ref < edges[i + 1]!; ref++) {
        if (isAlive[ref] !== 0) continue;
        isAlive[ref] = 1;
        if (table.has(ref)) missing--;
      }
    }
  }
  return isAlive;
}

/** Whether so many dead series are worth rewriting the others' definitions. */
export function isWorthCleaning(seriesCount: number, deadCount: number, limits: ChurnLimits): boolean {
  if (deadCount === 0) return false;
  return deadCount >= seriesCount * DEAD_SHARE_MIN || seriesCount >= limits.activeSeriesMax * NEARLY_FULL_SHARE;
}

export function countDead(registry: SeriesRegistry, isAlive: Uint8Array): number {
  let dead = 0;
  for (const { ref } of registry.table.ids()) dead += 1 - isAlive[ref]!;
  return dead;
}
