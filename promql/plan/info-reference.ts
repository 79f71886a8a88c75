import type { AtModifier, ResolvedExpr } from '../parser/ast.ts';
import { childrenOf, typeOf } from '../parser/ast.ts';
import type { Planner } from './build-plan.ts';
import type { ReferenceTimes, StepGrid } from './step-grid.ts';

interface TimeShift {
  readonly offsetMs: number;
  readonly at: AtModifier | undefined;
}

const NO_SHIFT: TimeShift = { offsetMs: 0, at: undefined };

/**
 * When `info` reads the info series: when its first argument reads. That is decided by the selectors in it, apart from those of scalars, and
 * by the subqueries around them; an `@` undoes all that stands outside it. Where they read at different times, the steps themselves are it.
 */
export function infoReference(planner: Planner, arg: ResolvedExpr, grid: StepGrid): ReferenceTimes {
  const references = shiftsOf(arg, NO_SHIFT).map(({ offsetMs, at }) => planner.reference(grid, offsetMs, at));
  const [first, ...others] = references;
  const isAgreed = first !== undefined && others.every(({ firstMs, stepMs }) => firstMs === first.firstMs && stepMs === first.stepMs);
  return isAgreed ? first : planner.reference(grid, NO_SHIFT.offsetMs, NO_SHIFT.at);
}

/** Whether `info` reads the info series at one time, whatever the step. */
export function isInfoPinned(arg: ResolvedExpr): boolean {
  const [first, ...others] = shiftsOf(arg, NO_SHIFT);
  return first?.at !== undefined && others.every(({ offsetMs, at }) => offsetMs === first.offsetMs && at === first.at);
}

/** The shifts of all vectors that an expression is made of: of its selectors, and of what it makes of nothing but scalars. */
function shiftsOf(expr: ResolvedExpr, outer: TimeShift): TimeShift[] {
  if (expr.kind === 'vector') return [shifted(outer, expr)];
  const inner = expr.kind === 'subquery' ? shifted(outer, expr) : outer;
  // What `info` selects by is no vector that it is made of.
  const children = expr.kind === 'call' && expr.name === 'info' ? expr.args.slice(0, 1) : childrenOf(expr);
  const vectors = children.filter((child) => typeOf(child) === 'vector' || typeOf(child) === 'matrix');
  return vectors.length === 0 ? [inner] : vectors.flatMap((child) => shiftsOf(child, inner));
}

function shifted(outer: TimeShift, modifiers: TimeShift): TimeShift {
  if (modifiers.at !== undefined) return { offsetMs: modifiers.offsetMs, at: modifiers.at };
  return { offsetMs: outer.offsetMs + modifiers.offsetMs, at: outer.at };
}
