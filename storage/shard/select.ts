import type { Labels } from '../model/labels.ts';
import { compareStrings } from '../model/labels.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { LogHead } from './log-head.ts';
import { runsHold } from './ref-runs.ts';
import { appendInRange, type Piece } from './piece.ts';
import { SampleRun } from './sample-run.ts';
import { readLog } from './seal.ts';
import type { SegmentInfo, Segments } from './segments.ts';
import type { SeriesIndex } from './series-index.ts';
import { SelectPageWriter } from './select-page.ts';
import type { SelectShardAnswer, SelectShardRequest } from './shard-api.ts';

/** Samples gathered from segments at a time: 16 MiB at most beside the page that they go into. */
const GROUP_SAMPLES_TARGET = 1_000_000;
const GROUP_SERIES_MAX = 4096;

type SelectLimits = Pick<typeof LIMITS, 'selectPageBytesTarget'>;

/** What a select reads from. */
export interface SelectSources {
  readonly segments: Segments;
  readonly index: SeriesIndex;
  readonly head: LogHead;
}

/**
 * One page of matching series, in label order, with their samples from segments and log. Series are taken in groups, so that one reading
 * of a segment row serves many series and memory stays bounded however long the range is.
 */
export function selectPage(sources: SelectSources, request: SelectShardRequest, limits: SelectLimits): SelectShardAnswer {
  const { index } = sources;
  const refs = index.sortByLabels(index.select(request.matchers));
  const from = request.after === undefined ? 0 : firstBehind(index, refs, request.after);
  const page = new SelectPageWriter(index);
  const run = new SampleRun();
  let sampleCount = 0;
  // The log holds nothing below the floor: it is sealed before the floor rises, and older samples are refused since.
  const fromMs = Math.max(request.startMs, sources.segments.floorMs);
  const groupLength = seriesPerGroup(sources, request);
  for (let start = from; start < refs.length; start += groupLength) {
    const group = refs.slice(start, start + groupLength);
    const pieces = readSegments(sources, request, group);
    for (let i = 0; i < group.length; i++) {
      const ref = group[i]!;
      run.clear();
      for (const piece of pieces[i] ?? []) appendInRange(piece, fromMs, request.endMs, run);
      readLog(sources.head, ref, request.startMs, request.endMs, run);
      if (run.length === 0) continue;
      run.settle();
      sampleCount += run.length;
      if (sampleCount > request.samplesMax) {
        return { status: 'refused', limit: true, message: `more than ${request.samplesMax} samples` };
      }
      page.add(ref, run);
      if (page.bytes >= limits.selectPageBytesTarget) {
        return { status: 'page', page: page.finish(), more: start + i + 1 < refs.length };
      }
    }
  }
  return { status: 'page', page: page.finish(), more: false };
}

/** Position of the first ref behind the given labels. */
function firstBehind(index: SeriesIndex, refs: readonly number[], after: Labels): number {
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.isBehind(refs[middle]!, after)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many series to take at a time, from the mean number of samples a series has in the range. */
function seriesPerGroup({ segments, index }: SelectSources, request: SelectShardRequest): number {
  let samples = 0;
  for (const info of segments.live) if (overlaps(info, request)) samples += info.sampleCount;
  const samplesPerSeries = samples / Math.max(1, index.count);
  return Math.max(16, Math.min(GROUP_SERIES_MAX, Math.floor(GROUP_SAMPLES_TARGET / Math.max(1, samplesPerSeries))));
}

function overlaps(info: SegmentInfo, request: SelectShardRequest): boolean {
  return info.maxTimeMs >= request.startMs && info.minTimeMs <= request.endMs;
}

/** By position in the group: the pieces that segments hold, in the order of precedence. */
function readSegments({ segments, index }: SelectSources, request: SelectShardRequest, group: readonly number[]): (Piece[] | undefined)[] {
  const pieces: (Piece[] | undefined)[] = [];
  const positionOf = new Map(group.map((ref, position) => [ref, position]));
  const metrics = metricRange(index, group);
  for (const info of segments.live) {
    if (!overlaps(info, request)) continue;
    if (compareStrings(info.lastMetric, metrics.first) < 0 || compareStrings(info.firstMetric, metrics.last) > 0) continue;
    if (!group.some((ref) => runsHold(info.refs, ref))) continue;
    const segment = segments.open(info, false);
    for (let i = 0; i < segment.refs.length; i++) {
      const position = positionOf.get(segment.refs[i]!);
      if (position === undefined) continue;
      const timestampsMs = segment.timestampsMs(i);
      if (timestampsMs[0]! > request.endMs || timestampsMs[timestampsMs.length - 1]! < request.startMs) continue;
      (pieces[position] ??= []).push({ timestampsMs, bits: segment.valueBits(i) });
    }
  }
  return pieces;
}

function metricRange(index: SeriesIndex, refs: readonly number[]): { first: string; last: string } {
  let first: string | undefined;
  let last = '';
  for (const ref of refs) {
    const metric = index.metricNameOf(ref);
    if (first === undefined || compareStrings(metric, first) < 0) first = metric;
    if (compareStrings(metric, last) > 0) last = metric;
  }
  return { first: first ?? '', last };
}
