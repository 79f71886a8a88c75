import { readChecked, writeChecked } from '../chunk/checked-bytes.ts';

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

export function refRunsOf(refs: Iterable<number>): RefRuns {
  const sorted = Uint32Array.from(refs).sort();
  const runs: number[] = [];
  for (const ref of sorted) {
    const end = runs.at(-1);
    if (end === undefined || ref > end) runs.push(ref, ref + 1);
    else if (ref === end) runs[runs.length - 1] = ref + 1;
  }
  return Uint32Array.from(runs);
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
  let gap = 1;
  let coarse = runs;
  while (coarse.length / 2 > runsMax) {
    gap *= 2;
    const kept: number[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const end = kept.at(-1);
      if (end !== undefined && runs[i]! - end <= gap) kept[kept.length - 1] = runs[i + 1]!;
      else kept.push(runs[i]!, runs[i + 1]!);
    }
    coarse = Uint32Array.from(kept);
  }
  return coarse;
}

export function encodeRefRuns(runs: RefRuns): Uint8Array {
  return writeChecked(VERSION, (out) => {
    out.unsigned(runs.length / 2);
    let previous = 0;
    for (const edge of runs) {
      out.unsigned(edge - previous);
      previous = edge;
    }
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
