import { SampleRun } from './sample-run.ts';

/** A series' samples in one segment row, timestamps rising. Shared: not to be written to. */
export interface Piece {
  readonly timestampsMs: Float64Array;
  /** Two words a value, the low one first. */
  readonly bits: Uint32Array;
}

/** A stretch of one series' samples, from index `from` up to, not including, `to`, timestamps rising. */
export interface Part extends Piece {
  readonly from: number;
  readonly to: number;
  /** Whether there may be a stale marker in it. */
  readonly hasStale: boolean;
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

/** Whether each part begins after the one before has ended. */
export function areInOrder(parts: readonly Part[]): boolean {
  for (let i = 1; i < parts.length; i++) {
    const before = parts[i - 1]!;
    if (parts[i]!.timestampsMs[parts[i]!.from]! <= before.timestampsMs[before.to - 1]!) return false;
  }
  return true;
}

/** Parts that overlap as one; of equal timestamps the one of the part further behind stays. */
export function mergeParts(parts: readonly Part[]): Part {
  const run = new SampleRun();
  let hasStale = false;
  for (const { timestampsMs, bits, from, to, hasStale: isStaleAround } of parts) {
    run.reserve(run.length + to - from);
    run.timestampsMs.set(timestampsMs.subarray(from, to), run.length);
    run.bits.set(bits.subarray(from * 2, to * 2), run.length * 2);
    run.length += to - from;
    hasStale ||= isStaleAround;
  }
  run.settle();
  return { timestampsMs: run.timestampsMs, bits: run.bits, from: 0, to: run.length, hasStale };
}

/** Position of the first timestamp at or after `timeMs`, among the first `length`. Timestamps are whole milliseconds, rising. */
export function lowerBound(timestampsMs: Float64Array, timeMs: number, length = timestampsMs.length): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestampsMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
