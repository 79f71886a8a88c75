import { expect, test } from 'vitest';
import { compileRegex, compileWithEngine, InvalidRegexError } from '../../../storage/model/regex.ts';
import type { CompiledRegex } from '../../../storage/model/regex.ts';
import { randomBelow } from '../../fakes/random-below.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10_000);

/** Pieces of patterns that the ways around the engine deal in, and some that they must leave alone. */
const PIECES = [
  ...['a', 'b', 'ab', 'é', '😀', '-', ' ', '\n', '_', '\\.', '\\-', '\\n', '\\/', '\\_', '{', '}', ']', ')', '|', '|', '(', ')', '(?:', '()'],
  ...['.', '.*', '.+', '.?', '.*?', '.{2}', 'a*', 'a+', 'b?', 'b+?', 'a{2}', 'b{1,}', 'a{0,2}', 'a{0}', '(a|b)', '(ab)?', '(a)*', '**', '?', '{1,2}'],
  ...['[ab]', '[^a]', '[a-b]+', '[^\\n]*', '[-a]', '[a-]', '[]a]', '[^]a]', '[\\d_]', '[.]', '[a\\-b]', '[[:alpha:]]'],
  ...['\\d', '\\w', '\\s', '\\d+', '\\w{2}', '\\D', '^', '$', '(?i)', '(?i:A)', '\\b', '\\x61', '\\pL', '(?-s).', '\\Qa.b\\E', '\\z'],
];
const CHARACTERS = ['a', 'b', 'A', '.', '-', '_', '1', ' ', '\n', '\r', 'é', '😀', '\u212a', '/', '\u2028', '{', '^'];

function compileOrMessage(compile: (pattern: string) => CompiledRegex, pattern: string): CompiledRegex | string {
  try {
    return compile(pattern);
  } catch (error) {
    if (!(error instanceof InvalidRegexError)) throw error;
    return error.message;
  }
}

test('every way gives the answers of the engine', () => {
  const random = randomBelow(SEED);
  const pick = (from: readonly string[], countMax: number) => Array.from({ length: random(countMax + 1) }, () => from[random(from.length)]!).join('');
  let withoutEngine = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const pattern = pick(PIECES, 6);
    const fast = compileOrMessage(compileRegex, pattern);
    const engine = compileOrMessage(compileWithEngine, pattern);
    const where = `seed ${SEED}, pattern ${JSON.stringify(pattern)}`;
    if (typeof fast === 'string' || typeof engine === 'string') {
      expect(fast, where).toBe(engine);
      continue;
    }
    if (fast.programSize > 0) continue;
    withoutEngine++;
    const values = [pattern, ...(fast.literals ?? []), ...Array.from({ length: 30 }, () => pick(CHARACTERS, 5))];
    for (const value of values) {
      if (fast.test(value) !== engine.test(value)) throw new Error(`${where}, value ${JSON.stringify(value)}: engine says ${engine.test(value)}`);
      if (fast.literals !== undefined) expect(fast.literals.includes(value), where).toBe(fast.test(value));
    }
  }
  expect(withoutEngine).toBeGreaterThan(ROUNDS / 5);
});
