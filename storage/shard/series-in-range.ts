import type { LogHead } from './log-head.ts';
import type { Segments } from './segments.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { LabelsShardRequest } from './shard-api.ts';

interface RangeSources {
  readonly head: LogHead;
  readonly segments: Segments;
  readonly series: SeriesRegistry;
}

/** The series of any of the selectors that may have samples in the request's time, in no particular order; `undefined` for all of them. */
export function selectInRange(sources: RangeSources, { selectors, startMs, endMs }: LabelsShardRequest): number[] | undefined {
  const { index, count } = sources.series;
  const inRange = seriesInRange(sources, startMs, endMs);
  const isAll = inRange === undefined || inRange.count >= count;
  if (selectors.length === 0 && isAll) return undefined;
  const refs = selectors.length <= 1 ? index.select(selectors[0] ?? []) : [...new Set(selectors.flatMap((matchers) => index.select(matchers)))];
  return isAll ? refs : refs.filter((ref) => inRange.isIn[ref] === 1);
}

/**
 * By ref, 1 for each series that may have samples within a time (Unix ms, both inclusive), and how many there are: exact for the log, and
 * for segments as exact as a row's range of time and its runs of refs are, so never one too few. Prometheus, too, looks at whole blocks.
 * `undefined` when the time takes in everything that is stored.
 */
function seriesInRange({ head, segments, series: { refLimit } }: RangeSources, startMs: number, endMs: number): { readonly isIn: Uint8Array; readonly count: number } | undefined {
  const fromMs = Math.max(startMs, segments.floorMs);
  const isWhole = segments.live.every((info) => info.minTimeMs >= fromMs && info.maxTimeMs <= endMs) && head.minTimestampMs >= fromMs && newestOf(head) <= endMs;
  if (isWhole) return undefined;
  const isIn = new Uint8Array(refLimit);
  for (const { minTimeMs, maxTimeMs, refs } of segments.live) {
    if (minTimeMs > endMs || maxTimeMs < fromMs) continue;
    for (let run = 0; run < refs.length; run += 2) isIn.fill(1, refs[run], refs[run + 1]);
  }
  for (let entry = 0; entry < head.count; entry++) {
    const timeMs = head.timestampsMs[entry]!;
    if (timeMs >= fromMs && timeMs <= endMs) isIn[head.refs[entry]!] = 1;
  }
  let count = 0;
  for (let ref = 0; ref < refLimit; ref++) count += isIn[ref]!;
  return { isIn, count };
}

function newestOf(head: LogHead): number {
  let newestMs = -Infinity;
  for (let entry = 0; entry < head.count; entry++) if (head.timestampsMs[entry]! > newestMs) newestMs = head.timestampsMs[entry]!;
  return newestMs;
}
