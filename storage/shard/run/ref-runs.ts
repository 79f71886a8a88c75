import { readChecked, writeChecked } from '../../chunk/checked-bytes.ts';

/*
 * A set of refs as runs, for each segment row, so that which series a row holds is known without reading the row:
 *
 *   u8 version │ u32 CRC-32 of all that follows │ varint runs │ per run varint gap before it, varint length
 *
 * Refs are given in the order in which series appear, and most series live in most seals: a set is a handful of runs.
 */
const VERSION = 1;
const REF_END_MAX = 0xffffffff;

/** First ref and end (exclusive) of each run in turn, rising, with a gap between any two. */
export type RefRuns = Uint32Array;

export function refRunsOf(refs: ArrayLike<number>): RefRuns {
  const { length } = refs;
  let limit = 0;
  for (let i = 0; i < length; i++) if (refs[i]! >= limit) limit = refs[i]! + 1;
  // Where the set is not a small part of all refs, marking them is many times cheaper than sorting them.
  return limit <= length * REFS_PER_MARK_MAX ? markedRuns(refs, limit) : sortedRuns(Uint32Array.from(refs).sort());
}

const REFS_PER_MARK_MAX = 64;

function markedRuns(refs: ArrayLike<number>, limit: number): RefRuns {
  // Zeros at both ends.
  const isIn = new Uint8Array(limit + 2);
  for (let i = 0; i < refs.length; i++) isIn[refs[i]! + 1] = 1;
  // A run begins and ends where the mark changes. Every place is written, and stays only where it does: a branch would be guessed wrong half of the time.
  const runs = new Uint32Array(refs.length * 2 + 1);
  let length = 0;
  for (let at = 1; at < isIn.length; at++) {
    runs[length] = at - 1;
    length += isIn[at]! ^ isIn[at - 1]!;
  }
  return runs.slice(0, length);
}

function sortedRuns(sorted: Uint32Array): RefRuns {
  const runs = new Uint32Array(sorted.length * 2);
  let length = 0;
  for (let i = 0; i < sorted.length; i++) {
    const ref = sorted[i]!;
    if (length === 0 || ref > runs[length - 1]!) {
      runs[length++] = ref;
      runs[length++] = ref + 1;
    } else if (ref === runs[length - 1]) runs[length - 1] = ref + 1;
  }
  return runs.slice(0, length);
}

export function runsHold(runs: RefRuns, ref: number): boolean {
  let low = 0;
  let high = runs.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle * 2 + 1]! <= ref) low = middle + 1;
    else high = middle;
  }
  return low * 2 < runs.length && runs[low * 2]! <= ref;
}

/** The same refs and perhaps some more, in at most about `runsMax` runs: what may be kept in memory as a filter. */
export function coarseRuns(runs: RefRuns, runsMax: number): RefRuns {
  if (runs.length / 2 <= runsMax) return runs;
  // How many gaps there are by the least power of two that is not below them: the runs that closing all smaller ones leaves.
  const gaps = new Uint32Array(33);
  for (let i = 2; i < runs.length; i += 2) gaps[gapSize(runs[i]! - runs[i - 1]!)]!++;
  let size = gaps.length - 1;
  for (let left = 1; size > 0 && left + gaps[size]! <= runsMax; size--) left += gaps[size]!;
  const coarse = new Uint32Array(runs.length);
  let length = 0;
  for (let i = 0; i < runs.length; i += 2) {
    if (length > 0 && gapSize(runs[i]! - coarse[length - 1]!) <= size) coarse[length - 1] = runs[i + 1]!;
    else {
      coarse[length++] = runs[i]!;
      coarse[length++] = runs[i + 1]!;
    }
  }
  return coarse.slice(0, length);
}

/** The exponent of the least power of two that is not below a gap. */
function gapSize(gap: number): number {
  return 32 - Math.clz32(gap - 1);
}

export function encodeRefRuns(runs: RefRuns): Uint8Array {
  return writeChecked(VERSION, (out) => {
    out.unsigned(runs.length / 2);
    out.risingDifferences(runs, runs.length);
  });
}

/** `where` names the set in errors. */
export function decodeRefRuns(buffer: ArrayBuffer, where: string): RefRuns {
  const reader = readChecked(buffer, VERSION, where);
  const runCount = reader.varint();
  // Each takes two bytes at least: no count makes us take memory for what is not there.
  if (runCount * 2 > reader.end - reader.position) throw new Error(`${where}: ${runCount} runs in ${reader.end - reader.position} bytes`);
  const runs = new Uint32Array(runCount * 2);
  let edge = 0;
  for (let i = 0; i < runs.length; i++) runs[i] = edge += reader.varint();
  if (edge > REF_END_MAX) throw new Error(`${where}: refs up to ${edge}`);
  if (!reader.done) throw new Error(`${where}: ${reader.end - reader.position} bytes too many`);
  return runs;
}
