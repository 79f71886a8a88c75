import { dayOf } from '../../catalog/iceberg/data-file.ts';
import type { Labels } from '../../model/labels.ts';
import { DAY_MS } from '../../runtime/units.ts';
import type { LateHead } from '../../shard/late/late-queue.ts';

/** What a shard has for the archive. Times are Unix milliseconds. */
export interface FlushState {
  readonly archivedUntilMs: number;
  /** Of the oldest sample that may not be archived yet; `undefined` when there is none. */
  readonly oldestMs: number | undefined;
  /** Of the newest sample that is in files; `undefined` when there is none, or nobody makes anything of whole days. */
  readonly newestFiledMs: number | undefined;
  /** Batches of the late queue in the order of acceptance: as many as one plan could take, and one more. */
  readonly late: readonly LateHead[];
}

export interface FlushLimits {
  readonly archiveWindowMs: number;
  readonly archiveGraceMs: number;
  readonly archiveLateSamplesTarget: number;
  readonly archiveLateBatchesMax: number;
  readonly archiveLateDaysMax: number;
}

/** `window`: all samples from start to end go into files, if there are any, and all before the end are archived then. */
export type FlushWork =
  | { readonly kind: 'window'; readonly startMs: number; readonly endMs: number }
  | { readonly kind: 'late'; readonly sequences: readonly number[] };

/** A piece of work that was begun. */
export interface FlushPlan {
  /** Rises by one with each plan of the shard: the catalog knows a commit by it. */
  readonly flush: number;
  /** Random: part of the keys. */
  readonly id: string;
  readonly work: FlushWork;
}

/** Where the next file of a window begins: with this series, behind a time (Unix ms), of which samples may be deleted meanwhile. */
export interface FlushCursor {
  readonly labels: Labels;
  /** `undefined` before the first of its samples. */
  readonly takenThroughMs?: number | undefined;
  /** As flushes of before had it instead: so many of its samples are taken. */
  readonly samplesTaken?: number;
}

/**
 * What to flush next; `undefined` when nothing is due. Windows of time that are over, and past a grace in which senders may still bring
 * samples for them, go one by one, the oldest first. The grace is also how far a shard's clock may be ahead, or jump, before it closes hours
 * of which samples are still coming in time. A late batch goes when all its times are archived: before, the hot tier answers for them. Where
 * no samples come any more, the last day that has some is closed in the end.
 */
export function planFlush(state: FlushState, nowMs: number, limits: FlushLimits): FlushWork | undefined {
  const { archivedUntilMs, oldestMs, late } = state;
  const { archiveWindowMs, archiveGraceMs } = limits;
  const dayEndMs = quietDayEndMs(state, limits);
  const closableMs = windowStart(nowMs - archiveGraceMs, archiveWindowMs);
  if (oldestMs !== undefined) {
    const startMs = windowStart(Math.max(oldestMs, archivedUntilMs), archiveWindowMs);
    if (startMs + archiveWindowMs <= closableMs) return { kind: 'window', startMs, endMs: startMs + archiveWindowMs };
  }
  const [first] = late;
  if (first !== undefined && first.newestMs < archivedUntilMs) return { kind: 'late', sequences: takeLate(late, archivedUntilMs, limits) };
  if (first === undefined || first.newestMs >= closableMs) {
    return dayEndMs === undefined || dayEndMs > closableMs - archiveGraceMs ? undefined : { kind: 'window', startMs: dayEndMs, endMs: dayEndMs };
  }
  // Nothing older is left in the hot tier: archived without a file, as far as late samples need it, and otherwise a grace short of what is
  // over by this clock. One that is ahead would close hours of which samples are still to come.
  const newestMs = late.reduce((newest, head) => (head.newestMs < closableMs ? Math.max(newest, head.newestMs) : newest), -Infinity);
  const endMs = Math.max(windowStart(newestMs, archiveWindowMs) + archiveWindowMs, windowStart(closableMs - archiveGraceMs, archiveWindowMs));
  return { kind: 'window', startMs: endMs, endMs };
}

/** When the window of a time is over and past its grace (Unix ms). */
export function windowDueMs(timeMs: number, { archiveWindowMs, archiveGraceMs }: Pick<FlushLimits, 'archiveWindowMs' | 'archiveGraceMs'>): number {
  return windowStart(timeMs, archiveWindowMs) + archiveWindowMs + archiveGraceMs;
}

/** When `planFlush` will have something; `undefined` when it never will unless something is written. */
export function flushDueMs(state: FlushState, limits: FlushLimits): number | undefined {
  const { archivedUntilMs, oldestMs, late } = state;
  const [first] = late;
  const nextWindowMs = oldestMs === undefined ? Infinity : windowDueMs(Math.max(oldestMs, archivedUntilMs), limits);
  const lateMs = first === undefined ? Infinity : first.newestMs < archivedUntilMs ? -Infinity : windowDueMs(first.newestMs, limits);
  const dayEndMs = quietDayEndMs(state, limits);
  // The window that is closable then is the first to end a grace behind it.
  const quietMs = dayEndMs === undefined ? Infinity : windowDueMs(dayEndMs + limits.archiveGraceMs - 1, limits);
  const dueMs = Math.min(nextWindowMs, lateMs, quietMs);
  return dueMs === Infinity ? undefined : dueMs;
}

/**
 * The end of the last day that has samples in files (Unix ms), where it is not archived and nothing will bring it: roll-ups of a day are made
 * when the first window of the next is archived too, which may have the sample on its edge, and a shard that gets nothing more has no such
 * window. It is closed a grace later than others, as a clock that is ahead would close hours that nobody has sent samples of yet.
 */
function quietDayEndMs({ archivedUntilMs, oldestMs, newestFiledMs }: FlushState, { archiveWindowMs }: FlushLimits): number | undefined {
  if (newestFiledMs === undefined) return undefined;
  const endMs = (dayOf(newestFiledMs - 1) + 1) * DAY_MS + archiveWindowMs;
  return archivedUntilMs >= endMs || (oldestMs !== undefined && oldestMs < endMs) ? undefined : endMs;
}

/** As many as fit, at least one; in order, so that of equal timestamps the one accepted last counts. */
function takeLate(late: readonly LateHead[], archivedUntilMs: number, { archiveLateSamplesTarget, archiveLateBatchesMax, archiveLateDaysMax }: FlushLimits): number[] {
  const sequences: number[] = [];
  let samples = 0;
  let days = 0;
  let [oldestDay, newestDay] = [Infinity, -Infinity];
  for (const { sequence, sampleCount, oldestMs, newestMs } of late) {
    samples += sampleCount;
    // At the most: nobody knows which days a batch is of.
    days += Math.min(sampleCount, dayOf(newestMs) - dayOf(oldestMs) + 1);
    [oldestDay, newestDay] = [Math.min(oldestDay, dayOf(oldestMs)), Math.max(newestDay, dayOf(newestMs))];
    const isMore = samples > archiveLateSamplesTarget || Math.min(days, newestDay - oldestDay + 1) > archiveLateDaysMax;
    if (newestMs >= archivedUntilMs || (sequences.length > 0 && isMore) || sequences.length === archiveLateBatchesMax) break;
    sequences.push(sequence);
  }
  return sequences;
}

/** Start of the window that a time is in (Unix ms). */
export function windowStart(timeMs: number, windowMs: number): number {
  return Math.floor(timeMs / windowMs) * windowMs;
}
