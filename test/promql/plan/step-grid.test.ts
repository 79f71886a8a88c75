import { expect, test } from 'vitest';
import { Budget, DEFAULT_QUERY_LIMITS } from '../../../promql/budget.ts';
import { gridTimesMs, rangeGrid, referenceTimes, subqueryGrid } from '../../../promql/plan/step-grid.ts';

test('steps end at the last that is not after the end', () => {
  const f = (startMs: number, endMs: number, stepMs: number, timesMs: readonly number[]): void => expect([...gridTimesMs(rangeGrid(startMs, endMs, stepMs))]).toEqual(timesMs);
  f(0, 30, 10, [0, 10, 20, 30]);
  f(5, 34, 10, [5, 15, 25]);
  f(-5, 5, 5, [-5, 0, 5]);
  f(10, 9, 5, []);
});

test('subqueries step by multiples of their own step inside left-open windows', () => {
  const f = (startMs: number, count: number, rangeMs: number, stepMs: number, offsetMs: number, timesMs: readonly number[]): void => {
    const reference = referenceTimes({ startMs, endMs: startMs + (count - 1) * 30, stepMs: 30, count }, offsetMs, undefined);
    expect([...gridTimesMs(subqueryGrid(reference, rangeMs, stepMs, new Budget(DEFAULT_QUERY_LIMITS, undefined)))]).toEqual(timesMs);
  };
  f(100, 1, 30, 10, 0, [80, 90, 100]);
  f(95, 1, 30, 10, 0, [70, 80, 90]);
  f(95, 2, 30, 10, 0, [70, 80, 90, 100, 110, 120]);
  f(100, 1, 30, 10, 7, [70, 80, 90]);
  f(5, 1, 30, 10, 0, [-20, -10, 0]);
  f(12, 1, 1, 5, 0, []);
  f(100, 0, 30, 10, 0, []);
});
