import { SampleRun, type RunSource } from './sample-run.ts';

/** A series' samples in one segment row, timestamps rising. Shared: not to be written to. */
export type Piece = RunSource;

/**
 * A stretch of one series' samples, from index `from` up to, not including, `to`, timestamps rising. Two parts with the same array of timestamps, of
 * whichever series, have the same timestamps in it.
 */
export interface Part extends Piece {
  readonly from: number;
  readonly to: number;
  /** Whether there may be a stale marker in it. */
  readonly hasStale: boolean;
}

/** Appends a piece's samples within the range (ms, both inclusive) to a run. */
export function appendInRange(piece: Piece, startMs: number, endMs: number, run: SampleRun): void {
  const from = lowerBound(piece.timestampsMs, startMs);
  const to = lowerBound(piece.timestampsMs, endMs + 1);
  if (to > from) run.append(piece, from, to);
}

/** Whether each part begins after the one before has ended. */
export function areInOrder(parts: readonly Part[]): boolean {
  for (let i = 1; i < parts.length; i++) {
    const before = parts[i - 1]!;
    if (parts[i]!.timestampsMs[parts[i]!.from]! <= before.timestampsMs[before.to - 1]!) return false;
  }
  return true;
}

/** Whether parts have the very timestamps of others with as many samples, whose timestamps lie in `timesMs` from position `at`. */
export function areSameTimes(parts: readonly Part[], others: readonly Part[], timesMs: Float64Array, at = 0): boolean {
  /** Whether the parts up to here are as long as the others. */
  let isAligned = others.length === parts.length;
  for (let k = 0; k < parts.length; k++) {
    const { timestampsMs, from, to } = parts[k]!;
    const other = isAligned ? others[k]! : undefined;
    // Series of a segment mostly share the array, and so do what the log has of them.
    if (other?.timestampsMs === timestampsMs && other.from === from && other.to === to) {
      at += to - from;
      continue;
    }
    isAligned &&= other!.to - other!.from === to - from;
    for (let i = from; i < to; i++) if (timesMs[at++] !== timestampsMs[i]) return false;
  }
  return true;
}

/** Parts that overlap as one; of equal timestamps the one of the part further behind stays. */
export function mergeParts(parts: readonly Part[]): Part {
  const run = new SampleRun(parts.reduce((sum, { from, to }) => sum + to - from, 0));
  let hasStale = false;
  for (const part of parts) {
    run.append(part, part.from, part.to);
    hasStale ||= part.hasStale;
  }
  run.settle();
  const { timestampsMs, bits, payloads, startsMs, length } = run;
  return { timestampsMs, bits, payloads, startsMs, from: 0, to: length, hasStale };
}

/** Position of the first timestamp at or after `timeMs` from position `start` up to, not including, `end`. Timestamps are whole milliseconds, rising. */
export function lowerBound(timestampsMs: Float64Array, timeMs: number, end = timestampsMs.length, start = 0): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestampsMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
