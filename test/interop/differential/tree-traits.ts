import { type AggregateOp, type Binary, childrenOf, type Expr, isComparison, type MatrixSelector, typeOf, unwrapParens } from '../../../promql/parser/index.ts';
import { FAMILIES } from './families.ts';

/* What can be said of a query by looking at its tree. */

/** Of a subquery that names none, in both servers. */
const DEFAULT_STEP_MS = 60_000;

export function contains(tree: Expr | undefined, predicate: (expr: Expr) => boolean): boolean {
  return tree !== undefined && (predicate(tree) || childrenOf(tree).some((child) => contains(child, predicate)));
}

export function isFilter(expr: Expr): boolean {
  return expr.kind === 'binary' && isComparison(expr.op) && !expr.returnBool;
}

export function isBool(expr: Expr): boolean {
  return expr.kind === 'binary' && expr.returnBool;
}

export function isPinned(expr: Expr): boolean {
  return (expr.kind === 'vector' || expr.kind === 'subquery') && expr.at !== undefined;
}

/** What adds up many values, or two with unlike last bits. */
export function isSum(expr: Expr): boolean {
  if (expr.kind === 'binary') return expr.op === '+' || expr.op === '-';
  return isAggregate('sum', 'avg', 'stddev', 'stdvar')(expr) || (expr.kind === 'call' && /^(?:sum|avg|stddev|stdvar)_over_time$/.test(expr.name));
}

export function isAggregate(...ops: readonly AggregateOp[]): (expr: Expr) => boolean {
  return (expr) => expr.kind === 'aggregate' && ops.includes(expr.op);
}

export function isChanging(param: Expr | undefined): boolean {
  return param !== undefined && contains(param, (expr) => expr.kind === 'call');
}

/** A subquery whose range need not hold any step. */
export function isShorterThanStep(tree: Expr | undefined): boolean {
  const subquery = tree === undefined ? undefined : unwrapParens(tree);
  if (subquery?.kind !== 'subquery') return false;
  const { rangeMs, stepMs = DEFAULT_STEP_MS } = subquery;
  return typeof rangeMs === 'number' && typeof stepMs === 'number' && rangeMs < stepMs;
}

/** The operands of topk and bottomk; in a subquery, all that it has of them. */
export function ranked(tree: Expr | undefined): Expr[] {
  if (tree === undefined) return [];
  const below = childrenOf(tree).flatMap(ranked);
  if (tree.kind === 'subquery') return below.map((expr) => (expr.kind === 'subquery' ? expr : { ...tree, expr }));
  return tree.kind === 'aggregate' && (tree.op === 'topk' || tree.op === 'bottomk') ? [tree.expr, ...below] : below;
}

/** Functions of a range that sum squares or products. */
export function sumsSquares(expr: Expr): boolean {
  return expr.kind === 'call' && ['deriv', 'predict_linear', 'stddev_over_time', 'stdvar_over_time'].includes(expr.name);
}

export function isShiftedPinnedTimestamp(expr: Expr): boolean {
  if (expr.kind !== 'call' || expr.name !== 'timestamp') return false;
  const arg = expr.args[0] === undefined ? undefined : unwrapParens(expr.args[0]);
  return arg?.kind === 'vector' && arg.at !== undefined && arg.offsetMs !== 0;
}

/** rate or increase, but not of a selector of one of the counters. */
export function isRateOfOther(expr: Expr): boolean {
  if (expr.kind !== 'call' || (expr.name !== 'rate' && expr.name !== 'increase')) return false;
  const [arg] = expr.args;
  return arg === undefined || arg.kind !== 'matrix' || !isOfCounter(arg);
}

export function isPinnedPrediction(expr: Expr): boolean {
  if (expr.kind !== 'call' || expr.name !== 'predict_linear') return false;
  const [arg] = expr.args;
  return (arg?.kind === 'matrix' && arg.selector.at !== undefined) || (arg?.kind === 'subquery' && arg.at !== undefined);
}

/** A vector operation whose operands are not both calculated. */
export function isNamed({ lhs, rhs }: Binary): boolean {
  return [lhs, rhs].some((operand) => typeOf(operand) === 'vector' && unwrapParens(operand).kind !== 'binary');
}

function isOfCounter({ selector }: MatrixSelector): boolean {
  const name = selector.matchers.find((matcher) => matcher.name === '__name__' && matcher.type === '=')?.value ?? '';
  return FAMILIES.some((family) => family.kind !== 'gauge' && (name === family.name || name.startsWith(`${family.name}_`)));
}
