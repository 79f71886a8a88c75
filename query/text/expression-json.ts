import { formatDecimal, functionSignature, type Duration, type DurationExpr, type Expr, type VectorSelector } from '../../promql/parser/index.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The tree of a query in the form of Prometheus' `parse_query` (`web/api/v1/translate_ast.go`); durations are milliseconds. Bytes that are no
 * text, which `"\xff"` makes, have no place in JSON.
 */
export function expressionJson(expr: Expr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatDecimal(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: expr.value.toWellFormed() };
    case 'vector':
      return { type: 'vectorSelector', ...selectorJson(expr) };
    case 'matrix':
      return { type: 'matrixSelector', ...selectorJson(expr.selector), ...durationJson('range', expr.rangeMs) };
    case 'subquery':
      return {
        type: 'subquery',
        expr: expressionJson(expr.expr),
        ...durationJson('range', expr.rangeMs),
        ...durationJson('step', expr.stepMs ?? 0),
        ...timeJson(expr),
      };
    case 'aggregate': {
      const { op, grouping, without } = expr;
      return { type: 'aggregation', op, expr: expressionJson(expr.expr), param: expr.param === undefined ? null : expressionJson(expr.param), grouping, without };
    }
    case 'binary':
      return {
        type: 'binaryExpr',
        op: expr.op,
        lhs: expressionJson(expr.lhs),
        rhs: expressionJson(expr.rhs),
        matching: matchingJson(expr),
        bool: expr.returnBool,
      };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: expressionJson(expr.expr) };
    case 'paren':
      return { type: 'parenExpr', expr: expressionJson(expr.expr) };
    case 'call': {
      const { argTypes, variadic, returnType } = functionSignature(expr.name);
      return { type: 'call', func: { name: expr.name, argTypes, variadic, returnType }, args: expr.args.map(expressionJson) };
    }
  }
}

function selectorJson(selector: VectorSelector): Json {
  const { name, matchers, edges } = selector;
  return {
    name: name ?? '',
    matchers: matchers.map((matcher) => ({ name: matcher.name.toWellFormed(), value: matcher.value.toWellFormed(), type: matcher.type })),
    ...timeJson(selector),
    anchored: edges === 'anchored',
    smoothed: edges === 'smoothed',
  };
}

function timeJson({ offsetMs, at }: Pick<VectorSelector, 'offsetMs' | 'at'>): Json {
  return {
    ...durationJson('offset', offsetMs),
    timestamp: typeof at === 'number' ? at : null,
    startOrEnd: typeof at === 'string' ? at : null,
  };
}

/** A duration that is worked out when the query runs is 0, as Prometheus has it, and its tree stands beside it. */
function durationJson(field: string, duration: Duration): Json {
  const tree = `${field}Expr`;
  return typeof duration === 'number' ? { [field]: duration, [tree]: null } : { [field]: 0, [tree]: durationTree(duration) };
}

/** Parentheses are a mark on what they hold; a number cannot bear it, and is the operand of a plus then. */
function durationTree(expr: DurationExpr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatDecimal(expr.value), duration: expr.isDuration };
    case 'duration-binary':
      return durationNode(expr.op, expr.lhs, expr.rhs);
    case 'duration-unary':
      return durationNode(expr.op, undefined, expr.expr);
    case 'duration-paren':
      return { ...(expr.expr.kind === 'number' ? durationNode('+', undefined, expr.expr) : durationTree(expr.expr)), wrapped: true };
    case 'duration-call':
      return durationNode(expr.name, expr.args[0], expr.args[1]);
  }
}

function durationNode(op: string, lhs: DurationExpr | undefined, rhs: DurationExpr | undefined): Json {
  const operand = (expr: DurationExpr | undefined): Json | null => (expr === undefined ? null : durationTree(expr));
  return { type: 'durationExpr', op, lhs: operand(lhs), rhs: operand(rhs), wrapped: false };
}

function matchingJson({ matching }: Extract<Expr, { kind: 'binary' }>): Json | null {
  if (matching === undefined) return null;
  const { card, labels, on, include, fillLeft, fillRight } = matching;
  return { card, labels, on, include, fillValues: { lhs: fillLeft ?? null, rhs: fillRight ?? null } };
}
