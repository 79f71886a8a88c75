import { matcherMatchesEmpty } from '../../storage/model/compile-matcher.ts';
import { METRIC_NAME } from '../../storage/model/labels.ts';
import { unreachable } from '../../storage/runtime/assert.ts';
import type { Aggregate, Binary, Call, Expr, Position, ValueType, VectorSelector } from './ast.ts';
import { childrenOf, EXPRESSION_DEPTH_MAX, OPERATOR_CHAIN_MAX, typeOf } from './ast.ts';
import { isComparison, isSetOperator } from './operators.ts';
import { ParseError, TOO_DEEP } from './parse-error.ts';
import { quoteString } from './quote.ts';
import { functionSignature } from './signatures.ts';
import { describeValueType } from './value-type.ts';

/** Refuses a tree that is well formed but means nothing: wrong types, wrong numbers of arguments, a selector of everything. */
export function checkExpression(query: string, expr: Expr): void {
  refuseTooDeep(query, expr);
  new Checker(query).check(expr);
}

/** A step down to the left operand of an operator, as a part of a level. */
const LEFT_LEVEL = EXPRESSION_DEPTH_MAX / OPERATOR_CHAIN_MAX;

/** Iterative, because chains of operators make deep trees without any nesting in the text. */
function refuseTooDeep(query: string, root: Expr): void {
  const pending: { readonly expr: Expr; readonly depth: number }[] = [{ expr: root, depth: 1 }];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const { expr, depth } = at;
    if (depth > EXPRESSION_DEPTH_MAX) throw new ParseError(query, root.position, TOO_DEEP);
    for (const child of childrenOf(expr)) {
      const isLeft = expr.kind === 'binary' && child === expr.lhs;
      pending.push({ expr: child, depth: depth + (isLeft ? LEFT_LEVEL : 1) });
    }
  }
}

/** Walks in Prometheus' order, so that of several mistakes the same one is reported. */
class Checker {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  check(expr: Expr): ValueType {
    switch (expr.kind) {
      case 'number':
      case 'string':
        break;
      case 'vector':
        this.#checkSelector(expr);
        break;
      case 'matrix':
        this.#checkSelector(expr.selector);
        break;
      case 'paren':
        this.check(expr.expr);
        break;
      case 'unary': {
        const type = this.check(expr.expr);
        const allowed = 'unary expression only allowed on expressions of type scalar or instant vector';
        if (!isScalarOrVector(type)) this.#fail(expr.position, `${allowed}, got ${quoteString(describeValueType(type))}`);
        break;
      }
      case 'subquery': {
        const type = this.check(expr.expr);
        if (type !== 'vector') this.#fail(expr.position, `subquery is only allowed on instant vector, got ${type} instead`);
        break;
      }
      case 'aggregate':
        this.#checkAggregate(expr);
        break;
      case 'binary':
        this.#checkBinary(expr);
        break;
      case 'call':
        this.#checkCall(expr);
        break;
      default:
        unreachable(expr);
    }
    return typeOf(expr);
  }

