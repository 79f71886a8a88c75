import type { BinaryOp, ComparisonOp, SetOp, TrimOp } from './ast.ts';

/** Binary operators, the loosest first. All but `^` group to the left. */
export const OPERATOR_PRECEDENCE: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};

/** `undefined` for a token that is no binary operator. */
export function asBinaryOp(kind: string): BinaryOp | undefined {
  return Object.hasOwn(OPERATOR_PRECEDENCE, kind) ? (kind as BinaryOp) : undefined;
}

export function isSetOperator(op: BinaryOp): op is SetOp {
  return op === 'and' || op === 'or' || op === 'unless';
}

/** Comparisons, and the trims `</` and `>/`: what they leave of a vector is of the same metric. */
export function keepsMetric(op: BinaryOp): op is ComparisonOp | TrimOp {
  return OPERATOR_PRECEDENCE[op] === OPERATOR_PRECEDENCE['=='];
}

/** Trims are none: they change samples, and never drop one. */
export function isComparison(op: BinaryOp): op is ComparisonOp {
  return keepsMetric(op) && op !== '</' && op !== '>/';
}
