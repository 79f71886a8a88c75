import type { Duration, DurationExpr, DurationOp } from './ast.ts';
import { EXPRESSION_DEPTH_MAX } from './ast.ts';
import { isDurationInRange, literalDurationMs } from './durations.ts';
import { parseNumber, signedNumber } from './parse-number.ts';
import type { Token, TokenKind } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

const PRECEDENCE: Readonly<Record<DurationOp, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 };
const TIGHTEST = PRECEDENCE['^'];

export function isDurationStart(kind: TokenKind): boolean {
  switch (kind) {
    case 'number':
    case 'duration':
    case '+':
    case '-':
    case '(':
    case 'step':
    case 'range':
    case 'min_of':
    case 'max_of':
      return true;
    default:
      return false;
  }
}

/** A range or a subquery's step: any arithmetic, and more than nothing. */
export function parseDuration(cursor: TokenCursor): Duration {
  const expr = parseTerms(cursor, 1);
  if (expr.kind === 'number' && !(expr.value > 0)) cursor.fail(expr.position, 'duration must be greater than 0');
  return asDuration(expr);
}

/**
 * The duration after `offset`: one operand with perhaps a sign, since an operator after it belongs to the expression around:
 * `x offset 1m + 2` is a sum. What begins with a parenthesis or with two signs can only be a duration, and is one to its end:
 * `x offset (1m) + 2` looks 62 s back.
 */
export function parseOffset(cursor: TokenCursor): Duration {
  const isSigned = isSign(cursor.kind);
  if (cursor.kind === '(') return asDuration(parseTerms(cursor, 1));
  if (isSigned && isSign(cursor.nextKind)) {
    const expr = parseTerms(cursor, 1);
    // Its signs may become part of a number, but what is printed must begin as a duration too.
    return asDuration(expr.kind === 'duration-binary' ? { kind: 'duration-paren', expr, position: expr.position } : expr);
  }
  const sign = isSigned ? cursor.take() : undefined;
  const operand = parseOperand(cursor, sign);
  return asDuration(sign === undefined ? operand : withSign(cursor, sign, operand));
}

function isSign(kind: TokenKind): boolean {
  return kind === '+' || kind === '-';
}

function asDuration(expr: DurationExpr): Duration {
  return expr.kind === 'number' ? literalDurationMs(expr.value) : expr;
}

function parseTerms(cursor: TokenCursor, precedenceMin: number): DurationExpr {
  return cursor.nested(() => {
    let lhs = parseSigned(cursor);
    for (let depth = 1; ; depth++) {
      const op = cursor.token;
      if (!isDurationOp(op.kind) || PRECEDENCE[op.kind] < precedenceMin) return lhs;
      if (depth > EXPRESSION_DEPTH_MAX) cursor.failTooDeep(op);
      cursor.take();
      const rhs = parseTerms(cursor, op.kind === '^' ? TIGHTEST : PRECEDENCE[op.kind] + 1);
      refuseZero(cursor, op, rhs);
      lhs = { kind: 'duration-binary', op: op.kind, lhs, rhs, position: { start: lhs.position.start, end: rhs.position.end } };
    }
  });
}

function isDurationOp(kind: string): kind is DurationOp {
  return Object.hasOwn(PRECEDENCE, kind);
}

function refuseZero(cursor: TokenCursor, op: Token, rhs: DurationExpr): void {
  if (rhs.kind !== 'number' || rhs.value !== 0) return;
  if (op.kind === '/') cursor.fail(op, 'division by zero');
  if (op.kind === '%') cursor.fail(op, 'modulo by zero');
}

/** Like a signed operand of an expression, it takes powers along. */
function parseSigned(cursor: TokenCursor): DurationExpr {
  if (cursor.kind !== '+' && cursor.kind !== '-') return parseOperand(cursor);
  const sign = cursor.take();
  return withSign(cursor, sign, parseTerms(cursor, TIGHTEST));
}

/** A plus says nothing, and a number takes its sign in. */
function withSign(cursor: TokenCursor, sign: Token, expr: DurationExpr): DurationExpr {
  if (expr.kind === 'number') {
    const number = signedNumber(sign, expr);
    if (!isDurationInRange(number.value)) cursor.fail(sign, 'duration out of range');
    return number;
  }
  if (sign.kind === '+') return expr;
  return { kind: 'duration-unary', op: '-', expr, position: { start: sign.start, end: expr.position.end } };
}

/** `sign` stands before the operand of an offset, and is where one that is too large is reported then. */
function parseOperand(cursor: TokenCursor, sign?: Token): DurationExpr {
  const { token, kind } = cursor;
  const position = () => ({ start: token.start, end: cursor.lastEnd });
  switch (kind) {
    case 'number':
    case 'duration': {
      const number = parseNumber(cursor);
      if (!isDurationInRange(number.value)) cursor.fail(sign ?? number.position, 'duration out of range');
      return number;
    }
    case 'step':
    case 'range':
      cursor.take();
      cursor.expect('(');
      cursor.expect(')');
      return { kind: 'duration-call', name: kind, args: [], position: position() };
    case 'min_of':
    case 'max_of': {
      cursor.take();
      cursor.expect('(');
      const first = parseTerms(cursor, 1);
      cursor.expect(',');
      const second = parseTerms(cursor, 1);
      cursor.expect(')');
      return { kind: 'duration-call', name: kind, args: [first, second], position: position() };
    }
    case '(': {
      cursor.take();
      const expr = parseTerms(cursor, 1);
      cursor.expect(')');
      if (expr.kind === 'duration-paren') return expr;
      // In Prometheus parentheses in a duration are a mark on what they hold, which two do not change, and so not in the places that errors name, but one before a number.
      return { kind: 'duration-paren', expr, position: expr.kind === 'number' ? { start: token.start, end: expr.position.end } : expr.position };
    }
    default:
      return cursor.unexpected();
  }
}
