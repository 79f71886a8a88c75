import { quoteCodePoint, quoteString } from './quote.ts';
import { scanEscape } from './scan-escape.ts';
import { scanNumberOrDuration } from './scan-number.ts';
import { keywordOf } from './token.ts';
import type { Token, TokenKind } from './token.ts';

/**
 * The query's tokens, without spaces and comments. The last one is the end of the input, or an error that says why the text could not be
 * read further: the parser decides whether it meets that error or another one first.
 */
export function lex(text: string): readonly Token[] {
  const lexer = new Lexer(text);
  lexer.run();
  return lexer.tokens;
}

/**
 * What a character means depends on where it stands: between braces words are never keywords; between brackets only the language of
 * durations is understood. `range` is the start of such a bracket, `range-rest` what follows its first number: their errors differ.
 */
type Mode = 'expression' | 'braces' | 'range' | 'range-rest';

const SINGLE_SYMBOLS = new Set<TokenKind>([',', '*', '/', '%', '+', '-', '^', '@']);
const RANGE_SYMBOLS = new Set<TokenKind>([',', '*', '/', '%', '+', '-', '^', '(', ')']);
const RANGE_WORDS = new Set(['step', 'range', 'min_of', 'max_of']);

class Lexer {
  readonly tokens: Token[] = [];
  readonly #text: string;
  #offset = 0;
  #start = 0;
  #mode: Mode = 'expression';
  #parenDepth = 0;
  #colonSeen = false;
  #durationSeen = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    while (this.#step());
  }

  /** Reads one token; false after the last. */
  #step(): boolean {
    this.#skipSpacesAndComments();
    this.#start = this.#offset;
    const code = this.#text.codePointAt(this.#offset);
    switch (this.#mode) {
      case 'braces':
        return this.#lexInBraces(code);
      case 'range':
        return this.#lexRangeStart(code);
      default:
        return this.#lexExpression(code);
    }
  }

  #lexExpression(code: number | undefined): boolean {
    const inRange = this.#mode === 'range-rest';
    if (code === undefined) {
      if (this.#parenDepth !== 0) return this.#fail('unclosed left parenthesis');
      if (inRange) return this.#fail('unclosed left bracket');
      this.#emit('end of input', 0);
      return false;
    }
    const char = String.fromCodePoint(code);
    const next = this.#text[this.#offset + 1];
    if (SINGLE_SYMBOLS.has(char as TokenKind)) return this.#emit(char as TokenKind, 1);
    switch (char) {
      case '=':
        if (next === '=') return this.#emit('==', 2);
        return next === '~' ? this.#fail("unexpected character after '=': '~'") : this.#emit('=', 1);
      case '!':
        if (next === '=') return this.#emit('!=', 2);
        return this.#fail(`unexpected character after '!': ${quoteCodePoint(this.#text.codePointAt(this.#offset + 1))}`);
      case '<':
        return next === '=' ? this.#emit('<=', 2) : next === '/' ? this.#emit('</', 2) : this.#emit('<', 1);
      case '>':
        return next === '=' ? this.#emit('>=', 2) : next === '/' ? this.#emit('>/', 2) : this.#emit('>', 1);
      case '"':
      case "'":
        return this.#lexString(char);
      case '`':
        return this.#lexRawString();
      case '(':
      case ')':
        return this.#lexParen(char);
      case '{':
        this.#mode = 'braces';
        return this.#emit('{', 1);
      case '[':
        if (inRange) return this.#fail("unexpected left bracket '['");
        this.#mode = 'range';
        this.#colonSeen = false;
        this.#durationSeen = false;
        return this.#emit('[', 1);
      case ']':
        if (!inRange) return this.#fail("unexpected right bracket ']'");
        this.#mode = 'expression';
        return this.#emit(']', 1);
    }
    if (startsNumber(char, next)) return this.#lexNumberOrDuration();
    if (inRange && (isAlpha(char) || char === ':')) return this.#lexRangeWordOrColon(char);
    if (isAlpha(char) || char === ':') return this.#lexWord();
    return this.#fail(`unexpected character: ${quoteCodePoint(code)}`);
  }

  #lexParen(char: '(' | ')'): boolean {
    this.#emit(char, 1);
    this.#parenDepth += char === '(' ? 1 : -1;
    if (this.#parenDepth >= 0) return true;
    this.tokens.pop();
    this.#start = this.#offset;
    return this.#fail("unexpected right parenthesis ')'");
  }

  #lexRangeStart(code: number | undefined): boolean {
    if (code === undefined) return this.#fail('unexpected end of input in duration expression');
    const char = String.fromCodePoint(code);
    if (char === '(' || char === ')') return this.#lexParen(char);
    if (RANGE_SYMBOLS.has(char as TokenKind)) return this.#emit(char as TokenKind, 1);
    if (char === ']') {
      this.#mode = 'expression';
      return this.#emit(']', 1);
    }
    if (char === ':') {
      const problem = !this.#durationSeen ? 'unexpected colon before duration' : this.#colonSeen ? 'unexpected repeated colon' : undefined;
      this.#colonSeen = true;
      if (problem === undefined) return this.#emit(':', 1);
      this.#start = ++this.#offset;
      return this.#fail(`${problem} in duration expression`);
    }
    if (startsNumber(char, this.#text[this.#offset + 1])) {
      this.#mode = 'range-rest';
      return this.#lexNumberOrDuration();
    }
    return this.#lexRangeWord() || this.#fail(`unexpected character in duration expression: ${quoteCodePoint(code)}`);
  }

  #lexRangeWordOrColon(char: string): boolean {
    if (char !== ':') return this.#lexRangeWord() || this.#fail(`unexpected character: ${quoteCodePoint(char.codePointAt(0))}, expected ':'`);
    if (this.#colonSeen) return this.#fail("unexpected colon ':'");
    this.#colonSeen = true;
    return this.#emit(':', 1);
  }

  #lexRangeWord(): boolean {
    const end = this.#endOf(/[a-zA-Z_]*/y);
    const word = this.#text.slice(this.#start, end).toLowerCase();
    if (!RANGE_WORDS.has(word)) return false;
    this.#durationSeen = true;
    return this.#emit(word as TokenKind, word.length);
  }

  #lexInBraces(code: number | undefined): boolean {
    if (code === undefined) return this.#fail('unexpected end of input inside braces');
    const char = String.fromCodePoint(code);
    const next = this.#text[this.#offset + 1];
    if (isAlpha(char)) return this.#emit('identifier', this.#endOf(/\w*/y) - this.#start);
    switch (char) {
      case ',':
        return this.#emit(',', 1);
      case '"':
      case "'":
        return this.#lexString(char);
      case '`':
        return this.#lexRawString();
      case '=':
        return next === '~' ? this.#emit('=~', 2) : this.#emit('=', 1);
      case '!':
        if (next === '~') return this.#emit('!~', 2);
        if (next === '=') return this.#emit('!=', 2);
        return this.#fail(`unexpected character after '!' inside braces: ${quoteCodePoint(this.#text.codePointAt(this.#offset + 1))}`);
      case '{':
        return this.#fail("unexpected left brace '{'");
      case '}':
        this.#mode = 'expression';
        return this.#emit('}', 1);
    }
    return this.#fail(`unexpected character inside braces: ${quoteCodePoint(code)}`);
  }

  #lexWord(): boolean {
    const end = this.#endOf(/[\w:]*/y);
    const word = this.#text.slice(this.#start, end);
    return this.#emit(this.#wordKind(word, end), word.length);
  }

  #wordKind(word: string, end: number): TokenKind {
    const lower = word.toLowerCase();
    if (lower === 'inf' || lower === 'nan') return 'number';
    const keyword = keywordOf(lower);
    // Metrics were called `fill` before the modifier existed; only a parenthesis tells them apart.
    const isFill = keyword === 'fill' || keyword === 'fill_left' || keyword === 'fill_right';
    if (isFill && !this.#opensParenAt(end)) return 'identifier';
    return keyword ?? (word.includes(':') ? 'metric identifier' : 'identifier');
  }

  #opensParenAt(offset: number): boolean {
    OPENING_PAREN.lastIndex = offset;
    return OPENING_PAREN.test(this.#text);
  }

  #lexNumberOrDuration(): boolean {
    this.#durationSeen = true;
    const { kind, end } = scanNumberOrDuration(this.#text, this.#start);
    if (kind !== undefined) return this.#emit(kind, end - this.#start);
    return this.#fail(`bad number or duration syntax: ${quoteString(this.#text.slice(this.#start, end))}`);
  }

  #lexString(quote: string): boolean {
    let i = this.#start + 1;
    for (;;) {
      const char = this.#text[i];
      if (char === undefined || char === '\n') return this.#fail('unterminated quoted string');
      if (char === '\ufffd') return this.#fail('invalid UTF-8 rune');
      if (char === quote) return this.#emit('string', i + 1 - this.#start);
      if (char !== '\\') {
        i++;
        continue;
      }
      const escape = scanEscape(this.#text, i + 1, quote);
      if (typeof escape === 'string') return this.#fail(escape);
      i = escape;
    }
  }

  #lexRawString(): boolean {
    const end = this.#text.indexOf('`', this.#start + 1);
    const body = this.#text.slice(this.#start, end < 0 ? undefined : end);
    if (body.includes('\ufffd')) return this.#fail('invalid UTF-8 rune');
    return end < 0 ? this.#fail('unterminated raw string') : this.#emit('string', end + 1 - this.#start);
  }

  #skipSpacesAndComments(): void {
    // A comment cannot stand at the beginning of a bracket.
    this.#offset = this.#endOf(this.#mode === 'range' ? SPACES : SPACES_AND_COMMENTS);
  }

  /** Where a sticky pattern that may match nothing ends. */
  #endOf(pattern: RegExp): number {
    pattern.lastIndex = this.#offset;
    pattern.test(this.#text);
    return pattern.lastIndex;
  }

  #emit(kind: TokenKind, length: number): true {
    this.#offset = this.#start + length;
    this.tokens.push({ kind, text: this.#text.slice(this.#start, this.#offset), start: this.#start, end: this.#offset });
    return true;
  }

  #fail(reason: string): false {
    this.tokens.push({ kind: 'error', text: reason, start: this.#start, end: this.#text.length });
    return false;
  }
}

// None of these can match one text in two ways, so they take linear time.
const SPACES = /[ \t\n\r]*/y;
const SPACES_AND_COMMENTS = /(?:[ \t\n\r]|#[^\n\r]*)*/y;
const OPENING_PAREN = /[ \t\n\r]*\(/y;

function isAlpha(char: string): boolean {
  return /^[a-zA-Z_]$/.test(char);
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

function startsNumber(char: string, next: string | undefined): boolean {
  return isDigit(char) || (char === '.' && isDigit(next));
}
