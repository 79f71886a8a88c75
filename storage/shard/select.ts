import type { Labels } from '../model/labels.ts';
import { compareStrings } from '../model/labels.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import type { LogHead } from './log-head.ts';
import { SampleRun } from './sample-run.ts';
import { readLog } from './seal.ts';
import { SegmentReader } from './segment.ts';
import type { SeriesIndex } from './series-index.ts';
import { SelectPageWriter } from './select-page.ts';
import type { SelectShardAnswer, SelectShardRequest } from './shard-api.ts';

/** Samples gathered from segments at a time: 16 MiB at most beside the page that they go into. */
const GROUP_SAMPLES_TARGET = 1_000_000;
const GROUP_SERIES_MAX = 4096;

type SelectLimits = Pick<typeof LIMITS, 'selectPageBytesTarget'>;

/** What a select reads from. */
export interface SelectSources {
  readonly sql: Sql;
  readonly index: SeriesIndex;
  readonly head: LogHead;
}

/** A series' samples in one segment row, still as the segment has them. */
interface Piece {
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
}

/**
 * One page of matching series, in label order, with their samples from segments and log. Series are taken in groups, so that one reading
 * of a segment row serves many series and memory stays bounded however long the range is.
 */
export function selectPage(sources: SelectSources, request: SelectShardRequest, limits: SelectLimits): SelectShardAnswer {
  const { index } = sources;
  const refs = index.sortByLabels(index.select(request.matchers));
  const from = request.after === undefined ? 0 : firstBehind(index, refs, request.after);
  const page = new SelectPageWriter();
  const run = new SampleRun();
  let sampleCount = 0;
  const groupLength = seriesPerGroup(sources, request);
  for (let start = from; start < refs.length; start += groupLength) {
    const group = refs.slice(start, start + groupLength);
    const pieces = readSegments(sources, request, group);
    for (let i = 0; i < group.length; i++) {
      const ref = group[i]!;
      run.clear();
      for (const piece of pieces[i] ?? []) appendInRange(piece, request.startMs, request.endMs, run);
      readLog(sources.head, ref, request.startMs, request.endMs, run);
      if (run.length === 0) continue;
      run.settle();
      sampleCount += run.length;
      if (sampleCount > request.samplesMax) {
        return { status: 'refused', limit: true, message: `more than ${request.samplesMax} samples` };
      }
      page.add(index.labelsOf(ref), run);
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
function seriesPerGroup({ sql, index }: SelectSources, request: SelectShardRequest): number {
  const [row] = sql.all<{ samples: number | null }>(
    'SELECT sum(sample_count) AS samples FROM segment WHERE max_time_ms >= ? AND min_time_ms <= ?',
    request.startMs,
    request.endMs,
  );
  const samplesPerSeries = (row?.samples ?? 0) / Math.max(1, index.count);
  return Math.max(16, Math.min(GROUP_SERIES_MAX, Math.floor(GROUP_SAMPLES_TARGET / Math.max(1, samplesPerSeries))));
}

/** By position in the group: the pieces that segments hold, older seals first. */
function readSegments({ sql, index }: SelectSources, request: SelectShardRequest, group: readonly number[]): (Piece[] | undefined)[] {
  const pieces: (Piece[] | undefined)[] = [];
  const positionOf = new Map(group.map((ref, position) => [ref, position]));
  const metrics = metricRange(index, group);
  const rows = sql.each<{ segment: number; samples: ArrayBuffer }>(
    `SELECT segment, samples FROM segment
     WHERE max_time_ms >= ? AND min_time_ms <= ? AND last_metric >= ? AND first_metric <= ? ORDER BY segment`,
    request.startMs,
    request.endMs,
    metrics.first,
    metrics.last,
  );
  for (const row of rows) {
    const segment = new SegmentReader(row.samples, `segment ${row.segment}`);
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

function appendInRange(piece: Piece, startMs: number, endMs: number, run: SampleRun): void {
  const { timestampsMs, bits } = piece;
  const from = lowerBound(timestampsMs, startMs);
  const to = lowerBound(timestampsMs, endMs + 1);
  if (to <= from) return;
  run.reserve(run.length + to - from);
  run.timestampsMs.set(timestampsMs.subarray(from, to), run.length);
  run.bits.set(bits.subarray(from * 2, to * 2), run.length * 2);
  run.length += to - from;
}

/** Position of the first timestamp at or after `timeMs`. Timestamps are whole milliseconds. */
function lowerBound(timestampsMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timestampsMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestampsMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
