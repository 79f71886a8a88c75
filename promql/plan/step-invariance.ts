import type { FunctionName, ResolvedExpr } from '../parser/ast.ts';
import { unwrapParens } from '../parser/ast.ts';
import { isInfoPinned } from './info-reference.ts';

/**
 * Functions whose value is taken to depend on the step whatever their arguments. Of dates that is so without an argument; but Prometheus makes
 * no difference, which shows in the warning of a sort over them.
 */
const STEP_DEPENDENT: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'predict_linear', 'time', 'year',
]);

/**
 * Whether an expression has the same value at every step, so that it is evaluated once: constants, and what reads only through `@`.
 * Answers are remembered, so asking at every level of a tree stays linear.
 */
export class StepInvariance {
  readonly #known = new Map<ResolvedExpr, boolean>();

  holds(expr: ResolvedExpr): boolean {
    let known = this.#known.get(expr);
    if (known === undefined) {
      known = this.#decide(expr);
      this.#known.set(expr, known);
    }
    return known;
  }

  #decide(expr: ResolvedExpr): boolean {
    switch (expr.kind) {
      case 'number':
      case 'string':
        return true;
      case 'vector':
        return expr.at !== undefined;
      case 'matrix':
        return expr.selector.at !== undefined;
      case 'subquery':
        return expr.at !== undefined;
      case 'aggregate':
        // Prometheus does not look at the parameter, which is then evaluated once, too.
        return this.holds(expr.expr);
      case 'binary':
        return this.holds(expr.lhs) && this.holds(expr.rhs);
      case 'unary':
      case 'paren':
        return this.holds(expr.expr);
      case 'call':
        if (STEP_DEPENDENT.has(expr.name)) return false;
        // Only samples that are read have a time of their own.
        if (expr.name === 'timestamp' && expr.args.some((arg) => unwrapParens(arg).kind !== 'vector')) return false;
        // The second argument of info() is read when the first one is.
        if (expr.name === 'info') return isInfoPinned(expr.args[0]!) && this.holds(expr.args[0]!);
        return expr.args.every((arg) => this.holds(arg));
    }
  }
}
