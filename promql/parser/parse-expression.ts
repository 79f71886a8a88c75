import type { Binary, BinaryOp, Expr, VectorMatching } from './ast.ts';
import { typeOf } from './ast.ts';
import { asBinaryOp, isSetOperator, OPERATOR_PRECEDENCE } from './operators.ts';
import { parseMatching } from './parse-matching.ts';
import type { BinaryModifiers } from './parse-matching.ts';
import { parseModifiers } from './parse-modifiers.ts';
import { signedNumber } from './parse-number.ts';
import { parsePrimary } from './parse-primary.ts';
import type { TokenCursor } from './token-cursor.ts';

/** What only powers bind as tightly as. */
const TIGHTEST = OPERATOR_PRECEDENCE['^'];

/** A whole expression, by precedence climbing: takes operators that bind at least as tightly as `precedenceMin`. */
export function parseExpression(cursor: TokenCursor, precedenceMin = 1): Expr {
  return cursor.nested(() => {
    let lhs = parseOperand(cursor);
    for (;;) {
      const op = asBinaryOp(cursor.kind);
      if (op === undefined || OPERATOR_PRECEDENCE[op] < precedenceMin) return lhs;
      cursor.take();
      const modifiers = parseMatching(cursor);
      const rhs = parseExpression(cursor, op === '^' ? TIGHTEST : OPERATOR_PRECEDENCE[op] + 1);
      lhs = makeBinary(op, lhs, rhs, modifiers);
    }
  });
}

/** A signed operand takes powers along, so that `-1 ^ 2` is -(1 ^ 2). A sign before a number becomes part of the number. */
function parseOperand(cursor: TokenCursor): Expr {
  if (cursor.kind !== '+' && cursor.kind !== '-') return parseModifiers(cursor, parsePrimary(cursor));
  const sign = cursor.take();
  const expr = parseExpression(cursor, TIGHTEST);
  if (expr.kind === 'number') return signedNumber(sign, expr);
  return { kind: 'unary', op: sign.kind === '-' ? '-' : '+', expr, position: { start: sign.start, end: expr.position.end } };
}

function makeBinary(op: BinaryOp, lhs: Expr, rhs: Expr, modifiers: BinaryModifiers): Binary {
  const { returnBool, matching } = modifiers;
  const [lhsType, rhsType] = [typeOf(lhs), typeOf(rhs)];
  return {
    kind: 'binary',
    op,
    lhs,
    rhs,
    returnBool,
    matching: (lhsType === 'vector' && rhsType === 'vector') || saysAnything(matching) ? forOperator(op, matching) : undefined,
    type: lhsType === 'scalar' && rhsType === 'scalar' ? 'scalar' : 'vector',
    position: { start: lhs.position.start, end: rhs.position.end },
  };
}

/** Matching of other things than vectors is kept when it was spelled out, for the type check to refuse. */
function saysAnything(matching: VectorMatching): boolean {
  return matching.labels.length > 0 || matching.fillLeft !== undefined || matching.fillRight !== undefined;
}

function forOperator(op: BinaryOp, matching: VectorMatching): VectorMatching {
  return isSetOperator(op) && matching.card === 'one-to-one' ? { ...matching, card: 'many-to-many' } : matching;
}
