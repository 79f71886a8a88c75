import { labelValue, type Labels } from './labels.ts';
import type { Matcher } from './matcher.ts';
import { compileRegex } from './regex.ts';
import { COMPARING, type TestCost } from './test-cost.ts';

export interface CompiledMatcher {
  /** A test of label values; an absent label is the empty value. Remembering the answers for values seen before is the caller's. */
  readonly test: (value: string) => boolean;
  /** The only values that can match, when they are known: an index then looks them up instead of trying all values. */
  readonly literals: readonly string[] | undefined;
  readonly cost: TestCost;
  /** What tests have taken beyond that: see CompiledRegex. */
  readonly slowWork?: (() => number) | undefined;
}

/** Throws `InvalidRegexError`. */
export function compiledMatcher({ type, value: wanted }: Matcher): CompiledMatcher {
  switch (type) {
    case '=':
      return { test: (value) => value === wanted, literals: [wanted], cost: COMPARING };
    case '!=':
      return { test: (value) => value !== wanted, literals: undefined, cost: COMPARING };
    case '=~':
      return compileRegex(wanted);
    case '!~': {
      const { test, cost, slowWork } = compileRegex(wanted);
      return { test: (value) => !test(value), literals: undefined, cost, slowWork };
    }
  }
}

/** The matcher's test alone. */
export function compileMatcher(matcher: Matcher): (value: string) => boolean {
  return compiledMatcher(matcher).test;
}

/** A test of series: all of the matchers match. None match everything. */
export function compileSelector(matchers: readonly Matcher[]): (labels: Labels) => boolean {
  const tests = matchers.map((matcher) => ({ name: matcher.name, test: compileMatcher(matcher) }));
  return (labels) => tests.every(({ name, test }) => test(labelValue(labels, name)));
}

/** Whether series without the label match. */
export function matcherMatchesEmpty(matcher: Matcher): boolean {
  return compileMatcher(matcher)('');
}
