import { expect, test } from 'vitest';
import { ROLLUP_TABLES } from '../../../storage/catalog/iceberg/rollup-tables.ts';
import { partitionDay } from '../../../storage/catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../../../storage/catalog/iceberg/table-definitions.ts';
import { planRollup, rollupDueMs, type DaySource, type WantedTable } from '../../../storage/warm/rollup-plan.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The first day of a month. */
const FIRST = Date.UTC(2026, 9, 1) / DAY_MS;
const LIMITS = { archiveWindowMs: HOUR_MS, rollupSettleMs: 15 * 60_000, rollupDaysMax: 3, samplesRetentionMs: 365 * DAY_MS };
const [, FIVE, HOURS] = ROLLUP_TABLES.map((table): WantedTable => ({ ...table, retentionMs: 30 * DAY_MS, partitionOf: (day) => partitionDay(tableDefinition(table.name), day * DAY_MS) })) as [WantedTable, WantedTable, WantedTable];

const source = (day: number, newestFile = 1, shard = '1/0', changedMs = 0): DaySource => ({ shard, day: FIRST + day, newestFile, changedMs });

interface Case {
  readonly missing: readonly DaySource[];
  readonly table?: WantedTable;
  readonly untilDay?: number;
  readonly nowMs?: number;
}

/** What is planned, as `shard: days`, and when something is due. */
function planOf({ missing, table = FIVE, untilDay = 20.1, nowMs = (FIRST + 21) * DAY_MS }: Case): [string | undefined, number | undefined] {
  const state = { missing: new Map([[table.name, missing]]), archivedUntilMs: new Map([['1/0', (FIRST + untilDay) * DAY_MS], ['1/1', (FIRST + untilDay) * DAY_MS]]) };
  const work = planRollup(state, [table], nowMs, LIMITS);
  const dueMs = rollupDueMs(state, [table], nowMs, LIMITS);
  return [work && `${work.shard}: ${work.days.map(({ day, throughFile }) => `${day - FIRST}@${throughFile}`).join()}`, dueMs];
}

test('the oldest day that is missing', () => {
  expect(planOf({ missing: [source(3), source(4, 7)] })[0]).toBe('1/0: 3@1');
  expect(planOf({ missing: [source(4, 7)] })[0]).toBe('1/0: 4@7');
  expect(planOf({ missing: [] })).toEqual([undefined, undefined]);
  expect(planOf({ missing: [source(2, 1, '1/1')] })[0]).toBe('1/1: 2@1');
});

test('some days of a month at a time', () => {
  expect(planOf({ missing: [-1, 0, 1, 2, 3, 4].map((day) => source(day)), table: HOURS })[0]).toBe('1/0: -1@1');
  expect(planOf({ missing: [0, 2, 3, 4].map((day) => source(day)), table: HOURS })[0]).toBe('1/0: 0@1,2@1,3@1');
  expect(planOf({ missing: [source(0), source(1, 1, '1/1')], table: HOURS })[0]).toBe('1/0: 0@1');
});

test('not before all of a day is archived, and the first window of the next', () => {
  expect(planOf({ missing: [source(2)], untilDay: 3 })).toEqual([undefined, undefined]);
  expect(planOf({ missing: [source(2)], untilDay: 3 + 1 / 24 })[0]).toBe('1/0: 2@1');
});

test('not while samples of it come', () => {
  const nowMs = (FIRST + 21) * DAY_MS;
  expect(planOf({ missing: [source(2, 1, '1/0', nowMs - 14 * 60_000)], nowMs })).toEqual([undefined, nowMs + 60_000]);
  expect(planOf({ missing: [source(2, 1, '1/0', nowMs - 15 * 60_000)], nowMs })[0]).toBe('1/0: 2@1');
  expect(planOf({ missing: [source(2, 1, '1/0', nowMs), source(3)], nowMs })[0]).toBe('1/0: 3@1');
  // That have come by a clock that was ahead.
  expect(planOf({ missing: [source(2, 1, '1/0', nowMs + 365 * DAY_MS)], nowMs })).toEqual(['1/0: 2@1', -Infinity]);
});

test('not what is too old to be kept, or of which samples have left', () => {
  expect(planOf({ missing: [source(2)], nowMs: (FIRST + 33) * DAY_MS })).toEqual([undefined, undefined]);
  expect(planOf({ missing: [source(2)], nowMs: (FIRST + 32) * DAY_MS })[0]).toBe('1/0: 2@1');
  const state = { missing: new Map([[FIVE.name, [source(2)]]]), archivedUntilMs: new Map([['1/0', (FIRST + 20) * DAY_MS]]) };
  expect(planRollup(state, [FIVE], (FIRST + 10) * DAY_MS, { ...LIMITS, samplesRetentionMs: 3 * DAY_MS })).toBeUndefined();
});
