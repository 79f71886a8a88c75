import { describe, expect, test } from 'vitest';
import { compiledMatcher, compileMatcher, matcherMatchesEmpty } from '../../../storage/model/compile-matcher.ts';
import type { MatchType } from '../../../storage/model/matcher.ts';
import { InvalidRegexError } from '../../../storage/model/regex.ts';

describe('values', () => {
  /** A matcher, the values that it matches, and those that it does not. */
  const f = (type: MatchType, value: string, matching: readonly string[], other: readonly string[]) =>
    test(`${type} ${value}`, () => {
      const matches = compileMatcher({ name: 'x', type, value });
      for (const candidate of matching) expect(matches(candidate), JSON.stringify(candidate)).toBe(true);
      for (const candidate of other) expect(matches(candidate), JSON.stringify(candidate)).toBe(false);
    });
  f('=', 'a', ['a'], ['', 'A', 'a ', 'aa']);
  f('=', '', [''], ['a']);
  f('!=', 'a', ['', 'b'], ['a']);
  f('=~', '', [''], ['a']);
  f('=~', 'a|b', ['a', 'b'], ['', 'ab', 'c', 'a|b']);
  f('=~', 'a|', ['a', ''], ['b']);
  f('=~', 'foo.*', ['foo', 'foobar', 'foo\nbar'], ['', 'fo', 'xfoo']);
  f('=~', '.*foo', ['foo', 'barfoo'], ['foox', '']);
  f('=~', '.*foo.*', ['foo', 'xfoox'], ['fo', '']);
  f('=~', 'a.*a', ['aa', 'aba'], ['a', 'ab']);
  f('=~', '.*', ['', 'x', '\n', '😀'], []);
  f('=~', '.+', ['x', '\n', '😀'], ['']);
  f('=~', '.', ['x', '\n', '😀'], ['', 'xx']);
  f('=~', '..', ['xx', 'x😀'], ['😀', 'x']);
  f('=~', '.+.+', ['ab', '😀x'], ['a', '😀', '']);
  f('=~', 'a.+b.*c', ['axbc', 'axxbxxc', 'abbc'], ['abc', 'axb', 'ac']);
  f('=~', '(foo|bar)-(x|y)?', ['foo-', 'bar-x'], ['foo', 'foo-xy']);
  f('=~', '(?:api|web)-.*|db', ['api-', 'web-1', 'db'], ['db1', 'api']);
  f('=~', '^foo$', ['foo'], ['^foo$', 'foo\n']);
  f('=~', 'foo\\.bar', ['foo.bar'], ['fooxbar']);
  f('=~', '[0-9]+', ['0', '0123'], ['', 'a', '1a', '١']);
  f('=~', '5..', ['500', '5xx'], ['50', '5000']);
  f('=~', '\\d{3}|4\\w', ['123', '4a'], ['12', '1234']);
  f('=~', '[^/]+', ['a', '😀\n'], ['', '/', 'a/b']);
  f('=~', 'pod-[a-z0-9]+-[a-z0-9]{5}', ['pod-a1-abcde'], ['pod--abcde', 'pod-a-abcd']);
  f('=~', '\\s', [' ', '\t', '\f'], ['\v', '\u00a0', '']);
  f('=~', '(?i)foo', ['foo', 'FOO', 'fOo'], ['fo', 'xfoo']);
  f('=~', '(?i)foo|bar', ['FOO', 'BAR'], ['foobar']);
  f('=~', '(?i)k', ['k', 'K', '\u212a'], ['x']);
  f('=~', '(?i:a)b', ['ab', 'Ab'], ['aB']);
  f('=~', '\\bfoo\\b', ['foo'], ['foo ']);
  f('=~', '\\pL+', ['é', 'abc'], ['1']);
  f('=~', '(?-s).', ['x'], ['\n']);
  f('=~', 'a{2,3}', ['aa', 'aaa'], ['a', 'aaaa']);
  f('=~', '(ab)*', ['', 'abab'], ['aba']);
  f('=~', 'é|ü', ['é', 'ü'], ['e']);
  f('!~', 'a|b', ['', 'c'], ['a', 'b']);
  f('!~', '.+', [''], ['a']);
});

describe('literal values', () => {
  const f = (type: MatchType, value: string, ...literals: string[]) =>
    test(`${type} ${value}`, () => expect(compiledMatcher({ name: 'x', type, value }).literals).toEqual(literals));
  const none = (type: MatchType, value: string) =>
    test(`none of ${type} ${value}`, () => expect(compiledMatcher({ name: 'x', type, value }).literals).toBe(undefined));
  f('=', 'a.*', 'a.*');
  f('=~', 'a', 'a');
  f('=~', 'a|b|a', 'a', 'b');
  f('=~', 'pod-(1|2)', 'pod-1', 'pod-2');
  f('=~', '(?:a|b)(|c)', 'a', 'ac', 'b', 'bc');
  f('=~', 'a?\\.b', '.b', 'a.b');
  f('=~', '', '');
  f('=~', '^x$', 'x');
  none('!=', 'a');
  none('!~', 'a|b');
  none('=~', 'a.*');
  none('=~', '[ab]');
  none('=~', '(?i)a');
  none('=~', Array.from({ length: 8 }, () => '(a|b|c|d|e|f)').join(''));
});

describe('empty values', () => {
  const f = (type: MatchType, value: string, matchesEmpty: boolean) =>
    test(`${type} ${value}`, () => expect(matcherMatchesEmpty({ name: 'x', type, value })).toBe(matchesEmpty));
  f('=', '', true);
  f('=', 'a', false);
  f('!=', '', false);
  f('!=', 'a', true);
  f('=~', '.*', true);
  f('=~', '.+', false);
  f('=~', 'a|', true);
  f('=~', '(?i)a?', true);
  f('!~', '.+', true);
  f('!~', '.*', false);
});

describe('what is no regular expression', () => {
  const f = (pattern: string, message: string) =>
    test(pattern.slice(0, 40), () => {
      const compile = () => compileMatcher({ name: 'x', type: '=~', value: pattern });
      expect(compile).toThrow(InvalidRegexError);
      expect(compile).toThrow(`error parsing regexp: ${message}`);
    });
  f('(', 'missing closing ): `(`');
  f('a)', 'unexpected ): `a)`');
  f('[a', 'missing closing ]: `[a`');
  f('a**', 'invalid nested repetition operator: `**`');
  f('*a', 'missing argument to repetition operator: `*`');
  f('a{2,1}', 'invalid repeat count: `{2,1}`');
  f('a{1001}', 'invalid repeat count: `{1001}`');
  f('(a{100}){100}', 'expression too large');
  f('(?i)a{1000}'.repeat(20), 'expression too large');
  f('(a)\\1', 'invalid escape sequence: `\\1`');
  f('a(?=b)', 'invalid or unsupported Perl syntax: `(?=`');
  f('(?<!a)b', 'invalid named capture: `(?<!a)b`');
  f('[b-a]', 'invalid character class range: `b-a`');
  f('\\C', 'invalid escape sequence: `\\C`');
  f('a\\', 'trailing backslash at end of expression: ``');
  f('a.\udcffb(', 'invalid UTF-8: `\ufffdb(`');
  f('('.repeat(100_000), 'expression too large');
  f('x'.repeat(2_000_000), 'expression too large');
});
