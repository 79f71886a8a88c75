import type { Expr } from './ast.ts';
import { stringValue } from './literal.ts';
import { parseAggregate } from './parse-aggregate.ts';
import { parseCall } from './parse-call.ts';
import { parseExpression } from './parse-expression.ts';
import { parseNumber } from './parse-number.ts';
import { parseSelector } from './parse-selector.ts';
import { isAggregateOp, isMetricName } from './token.ts';
import type { TokenKind } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

/** An expression that neither begins nor ends with another one. What a word means depends on the token after it. */
export function parsePrimary(cursor: TokenCursor): Expr {
  const { token, kind, nextKind } = cursor;
  switch (kind) {
    case '(': {
      cursor.take();
      const expr = parseExpression(cursor);
      const { end } = cursor.expect(')');
      return { kind: 'paren', expr, position: { start: token.start, end } };
    }
    case 'string':
      cursor.take();
      return { kind: 'string', value: stringValue(token.text), position: { start: token.start, end: token.end } };
    case 'number':
    case 'duration':
      return parseNumber(cursor);
    case '{':
      return parseSelector(cursor);
  }
  if (isAggregateOp(kind) && (nextKind === '(' || nextKind === 'by' || nextKind === 'without')) return parseAggregate(cursor, kind);
  if (nextKind === '(' && canNameFunction(kind)) return parseCall(cursor);
  if (isMetricName(kind)) return parseSelector(cursor);
  return cursor.unexpected();
}

/** Whether an expression can begin with the token. */
export function startsExpression(kind: TokenKind): boolean {
  switch (kind) {
    case '(':
    case '{':
    case '+':
    case '-':
    case 'string':
    case 'number':
    case 'duration':
      return true;
    default:
      return isMetricName(kind);
  }
}

function canNameFunction(kind: TokenKind): boolean {
  switch (kind) {
    case 'identifier':
    case 'start':
    case 'end':
    case 'step':
    case 'range':
    case 'min_of':
    case 'max_of':
      return true;
    default:
      return false;
  }
}
