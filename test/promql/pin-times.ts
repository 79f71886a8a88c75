import { parseExpr, printExpression } from '../../promql/parser/index.ts';
import type { Expr, FunctionName, VectorSelector } from '../../promql/parser/index.ts';

/** Functions whose value depends on the step even when all selectors are pinned. */
const TIME_DEPENDENT: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'end', 'hour', 'info', 'minute', 'month', 'predict_linear', 'range', 'start', 'step',
  'time', 'timestamp', 'year',
]);

/**
 * The query with every selector and outermost subquery pinned to one time by `@`, which at that time is what `@ start()` and `@ end()` mean as
 * well; undefined when that would change what it means.
 */
export function pinTimes(query: string, timeMs: number): string | undefined {
  let changesMeaning = false;
  const pinned = (at: VectorSelector['at']): number => (typeof at === 'number' ? at : timeMs);
  const pin = (expr: Expr, isPinned: boolean): Expr => {
    switch (expr.kind) {
      case 'number':
      case 'string':
        return expr;
      case 'vector':
        return isPinned ? expr : { ...expr, at: pinned(expr.at) };
      case 'matrix':
        return isPinned ? expr : { ...expr, selector: { ...expr.selector, at: pinned(expr.selector.at) } };
      case 'subquery':
        return { ...expr, at: isPinned ? expr.at : pinned(expr.at), expr: pin(expr.expr, true) };
      case 'aggregate':
        return { ...expr, expr: pin(expr.expr, isPinned), param: expr.param && pin(expr.param, isPinned) };
      case 'binary':
        return { ...expr, lhs: pin(expr.lhs, isPinned), rhs: pin(expr.rhs, isPinned) };
      case 'unary':
      case 'paren':
        return { ...expr, expr: pin(expr.expr, isPinned) };
      case 'call':
        if (TIME_DEPENDENT.has(expr.name)) changesMeaning = true;
        return { ...expr, args: expr.args.map((arg) => pin(arg, isPinned)) };
    }
  };
  const tree = pin(parseExpr(query), false);
  return changesMeaning ? undefined : printExpression(tree);
}
