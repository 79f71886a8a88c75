import type { RollupTable } from '../catalog/iceberg/rollup-tables.ts';
import { waitEndMs } from '../runtime/clock.ts';
import { DAY_MS } from '../runtime/units.ts';

/** The newest of a shard's files that have something of a day's buckets. */
export interface DaySource {
  readonly shard: string;
  /** Days since 1970: of the starts of its buckets. */
  readonly day: number;
  /** Number of the file, and when it was committed (Unix ms). */
  readonly newestFile: number;
  readonly changedMs: number;
}

export interface RollupState {
  /** By name of the table, the oldest first: the days that it lacks, or has from before their newest file. */
  readonly missing: ReadonlyMap<string, readonly DaySource[]>;
  /** By shard: all its samples before this (Unix ms) are in files. */
  readonly archivedUntilMs: ReadonlyMap<string, number>;
}

/** A table that is to be kept up, with how long its roll-ups stay and the partition of a day. */
export interface WantedTable extends RollupTable {
  readonly retentionMs: number;
  readonly partitionOf: (day: number) => number;
}

export interface RollupLimits {
  readonly archiveWindowMs: number;
  readonly rollupSettleMs: number;
  readonly rollupDaysMax: number;
  /** How long samples are in files; days of which some may have left are not made again. */
  readonly samplesRetentionMs: number;
}

/** What to roll up next: some days of one partition of one shard. */
export interface RollupWork {
  readonly table: RollupTable['name'];
  readonly shard: string;
  /** First day of the partition. */
  readonly partition: number;
  /** Rising, with the newest file of each. */
  readonly days: readonly { readonly day: number; readonly throughFile: number }[];
}

/** Roll-ups that were begun. */
export interface RollupPlan extends RollupWork {
  /** Random: part of the keys. */
  readonly id: string;
  /** Numbers of the files of samples, as runs, by rising rank. */
  readonly runs: readonly (readonly number[])[];
  /** Numbers of the partition's files of roll-ups, whose place the new ones take: what they have of other days is kept. */
  readonly replaced: readonly number[];
  /** What is rolled up, as `WarmRule[]`. */
  readonly rules: string;
}

/**
 * The oldest days that lack roll-ups, or have some of before late samples came. A day is due when all of it is in files, and the first
 * window of the next, which may have the sample on its edge; late samples come in many commits, and are waited for.
 */
export function planRollup(state: RollupState, tables: readonly WantedTable[], nowMs: number, limits: RollupLimits): RollupWork | undefined {
  for (const table of tables) {
    const missing = missingDays(state, table, nowMs, limits);
    const first = missing.find((source) => dueMs(source, nowMs, limits) <= nowMs && isArchived(source, state, limits));
    if (first === undefined) continue;
    const partition = table.partitionOf(first.day);
    const days = missing.filter((source) => source.shard === first.shard && table.partitionOf(source.day) === partition && dueMs(source, nowMs, limits) <= nowMs && isArchived(source, state, limits));
    return { table: table.name, shard: first.shard, partition, days: days.slice(0, limits.rollupDaysMax).map(({ day, newestFile }) => ({ day, throughFile: newestFile })) };
  }
  return undefined;
}

/** When `planRollup` will have something; `undefined` when it will not before something is committed. */
export function rollupDueMs(state: RollupState, tables: readonly WantedTable[], nowMs: number, limits: RollupLimits): number | undefined {
  let soonestMs = Infinity;
  for (const table of tables) {
    for (const source of missingDays(state, table, nowMs, limits)) if (isArchived(source, state, limits)) soonestMs = Math.min(soonestMs, dueMs(source, nowMs, limits));
  }
  return soonestMs === Infinity ? undefined : soonestMs;
}

function missingDays({ missing }: RollupState, table: WantedTable, nowMs: number, { samplesRetentionMs }: RollupLimits): DaySource[] {
  const keptMs = Math.min(table.retentionMs, samplesRetentionMs);
  return (missing.get(table.name) ?? []).filter(({ day }) => (day + 1) * DAY_MS > nowMs - keptMs);
}

function isArchived({ shard, day }: DaySource, { archivedUntilMs }: RollupState, { archiveWindowMs }: RollupLimits): boolean {
  return (archivedUntilMs.get(shard) ?? -Infinity) >= (day + 1) * DAY_MS + archiveWindowMs;
}

function dueMs({ changedMs }: DaySource, nowMs: number, { rollupSettleMs }: RollupLimits): number {
  return waitEndMs(changedMs + rollupSettleMs, rollupSettleMs, nowMs);
}
