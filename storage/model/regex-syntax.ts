/**
 * A parser for the part of RE2's syntax that label matchers mostly consist of. What it does not know, or is not sure of, it leaves to the
 * real engine by answering `undefined`; so everything it does answer is valid RE2 and means the same.
 */

/** A set of characters: which of the ASCII ones, and whether all the others. */
export interface CharSet {
  readonly ascii: readonly boolean[];
  readonly others: boolean;
}

export type RegexNode =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'alternation'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly min: number; readonly max: number };

const NESTING_MAX = 50;
/** Sets cost memory; a pattern with so many has better reason to ask the engine, which bounds its size. */
const CLASSES_MAX = 500;
const REPEAT_MAX = 1000;
const ASCII_COUNT = 128;

export const ANY: CharSet = { ascii: Array.from({ length: ASCII_COUNT }, () => true), others: true };

export function parseRegex(pattern: string): RegexNode | undefined {
  if (!pattern.isWellFormed()) return undefined;
  try {
    return new RegexParser(pattern).parse();
  } catch (error) {
    if (error === UNKNOWN) return undefined;
    throw error;
  }
}

/** Thrown, and caught above, where the parser meets what it does not know. */
const UNKNOWN = Symbol('unknown regex syntax');

class RegexParser {
  readonly #pattern: string;
  #offset = 0;
  #depth = 0;
  #classCount = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): RegexNode {
    const node = this.#parseAlternation();
    return this.#offset === this.#pattern.length ? node : unknown();
  }

  #parseAlternation(): RegexNode {
    const nodes = [this.#parseSequence()];
    while (this.#accept('|')) nodes.push(this.#parseSequence());
    return nodes.length === 1 ? nodes[0]! : { kind: 'alternation', nodes };
  }

  #parseSequence(): RegexNode {
    const nodes: RegexNode[] = [];
    let text = '';
    const isTop = this.#depth === 0;
    // The whole pattern is anchored anyway.
    if (isTop) this.#accept('^');
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === '|' || char === ')') break;
      if (char === '$' && isTop && '|'.includes(this.#pattern[this.#offset + 1] ?? '')) {
        this.#offset++;
        break;
      }
      const node = this.#parseRepeat();
      if (node.kind === 'literal') {
        text += node.text;
        continue;
      }
      if (text !== '') nodes.push({ kind: 'literal', text });
      text = '';
      nodes.push(node);
    }
    if (text !== '' || nodes.length === 0) nodes.push({ kind: 'literal', text });
    return nodes.length === 1 ? nodes[0]! : { kind: 'sequence', nodes };
  }

  #parseRepeat(): RegexNode {
    const node = this.#parseAtom();
    const [min, max] = this.#parseQuantifier() ?? [];
    if (min === undefined || max === undefined) return node;
    // Greedy or not makes no difference to whether there is a match.
    this.#accept('?');
    if ('*+?{'.includes(this.#peek() ?? ' ')) unknown();
    return { kind: 'repeat', node, min, max };
  }

  #parseQuantifier(): readonly [number, number] | undefined {
    if (this.#accept('*')) return [0, Infinity];
    if (this.#accept('+')) return [1, Infinity];
    if (this.#accept('?')) return [0, 1];
    if (this.#peek() !== '{') return undefined;
    COUNTS.lastIndex = this.#offset;
    const match = COUNTS.exec(this.#pattern);
    if (match === null) return unknown();
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Infinity : Number(match[3]);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Infinity) || max < min) unknown();
    this.#offset = COUNTS.lastIndex;
    return [min, max];
  }

  #parseAtom(): RegexNode {
    const char = this.#take();
    switch (char) {
      case '.':
        return { kind: 'set', set: ANY };
      case '(':
        return this.#parseGroup();
      case '[':
        return { kind: 'set', set: this.#parseClass() };
      case '\\':
        return this.#parseEscape();
    }
    // Braces and closing brackets may stand for themselves in RE2; rare enough to be left to it.
    return '*+?{}]^$'.includes(char) ? unknown() : { kind: 'literal', text: char };
  }

  #parseGroup(): RegexNode {
    if (this.#peek() === '?') {
      if (!this.#pattern.startsWith('?:', this.#offset)) unknown();
      this.#offset += 2;
    }
    if (++this.#depth > NESTING_MAX) unknown();
    const node = this.#parseAlternation();
    this.#depth--;
    return this.#accept(')') ? node : unknown();
  }

  #parseEscape(): RegexNode {
    const char = this.#take();
    const set = ESCAPED_SETS[char];
    return set === undefined ? { kind: 'literal', text: escapedChar(char) } : { kind: 'set', set };
  }

  #parseClass(): CharSet {
    if (++this.#classCount > CLASSES_MAX) unknown();
    const ascii = Array.from({ length: ASCII_COUNT }, () => false);
    const negated = this.#accept('^');
    let isFirst = true;
    for (;;) {
      if (!isFirst && this.#accept(']')) break;
      const set = this.#parseClassItem(isFirst);
      for (let code = 0; code < ASCII_COUNT; code++) if (set[code] === true) ascii[code] = true;
      isFirst = false;
    }
    return negated ? { ascii: ascii.map((has) => !has), others: true } : { ascii, others: false };
  }

  /** One character, a range of them, or an escaped set. */
  #parseClassItem(isFirst: boolean): readonly boolean[] {
    const from = this.#takeClassChar(isFirst);
    if (typeof from !== 'number') return from;
    let to = from;
    if (this.#peek() === '-' && this.#pattern[this.#offset + 1] !== ']') {
      this.#offset++;
      const end = this.#takeClassChar(false);
      to = typeof end === 'number' ? end : unknown();
    }
    if (to < from) unknown();
    return Array.from({ length: ASCII_COUNT }, (_, code) => code >= from && code <= to);
  }

  #takeClassChar(isFirst: boolean): number | readonly boolean[] {
    const char = this.#take();
    if (char === '\\') {
      const escaped = this.#take();
      return ESCAPED_SETS[escaped]?.ascii ?? escapedChar(escaped).charCodeAt(0);
    }
    // A bracket may begin a named class; a hyphen stands for itself at the ends only.
    const isPlainHyphen = isFirst || this.#peek() === ']';
    if (char === '[' || char === ']' || (char === '-' && !isPlainHyphen) || char.codePointAt(0)! >= ASCII_COUNT) unknown();
    return char.charCodeAt(0);
  }

  #peek(): string | undefined {
    return this.#pattern[this.#offset];
  }

  #take(): string {
    const code = this.#pattern.codePointAt(this.#offset);
    if (code === undefined) return unknown();
    const char = String.fromCodePoint(code);
    this.#offset += char.length;
    return char;
  }

  #accept(char: string): boolean {
    if (this.#pattern[this.#offset] !== char) return false;
    this.#offset++;
    return true;
  }
}

const COUNTS = /\{(0|[1-9]\d{0,3})(,(0|[1-9]\d{0,3}|))?\}/y;

function setOf(pattern: RegExp): CharSet {
  return { ascii: Array.from({ length: ASCII_COUNT }, (_, code) => pattern.test(String.fromCharCode(code))), others: false };
}

/** The negated ones are left out: in a class they would add what is beyond ASCII. */
const ESCAPED_SETS: Readonly<Record<string, CharSet>> = { d: setOf(/[0-9]/), w: setOf(/[0-9A-Za-z_]/), s: setOf(/[\t\n\f\r ]/) };
const ESCAPED_CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Punctuation may be escaped; letters and digits mean something else. */
function escapedChar(char: string): string {
  return ESCAPED_CONTROLS[char] ?? (/^[!-/:-@[-`{-~]$/.test(char) && char !== '_' ? char : unknown());
}

function unknown(): never {
  throw UNKNOWN;
}
