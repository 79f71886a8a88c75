/**
 * Regular expressions of label matchers: RE2's syntax and meaning, anchored at both ends, a dot matches a line break too.
 *
 * JavaScript's own engine backtracks and can take exponential time, and reads some patterns differently. So a pattern takes the first of
 * three ways that fits: plain string operations, JavaScript's engine for what is provably harmless, else re2js, a port of RE2 whose time
 * is linear in the value (times the size of the pattern, which is bounded here).
 */
import { RE2JS } from 're2js';
import { compileGlobs, costOfGlobs, globsOf } from './regex-glob.ts';
import { compileOnePass } from './regex-one-pass.ts';
import { parseRegex } from './regex-syntax.ts';
import type { TestCost } from './test-cost.ts';

export interface CompiledRegex {
  /** Whether the pattern matches the whole value. */
  readonly test: (value: string) => boolean;
  /** All values that match, each once, when there are finitely many and they are spelled out. */
  readonly literals: readonly string[] | undefined;
  /** How much work compiling is, in instructions of the engine's program; 0 when no engine is needed. */
  readonly programSize: number;
  readonly cost: TestCost;
  /**
   * What matching has taken since it was asked last beyond its cost, in the same unit: nearly nothing of usual patterns, and nearly everything of
   * those that are made for it. `undefined` when no engine is needed.
   */
  readonly slowWork?: (() => number) | undefined;
}

/** A pattern that is not RE2, or too large. The message is Go's, which Prometheus' clients know. */
export class InvalidRegexError extends Error {
  override readonly name = 'InvalidRegexError';
  /** The same field as on the errors that are answered to clients (see `ErrorKind`): the request is wrong. */
  readonly kind = 'bad-data';
}

/**
 * Compiling takes about 20 µs an instruction and matching up to 100 ns an instruction and character. Patterns of people have some ten to
 * a hundred; lists of thousands of literals need no program at all.
 */
const REGEX_PROGRAM_SIZE_MAX = 10_000;

/** Of all patterns of one request together: hundreds of large ones would take minutes to compile. */
const REGEX_SIZE_SUM_MAX = 4 * REGEX_PROGRAM_SIZE_MAX;

/** Classes and names of classes are long for one instruction. */
const ENGINE_LENGTH_MAX = 2 * REGEX_PROGRAM_SIZE_MAX;

/** Where the engine is not needed a pattern may be longer, but not without bound. */
const REGEX_LENGTH_MAX = 1_000_000;

/** What makes a pattern more than a list of literals. */
const OPERATOR = /[\\.+*?()[\]{}^$]/;

export function compileRegex(pattern: string): CompiledRegex {
  if (pattern.length > REGEX_LENGTH_MAX) throw tooLarge();
  if (!pattern.isWellFormed() && OPERATOR.test(pattern)) throw notText(pattern);
  const node = parseRegex(pattern);
  const globs = node === undefined ? undefined : globsOf(node);
  if (globs !== undefined) {
    const isLiteral = globs.every((glob) => glob.gaps.length === 0);
    return { test: compileGlobs(globs), literals: isLiteral ? [...new Set(globs.map((glob) => glob.texts[0]!))] : undefined, programSize: 0, cost: costOfGlobs(globs) };
  }
  const onePass = node === undefined ? undefined : compileOnePass(node);
  if (onePass !== undefined) return { ...onePass, literals: undefined, programSize: 0 };
  return compileWithEngine(pattern);
}

/** Compiles the patterns of one request, which are bounded together as well. */
export class RegexAllowance {
  #sizeSum = 0;

