/** The parser's menu: text to a checked tree, and a tree back to text. All of it is pure. */
import type { Matcher } from '../../storage/model/matcher.ts';
import type { RegexAllowance } from '../../storage/model/regex.ts';
import type { Expr } from './ast.ts';
import { checkExpression } from './check.ts';
import { parseExpression } from './parse-expression.ts';
import { parseSelector } from './parse-selector.ts';
import { TokenCursor } from './token-cursor.ts';

export type * from './ast.ts';
export { childrenOf, EXPRESSION_DEPTH_MAX, typeOf, unwrapParens } from './ast.ts';
export { resolveDurations } from './durations.ts';
export type { QueryTimes } from './durations.ts';
export { isComparison, isSetOperator } from './operators.ts';
export { describePlace, ParseError } from './parse-error.ts';
export { prettyExpression } from './pretty.ts';
export { formatDurationMs } from './literal.ts';
export { formatDecimal, printExpression } from './print.ts';
export { FUNCTION_SIGNATURES, functionSignature, isFunctionName } from './signatures.ts';
export type { FunctionSignature } from './signatures.ts';
export { describeValueType } from './value-type.ts';

/** A query. Throws `ParseError` for what is not PromQL and for what is PromQL but ill typed. */
export function parseExpr(query: string): Expr {
  const expr = parseSyntax(query);
  checkExpression(query, expr);
  return expr;
}

/** A query without the type check: for comparing grammars. Its tree may be ill typed and of any depth. */
export function parseSyntax(query: string): Expr {
  return parseAll(query, (cursor) => {
    if (cursor.kind === 'end of input') cursor.fail({ start: 0, end: 0 }, 'no expression found in input');
    return parseExpression(cursor);
  });
}

/**
 * A series selector, as in `match[]`. Unlike a query it may select everything: whether that is allowed is the caller's to say. `regexes` is
 * shared by the selectors of one request.
 */
export function parseMetricSelector(selector: string, regexes?: RegexAllowance): readonly Matcher[] {
  return parseAll(selector, parseSelector, regexes).matchers;
}

function parseAll<T>(text: string, parse: (cursor: TokenCursor) => T, regexes?: RegexAllowance): T {
  const cursor = new TokenCursor(text, regexes);
  const result = parse(cursor);
  if (cursor.kind !== 'end of input') cursor.unexpected();
  return result;
}
