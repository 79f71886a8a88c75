export type MatchType = '=' | '!=' | '=~' | '!~';

/** One label matcher of a selector. Regular expressions are RE2 syntax, anchored at both ends, and a dot matches a line break. */
export interface Matcher {
  readonly name: string;
  readonly type: MatchType;
  readonly value: string;
}
