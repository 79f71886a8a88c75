import type { Budget } from '../budget.ts';

/** The evaluation times of a part of a query: start, start + step, … `count` of them. An instant query has one; a subquery its own. */
export interface StepGrid {
  readonly startMs: number;
  /** Of the time range that the steps are in; need not be a step. */
  readonly endMs: number;
  /** Above 0 even when there is one step. */
  readonly stepMs: number;
  readonly count: number;
}

/** Steps from `startMs` up to and including `endMs` (ms); none when that lies before it. */
export function rangeGrid(startMs: number, endMs: number, stepMs: number): StepGrid {
  return { startMs, endMs, stepMs, count: endMs < startMs ? 0 : Math.floor((endMs - startMs) / stepMs) + 1 };
}

/** One step (ms). */
export function instantGrid(timeMs: number): StepGrid {
  return { startMs: timeMs, endMs: timeMs, stepMs: 1, count: 1 };
}

/** Whether the steps, at least one, are in a range of time that is no instant. In one that is shorter than a step there is a single one. */
export function isInRange(grid: StepGrid): boolean {
  return grid.count > 0 && grid.endMs !== grid.startMs;
}

/** The steps as timestamps in milliseconds. */
export function gridTimesMs(grid: StepGrid): Float64Array {
  const timesMs = new Float64Array(grid.count);
  for (let step = 0; step < grid.count; step++) timesMs[step] = grid.startMs + step * grid.stepMs;
  return timesMs;
}

/**
 * The steps of a subquery: all multiples of its own step inside the left-open windows of its parent's steps. They do not depend on where
 * the parent starts, so neighbouring queries see the same inner points.
 */
export function subqueryGrid(reference: ReferenceTimes, rangeMs: number, stepMs: number, budget: Budget): StepGrid {
  const afterMs = reference.firstMs - rangeMs;
  const startMs = Math.floor(afterMs / stepMs) * stepMs + stepMs;
  // Below a subquery into which no step falls nobody asks for any, so none is made, nor what would refuse one.
  if (reference.count === 0) return { startMs, endMs: startMs, stepMs, count: 0 };
  const grid = rangeGrid(startMs, lastReferenceMs(reference), stepMs);
  budget.checkSteps(grid.count);
  return grid;
}

/**
 * The times that a selector looks at, one for each step: the step less the offset, or one fixed time under an `@` modifier
 * (`stepMs` is 0 then).
 */
export interface ReferenceTimes {
  readonly firstMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** The time of the last step (ms); of none, the first. */
export function lastReferenceMs(reference: ReferenceTimes): number {
  return reference.firstMs + Math.max(0, reference.count - 1) * reference.stepMs;
}

/** The steps less an offset, or `atMs` less it at each (ms). */
export function referenceTimes(grid: StepGrid, offsetMs: number, atMs: number | undefined): ReferenceTimes {
  if (atMs !== undefined) return { firstMs: atMs - offsetMs, stepMs: 0, count: grid.count };
  return { firstMs: grid.startMs - offsetMs, stepMs: grid.stepMs, count: grid.count };
}
