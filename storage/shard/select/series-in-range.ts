import type { SeriesRegistry } from '../index/series-registry.ts';
import { NO_ENTRY, type LogHead } from '../log/log-head.ts';
import { runsHold } from '../run/ref-runs.ts';
import type { Segments } from '../segment/segments.ts';
import type { LabelsShardRequest } from '../shard-api.ts';

export interface RangeSources {
  readonly head: LogHead;
  readonly segments: Segments;
  readonly series: SeriesRegistry;
}

/** So few series are looked at one by one: all of a shard are a hundred thousand steps, one is some ten and its entries in the log. */
const SINGLE_REFS_MAX = 16;

/** What a label request is about. With neither, all series. */
export interface FoundSeries {
  /** The series, in no particular order; `undefined` for all, or all of `isIn`. */
  readonly refs: number[] | undefined;
  /** Without `refs`: by ref, 1 for each series of the time asked for, where it is not all of them. */
  readonly isIn: Uint8Array | undefined;
}

/** The series of any of the selectors that may have samples in the request's time. Where no selector is given, nothing is done by series. */
export function findInRange(sources: RangeSources, { selectors, startMs, endMs }: LabelsShardRequest): FoundSeries {
  if (selectors.length === 0) return { refs: undefined, isIn: seriesInRange(sources, startMs, endMs) };
  const { index } = sources.series;
  const refs = selectors.length === 1 ? index.select(selectors[0]!) : [...index.selectAny(selectors)];
  if (refs.length <= SINGLE_REFS_MAX) return { refs: refs.filter((ref) => isInRange(sources, ref, startMs, endMs)), isIn: undefined };
  const isIn = seriesInRange(sources, startMs, endMs);
  return { refs: isIn === undefined ? refs : refs.filter((ref) => isIn[ref] === 1), isIn: undefined };
}

/** The same as refs, in no particular order; `undefined` for all of them. */
export function selectInRange(sources: RangeSources, request: LabelsShardRequest): number[] | undefined {
  const { refs, isIn } = findInRange(sources, request);
  return refs ?? (isIn === undefined ? undefined : sources.series.index.select([]).filter((ref) => isIn[ref] === 1));
}

/**
 * By ref, 1 for each series that may have samples within a time (Unix ms, both inclusive): exact for the log, and for segments as exact as a
 * row's range of time and its runs of refs are, so never one too few. Prometheus, too, looks at whole blocks. `undefined` for all series that
 * are known: where the time takes in everything that is stored it is looked at all the same, since series of which nothing is left stay known
 * until there are enough of them (series-churn.ts).
 */
function seriesInRange({ head, segments, series: { refLimit, count } }: RangeSources, startMs: number, endMs: number): Uint8Array | undefined {
  const fromMs = Math.max(startMs, segments.floorMs);
  const isLogWhole = head.minTimestampMs >= fromMs && head.newestTimestampMs <= endMs;
  const isIn = new Uint8Array(refLimit);
  for (const { minTimeMs, maxTimeMs, refs } of segments.live) {
    if (minTimeMs > endMs || maxTimeMs < fromMs) continue;
    for (let run = 0; run < refs.length; run += 2) isIn.fill(1, refs[run], refs[run + 1]);
  }
  // The log is nearly always within the time or beside it as a whole, and then its many entries say no more than that.
  if (isLogWhole) {
    for (let ref = 0; ref < refLimit; ref++) if (head.lastEntryOf(ref) !== NO_ENTRY) isIn[ref] = 1;
  } else if (head.minTimestampMs <= endMs && head.newestTimestampMs >= fromMs) {
    for (let entry = 0; entry < head.count; entry++) {
      const timeMs = head.times.at(entry);
      if (timeMs >= fromMs && timeMs <= endMs) isIn[head.refs[entry]!] = 1;
    }
  }
  let found = 0;
  for (let ref = 0; ref < refLimit; ref++) found += isIn[ref]!;
  return found >= count ? undefined : isIn;
}

/** The same for one series. */
function isInRange({ head, segments }: RangeSources, ref: number, startMs: number, endMs: number): boolean {
  const fromMs = Math.max(startMs, segments.floorMs);
  if (segments.live.some(({ minTimeMs, maxTimeMs, refs }) => minTimeMs <= endMs && maxTimeMs >= fromMs && runsHold(refs, ref))) return true;
  for (let entry = head.lastEntryOf(ref); entry !== NO_ENTRY; entry = head.previous[entry]!) {
    const timeMs = head.times.at(entry);
    if (timeMs >= fromMs && timeMs <= endMs) return true;
  }
  return false;
}
