import { RegexAllowance } from '../../storage/model/regex.ts';
import { EXPRESSION_DEPTH_MAX } from './ast.ts';
import type { Position } from './ast.ts';
import { lex } from './lex.ts';
import { ParseError, TOO_DEEP } from './parse-error.ts';
import { describeToken } from './token.ts';
import type { Token, TokenKind } from './token.ts';

interface ErrorContext {
  readonly place: string;
  readonly expected: string;
}

/**
 * The parser's place in the tokens of one query.
 *
 * Prometheus' parser is generated from a grammar with some twenty error rules, each naming where it is and what it expected. After a syntax
 * error the innermost of the rules that are open applies; `within` keeps them on a stack, so that the messages are the same.
 */
export class TokenCursor {
  readonly query: string;
  /** For the patterns in the text. */
  readonly regexes: RegexAllowance;
  readonly #tokens: readonly Token[];
  readonly #contexts: ErrorContext[] = [];
  #index = 0;
  #depth = 0;

  constructor(query: string, regexes = new RegexAllowance()) {
    this.query = query;
    this.regexes = regexes;
    this.#tokens = lex(query);
  }

  get token(): Token {
    return this.#tokens[this.#index]!;
  }

  get kind(): TokenKind {
    return this.token.kind;
  }

  get nextKind(): TokenKind {
    return (this.#tokens[this.#index + 1] ?? this.token).kind;
  }

  /** Where the last token taken ends. */
  get lastEnd(): number {
    return this.#tokens[this.#index - 1]?.end ?? 0;
  }

  take(): Token {
    const token = this.token;
    // Reading never goes past the last token, the end of the input or an error.
    if (this.#index < this.#tokens.length - 1) this.#index++;
    return token;
  }

  accept(kind: TokenKind): boolean {
    if (this.kind !== kind) return false;
    this.take();
    return true;
  }

  /** Takes a token of this kind, or fails in the innermost context. */
  expect(kind: TokenKind): Token {
    return this.kind === kind ? this.take() : this.unexpected();
  }

  /** Parses with an error rule open. */
  within<T>(place: string, expected: string, parse: () => T): T {
    this.#contexts.push({ place, expected });
    const result = parse();
    this.#contexts.pop();
    return result;
  }

  /** One level of nesting. Stops before the call stack would overflow. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > EXPRESSION_DEPTH_MAX) this.failTooDeep(this.token);
    const result = parse();
    this.#depth--;
    return result;
  }

  /** The token here cannot stand here. Without arguments the innermost open error rule says what was expected. */
  unexpected(place?: string, expected = ''): never {
    const { token } = this;
    if (token.kind === 'error') this.fail(token, token.text);
    const context = place === undefined ? (this.#contexts.at(-1) ?? { place: '', expected: '' }) : { place, expected };
    const where = context.place === '' ? '' : ` in ${context.place}`;
    const wanted = context.expected === '' ? '' : `, expected ${context.expected}`;
    this.fail(token, `unexpected ${describeToken(token)}${where}${wanted}`);
  }

  fail(position: Position, reason: string): never {
    throw new ParseError(this.query, { start: position.start, end: position.end }, reason);
  }

  failTooDeep(position: Position): never {
    this.fail(position, TOO_DEEP);
  }
}
