import type { FileRun, ShardPartition } from '../catalog/archive-files.ts';
import type { Labels } from '../model/labels.ts';

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

export interface MergePlanLimits {
  readonly archiveMergeRunsMin: number;
  readonly archiveMergeRowsFactor: number;
  readonly archiveMergeFilesMax: number;
}

/**
 * Which runs of a partition to merge, by rising rank, each following the other: what is left out between them would count more, or less,
 * than before. `undefined` when it does not pay. An earlier run joins in when it is not many times larger than all behind it together, so
 * that a day's hours become one run at once, and a few late samples do not have the whole day written again.
 */
export function planMerge(runs: readonly FileRun[], limits: MergePlanLimits): readonly FileRun[] | undefined {
  const { archiveMergeRunsMin, archiveMergeRowsFactor, archiveMergeFilesMax } = limits;
  let first = runs.length;
  for (let i = runs.length - 1, rowsBehind = 0; i >= 0; rowsBehind += runs[i--]!.rowCount) {
    if (i === runs.length - 1 || runs[i]!.rowCount <= rowsBehind * archiveMergeRowsFactor) first = i;
  }
  let end = first;
  for (let files = 0; end < runs.length; end++) {
    files += runs[end]!.files.length;
    if (files > archiveMergeFilesMax) break;
  }
  return end - first < archiveMergeRunsMin ? undefined : runs.slice(first, end);
}
