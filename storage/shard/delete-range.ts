import type { SeriesIndex } from './index/series-index.ts';
import { lowerBound } from './run/piece.ts';
import type { RefRuns } from './run/ref-runs.ts';
import { SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment/segment-rows.ts';
import type { SegmentInfo, Segments } from './segment/segments.ts';

/** What is to be deleted: samples of these series within a time (Unix ms, both inclusive). */
export interface Deletion {
  readonly refs: ReadonlySet<number>;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Tells of a row whether it may hold any of it, as far as can be known without reading the row: each step of a deletion looks at all rows
 * again, those among them that earlier steps have written anew.
 */
export function rowTest({ refs, startMs, endMs }: Deletion): (info: Pick<SegmentInfo, 'minTimeMs' | 'maxTimeMs' | 'refs'>) => boolean {
  const rising = Uint32Array.from(refs).sort();
  return ({ minTimeMs, maxTimeMs, refs: runs }) => minTimeMs <= endMs && maxTimeMs >= startMs && isAnyIn(runs, rising);
}

/** Whether any of some refs, which rise, is in one of the runs. */
function isAnyIn(runs: RefRuns, rising: Uint32Array): boolean {
  for (let run = 0; run < runs.length; run += 2) {
    const at = placeOf(rising, runs[run]!);
    if (at < rising.length && rising[at]! < runs[run + 1]!) return true;
  }
  return false;
}

/** Position of the first ref that is not below one. */
function placeOf(rising: Uint32Array, ref: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < ref) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A row without the samples that are deleted: the rows to put in its place, or `undefined` when it holds none of them. */
export function rowWithout(
  segments: Segments,
  info: SegmentInfo,
  { refs, startMs, endMs }: Deletion,
  index: SeriesIndex,
  limits: SegmentRowLimits,
): { readonly rows: readonly SealedRow[]; readonly samplesRemoved: number } | undefined {
  const reader = segments.open(info, false);
  const rangeOf = (position: number, times: Float64Array): readonly [number, number] =>
    refs.has(reader.refs[position]!) ? [lowerBound(times, startMs), lowerBound(times, endMs + 1)] : [0, 0];
  let samplesRemoved = 0;
  for (let position = 0; position < reader.refs.length; position++) {
    if (!refs.has(reader.refs[position]!)) continue;
    const [from, to] = rangeOf(position, reader.timestampsMs(position));
    samplesRemoved += to - from;
  }
  if (samplesRemoved === 0) return undefined;
  const writer = new SegmentRowsWriter(limits);
  for (let position = 0; position < reader.refs.length; position++) {
    const ref = reader.refs[position]!;
    const times = reader.timestampsMs(position);
    const [from, to] = rangeOf(position, times);
    const column = reader.samples(position);
    const samples = { timestampsMs: times, values: new Float64Array(column.bits.buffer), ...column };
    // What is kept lies before and behind; a piece of nothing is no piece.
    const name = index.metricNameOf(ref);
    if (to === from) writer.add(ref, name, samples, 0, times.length);
    else {
      writer.add(ref, name, samples, 0, from);
      writer.add(ref, name, samples, to, times.length);
    }
  }
  return { rows: writer.finish(), samplesRemoved };
}
