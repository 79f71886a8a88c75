/*
 * The refs of a WAL row as runs of refs that rise by one: `u32 × runs × 2: first ref, length`. Refs are given in the order in which series
 * first came, and senders send series in the same order again and again: a request's refs are a handful of runs. They keep their order, and one
 * may come twice; sets of refs are those of ref-runs.ts.
 */

/** How many runs the first refs are; their number where nothing is saved by writing them so. */
export function countRowRuns(refs: Uint32Array, refCount: number): number {
  let runs = 0;
  for (let i = 0, next = -1; i < refCount; i++) {
    const ref = refs[i]!;
    if (ref !== next) runs++;
    next = ref + 1;
  }
  return runs * 2 < refCount ? runs : refCount;
}

/** `words` has two for each run. */
export function writeRowRefs(refs: Uint32Array, refCount: number, words: Uint32Array): void {
  let word = -2;
  for (let i = 0, next = -1; i < refCount; i++) {
    const ref = refs[i]!;
    if (ref !== next) {
      word += 2;
      words[word] = ref;
    }
    words[word + 1]!++;
    next = ref + 1;
  }
}

/** The refs of the runs; `undefined` when they are not `refCount` or go beyond what a ref can be. */
export function readRowRefs(words: Uint32Array, refCount: number): Uint32Array | undefined {
  let total = 0;
  for (let word = 0; word < words.length; word += 2) {
    if (words[word + 1] === 0 || words[word]! + words[word + 1]! > 0xffffffff) return undefined;
    total += words[word + 1]!;
  }
  // Looked at before memory is taken.
  if (total !== refCount) return undefined;
  const refs = new Uint32Array(refCount);
  for (let word = 0, at = 0; word < words.length; word += 2) {
    const ref = words[word]!;
    const end = at + words[word + 1]!;
    for (let i = at; i < end; i++) refs[i] = ref + i - at;
    at = end;
  }
  return refs;
}
