import { atan2 } from '../../storage/model/go-math/arcs.ts';
import { goMax, goMin } from '../../storage/model/go-math/extremes.ts';
import { power } from '../../storage/model/go-math/power.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { BinaryOp } from '../parser/ast.ts';

export type ScalarOp = BinaryOp | 'min_of' | 'max_of';

/** A binary operator between two scalars; comparisons give 1 or 0. Trims are of histograms only, which the parser does not look at. */
export function scalarBinary(op: ScalarOp, lhs: number, rhs: number): number {
  switch (op) {
    case '+':
      return lhs + rhs;
    case '-':
      return lhs - rhs;
    case '*':
      return lhs * rhs;
    case '/':
      return lhs / rhs;
    case '%':
      return lhs % rhs;
    case '^':
      return power(lhs, rhs);
    case 'atan2':
      return atan2(lhs, rhs);
    case 'min_of':
      return goMin(lhs, rhs);
    case 'max_of':
      return goMax(lhs, rhs);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compareFloats(op, lhs, rhs) ? 1 : 0;
    case '</':
    case '>/':
      throw new VarveError('execution', `operator "${op}" not allowed for Scalar operations`);
    default:
      throw new Error(`BUG: operator ${op} between scalars`);
  }
}

/** NaN is not equal to anything, and neither below nor above it. */
export function compareFloats(op: '==' | '!=' | '<' | '<=' | '>' | '>=', lhs: number, rhs: number): boolean {
  switch (op) {
    case '==':
      return lhs === rhs;
    case '!=':
      return lhs !== rhs;
    case '<':
      return lhs < rhs;
    case '<=':
      return lhs <= rhs;
    case '>':
      return lhs > rhs;
    case '>=':
      return lhs >= rhs;
  }
}
