import type { LIMITS } from '../../runtime/limits.ts';
import type { SegmentInfo } from './segments.ts';

type CompactLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'mergeFanIn' | 'mergeSamplesMax'>, number>>;

/** The rows of one seal or merge: they follow each other in the order of precedence, sorted by labels throughout. */
export interface SealedRun {
  readonly rows: readonly SegmentInfo[];
  readonly sampleCount: number;
}

export function runsOf(live: readonly SegmentInfo[]): SealedRun[] {
  const runs: { rows: SegmentInfo[]; sampleCount: number }[] = [];
  for (const info of live) {
    const last = runs.at(-1);
    if (last !== undefined && last.rows[0]!.seal === info.seal) {
      last.rows.push(info);
      last.sampleCount += info.sampleCount;
    } else runs.push({ rows: [info], sampleCount: info.sampleCount });
  }
  return runs;
}

/**
 * Which neighbouring runs to merge next, as positions `start` to `end` (exclusive); `undefined` when none need be.
 *
 * Runs belong to size classes, each `mergeFanIn` times the one before. As many of a class with nothing larger between them are merged, along
 * with what is smaller between them, the smallest class first: the result is of a higher class, so every sample is rewritten once a class,
 * and few runs stay. Only neighbours, since the order of runs says which of two equal timestamps counts. A merge of more than
 * `mergeSamplesMax` is not made: that bounds the work of a step.
 */
export function planMerge(runs: readonly Pick<SealedRun, 'sampleCount'>[], { mergeFanIn, mergeSamplesMax }: CompactLimits): MergePlan | undefined {
  const classes = runs.map((run) => sizeClass(run.sampleCount, mergeFanIn));
  for (const size of [...new Set(classes)].sort((a, b) => a - b)) {
    /** Positions of the runs of this class since the last larger one. */
    let members: number[] = [];
    for (let i = 0; i < runs.length; i++) {
      if (classes[i]! > size) members = [];
      if (classes[i] === size) members.push(i);
      if (members.length < mergeFanIn) continue;
      const start = members[0]!;
      const samples = runs.slice(start, i + 1).reduce((sum, run) => sum + run.sampleCount, 0);
      if (samples <= mergeSamplesMax) return { start, end: i + 1 };
      members.shift();
    }
  }
  return undefined;
}

export interface MergePlan {
  readonly start: number;
  readonly end: number;
}

function sizeClass(sampleCount: number, mergeFanIn: number): number {
  let size = 0;
  for (let bound = mergeFanIn; bound <= sampleCount; bound *= mergeFanIn) size++;
  return size;
}
