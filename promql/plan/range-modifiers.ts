import { VarveError } from '../../storage/runtime/errors.ts';
import type { FunctionName, MatrixSelector, RangeEdges, Subquery } from '../parser/ast.ts';
import type { StepGrid } from './step-grid.ts';

const ALLOWED: Readonly<Record<RangeEdges, readonly FunctionName[]>> = {
  anchored: ['changes', 'delta', 'increase', 'rate', 'resets'],
  smoothed: ['delta', 'increase', 'rate'],
};

/** Throws when a function that is evaluated, which takes a step, cannot work on anchored or smoothed ranges. */
export function checkRangeModifier(range: MatrixSelector<number> | Subquery<number>, name: FunctionName, grid: StepGrid): void {
  const edges = range.kind === 'matrix' ? range.selector.edges : undefined;
  if (edges === undefined || grid.count === 0 || ALLOWED[edges].includes(name)) return;
  throw new VarveError('execution', `${edges} modifier can only be used with: ${ALLOWED[edges].join(', ')} - not with ${name}`);
}

/** How far before a window, and behind it, samples are taken that lie outside: its edges are made of them. Milliseconds. */
export function reachOfEdges(edges: RangeEdges | undefined, lookbackMs: number): { readonly beforeMs: number; readonly afterMs: number } {
  return { beforeMs: edges === undefined ? 0 : lookbackMs, afterMs: edges === 'smoothed' ? lookbackMs : 0 };
}
