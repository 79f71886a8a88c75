import type { BucketRun } from './histogram-layout.ts';
import { nextCompensation } from './kahan-sum.ts';

/** A side of a running sum: like a BucketRun, with the error of each count beside it. */
export interface SumRun extends BucketRun {
  readonly compensations: number[];
}

export function toSumRun(run: BucketRun): SumRun {
  return { ...run, compensations: new Array<number>(run.counts.length).fill(0) };
}

export function copyRun(run: SumRun): SumRun {
  return { indexes: run.indexes.slice(), counts: run.counts.slice(), compensations: run.compensations.slice() };
}

function addAt(run: SumRun, i: number, value: number): void {
  const sum = run.counts[i]!;
  const next = sum + value;
  run.compensations[i] = nextCompensation(value, sum, next, run.compensations[i]!);
  run.counts[i] = next;
}

/** Adds one count to each bucket, in place. */
export function addCounts(run: SumRun, counts: readonly number[]): void {
  const { counts: sums, compensations } = run;
  for (let i = 0; i < counts.length; i++) {
    const sum = sums[i]!;
    const next = sum + counts[i]!;
    compensations[i] = nextCompensation(counts[i]!, sum, next, compensations[i]!);
    sums[i] = next;
  }
}

/** Joins neighbours that share a target index; `targets` ascends and has one entry for each bucket. */
export function joinRun(run: SumRun, targets: readonly number[]): SumRun {
  const joined: SumRun = { indexes: [], counts: [], compensations: [] };
  for (let i = 0; i < targets.length; i++) {
    const last = joined.indexes.length - 1;
    if (last >= 0 && joined.indexes[last] === targets[i]) {
      addAt(joined, last, run.counts[i]!);
      addAt(joined, last, run.compensations[i]!);
    } else {
      joined.indexes.push(targets[i]!);
      joined.counts.push(run.counts[i]!);
      joined.compensations.push(run.compensations[i]!);
    }
  }
  return joined;
}

/** Adds counts at ascending indexes, of which several may be equal. Changes `run` in place where it has all of them already. */
export function addRun(run: SumRun, indexes: readonly number[], counts: readonly number[]): SumRun {
  const all = hasAll(run.indexes, indexes) ? run : withIndexes(run, indexes);
  let i = 0;
  for (let j = 0; j < indexes.length; j++) {
    while (all.indexes[i]! < indexes[j]!) i++;
    addAt(all, i, counts[j]!);
  }
  return all;
}

function hasAll(indexes: readonly number[], wanted: readonly number[]): boolean {
  let i = 0;
  for (const index of wanted) {
    while (i < indexes.length && indexes[i]! < index) i++;
    if (indexes[i] !== index) return false;
  }
  return true;
}

/** With an empty bucket for each of `indexes` that is not there. */
function withIndexes(run: SumRun, indexes: readonly number[]): SumRun {
  const all: SumRun = { indexes: [], counts: [], compensations: [] };
  let i = 0;
  let j = 0;
  while (i < run.indexes.length || j < indexes.length) {
    const own = i < run.indexes.length ? run.indexes[i]! : Infinity;
    const wanted = j < indexes.length ? indexes[j]! : Infinity;
    const isOwn = own <= wanted;
    const index = isOwn ? own : wanted;
    all.indexes.push(index);
    all.counts.push(isOwn ? run.counts[i]! : 0);
    all.compensations.push(isOwn ? run.compensations[i]! : 0);
    if (isOwn) i++;
    while (j < indexes.length && indexes[j] === index) j++;
  }
  return all;
}
