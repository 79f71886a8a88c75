import type { AggregateOp, Position } from './ast.ts';
import { quoteString } from './quote.ts';

export const AGGREGATE_OPS = [
  'avg',
  'bottomk',
  'count',
  'count_values',
  'group',
  'limit_ratio',
  'limitk',
  'max',
  'min',
  'quantile',
  'stddev',
  'stdvar',
  'sum',
  'topk',
] as const satisfies readonly AggregateOp[];

const WORD_OPERATORS = ['and', 'atan2', 'or', 'unless'] as const;

/** Words that modify an operator, an aggregation or a selector. */
const MODIFIER_WORDS = [
  'anchored',
  'bool',
  'by',
  'fill',
  'fill_left',
  'fill_right',
  'group_left',
  'group_right',
  'ignoring',
  'offset',
  'on',
  'smoothed',
  'without',
] as const;

/** Words that stand for a property of the query, after `@` or in a duration; elsewhere they name functions. */
const QUERY_WORDS = ['end', 'max_of', 'min_of', 'range', 'start', 'step'] as const;

const SYMBOL_OPERATORS = ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', '</', '>/', '=~', '!~', '@'] as const;

export type Keyword =
  | (typeof AGGREGATE_OPS)[number]
  | (typeof WORD_OPERATORS)[number]
  | (typeof MODIFIER_WORDS)[number]
  | (typeof QUERY_WORDS)[number];

/** Keywords and symbols are their own kind. A word with a colon is a metric identifier, any other word an identifier. */
export type TokenKind =
  | 'end of input'
  | 'error'
  | 'identifier'
  | 'metric identifier'
  | 'number'
  | 'duration'
  | 'string'
  | '('
  | ')'
  | '{'
  | '}'
  | '['
  | ']'
  | ','
  | ':'
  | '='
  | (typeof SYMBOL_OPERATORS)[number]
  | Keyword;

export interface Token extends Position {
  readonly kind: TokenKind;
  /** As written, quotes included; for an error what is wrong. */
  readonly text: string;
}

const AGGREGATES: ReadonlySet<string> = new Set(AGGREGATE_OPS);
const OPERATORS: ReadonlySet<string> = new Set([...SYMBOL_OPERATORS, ...WORD_OPERATORS]);
const MODIFIERS: ReadonlySet<string> = new Set(MODIFIER_WORDS);
const KEYWORDS: ReadonlySet<string> = new Set([...AGGREGATE_OPS, ...WORD_OPERATORS, ...MODIFIER_WORDS, ...QUERY_WORDS]);
/** Keywords that cannot be a metric's name outside of quotes, though they can be a label's. */
const LABEL_ONLY_WORDS: ReadonlySet<string> = new Set(['atan2', 'bool', 'group_left', 'group_right', 'ignoring', 'on']);

/** The keyword that a lower-case word is. */
export function keywordOf(word: string): Keyword | undefined {
  return KEYWORDS.has(word) ? (word as Keyword) : undefined;
}

export function isAggregateOp(kind: TokenKind): kind is AggregateOp {
  return AGGREGATES.has(kind);
}

/** Whether the token can be a metric's name: keywords can where the grammar leaves no doubt. */
export function isMetricName(kind: TokenKind): boolean {
  return kind === 'identifier' || kind === 'metric identifier' || (KEYWORDS.has(kind) && !LABEL_ONLY_WORDS.has(kind));
}

/** Whether the token can be a label's name in a list of labels: nearly every word can. */
export function isLabelName(kind: TokenKind): boolean {
  return kind === 'identifier' || kind === 'metric identifier' || (KEYWORDS.has(kind) && kind !== 'without');
}

/** Of a longer token, in bytes, the first so many characters are shown. */
const SHOWN_LENGTH_MAX = 10;

const utf8 = new TextEncoder();

/** The token as error messages name it. */
export function describeToken(token: Token): string {
  const { kind, text } = token;
  if (kind === 'end of input') return kind;
  if (kind === 'identifier' || kind === 'metric identifier') return `${kind} ${quoteString(text)}`;
  if (MODIFIERS.has(kind)) return `<${text}>`;
  if (OPERATORS.has(kind)) return `<op:${text}>`;
  if (AGGREGATES.has(kind)) return `<aggr:${text}>`;
  const beginning = text.slice(0, 2 * SHOWN_LENGTH_MAX);
  const isLong = utf8.encode(beginning).length > SHOWN_LENGTH_MAX;
  const shown = isLong ? `${quoteString([...beginning].slice(0, SHOWN_LENGTH_MAX).join(''))}...` : quoteString(text);
  return kind === 'number' || kind === 'duration' || kind === 'string' ? `${kind} ${shown}` : shown;
}
