import type { ResolvedExpr } from '../parser/ast.ts';
import { childrenOf } from '../parser/ast.ts';
import type { Planner } from './build-plan.ts';
import type { ReferenceTimes, StepGrid } from './step-grid.ts';

/** When `info` reads the info series: when its first argument reads, that is with the offset and `@` of the first selector in it. */
export function infoReference(planner: Planner, arg: ResolvedExpr, grid: StepGrid): ReferenceTimes {
  const selector = firstSelector(arg);
  return planner.reference(grid, selector?.offsetMs ?? 0, selector?.at);
}

function firstSelector(expr: ResolvedExpr): Extract<ResolvedExpr, { kind: 'vector' }> | undefined {
  if (expr.kind === 'vector') return expr;
  for (const child of childrenOf(expr)) {
    const found = firstSelector(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
