import type { FileRun, ShardPartition } from '../../catalog/archive-files.ts';
import type { Labels } from '../../model/labels.ts';

/** A merge that was begun. */
export interface MergePlan extends ShardPartition {
  /** Random: part of the keys. */
  readonly id: string;
  /** Numbers of the files of each run, in order; the runs by rising rank. */
  readonly runs: readonly (readonly number[])[];
}

/** Where the next file of a merge begins: with this series, behind so many of its rows. */
export interface MergeCursor {
  readonly labels: Labels;
  readonly rowsTaken: number;
  /** For each run the position of the first file that may have something of it. */
  readonly places: readonly number[];
}

export interface OpenRunsLimits {
  readonly archiveOpenRunsMax: number;
  readonly archiveOpenTailBytesTarget: number;
}

export interface MergePlanLimits extends OpenRunsLimits {
  readonly archiveMergeRunsMin: number;
  readonly archiveMergeRowsFactor: number;
  readonly archiveMergeFilesMax: number;
}

/** Whether runs may be read at the same time, with a file of each open. */
export function mayBeOpen(runs: readonly Pick<FileRun, 'tailBytes'>[], { archiveOpenRunsMax, archiveOpenTailBytesTarget }: OpenRunsLimits): boolean {
  return runs.length <= archiveOpenRunsMax && runs.reduce((sum, { tailBytes }) => sum + tailBytes, 0) <= archiveOpenTailBytesTarget;
}

/**
 * Which runs of a partition to merge, by rising rank, each following the other: what is left out between them would count more, or less,
 * than before. `undefined` when it does not pay. An earlier run joins in when it is not many times larger than all behind it together, so
 * that a day's hours become one run at once, and a few late samples do not have the whole day written again. Where these are more than may be
 * open at a time, some that follow each other are merged first, those with the fewest rows: what is written again stays little.
 */
export function planMerge(runs: readonly FileRun[], limits: MergePlanLimits): readonly FileRun[] | undefined {
  const { archiveMergeRunsMin, archiveMergeRowsFactor } = limits;
  let first = runs.length;
  for (let i = runs.length - 1, rowsBehind = 0; i >= 0; rowsBehind += runs[i--]!.rowCount) {
    if (i === runs.length - 1 || runs[i]!.rowCount <= rowsBehind * archiveMergeRowsFactor) first = i;
  }
  const wanted = runs.slice(first);
  if (wanted.length < archiveMergeRunsMin) return undefined;
  let best: { readonly runs: readonly FileRun[]; readonly rowsEach: number } | undefined;
  for (let start = 0; start < wanted.length - 1; start++) {
    let end = start;
    while (end < wanted.length && fitsMerge(wanted.slice(start, end + 1), limits)) end++;
    const some = wanted.slice(start, end);
    const rowsEach = some.reduce((sum, { rowCount }) => sum + rowCount, 0) / some.length;
    if (some.length >= 2 && (best === undefined || rowsEach < best.rowsEach)) best = { runs: some, rowsEach };
    if (end === wanted.length) break;
  }
  return best?.runs;
}

function fitsMerge(runs: readonly FileRun[], limits: MergePlanLimits): boolean {
  return mayBeOpen(runs, limits) && runs.reduce((sum, { files }) => sum + files.length, 0) <= limits.archiveMergeFilesMax;
}
