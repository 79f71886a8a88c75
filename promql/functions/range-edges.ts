import type { FloatColumn } from '../operators/sample-columns.ts';

/** The samples that decide the values at a range's edges, as indexes. */
export interface EdgeSamples {
  /** First of the window. */
  readonly from: number;
  /** The last sample at or before the start of the range, or the first there is. */
  readonly first: number;
  /** The last sample of the range; smoothed: the first at or after its end, if any. */
  readonly last: number;
}

/** Undefined when a rate over the range has no value: nothing after its start, or nothing before its end. */
export function findEdges(
  timestampsMs: Float64Array, from: number, to: number, rangeStartMs: number, rangeEndMs: number, isSmoothed: boolean,
): EdgeSamples | undefined {
  const edges = findOuterEdges(timestampsMs, from, to, rangeStartMs, rangeEndMs, isSmoothed);
  return edges === undefined || timestampsMs[edges.first]! > rangeEndMs ? undefined : edges;
}

/** Undefined when nothing comes after the start of the range; what comes after its end only, in a smoothed one, is there at both edges. */
export function findOuterEdges(
  timestampsMs: Float64Array, from: number, to: number, rangeStartMs: number, rangeEndMs: number, isSmoothed: boolean,
): EdgeSamples | undefined {
  let last = to - 1;
  let first = from;
  while (first < last && timestampsMs[first + 1]! <= rangeStartMs) first++;
  if (isSmoothed) {
    last = first;
    while (last < to - 1 && timestampsMs[last]! < rangeEndMs) last++;
  }
  if (timestampsMs[last]! <= rangeStartMs) return undefined;
  return { from, first, last };
}

export function valueAtLeftEdge(floats: FloatColumn, first: number, rangeStartMs: number, isSmoothed: boolean, isCounter: boolean): number {
  if (isSmoothed && floats.timestampsMs[first]! < rangeStartMs) return interpolate(floats, first, rangeStartMs, isCounter);
  return floats.values[first]!;
}

export function valueAtRightEdge(floats: FloatColumn, edges: EdgeSamples, rangeEndMs: number, isSmoothed: boolean, isCounter: boolean): number {
  if (isSmoothed && edges.last > edges.from && floats.timestampsMs[edges.last]! > rangeEndMs) {
    return interpolate(floats, edges.last - 1, rangeEndMs, isCounter);
  }
  return floats.values[edges.last]!;
}

/** The value at a time between sample `index` and the next. A counter that was reset in between is taken to have started from 0. */
export function interpolate(floats: FloatColumn, index: number, timeMs: number, isCounter: boolean): number {
  const { timestampsMs, values } = floats;
  const newer = values[index + 1]!;
  const older = isCounter && newer < values[index]! ? 0 : values[index]!;
  // Multiplied first: whole numbers half way stay exact.
  return older + ((newer - older) * (timeMs - timestampsMs[index]!)) / (timestampsMs[index + 1]! - timestampsMs[index]!);
}
