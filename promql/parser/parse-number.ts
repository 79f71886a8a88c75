import type { NumberLiteral } from './ast.ts';
import { durationSeconds, numberValue } from './literal.ts';
import type { Token } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

/** A number or a duration: the language lets either stand for the other, a duration being a number of seconds. */
export function parseNumber(cursor: TokenCursor): NumberLiteral {
  if (cursor.kind !== 'number' && cursor.kind !== 'duration') cursor.unexpected();
  const token = cursor.take();
  const isDuration = token.kind === 'duration';
  const literal = isDuration ? durationSeconds(token.text) : numberValue(token.text);
  if (literal.error !== undefined) cursor.fail(token, literal.error);
  return { kind: 'number', value: literal.value, isDuration, position: { start: token.start, end: token.end } };
}

/** A number with perhaps one sign. */
export function parseSignedNumber(cursor: TokenCursor): NumberLiteral {
  const sign = cursor.kind === '-' || cursor.kind === '+' ? cursor.take() : undefined;
  const number = parseNumber(cursor);
  return sign === undefined ? number : signedNumber(sign, number);
}

/** The number with a sign before it. */
export function signedNumber(sign: Token, number: NumberLiteral): NumberLiteral {
  const value = sign.kind === '-' ? -number.value : number.value;
  return { ...number, value, position: { start: sign.start, end: number.position.end } };
}
