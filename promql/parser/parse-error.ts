import { VarveError } from '../../storage/runtime/errors.ts';
import { EXPRESSION_DEPTH_MAX, OPERATOR_CHAIN_MAX } from './ast.ts';
import type { Position } from './ast.ts';

/** Prometheus has no such limit; a tree has to be walked without overflowing the stack. */
export const TOO_DEEP = `expression is nested more than ${EXPRESSION_DEPTH_MAX} levels deep, or has more than ${OPERATOR_CHAIN_MAX} operators in a row`;

/** A query that cannot be understood. The message is Prometheus': `line:column: parse error: what`. */
export class ParseError extends VarveError {
  readonly position: Position;
  /** The message without the place. */
  readonly reason: string;

  constructor(query: string, position: Position, reason: string) {
    super('bad-data', `${describePlace(query, position.start)}: parse error: ${reason}`);
    this.position = position;
    this.reason = reason;
  }
}

const utf8 = new TextEncoder();

/** `line:column` of an offset, both from 1. Prometheus counts columns in bytes; so does this. */
export function describePlace(query: string, offset: number): string {
  if (query === '') return 'unknown position';
  const before = query.slice(0, offset);
  const lastLineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let i = before.indexOf('\n'); i >= 0; i = before.indexOf('\n', i + 1)) line++;
  return `${line}:${utf8.encode(before.slice(lastLineStart)).length + 1}`;
}
