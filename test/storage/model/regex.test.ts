import { describe, expect, test } from 'vitest';
import { compileRegex, compileWithEngine, InvalidRegexError } from '../../../storage/model/regex.ts';

describe('which patterns need no engine', () => {
  const f = (pattern: string, needsEngine: boolean) =>
    test(pattern.slice(0, 40), () => expect(compileRegex(pattern).programSize > 0).toBe(needsEngine));
  f('foo', false);
  f('foo|bar.*|.*baz', false);
  f('(prod|staging)-.+', false);
  f('2..', false);
  f('[0-9]{3}', false);
  f('node-[0-9]+\\.example\\.com', false);
  f('[^:]+:9100', false);
  f(Array.from({ length: 9000 }, (_, i) => `pod-${i}`).join('|'), false);
  f('(?i)foo', true);
  f('[a-z]+a', true);
  f('a*a*', true);
  f('(a+)+$', true);
  f('.*[0-9]', true);
  f('.*a.*', false);
});

describe('hostile patterns take time in proportion to the value', () => {
  const f = (pattern: string, value: string, answer: boolean) =>
    test(`${pattern.slice(0, 40)} on ${value.length} characters`, () => {
      const startMs = performance.now();
      expect(compileRegex(pattern).test(value)).toBe(answer);
      expect(performance.now() - startMs).toBeLessThan(2000);
    });
  const as = 'a'.repeat(50_000);
  f('(a+)+$', `${as}b`, false);
  f('(a|aa)+', `${as}b`, false);
  f('(.*a){25}', `${'a'.repeat(24)}${'b'.repeat(50_000)}`, false);
  f('(.*a){25}', as, true);
  f('(x+x+)+y', 'x'.repeat(50_000), false);
  f('a*a*a*a*a*a*a*b', as, false);
  f('[a-z]+-[0-9]+', as, false);
  f('[a-z]*-?[0-9]*x', as, false);
  f('(a?){50}a{50}', 'a'.repeat(50), true);
  f('.*aab.*aab.*', as, false);
  f(`.*${'a'.repeat(200)}b.*c`, `${as}c`, false);
  f('((a{0,10}){0,10}){0,10}', as, false);
});

describe('large patterns are compiled or refused in good time', () => {
  const f = (name: string, pattern: string) =>
    test(name, () => {
      const startMs = performance.now();
      try {
        compileRegex(pattern);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRegexError);
      }
      expect(performance.now() - startMs).toBeLessThan(2000);
    });
  const n = 100_000;
  f('a long literal', 'a'.repeat(n));
  f('a long literal and a set', `${'a'.repeat(n)}[0-9]`);
  f('many alternatives', 'a|'.repeat(n));
  f('many gaps', 'a.*'.repeat(n));
  f('many gapped alternatives', 'a.*|'.repeat(n));
  f('many sets', '[ab]'.repeat(n));
  f('many optional characters', 'a?'.repeat(n));
  f('alternatives multiplied', '(a|b)'.repeat(n));
  f('alternatives before a long rest', `(${'a|'.repeat(5000)}b)${'(x)'.repeat(n)}`);
  f('alternatives inside each other', `${'(a|'.repeat(n)}`);
  f('counts inside each other', '(a{9}){9}'.repeat(n));
  f('open classes', '[['.repeat(n));
  f('open class names', '[[:'.repeat(n));
  f('open properties', '\\p{'.repeat(n));
  f('open counts', 'a{1'.repeat(n));
});

test('states that the engine makes are told as work, each once, and where none is needed there is none', () => {
  const value = 'aababbbaabababbbaaab';
  const { test: matches, slowWork, programSize } = compileWithEngine('(a|b)*a(a|b){12}');
  matches(value);
  expect(slowWork!()).toBeGreaterThan(10 * programSize);
  matches(value);
  expect(slowWork!()).toBe(0);
  matches('bbbbbbbbbb');
  expect(slowWork!()).toBeGreaterThan(programSize);
  expect(compileRegex('foo.*').slowWork).toBeUndefined();
});

test('where there are more states than the engine keeps, those that it makes again are work again, and so is what it does without', () => {
  const value = 'page/'.repeat(60);
  const { test: matches, slowWork, programSize } = compileWithEngine('(a?b|c|.?){700}[xy]');
  for (let time = 0; time < 2; time++) {
    expect(matches(value)).toBe(false);
    expect(slowWork!()).toBeGreaterThan(50 * value.length * programSize);
  }
  expect(slowWork!()).toBe(0);
});

test('a test costs by how the pattern is tested, and by the length of the value where all of it is looked at', () => {
  const f = (pattern: string, perValue: number, perCharacter: number): void => expect([pattern, compileRegex(pattern).cost]).toEqual([pattern, { perValue, perCharacter }]);
  f('a|b', 20, 0);
  f('a.*|.*b', 60, 0);
  f('.*a.*', 75, 4);
  f('.*a.*b.*', 110, 4);
  f('.*a.*|.*b.*', 130, 8);
  f('[0-9]+', 40, 7);
  f('[0-9]+|[a-c]x', 80, 14);
  const { cost, programSize } = compileRegex('(a|[b-d])*x+');
  expect(cost).toEqual({ perValue: 100, perCharacter: 30 + programSize / 8 });
});

test('the engine answers as the ways around it on patterns that have both', () => {
  for (const pattern of ['foo|bar', 'foo.*', '.*foo', 'a.+b', '[0-9]+', '5..', '(a|b)(c|d)?', 'x[^y]*y']) {
    const fast = compileRegex(pattern);
    const engine = compileWithEngine(pattern);
    for (const value of ['', 'foo', 'bar', 'foobar', 'barfoo', 'ab', 'a\nb', '500', '5', 'ac', 'b', 'xy', 'xzzy', 'xyy']) {
      expect(fast.test(value), `${pattern} on ${value}`).toBe(engine.test(value));
    }
  }
});
