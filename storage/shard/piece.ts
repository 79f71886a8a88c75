import type { SampleRun } from './sample-run.ts';

/** A series' samples in one segment row, timestamps rising. Shared: not to be written to. */
export interface Piece {
  readonly timestampsMs: Float64Array;
  /** Two words a value, the low one first. */
  readonly bits: Uint32Array;
}

/** Appends a piece's samples within the range (ms, both inclusive) to a run. */
export function appendInRange(piece: Piece, startMs: number, endMs: number, run: SampleRun): void {
  const { timestampsMs, bits } = piece;
  const from = lowerBound(timestampsMs, startMs);
  const to = lowerBound(timestampsMs, endMs + 1);
  if (to <= from) return;
  run.reserve(run.length + to - from);
  run.timestampsMs.set(timestampsMs.subarray(from, to), run.length);
  run.bits.set(bits.subarray(from * 2, to * 2), run.length * 2);
  run.length += to - from;
}

/** Position of the first timestamp at or after `timeMs`. Timestamps are whole milliseconds, rising. */
export function lowerBound(timestampsMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timestampsMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestampsMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
