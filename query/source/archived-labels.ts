import { orMissed } from '../../storage/archive/archive-watch.ts';
import { withFreshFiles } from '../../storage/archive/missing-object.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { ReadReport } from './read-report.ts';

/** Nothing from this time on (Unix ms) can be in the archive: it is younger than the grace. */
export function archivableBeforeMs(clock: Clock): number {
  return clock.nowMs() - LIMITS.archiveGraceMs + LIMITS.clocksDifferMs;
}

/** Whether there can be samples in the archive from a time on (Unix ms); if not, the catalog need not be asked. */
export function mayBeArchived(startMs: number, clock: Clock): boolean {
  return startMs < archivableBeforeMs(clock);
}

export interface ArchivedLabelsQuery {
  readonly selectors: readonly (readonly Matcher[])[];
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
}

/** Label sets of matching series in the archive's files, each of a shard once, in no order; none where nothing is archived. */
export async function archivedLabels({ archive }: TenantShards, { selectors, startMs, endMs }: ArchivedLabelsQuery, clock: Clock, report: ReadReport): Promise<Labels[]> {
  if (archive === undefined || !mayBeArchived(startMs, clock)) return [];
  return withFreshFiles(report.cold, async (watch) => {
    const plan = await orMissed(watch, WHOLE_ARCHIVE, () => archive.files.plan(Math.ceil(startMs), Math.floor(endMs)));
    return plan === undefined ? [] : archive.files.labels([...plan.files.values()].flat(), { selectors, startMs, endMs }, watch);
  });
}

/** What is missing when the catalog does not say which files there are. */
export const WHOLE_ARCHIVE = 'samples that are in the archive';
