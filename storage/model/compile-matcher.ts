import type { Matcher } from './matcher.ts';
import { compileRegex } from './regex.ts';

/**
 * The matcher as a test of label values; an absent label is the empty value. Throws `InvalidRegexError`.
 * Remembering the answers for values seen before is the caller's.
 */
export function compileMatcher(matcher: Matcher): (value: string) => boolean {
  const { type, value: wanted } = matcher;
  switch (type) {
    case '=':
      return (value) => value === wanted;
    case '!=':
      return (value) => value !== wanted;
    case '=~':
      return compileRegex(wanted).test;
    case '!~': {
      const { test } = compileRegex(wanted);
      return (value) => !test(value);
    }
  }
}

/** Whether series without the label match. */
export function matcherMatchesEmpty(matcher: Matcher): boolean {
  return compileMatcher(matcher)('');
}

/** The only values that can match, when they are known: an index then looks them up instead of trying all values. */
export function literalValues(matcher: Matcher): readonly string[] | undefined {
  if (matcher.type === '=') return [matcher.value];
  return matcher.type === '=~' ? compileRegex(matcher.value).literals : undefined;
}
