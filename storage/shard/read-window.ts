import { compareLabels, compareStrings, labelValue, METRIC_NAME, type Labels } from '../model/labels.ts';
import type { PieceGatherer } from './gather-pieces.ts';
import type { LogHead } from './log-head.ts';
import type { LogTails } from './log-tails.ts';
import { mergeParts, type Part } from './piece.ts';
import type { SegmentInfo } from './segments.ts';
import type { SeriesIndex } from './series-index.ts';

/** Series whose samples are gathered at a time: an hour of them, scraped every 15 s, takes 4 MiB. */
const GROUP_SERIES = 1024;

/** The order of series in the archive: by metric, so that files and their parts can be skipped by it, then by all labels. */
export function compareSeries(a: Labels, b: Labels): number {
  return compareStrings(labelValue(a, METRIC_NAME), labelValue(b, METRIC_NAME)) || compareLabels(a, b);
}

export interface WindowSeries {
  readonly labels: Labels;
  /** At least one sample. */
  readonly part: Part;
}

export interface WindowSources {
  readonly index: SeriesIndex;
  readonly tails: LogTails;
  readonly gatherer: PieceGatherer;
}

/** Every series with its samples from `startMs` to before `endMs`, in the order of `compareSeries`, beginning with the series `from`. */
export function* readWindow({ index, tails, gatherer }: WindowSources, startMs: number, endMs: number, from: Labels | undefined): Generator<WindowSeries> {
  const series = index
    .sortByLabels(index.select([]))
    .map((ref) => ({ ref, metric: index.metricNameOf(ref) }))
    // The sort is stable: within a metric labels stay in order.
    .sort((a, b) => compareStrings(a.metric, b.metric));
  let start = 0;
  if (from !== undefined) {
    let end = series.length;
    while (start < end) {
      const middle = (start + end) >>> 1;
      if (compareSeries(index.labelsOf(series[middle]!.ref), from) < 0) start = middle + 1;
      else end = middle;
    }
  }
  for (; start < series.length; start += GROUP_SERIES) {
    const group = series.slice(start, start + GROUP_SERIES).map(({ ref }) => ref);
    const gathered = gatherer.gather(index, group, startMs, endMs - 1);
    for (let i = 0; i < group.length; i++) {
      const parts = gathered[i] ?? [];
      const log = tails.read(group[i]!, startMs, endMs - 1);
      if (log !== undefined) parts.push(log);
      if (parts.length === 0) continue;
      yield { labels: index.labelsOf(group[i]!), part: parts.length === 1 ? parts[0]! : mergeParts(parts) };
    }
  }
}

/** Time of the oldest sample from `fromMs` on (Unix ms), or earlier but not before `fromMs`; `undefined` when there is none. */
export function oldestFrom(fromMs: number, live: readonly SegmentInfo[], head: Pick<LogHead, 'count' | 'minTimestampMs'>): number | undefined {
  let oldestMs = head.count === 0 ? Infinity : Math.max(head.minTimestampMs, fromMs);
  for (const { minTimeMs, maxTimeMs } of live) if (maxTimeMs >= fromMs) oldestMs = Math.min(oldestMs, Math.max(minTimeMs, fromMs));
  return oldestMs === Infinity ? undefined : oldestMs;
}
