import type { Labels } from '../model/labels.ts';
import type { SeriesIndex } from './index/series-index.ts';
import { lowerBound } from './run/piece.ts';
import type { SealedRow, SegmentRowLimits } from './segment/segment-rows.ts';
import { SegmentRowsWriter } from './segment/segment-rows.ts';
import type { SegmentInfo, Segments } from './segment/segments.ts';

/** Timestamps held at a time while the newest ones of each series are looked for: 8 bytes each. */
const HELD_TIMESTAMPS_TARGET = 1_000_000;

export interface CompactOptions {
  readonly maxVersionsPerKey: number;
  readonly isMeant?: (labels: Labels) => boolean;
  /** Told of each series that loses samples, and from when on (Unix ms) it keeps them. */
  readonly onCut?: (labels: Labels, beforeMs: number) => void;
}

/** By ref: the time from which a series' newest `count` samples begin. Series that have no more than that are not in it. */
export type Cutoffs = ReadonlyMap<number, number>;

/**
 * Finds where the newest samples of each series begin. Series are taken in groups, and each group passes over all rows that may hold it, so
 * that memory stays bounded; only series with too many samples are in any group.
 */
export function findCutoffs(segments: Segments, count: number): Cutoffs {
  const cutoffs = new Map<number, number>();
  const refs = seriesWithMoreThan(segments, count);
  const groupLength = Math.max(1, Math.floor(HELD_TIMESTAMPS_TARGET / count));
  for (let start = 0; start < refs.length; start += groupLength) {
    for (const [ref, newest] of newestOf(segments, refs.slice(start, start + groupLength), count)) {
      if (newest.length === count) cutoffs.set(ref, newest[0]!);
    }
  }
  return cutoffs;
}

function seriesWithMoreThan(segments: Segments, count: number): number[] {
  const samples = new Map<number, number>();
  for (const info of segments.live) {
    const reader = segments.open(info, false);
    reader.refs.forEach((ref, position) => samples.set(ref, (samples.get(ref) ?? 0) + reader.sampleCount(position)));
  }
  return [...samples].filter(([, total]) => total > count).map(([ref]) => ref);
}

function newestOf(segments: Segments, refs: readonly number[], count: number): Map<number, Float64Array> {
  const newest = new Map<number, Float64Array>(refs.map((ref) => [ref, new Float64Array(0)]));
  for (const info of segments.live) {
    const reader = segments.open(info, false);
    reader.refs.forEach((ref, position) => {
      const known = newest.get(ref);
      if (known === undefined) return;
      const times = reader.timestampsMs(position);
      newest.set(ref, lastOfUnion(known, times.subarray(lowerBound(times, segments.floorMs)), count));
    });
  }
  return newest;
}

/** The greatest `count` numbers of two rising arrays, each number once, rising. */
function lastOfUnion(a: Float64Array, b: Float64Array, count: number): Float64Array {
  const union = new Float64Array(Math.min(count, a.length + b.length));
  let to = union.length;
  for (let i = a.length - 1, j = b.length - 1; to > 0 && (i >= 0 || j >= 0); ) {
    const next = Math.max(i >= 0 ? a[i]! : -Infinity, j >= 0 ? b[j]! : -Infinity);
    union[--to] = next;
    if (i >= 0 && a[i] === next) i--;
    if (j >= 0 && b[j] === next) j--;
  }
  return union.subarray(to);
}

/** A row without what is older than the cutoffs: the rows to put in its place, or `undefined` when it holds nothing older. */
export function cutRow(
  segments: Segments,
  info: SegmentInfo,
  cutoffs: Cutoffs,
  index: SeriesIndex,
  limits: SegmentRowLimits,
): { readonly rows: readonly SealedRow[]; readonly samplesRemoved: number } | undefined {
  const reader = segments.open(info, false);
  const floorOf = (ref: number): number => Math.max(segments.floorMs, cutoffs.get(ref) ?? -Infinity);
  let samplesRemoved = 0;
  for (let position = 0; position < reader.refs.length; position++) {
    const times = reader.timestampsMs(position);
    samplesRemoved += Math.max(0, lowerBound(times, floorOf(reader.refs[position]!)) - lowerBound(times, segments.floorMs));
  }
  if (samplesRemoved === 0) return undefined;
  const writer = new SegmentRowsWriter(limits);
  for (let position = 0; position < reader.refs.length; position++) {
    const ref = reader.refs[position]!;
    const times = reader.timestampsMs(position);
    const from = lowerBound(times, floorOf(ref));
    if (from === times.length) continue;
    const column = reader.samples(position);
    const samples = { timestampsMs: times, values: new Float64Array(column.bits.buffer), ...column };
    writer.add(ref, index.metricNameOf(ref), samples, from, times.length);
  }
  return { rows: writer.finish(), samplesRemoved };
}
