import type { Snapshot } from './table-metadata.ts';

/** A clock that was ahead has dated the snapshots up to `throughId`; it was first seen to be behind their dates at `sinceMs` (Unix ms). */
export interface DatedAhead {
  readonly sinceMs: number;
  readonly throughId: number;
}

/**
 * Since when each snapshot has been there (Unix ms), by its date. The dates of a table do not step back, so behind a clock that ran ahead, and
 * was set right, those of all that follow lie ahead as well: these have been there since it was noted, `undefined` where nobody has yet.
 */
export function snapshotsSinceMs(snapshots: readonly Snapshot[], noted: DatedAhead | undefined, nowMs: number): (number | undefined)[] {
  // The clock may have been set back again.
  const isNoteGood = noted !== undefined && noted.sinceMs <= nowMs;
  const notedThrough = isNoteGood ? snapshots.findIndex((each) => each['snapshot-id'] === noted.throughId) : -1;
  return snapshots.map(({ 'timestamp-ms': dateMs }, i) => {
    if (dateMs <= nowMs) return dateMs;
    return i <= notedThrough ? noted?.sinceMs : undefined;
  });
}
