import { printMatcher } from '../../../promql/parser/print.ts';
import type { Duration, DurationExpr, Expr, VectorSelector } from '../../../promql/parser/ast.ts';

/** A tree as one line of nested parentheses, without positions: for cases of the form `input ==> tree`. */
export function showTree(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return showNumber(expr);
    case 'string':
      return JSON.stringify(expr.value);
    case 'vector':
      return list('vector', ...selectorParts(expr));
    case 'matrix':
      return list('matrix', showTree(expr.selector), showDuration(expr.rangeMs));
    case 'subquery':
      return list('subquery', showTree(expr.expr), showDuration(expr.rangeMs), showDuration(expr.stepMs ?? NaN), ...times(expr));
    case 'aggregate': {
      const grouping = expr.without || expr.grouping.length > 0 ? `${expr.without ? 'without' : 'by'}=${expr.grouping.join(',')}` : '';
      return list(expr.op, grouping, expr.param === undefined ? '' : showTree(expr.param), showTree(expr.expr));
    }
    case 'binary': {
      const { matching } = expr;
      const parts = [expr.returnBool ? 'bool' : ''];
      if (matching !== undefined) {
        if (matching.card !== 'one-to-one') parts.push(matching.card);
        if (matching.on || matching.labels.length > 0) parts.push(`${matching.on ? 'on' : 'ignoring'}=${matching.labels.join(',')}`);
        if (matching.include.length > 0) parts.push(`include=${matching.include.join(',')}`);
        if (matching.fillLeft !== undefined) parts.push(`fill-left=${matching.fillLeft}`);
        if (matching.fillRight !== undefined) parts.push(`fill-right=${matching.fillRight}`);
      }
      return list(expr.op, ...parts, showTree(expr.lhs), showTree(expr.rhs));
    }
    case 'unary':
      return list(`unary${expr.op}`, showTree(expr.expr));
    case 'paren':
      return list('paren', showTree(expr.expr));
    case 'call':
      return list(`${expr.name}()`, ...expr.args.map(showTree));
  }
}

function selectorParts(selector: VectorSelector): string[] {
  const matchers = selector.matchers.filter((matcher) => matcher.value !== selector.name).map(printMatcher);
  return [selector.name ?? '-', ...matchers, selector.edges ?? '', ...times(selector)];
}

function times({ offsetMs, at }: Pick<VectorSelector, 'offsetMs' | 'at'>): string[] {
  return [offsetMs === 0 ? '' : `offset=${showDuration(offsetMs)}`, at === undefined ? '' : `@${at}`];
}

function showDuration(duration: Duration): string {
  if (typeof duration !== 'number') return showDurationExpr(duration);
  return Number.isNaN(duration) ? '-' : `${duration}ms`;
}

function showDurationExpr(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'number':
      return showNumber(expr);
    case 'duration-binary':
      return list(expr.op, showDurationExpr(expr.lhs), showDurationExpr(expr.rhs));
    case 'duration-unary':
      return list(`unary${expr.op}`, showDurationExpr(expr.expr));
    case 'duration-paren':
      return list('paren', showDurationExpr(expr.expr));
    case 'duration-call':
      return list(`${expr.name}()`, ...expr.args.map(showDurationExpr));
  }
}

function showNumber({ value, isDuration }: { readonly value: number; readonly isDuration: boolean }): string {
  return `${Object.is(value, -0) ? '-0' : value}${isDuration ? 's' : ''}`;
}

function list(...parts: string[]): string {
  return `(${parts.filter((part) => part !== '').join(' ')})`;
}
