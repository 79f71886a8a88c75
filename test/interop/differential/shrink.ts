import { type Expr, parseSyntax, printExpression, typeOf } from '../../../promql/parser/index.ts';
import type { Query } from './random-queries.ts';

const ATTEMPTS_MAX = 400;

/**
 * The smallest query found that still fails: sub-expressions in the place of expressions, fewer matchers and modifiers, then fewer steps.
 * Greedy: the first smaller one that fails is the next to be shrunk, until none does.
 */
export async function shrink(query: Query, fails: (query: Query) => Promise<boolean>): Promise<Query> {
  let smallest = query;
  let attempts = 0;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smallerQueries(smallest)) {
      if (++attempts > ATTEMPTS_MAX) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function* smallerQueries(query: Query): Generator<Query> {
  if (!('timeMs' in query)) {
    const { expression, startMs, endMs, stepMs } = query;
    const steps = Math.round((endMs - startMs) / stepMs);
    if (steps > 0) {
      const half = Math.ceil(steps / 2);
      yield { ...query, endMs: endMs - half * stepMs };
      yield { ...query, startMs: startMs + half * stepMs };
      yield { ...query, endMs: endMs - stepMs };
      yield { ...query, startMs: startMs + stepMs };
    } else yield { expression, timeMs: startMs };
  }
  for (const expression of smallerExpressions(query.expression)) yield { ...query, expression };
}

/** What the parser does not take is left as it is. */
export function smallerExpressions(expression: string): string[] {
  let tree: Expr;
  try {
    tree = parseSyntax(expression);
  } catch {
    return [];
  }
  const texts = smallerTrees(tree).map(printExpression);
  return [...new Set(texts)].filter((text) => text.length < expression.length).sort((a, b) => a.length - b.length);
}

/** The tree with one thing taken away, in every possible place. */
function smallerTrees(expr: Expr): Expr[] {
  return [...replacements(expr), ...withSmallerChild(expr), ...withoutModifier(expr)];
}

/** Sub-expressions of the same type. */
function replacements(expr: Expr): Expr[] {
  return childrenWithin(expr).filter((child) => typeOf(child) === typeOf(expr));
}

/** The direct children, and what stands below a range: `rate(x[5m])` may shrink to `x`. */
function childrenWithin(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector':
      return [];
    case 'matrix':
      return [expr.selector];
    case 'subquery':
    case 'paren':
    case 'unary':
      return [expr.expr, ...(expr.kind === 'subquery' ? [] : childrenWithin(expr.expr))];
    case 'binary':
      return [expr.lhs, expr.rhs];
    case 'aggregate':
      return [expr.expr];
    case 'call':
      return expr.args.flatMap((arg) => (arg.kind === 'matrix' || arg.kind === 'subquery' ? [arg, ...childrenWithin(arg)] : [arg]));
  }
}

function withSmallerChild(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector':
      return [];
    case 'matrix':
      return smallerTrees(expr.selector).flatMap((selector) => (selector.kind === 'vector' ? [{ ...expr, selector }] : []));
    case 'subquery':
    case 'paren':
    case 'unary':
      return smallerTrees(expr.expr).map((inner) => ({ ...expr, expr: inner }));
    case 'binary':
      return [...smallerTrees(expr.lhs).map((lhs) => ({ ...expr, lhs })), ...smallerTrees(expr.rhs).map((rhs) => ({ ...expr, rhs }))];
    case 'aggregate': {
      const smaller: Expr[] = smallerTrees(expr.expr).map((inner) => ({ ...expr, expr: inner }));
      const { param } = expr;
      return param === undefined ? smaller : [...smaller, ...smallerTrees(param).map((inner) => ({ ...expr, param: inner }))];
    }
    case 'call':
      return expr.args.flatMap((arg, index) => smallerTrees(arg).map((inner) => ({ ...expr, args: expr.args.with(index, inner) })));
  }
}

function withoutModifier(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'vector':
      return [
        ...(expr.at === undefined ? [] : [{ ...expr, at: undefined }]),
        ...(expr.offsetMs === 0 ? [] : [{ ...expr, offsetMs: 0 }]),
        ...expr.matchers.map((matcher) => ({ ...expr, matchers: expr.matchers.filter((other) => other !== matcher) })),
      ];
    case 'subquery':
      return [
        ...(expr.at === undefined ? [] : [{ ...expr, at: undefined }]),
        ...(expr.offsetMs === 0 ? [] : [{ ...expr, offsetMs: 0 }]),
      ];
    case 'aggregate':
      return expr.grouping.map((label) => ({ ...expr, grouping: expr.grouping.filter((other) => other !== label) }));
    case 'binary': {
      const { matching } = expr;
      if (matching === undefined) return [];
      return [
        ...matching.labels.map((label) => ({ ...expr, matching: { ...matching, labels: matching.labels.filter((other) => other !== label) } })),
        ...matching.include.map((label) => ({ ...expr, matching: { ...matching, include: matching.include.filter((other) => other !== label) } })),
      ];
    }
    default:
      return [];
  }
}