  /** Throws `InvalidRegexError`, also for a pattern that is too large beside those before it. */
  compile(pattern: string): CompiledRegex {
    const compiled = compileRegex(pattern);
    this.#sizeSum += compiled.programSize;
    if (this.#sizeSum > REGEX_SIZE_SUM_MAX) throw new InvalidRegexError('regular expressions of the request are too large together');
    return compiled;
  }
}

/**
 * What an instruction costs in a state that the engine has to make. Of most patterns a few dozen states do for all values; `(a|b)*a(a|b){20}` has
 * one for nearly each character of each value.
 */
const STATE_NS = 300;
/** And of a character where it does without states, since there are more than it can keep: then it follows all instructions at once. */
const STATELESS_NS = 60;
/** Of a character in a state that it has, whatever the pattern; and what the few states of larger patterns are more. */
const CHARACTER_NS = 30;
const CHARACTER_INSTRUCTION_NS = 1 / 8;
const ENGINE_NS = 100;

/** By re2js whatever the pattern. Exported to be compared with. */
export function compileWithEngine(pattern: string): CompiledRegex {
  const regex = engineRegex(pattern);
  const programSize = regex.programSize();
  const cost = { perValue: ENGINE_NS, perCharacter: CHARACTER_NS + programSize * CHARACTER_INSTRUCTION_NS };
  return { test: (value) => regex.testExact(value), literals: undefined, programSize, cost, slowWork: slowWorkOf(regex, programSize) };
}

/** The engine tells neither how often it has let go of its states, all of which it then makes anew, nor of what it has gone through without: its automaton is listened to. */
function slowWorkOf(regex: RE2JS, programSize: number): () => number {
  const { dfa } = regex.re2Input;
  const { clearCache, match } = dfa;
  let knownStates = 0;
  let work = 0;
  const takeStates = (): void => {
    work += (dfa.stateCount - knownStates) * programSize * STATE_NS;
    knownStates = dfa.stateCount;
  };
  dfa.clearCache = () => {
    takeStates();
    clearCache.call(dfa);
    knownStates = 0;
  };
  dfa.match = (input: { endPos(): number }, position: number, anchor: number): boolean | null => {
    const outcome = match.call(dfa, input, position, anchor) as boolean | null;
    if (outcome === null) work += (input.endPos() - position) * programSize * STATELESS_NS;
    return outcome;
  };
  return () => {
    takeStates();
    const taken = work;
    work = 0;
    return taken;
  };
}

/** The engine's own form of a pattern, which also tells what its groups have matched. Throws `InvalidRegexError`. */
export function engineRegex(pattern: string): RE2JS {
  if (pattern.length > ENGINE_LENGTH_MAX || estimateProgramSize(pattern) > REGEX_PROGRAM_SIZE_MAX) throw tooLarge();
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    throw new InvalidRegexError(describeSyntaxError(error));
  }
}

/** The engine puts the dot's flag before the pattern that it shows. */
function describeSyntaxError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const shown = message.replace('`(?s)', '`');
  // Of what is left of the pattern, which is nothing, Go shows even that.
  return shown.endsWith('trailing backslash at end of expression') ? `${shown}: \`\`` : shown;
}

/** Bytes that are no UTF-8, which `"\xff"` makes, are lone surrogates: literals may have them, as values do that are compared with them. */
function notText(pattern: string): InvalidRegexError {
  const text = pattern.toWellFormed();
  let at = 0;
  while (text[at] === pattern[at]) at++;
  return new InvalidRegexError(`error parsing regexp: invalid UTF-8: \`${text.slice(at)}\``);
}

function tooLarge(): InvalidRegexError {
  return new InvalidRegexError('error parsing regexp: expression too large');
}

const REPEAT_COUNTS = /\{(\d+)(?:,(\d*))?\}/y;
/** RE2 refuses higher counts. */
const REPEAT_MAX = 1000;

/**
 * About how many instructions the pattern compiles to, before it is compiled: counted repetitions of groups multiply, and a few dozen
 * characters can stand for millions. Invalid patterns give some number too; the engine refuses them afterwards.
 */
function estimateProgramSize(pattern: string): number {
  const outer: number[] = [];
  let total = 0;
  let atom = 0;
  for (let i = 0; i < pattern.length && total <= REGEX_PROGRAM_SIZE_MAX; ) {
    const char = pattern[i]!;
    const counts = char === '{' ? countsAt(pattern, i) : undefined;
    if (counts !== undefined) {
      total += atom * (counts.max - 1);
      atom *= counts.max;
      i += counts.length;
      continue;
    }
    i = char === '\\' ? i + 2 : char === '[' ? classEnd(pattern, i) : i + 1;
    if (char === '(') {
      outer.push(total);
      total = 0;
    } else {
      atom = char === ')' ? total + 2 : 1;
      total = char === ')' ? (outer.pop() ?? 0) + atom : total + atom;
    }
  }
  return outer.reduce((sum, size) => sum + size, total);
}

function countsAt(pattern: string, offset: number): { readonly max: number; readonly length: number } | undefined {
  REPEAT_COUNTS.lastIndex = offset;
  const match = REPEAT_COUNTS.exec(pattern);
  if (match === null) return undefined;
  const max = Math.max(Number(match[1]), Number(match[2] ?? 0), 1);
  return { max: max > REPEAT_MAX ? 1 : max, length: match[0].length };
}

/** After the bracket that closes a class; one in first place is a member. */
function classEnd(pattern: string, start: number): number {
  let i = start + (pattern[start + 1] === '^' ? 2 : 1);
  if (pattern[i] === ']') i++;
  while (i < pattern.length && pattern[i] !== ']') i += pattern[i] === '\\' ? 2 : 1;
  return i + 1;
}
