import { METRIC_NAME } from '../../storage/model/labels.ts';
import type { Matcher, MatchType } from '../../storage/model/matcher.ts';
import { InvalidRegexError } from '../../storage/model/regex.ts';
import type { VectorSelector } from './ast.ts';
import { stringValue } from './literal.ts';
import { isMetricName } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

const PLACE = 'label matching';

/** A metric's name, matchers in braces, or both. */
export function parseSelector(cursor: TokenCursor): VectorSelector {
  const { start } = cursor.token;
  const name = isMetricName(cursor.kind) ? cursor.take().text : undefined;
  if (name === undefined && cursor.kind !== '{') cursor.unexpected();
  const inBraces = cursor.kind === '{' ? parseMatchers(cursor) : [];
  const matchers = name === undefined ? inBraces : [...inBraces, nameMatcher(name)];
  return { kind: 'vector', name, matchers, offsetMs: 0, at: undefined, edges: undefined, position: { start, end: cursor.lastEnd } };
}

function nameMatcher(name: string): Matcher {
  return { name: METRIC_NAME, type: '=', value: name };
}

function parseMatchers(cursor: TokenCursor): readonly Matcher[] {
  cursor.take();
  const matchers: Matcher[] = [];
  if (cursor.accept('}')) return matchers;
  for (;;) {
    matchers.push(parseMatcher(cursor));
    const comma = cursor.accept(',');
    if (cursor.accept('}')) return matchers;
    if (!comma) cursor.unexpected(PLACE, '"," or "}"');
  }
}

/** A matcher, or a string alone: the metric's name. */
function parseMatcher(cursor: TokenCursor): Matcher {
  const { token } = cursor;
  const isQuoted = token.kind === 'string';
  if (!isQuoted && token.kind !== 'identifier') cursor.unexpected(PLACE, 'identifier or "}"');
  cursor.take();
  const name = isQuoted ? stringValue(token.text) : token.text;
  const type = matchType(cursor);
  if (type === undefined) return isQuoted ? nameMatcher(name) : cursor.unexpected(PLACE, 'label matching operator');
  cursor.take();
  if (cursor.kind !== 'string') cursor.unexpected(PLACE, 'string');
  const value = cursor.take();
  const matcher = { name, type, value: stringValue(value.text) };
  if (type === '=~' || type === '!~') checkRegex(cursor, matcher.value, token.start);
  return matcher;
}

function matchType(cursor: TokenCursor): MatchType | undefined {
  switch (cursor.kind) {
    case '=':
    case '!=':
    case '=~':
    case '!~':
      return cursor.kind;
    default:
      return undefined;
  }
}

function checkRegex(cursor: TokenCursor, pattern: string, start: number): void {
  const position = { start, end: cursor.lastEnd };
  try {
    cursor.regexes.compile(pattern);
  } catch (error) {
    if (!(error instanceof InvalidRegexError)) throw error;
    cursor.fail(position, error.message);
  }
}
