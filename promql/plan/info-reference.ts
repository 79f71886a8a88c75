import type { AtModifier, ResolvedExpr } from '../parser/ast.ts';
import { childrenOf } from '../parser/ast.ts';
import type { Planner } from './build-plan.ts';
import type { ReferenceTimes, StepGrid } from './step-grid.ts';

interface TimeShift {
  readonly offsetMs: number;
  readonly at: AtModifier | undefined;
}

/**
 * When `info` reads the info series: when its first argument reads. That is decided by the first selector in it and the subqueries around
 * that; an `@` undoes all that stands outside it.
 */
export function infoReference(planner: Planner, arg: ResolvedExpr, grid: StepGrid): ReferenceTimes {
  const { offsetMs, at } = shiftOfFirstSelector(arg, { offsetMs: 0, at: undefined }) ?? { offsetMs: 0, at: undefined };
  return planner.reference(grid, offsetMs, at);
}

function shiftOfFirstSelector(expr: ResolvedExpr, outer: TimeShift): TimeShift | undefined {
  if (expr.kind === 'vector') return shifted(outer, expr);
  const inner = expr.kind === 'subquery' ? shifted(outer, expr) : outer;
  for (const child of childrenOf(expr)) {
    const found = shiftOfFirstSelector(child, inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function shifted(outer: TimeShift, modifiers: TimeShift): TimeShift {
  if (modifiers.at !== undefined) return { offsetMs: modifiers.offsetMs, at: modifiers.at };
  return { offsetMs: outer.offsetMs + modifiers.offsetMs, at: outer.at };
}
