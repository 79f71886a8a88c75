import type { Call, Expr } from './ast.ts';
import { parseExpression } from './parse-expression.ts';
import { startsExpression } from './parse-primary.ts';
import { quoteString } from './quote.ts';
import { isFunctionName } from './signatures.ts';
import type { TokenCursor } from './token-cursor.ts';

export function parseCall(cursor: TokenCursor): Call {
  const name = cursor.take();
  const args = parseArguments(cursor);
  if (!isFunctionName(name.text)) cursor.fail(name, `unknown function with name ${quoteString(name.text)}`);
  return { kind: 'call', name: name.text, args, position: { start: name.start, end: cursor.lastEnd } };
}

/** The arguments of a function or an aggregation, in parentheses. */
export function parseArguments(cursor: TokenCursor): readonly Expr[] {
  cursor.expect('(');
  const args: Expr[] = [];
  if (cursor.accept(')')) return args;
  for (;;) {
    args.push(parseExpression(cursor));
    if (cursor.accept(')')) return args;
    const comma = cursor.expect(',');
    if (cursor.kind !== 'error' && !startsExpression(cursor.kind)) cursor.fail(comma, 'trailing commas not allowed in function call args');
  }
}
