import { formatFixed } from '../../storage/model/number-text.ts';
import type { AtModifier, Duration, Expr, MatrixSelector, RangeEdges, Subquery, VectorSelector } from './ast.ts';
import { isDurationStart, parseDuration, parseOffset } from './parse-duration.ts';
import { parseSignedNumber } from './parse-number.ts';
import type { Token } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Expressions that take `offset` and `@`. */
type Timed = VectorSelector | MatrixSelector | Subquery;

/** Ranges, subqueries, `offset`, `@`, `anchored` and `smoothed` after an expression: any number, in any order that makes sense. */
export function parseModifiers(cursor: TokenCursor, operand: Expr): Expr {
  let expr = operand;
  for (;;) {
    const { kind } = cursor;
    if (kind === '[') expr = parseBracket(cursor, expr);
    else if (kind === 'offset') expr = parseOffsetModifier(cursor, expr);
    else if (kind === '@') expr = parseAtModifier(cursor, expr);
    else if (kind === 'anchored' || kind === 'smoothed') expr = parseEdges(cursor, expr, kind);
    else return expr;
  }
}

const DURATION_WORDS = 'number, duration, step(), or range()';

/** `[range]` makes a range selector, `[range:]` and `[range:step]` a subquery. */
function parseBracket(cursor: TokenCursor, expr: Expr): MatrixSelector | Subquery {
  const open = cursor.take();
  const rangeMs = parseBracketDuration(cursor, 'subquery or range selector', DURATION_WORDS);
  if (cursor.accept(':')) {
    const hasStep = cursor.kind !== ']';
    const stepMs = hasStep ? parseBracketDuration(cursor, 'subquery selector', 'number, duration, step(), range(), or "]"') : undefined;
    if (!cursor.accept(']')) cursor.unexpected('subquery selector', '"]"');
    const position = { start: expr.position.start, end: cursor.lastEnd };
    return { kind: 'subquery', expr, rangeMs, stepMs, offsetMs: 0, at: undefined, position };
  }
  if (!cursor.accept(']')) cursor.unexpected('subquery or range', '":" or "]"');
  return makeMatrix(cursor, expr, rangeMs, open);
}

function parseBracketDuration(cursor: TokenCursor, place: string, expected: string): Duration {
  if (!isDurationStart(cursor.kind)) cursor.unexpected(place, expected);
  return cursor.within(place, expected, () => parseDuration(cursor));
}

function makeMatrix(cursor: TokenCursor, selector: Expr, rangeMs: Duration, open: Token): MatrixSelector {
  if (selector.kind !== 'vector') return cursor.fail(open, 'ranges only allowed for vector selectors');
  if (typeof selector.offsetMs === 'number' && selector.offsetMs !== 0) cursor.fail(open, 'no offset modifiers allowed before range');
  if (typeof selector.at === 'number') cursor.fail(open, 'no @ modifiers allowed before range');
  return { kind: 'matrix', selector, rangeMs, position: { start: selector.position.start, end: cursor.lastEnd } };
}

function parseOffsetModifier(cursor: TokenCursor, expr: Expr): Expr {
  cursor.take();
  if (!isDurationStart(cursor.kind)) cursor.unexpected('offset', DURATION_WORDS);
  const offsetMs = cursor.within('offset', DURATION_WORDS, () => parseOffset(cursor));
  const timed = expectTimed(cursor, expr, 'offset');
  if (timesOf(timed).offsetMs !== 0) cursor.fail(expr.position, 'offset may not be set multiple times');
  return withTimes(cursor, timed, { offsetMs });
}

function parseAtModifier(cursor: TokenCursor, expr: Expr): Expr {
  cursor.take();
  const at = cursor.within('@', 'timestamp', () => parseAt(cursor, expr));
  const timed = expectTimed(cursor, expr, '@');
  if (timesOf(timed).at !== undefined) cursor.fail(expr.position, '@ <timestamp> may not be set multiple times');
  return withTimes(cursor, timed, { at });
}

/** Prometheus keeps the timestamp as 64-bit milliseconds, but compares the seconds with that bound. */
const AT_SECONDS_MAX = 2 ** 63;

function parseAt(cursor: TokenCursor, expr: Expr): AtModifier {
  if (cursor.kind === 'start' || cursor.kind === 'end') {
    const { kind } = cursor;
    cursor.take();
    cursor.expect('(');
    cursor.expect(')');
    return kind;
  }
  const { value } = parseSignedNumber(cursor);
  if (!(Math.abs(value) < AT_SECONDS_MAX)) {
    cursor.fail(expr.position, `timestamp out of bounds for @ modifier: ${formatFixed(value)}`);
  }
  // Half away from zero, as Go rounds.
  return Math.sign(value) * Math.round(Math.abs(value) * 1000) + 0;
}

/** Not part of the expression's position, as in Prometheus. */
function parseEdges(cursor: TokenCursor, expr: Expr, edges: RangeEdges): Expr {
  cursor.take();
  if (expr.kind === 'subquery') cursor.fail(expr.position, `${edges} modifier is not supported for subqueries`);
  if (expr.kind !== 'vector' && expr.kind !== 'matrix') return cursor.fail(expr.position, `${edges} modifier not implemented`);
  const earlier = (expr.kind === 'vector' ? expr : expr.selector).edges;
  if (earlier !== undefined && earlier !== edges) cursor.fail(expr.position, 'anchored and smoothed modifiers cannot be used together');
  return expr.kind === 'vector' ? { ...expr, edges } : { ...expr, selector: { ...expr.selector, edges } };
}

function expectTimed(cursor: TokenCursor, expr: Expr, modifier: string): Timed {
  if (expr.kind === 'vector' || expr.kind === 'matrix' || expr.kind === 'subquery') return expr;
  return cursor.fail(
    expr.position,
    `${modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
  );
}

function timesOf(timed: Timed): { readonly offsetMs: Duration; readonly at: AtModifier | undefined } {
  return timed.kind === 'matrix' ? timed.selector : timed;
}

function withTimes(cursor: TokenCursor, timed: Timed, times: { readonly offsetMs: Duration } | { readonly at: AtModifier }): Timed {
  const position = { start: timed.position.start, end: cursor.lastEnd };
  return timed.kind === 'matrix' ? { ...timed, selector: { ...timed.selector, ...times }, position } : { ...timed, ...times, position };
}
