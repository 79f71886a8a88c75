import { compareLabels, compareStrings, labelValue, METRIC_NAME, type Labels } from '../../model/labels.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import type { LogHead } from '../log/log-head.ts';
import type { LogTails } from '../log/log-tails.ts';
import { mergeParts, type Part } from '../run/piece.ts';
import type { SegmentInfo } from '../segment/segments.ts';
import type { PieceGatherer } from './gather-pieces.ts';

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

/** Some series of a window, and the labels of the first one behind them; `undefined` when there is none. */
export interface WindowGroup {
  readonly series: readonly WindowSeries[];
  readonly next: Labels | undefined;
}

/** Refs of all series in the order of `compareSeries`. Many series have one metric: names are compared once each, and series are counted into place. */
export function archiveOrder(index: SeriesIndex): Uint32Array {
  const refs = index.sortByLabels(index.select([]));
  const metrics = refs.map((ref) => index.metricNameOf(ref));
  const nextPlace = new Map<string, number>();
  for (const metric of metrics) nextPlace.set(metric, (nextPlace.get(metric) ?? 0) + 1);
  let place = 0;
  for (const metric of [...nextPlace.keys()].sort(compareStrings)) {
    const count = nextPlace.get(metric)!;
    nextPlace.set(metric, place);
    place += count;
  }
  // Within a metric labels stay in order.
  const order = new Uint32Array(refs.length);
  for (const [i, metric] of metrics.entries()) {
    const at = nextPlace.get(metric)!;
    order[at] = refs[i]!;
    nextPlace.set(metric, at + 1);
  }
  return order;
}

/** Which series of a window: at most `seriesMax` from the series `from` on, and of their samples those from `startMs` to before `endMs` (Unix ms). */
export interface GroupRequest {
  readonly startMs: number;
  readonly endMs: number;
  /** `undefined`: from the first one on. */
  readonly from: Labels | undefined;
  readonly seriesMax: number;
}

/** Some series of an order, those of them that have samples in the window. */
export function readGroup({ index, tails, gatherer }: WindowSources, order: Uint32Array, { startMs, endMs, from, seriesMax }: GroupRequest): WindowGroup {
  const start = from === undefined ? 0 : placeOf(index, order, from);
  const group = [...order.subarray(start, start + seriesMax)];
  const gathered = gatherer.gather(index, group, startMs, endMs - 1);
  const series = group.flatMap((ref, i): WindowSeries[] => {
    const parts = gathered[i] ?? [];
    const log = tails.read(ref, startMs, endMs - 1);
    if (log !== undefined) parts.push(log);
    if (parts.length === 0) return [];
    // What is read of the log is good until the next series is read: it is copied even where it is all that there is.
    return [{ labels: index.labelsOf(ref), part: log === undefined && parts.length === 1 ? parts[0]! : mergeParts(parts) }];
  });
  const next = order[start + seriesMax];
  return { series, next: next === undefined ? undefined : index.labelsOf(next) };
}

/** Position of the first series that is not before `labels`. */
function placeOf(index: SeriesIndex, order: Uint32Array, labels: Labels): number {
  let start = 0;
  for (let end = order.length; start < end; ) {
    const middle = (start + end) >>> 1;
    if (compareSeries(index.labelsOf(order[middle]!), labels) < 0) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** Time of the oldest sample from `fromMs` on (Unix ms), or earlier but not before `fromMs`; `undefined` when there is none. */
export function oldestFrom(fromMs: number, live: readonly SegmentInfo[], head: Pick<LogHead, 'count' | 'minTimestampMs'>): number | undefined {
  let oldestMs = head.count === 0 ? Infinity : Math.max(head.minTimestampMs, fromMs);
  for (const { minTimeMs, maxTimeMs } of live) if (maxTimeMs >= fromMs) oldestMs = Math.min(oldestMs, Math.max(minTimeMs, fromMs));
  return oldestMs === Infinity ? undefined : oldestMs;
}
