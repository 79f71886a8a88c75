import { type AggregateOp, type Binary, childrenOf, type Expr, isComparison, type MatrixSelector, typeOf, unwrapParens } from '../../../promql/parser/index.ts';
import { FAMILIES } from './families.ts';

/* What can be said of a query by looking at its tree. */

/** Of a subquery that names none, in both servers. */
const DEFAULT_STEP_MS = 60_000;

export function contains(tree: Expr | undefined, predicate: (expr: Expr) => boolean): boolean {
  return tree !== undefined && (predicate(tree) || childrenOf(tree).some((child) => contains(child, predicate)));
}

export function isCallOf(...names: readonly string[]): (expr: Expr) => boolean {
  return (expr) => expr.kind === 'call' && names.includes(expr.name);
}

export function argumentsOf(call: Expr): readonly Expr[] {
  return call.kind === 'call' ? call.args : [];
}

/** Whether a selector inside may select one of these metrics. */
export function isOver(expr: Expr | undefined, ...names: readonly string[]): boolean {
  const mayBe = ({ type, value }: { readonly type: string; readonly value: string }, name: string): boolean => (type === '=' ? value === name : true);
  const selects = (matchers: readonly { readonly name: string; readonly type: string; readonly value: string }[]): boolean =>
    names.some((name) => matchers.every((matcher) => matcher.name !== '__name__' || mayBe(matcher, name)));
  return contains(expr, (inner) => inner.kind === 'vector' && selects(inner.matchers));
}

/** What makes something new of its operand, which then is no longer the metric that it was. */
export function dropsName(expr: Expr): boolean {
  return expr.kind === 'call' || expr.kind === 'unary' || expr.kind === 'binary';
}

export function isFilter(expr: Expr): boolean {
  return expr.kind === 'binary' && isComparison(expr.op) && !expr.returnBool;
}

export function isBool(expr: Expr): boolean {
  return expr.kind === 'binary' && expr.returnBool;
}

function isPinned(expr: Expr): boolean {
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

function isChanging(param: Expr | undefined): boolean {
  return param !== undefined && contains(param, (expr) => expr.kind === 'call');
}

/** An aggregation with a parameter that changes from step to step, over something that @ may pin. */
export function isBesidePinned(expr: Expr): boolean {
  return expr.kind === 'aggregate' && isChanging(expr.param) && contains(expr.expr, isPinned);
}

export function isAtan2(expr: Expr): boolean {
  return expr.kind === 'binary' && expr.op === 'atan2';
}

/** Those that have none of their kind inside. */
export function innermost(predicate: (expr: Expr) => boolean): (expr: Expr) => boolean {
  return (expr) => predicate(expr) && !childrenOf(expr).some((child) => contains(child, predicate));
}

/** A filter as a question. */
export function asBool(filter: Expr): Expr {
  return filter.kind === 'binary' ? { ...filter, returnBool: true } : filter;
}

export function operandOf(aggregate: Expr): Expr {
  return aggregate.kind === 'aggregate' ? aggregate.expr : aggregate;
}

/** A subquery whose range need not hold any step. */
export function isShorterThanStep(expr: Expr): boolean {
  if (expr.kind !== 'subquery') return false;
  const { rangeMs, stepMs = DEFAULT_STEP_MS } = expr;
  return typeof rangeMs === 'number' && typeof stepMs === 'number' && rangeMs < stepMs;
}

/** Something in place of the expression that a subquery or parentheses hold, or of itself. */
export function replacedWithin(expr: Expr, replace: (inner: Expr) => Expr): Expr {
  return expr.kind === 'subquery' || expr.kind === 'paren' ? { ...expr, expr: replacedWithin(expr.expr, replace) } : replace(expr);
}

/** Functions of a range that sum squares or products. */
export function sumsSquares(expr: Expr): boolean {
  return expr.kind === 'call' && ['deriv', 'predict_linear', 'stddev_over_time', 'stdvar_over_time'].includes(expr.name);
}

export function isShiftedPinnedTimestamp(expr: Expr): boolean {
  if (expr.kind !== 'call' || (expr.name !== 'timestamp' && expr.name !== 'start_timestamp')) return false;
  const arg = expr.args[0] === undefined ? undefined : unwrapParens(expr.args[0]);
  return arg?.kind === 'vector' && arg.at !== undefined && arg.offsetMs !== 0;
}

/** `timestamp` of a selector without its offset. */
export function withoutOffset(call: Expr): Expr {
  const arg = call.kind === 'call' && call.args[0] !== undefined ? unwrapParens(call.args[0]) : undefined;
  return call.kind === 'call' && arg?.kind === 'vector' ? { ...call, args: [{ ...arg, offsetMs: 0 }] } : call;
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
