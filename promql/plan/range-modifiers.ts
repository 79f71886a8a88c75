import { VarveError } from '../../storage/runtime/errors.ts';
import type { FunctionName, RangeEdges } from '../parser/ast.ts';

const ALLOWED: Readonly<Record<RangeEdges, readonly FunctionName[]>> = {
  anchored: ['changes', 'delta', 'increase', 'rate', 'resets'],
  smoothed: ['delta', 'increase', 'rate'],
};

/** Throws when a function cannot work on anchored or smoothed ranges. */
export function checkRangeModifier(edges: RangeEdges | undefined, name: FunctionName): void {
  if (edges === undefined || ALLOWED[edges].includes(name)) return;
  throw new VarveError('execution', `${edges} modifier can only be used with: ${ALLOWED[edges].join(', ')} - not with ${name}`);
}
