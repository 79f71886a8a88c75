import type { Labels } from '../../model/labels.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import type { LogTails } from '../log/log-tails.ts';
import { areInOrder, mergeParts, type Part } from '../run/piece.ts';
import type { SegmentInfo, Segments } from '../segment/segments.ts';
import type { SelectShardAnswer, SelectShardRequest } from '../shard-api.ts';
import type { PieceGatherer } from './gather-pieces.ts';
import { pageBytesOf, SelectPageWriter } from './select-page.ts';

/** Samples gathered from segments at a time: 16 MiB at most beside the page that they go into. */
const GROUP_SAMPLES_TARGET = 1_000_000;
const GROUP_SERIES_MAX = 4096;

type SelectLimits = Pick<typeof LIMITS, 'selectPageBytesTarget' | 'selectPageBytesMax'>;

/** What a select reads from. */
export interface SelectSources {
  readonly segments: Segments;
  readonly index: SeriesIndex;
  readonly tails: LogTails;
  readonly gatherer: PieceGatherer;
}

/** Unix milliseconds, both inclusive. */
export type SampleRange = Pick<SelectShardRequest, 'startMs' | 'endMs'>;

/** One page of matching series, which are `refs` in label order, with their samples from segments and log. */
export function selectPage(sources: SelectSources, refs: readonly number[], request: SelectShardRequest, limits: SelectLimits): SelectShardAnswer {
  const { index } = sources;
  if (sources.segments.floorMs > (request.completeFromMs ?? Infinity)) {
    return { status: 'refused', limit: false, message: 'samples have gone into the archive while the query was planned: ask again' };
  }
  const from = request.after === undefined ? 0 : firstBehind(index, refs, request.after);
  const page = new SelectPageWriter(index);
  const pageBytesTarget = Math.min(request.pageBytesTarget ?? Infinity, limits.selectPageBytesTarget);
  let sampleCount = 0;
  for (const { ref, position, parts } of settledSeries(sources, refs, from, request, (group, tailLength) => page.expect(group, tailLength))) {
    const bytes = pageBytesOf(parts);
    if (page.bytes + bytes > limits.selectPageBytesMax) {
      if (page.seriesCount > 0) return { status: 'page', page: page.finish(), more: true };
      return { status: 'refused', limit: false, message: tooLarge(index.metricNameOf(ref), bytes, limits.selectPageBytesMax) };
    }
    for (const part of parts) sampleCount += part.to - part.from;
    if (sampleCount > request.samplesMax) {
      return { status: 'refused', limit: true, message: `more than ${request.samplesMax} samples` };
    }
    page.add(ref, parts);
    if (page.bytes >= pageBytesTarget) return { status: 'page', page: page.finish(), more: position + 1 < refs.length };
  }
  return { status: 'page', page: page.finish(), more: false };
}

function tooLarge(metric: string, bytes: number, bytesMax: number): string {
  return `one series of ${JSON.stringify(metric)} has ${bytes} bytes of samples in the time that is asked for, the limit selectPageBytesMax is ${bytesMax}: ask for less time`;
}

/** Samples of one series in a range: parts that follow each other in time. They are good until the next series is asked for. */
export interface SettledSeries {
  readonly ref: number;
  /** Its position among the refs. */
  readonly position: number;
  readonly parts: readonly Part[];
}

/** What segments hold of each series of a group, and how many samples more to expect of each from the log. */
type GroupBegins = (parts: readonly (readonly Part[] | undefined)[], tailLength: number) => void;

/**
 * Series from position `from` of the refs on, those without samples in the range (Unix ms, both inclusive) left out. They are taken in groups,
 * so that one reading of a segment row serves many series and memory stays bounded however long the range is.
 */
export function* settledSeries(sources: SelectSources, refs: readonly number[], from: number, range: SampleRange, groupBegins?: GroupBegins): Generator<SettledSeries> {
  const { segments, index, tails, gatherer } = sources;
  // The log holds nothing below the floor: it is sealed before the floor rises, and older samples are refused since.
  const fromMs = Math.max(range.startMs, segments.floorMs);
  const groupLength = seriesPerGroup(sources, range);
  for (let start = from; start < refs.length; start += groupLength) {
    const group = refs.slice(start, start + groupLength);
    const gathered = gatherer.gather(index, group, fromMs, range.endMs);
    groupBegins?.(gathered, tailLength(tails, group, range));
    for (let i = 0; i < group.length; i++) {
      const ref = group[i]!;
      const parts = settle(gathered[i], tails.read(ref, range.startMs, range.endMs));
      if (parts.length > 0) yield { ref, position: start + i, parts };
    }
  }
}

/** About how many samples the log has of each series of a group: as many as of the first one, where all are scraped alike. */
function tailLength(tails: LogTails, [first]: readonly number[], { startMs, endMs }: SampleRange): number {
  const tail = first === undefined ? undefined : tails.read(first, startMs, endMs);
  return tail === undefined ? 0 : tail.to - tail.from;
}

/** A series' parts and what the log holds of it, in order of time, each timestamp once. Nearly always they simply follow each other. */
function settle(parts: Part[] | undefined, log: Part | undefined): readonly Part[] {
  if (parts === undefined) return log === undefined ? NO_PARTS : [log];
  if (log !== undefined) parts.push(log);
  return areInOrder(parts) ? parts : [mergeParts(parts)];
}

const NO_PARTS: readonly Part[] = [];

/** Position of the first ref behind the given labels. */
export function firstBehind(index: SeriesIndex, refs: readonly number[], after: Labels): number {
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
function seriesPerGroup({ segments, index }: SelectSources, range: SampleRange): number {
  let samples = 0;
  for (const info of segments.live) if (overlaps(info, range)) samples += info.sampleCount;
  const samplesPerSeries = samples / Math.max(1, index.count);
  return Math.max(16, Math.min(GROUP_SERIES_MAX, Math.floor(GROUP_SAMPLES_TARGET / Math.max(1, samplesPerSeries))));
}

function overlaps(info: SegmentInfo, { startMs, endMs }: SampleRange): boolean {
  return info.maxTimeMs >= startMs && info.minTimeMs <= endMs;
}