  #checkSelector({ name, matchers, position }: VectorSelector): void {
    if (name !== undefined) {
      const second = matchers.slice(0, -1).find((matcher) => matcher.name === METRIC_NAME);
      if (second === undefined) return;
      this.#fail(position, `metric name must not be set twice: ${quoteString(name)} or ${quoteString(second.value)}`);
    }
    if (matchers.every(matcherMatchesEmpty)) this.#fail(position, 'vector selector must contain at least one non-empty matcher');
  }

  #checkAggregate({ op, expr, param }: Aggregate): void {
    this.#expectType(expr, 'vector', 'aggregation expression');
    if (param !== undefined) this.#expectType(param, op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter');
  }

  #checkBinary(expr: Binary): void {
    const { op, lhs, rhs, returnBool, matching, position } = expr;
    const lhsType = this.check(lhs);
    const rhsType = this.check(rhs);
    if (returnBool && !isComparison(op)) this.#failAtOperator(expr, 'bool modifier can only be used on comparison operators');
    if (isComparison(op) && !returnBool && lhsType === 'scalar' && rhsType === 'scalar') {
      this.#failAtOperator(expr, 'comparisons between scalars must use BOOL modifier');
    }
    const doubled = matching?.on === true ? matching.labels.find((label) => matching.include.includes(label)) : undefined;
    if (doubled !== undefined) this.#failAtOperator(expr, `label ${quoteString(doubled)} must not occur in ON and GROUP clause at once`);
    for (const [operand, type] of [[lhs, lhsType] as const, [rhs, rhsType] as const]) {
      if (!isScalarOrVector(type)) this.#fail(operand.position, 'binary expression must contain only scalar and instant vector types');
    }
    this.#checkMatching(expr, lhsType === 'vector' && rhsType === 'vector');
    if ((lhsType === 'scalar' || rhsType === 'scalar') && isSetOperator(op)) {
      this.#fail(position, `set operator ${quoteString(op)} not allowed in binary scalar expression`);
    }
  }

  #checkMatching({ op, matching, position }: Binary, betweenVectors: boolean): void {
    if (matching === undefined) return;
    const fills = matching.fillLeft !== undefined || matching.fillRight !== undefined;
    if (!betweenVectors) {
      if (matching.labels.length > 0) this.#fail(position, 'vector matching only allowed between instant vectors');
      if (fills) this.#fail(position, 'filling in missing series only allowed between instant vectors');
    } else if (isSetOperator(op)) {
      if (matching.card !== 'many-to-many') this.#fail(position, `no grouping allowed for ${quoteString(op)} operation`);
      if (fills) this.#fail(position, 'filling in missing series not allowed for set operators');
    }
  }

  #checkCall(expr: Call): void {
    const { name, args } = expr;
    const { argTypes, variadic } = functionSignature(name);
    this.#checkArgumentCount(expr);
    if (name === 'info' && args.length > 1) this.#checkInfoSelector(expr);
    for (const [i, arg] of args.entries()) {
      const wanted = argTypes[i] ?? (variadic === 0 ? undefined : argTypes.at(-1));
      if (wanted === undefined) break;
      // The second argument of info() selects among the info metrics only; it may be empty.
      const isInfoSelector = name === 'info' && i === 1;
      const got = isInfoSelector ? typeOf(arg) : this.check(arg);
      if (got === wanted) continue;
      const call = `call to function ${quoteString(name)}`;
      this.#fail(arg.position, `expected type ${describeValueType(wanted)} in ${call}, got ${describeValueType(got)}`);
    }
  }

  #checkArgumentCount({ name, args, position }: Call): void {
    const { argTypes, variadic } = functionSignature(name);
    const got = `in call to ${quoteString(name)}, got ${args.length}`;
    if (variadic === 0) {
      if (args.length !== argTypes.length) this.#fail(position, `expected ${argTypes.length} argument(s) ${got}`);
      return;
    }
    const countMin = argTypes.length - 1;
    const countMax = variadic < 0 ? Infinity : countMin + variadic;
    if (args.length < countMin) this.#fail(position, `expected at least ${countMin} argument(s) ${got}`);
    if (args.length > countMax) this.#fail(position, `expected at most ${countMax} argument(s) ${got}`);
  }

  #checkInfoSelector({ args, position }: Call): void {
    const selector = args[1]!;
    const type = typeOf(selector);
    if (type !== 'vector') this.#fail(position, `expected type instant vector in call to function "info", got ${describeValueType(type)}`);
    if (selector.kind !== 'vector') this.#fail(selector.position, 'expected label selectors only');
    else if (selector.name !== undefined) this.#fail(selector.position, 'expected label selectors only, got vector selector instead');
  }

  #expectType(expr: Expr, wanted: ValueType, context: string): void {
    const got = this.check(expr);
    if (got !== wanted) this.#fail(expr.position, `expected type ${describeValueType(wanted)} in ${context}, got ${describeValueType(got)}`);
  }

  /** The place of a binary operator: what stands between the operands. */
  #failAtOperator({ lhs, rhs }: Binary, reason: string): never {
    const between = this.#query.slice(lhs.position.end, rhs.position.start);
    const spaces = between.length - between.trimStart().length;
    this.#fail({ start: lhs.position.end + spaces, end: lhs.position.end + between.trimEnd().length }, reason);
  }

  #fail(position: Position, reason: string): never {
    throw new ParseError(this.#query, position, reason);
  }
}

function isScalarOrVector(type: ValueType): boolean {
  return type === 'scalar' || type === 'vector';
}
