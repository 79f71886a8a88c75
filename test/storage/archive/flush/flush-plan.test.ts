import { expect, test } from 'vitest';
import { flushDueMs, planFlush, type FlushState, type FlushWork } from '../../../../storage/archive/flush/flush-plan.ts';

const limits = { archiveWindowMs: 100, archiveGraceMs: 250, archiveLateSamplesTarget: 10, archiveLateBatchesMax: 3, archiveLateDaysMax: 4 };
const late = (...heads: [sequence: number, sampleCount: number, newestMs: number][]) => heads.map(([sequence, sampleCount, newestMs]) => ({ sequence, sampleCount, oldestMs: newestMs, newestMs }));

function f(state: Partial<FlushState>, nowMs: number, want: FlushWork | undefined): void {
  const full = { archivedUntilMs: -Infinity, oldestMs: undefined, newestFiledMs: undefined, late: [], ...state };
  expect(planFlush(full, nowMs, limits), JSON.stringify({ ...state, nowMs })).toEqual(want);
  // It is due exactly when there is something to plan.
  const dueMs = flushDueMs(full, limits) ?? Infinity;
  expect(dueMs <= nowMs, `due at ${dueMs}, now ${nowMs}`).toBe(want !== undefined);
}

test('what is flushed next', () => {
  f({}, 1e6, undefined);
  // A window is over at its end and a grace.
  f({ oldestMs: 120 }, 449, undefined);
  f({ oldestMs: 120 }, 450, { kind: 'window', startMs: 100, endMs: 200 });
  f({ oldestMs: 120, archivedUntilMs: 200 }, 450, undefined);
  f({ oldestMs: 120, archivedUntilMs: 200 }, 550, { kind: 'window', startMs: 200, endMs: 300 });
  // The oldest first, however much is due.
  f({ oldestMs: 730, archivedUntilMs: 200 }, 1e6, { kind: 'window', startMs: 700, endMs: 800 });
  // Late samples go when their time is archived, as many as fit, in order, and after the windows that are due.
  f({ archivedUntilMs: 200, late: late([1, 4, 150], [2, 6, 199], [3, 1, 10]) }, 0, { kind: 'late', sequences: [1, 2] });
  f({ archivedUntilMs: 200, late: late([1, 40, 150], [2, 1, 10]) }, 0, { kind: 'late', sequences: [1] });
  f({ archivedUntilMs: 200, late: late([1, 4, 150], [2, 1, 200], [3, 1, 10]) }, 0, { kind: 'late', sequences: [1] });
  f({ archivedUntilMs: 200, late: late([1, 1, 1], [2, 1, 1], [3, 1, 1], [4, 1, 1]) }, 0, { kind: 'late', sequences: [1, 2, 3] });
  f({ archivedUntilMs: 200, oldestMs: 210, late: late([1, 4, 150]) }, 550, { kind: 'window', startMs: 200, endMs: 300 });
  f({ archivedUntilMs: 200, oldestMs: 310, late: late([1, 4, 150]) }, 550, { kind: 'late', sequences: [1] });
  // With nothing older in the hot tier, time is archived without a file.
  f({ late: late([1, 4, 150]) }, 449, undefined);
  f({ late: late([1, 4, 150]) }, 450, { kind: 'window', startMs: 200, endMs: 200 });
  f({ oldestMs: 320, archivedUntilMs: 100, late: late([1, 4, 150]) }, 460, { kind: 'window', startMs: 200, endMs: 200 });
  // As far as those that wait need it; or, where they are old, to a grace before what is over by the clock.
  f({ archivedUntilMs: 100, late: late([1, 4, 150], [2, 1, 310], [3, 1, 220]) }, 750, { kind: 'window', startMs: 400, endMs: 400 });
  f({ archivedUntilMs: 100, late: late([1, 4, 150], [2, 1, 310], [3, 1, 220]) }, 1e6, { kind: 'window', startMs: 999_400, endMs: 999_400 });
  f({ archivedUntilMs: 100, late: late([1, 4, 150], [2, 1, 310], [3, 1, 220]) }, 560, { kind: 'window', startMs: 300, endMs: 300 });
});

test('the last day of a shard that gets no more samples is closed', () => {
  const day = 86_400_000;
  const endMs = day + limits.archiveWindowMs;
  const close: FlushWork = { kind: 'window', startMs: endMs, endMs };
  const quiet = { archivedUntilMs: 500, newestFiledMs: 450 };
  // All of it, and the window that has the sample on its edge: a grace behind the time at which that would be flushed.
  f(quiet, day + 649, undefined);
  f(quiet, day + 650, close);
  f(quiet, 1e9, close);
  // Once, however long nothing comes.
  f({ ...quiet, archivedUntilMs: endMs }, 1e9, undefined);
  f({ ...quiet, archivedUntilMs: endMs - 1 }, 1e9, close);
  // The first moment of a day is of the day before.
  f({ archivedUntilMs: endMs, newestFiledMs: day }, 1e9, undefined);
  f({ archivedUntilMs: endMs, newestFiledMs: day + 1 }, 1e9, { kind: 'window', startMs: endMs + day, endMs: endMs + day });
  // Where samples of it wait, or late ones that take them along, these do it.
  f({ ...quiet, oldestMs: 600 }, day + 700, { kind: 'window', startMs: 600, endMs: 700 });
  f({ ...quiet, oldestMs: day + 200 }, day + 700, { kind: 'window', startMs: day + 200, endMs: day + 300 });
  f({ ...quiet, oldestMs: day + 420 }, day + 700, close);
  f({ ...quiet, late: late([1, 4, 450]) }, day + 700, { kind: 'late', sequences: [1] });
  f({ ...quiet, late: late([1, 4, 620]) }, day + 700, { kind: 'window', startMs: day + 100, endMs: day + 100 });
  f({ ...quiet, late: late([1, 4, day + 600]) }, day + 700, close);
  // There is no day of a shard that has no files, or that nobody makes roll-ups of.
  f({ archivedUntilMs: 500 }, 1e9, undefined);
});

test('late batches that may be of too many days, each of which is a file, go with a later flush', () => {
  const day = 86_400_000;
  const heads = (...days: [oldest: number, newest: number, sampleCount: number][]) => days.map(([oldest, newest, sampleCount], i) => ({ sequence: i + 1, sampleCount, oldestMs: oldest * day, newestMs: newest * day }));
  const want = (late: FlushState['late'], sequences: readonly number[]): void => f({ archivedUntilMs: 1e15, late }, 0, { kind: 'late', sequences });
  // Of the same days, in whatever batch.
  want(heads([0, 3, 4], [1, 3, 3], [0, 2, 3]), [1, 2, 3]);
  want(heads([0, 3, 4], [1, 4, 3]), [1]);
  // As few samples are of as few days, however far between.
  want(heads([0, 9000, 2], [-9000, 9, 2], [5, 5, 1]), [1, 2]);
  // One alone goes in any case: an earlier release may have taken it.
  want(heads([0, 9000, 9], [5, 5, 1]), [1]);
});
