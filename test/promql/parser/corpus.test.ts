import { parser as lezerParser } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { childrenOf, type Expr, parseExpr, ParseError, parseSyntax, prettyExpression, printExpression } from '../../../promql/parser/index.ts';
import { formatDecimal, printMatcher } from '../../../promql/parser/print.ts';
import { randomBelow } from '../../fakes/random-below.ts';
import { mutations, ownQueries, upstreamQueries } from './corpus.ts';
import { RandomSyntax } from './random-syntax.ts';

const upstream = upstreamQueries();
if (upstream === undefined) console.log("Prometheus' scripts are not beside the checkout: their queries are left out.");
const queries = [...ownQueries(), ...(upstream ?? [])];

/** The tree without positions, and with its matchers sorted as they are when printed. */
function shape(query: string): string {
  return JSON.stringify(parseExpr(query), (key, value: unknown) => {
    if (key === 'position') return undefined;
    if (key === 'matchers') return (value as readonly Matcher[]).map(printMatcher).sort();
    return typeof value === 'number' ? formatDecimal(value) : value;
  });
}

function syntaxError(query: string): string | undefined {
  try {
    parseSyntax(query);
    return undefined;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.reason;
  }
}

function lezerAccepts(query: string): boolean {
  let accepts = true;
  lezerParser.parse(query).iterate({
    enter: (node) => {
      if (node.type.isError) accepts = false;
    },
  });
  return accepts;
}

/** Where lezer's grammar refuses what Prometheus' parser takes. */
const LEZER_TOO_STRICT: readonly (readonly [reason: string, query: RegExp])[] = [
  ['it knows min_of() and max_of() in durations only', /(min|max)_of\s*\(/i],
  ['it wants step() and range() of durations in lower case', /STEP|RANGE/],
  ['it wants a digit after the point of a number', /\d\.(?!\d)/],
  ['it does not take `offset` as a metric', /\boffset\b/],
  ['it wants no underscore in a hexadecimal number', /0x[\da-f]*_/i],
  ['it wants no colon in a label of a list', /\([^)]*:[^)]*\)/],
];

/** Where lezer's grammar takes what Prometheus' parser refuses. */
const LEZER_TOO_LOOSE: readonly (readonly [reason: string, error: RegExp])[] = [
  ['any expression may be modified', /modifier (must be preceded|not implemented|is not supported)|allowed before range|ranges only allowed/],
  ['modifiers may be repeated', /may not be set multiple times|cannot be used together/],
  ['it knows no values', /arguments for aggregate|error parsing|not a valid duration|out of (range|bounds)|greater than 0|by zero/],
  ['any function name and label name will do', /unknown function|invalid label name/],
  ['strings need not end, and their escapes may be anything', /unterminated|escape sequence/],
  ['a number may touch the word after it', /bad number or duration syntax/],
  ['Inf and NaN are words in some places', /unexpected (number "(NaN|Inf)|character in duration expression: '[ni]')/i],
  ['`atan2` may be a metric', /<op:atan2>|trailing commas/i],
  ['an offset in parentheses ends with them', /unexpected .+ in offset/],
  ['`without` may be a label of a list', /unexpected <without> in grouping opts/],
];

describe('queries of all corpora', () => {
  test('parse, and print to a text that parses to the same tree', () => {
    for (const query of queries) {
      const printed = printExpression(parseExpr(query));
      expect(printExpression(parseExpr(printed))).toBe(printed);
      expect(printExpression(parseExpr(prettyExpression(parseExpr(query))))).toBe(printed);
      expect(shape(printed), query).toBe(shape(query));
    }
  });

  test("are accepted by the grammar of Prometheus' editor too", () => {
    for (const query of queries) {
      expect(syntaxError(query), query).toBe(undefined);
      if (!lezerAccepts(query)) expect(LEZER_TOO_STRICT.some(([, pattern]) => pattern.test(query)), query).toBe(true);
    }
  });
});

/** Where each operation between two operands begins and ends. */
function operationsOf(expr: Expr): string[] {
  const below = childrenOf(expr).flatMap(operationsOf);
  return expr.kind === 'binary' ? [...below, `${expr.position.start}-${expr.position.end}`] : below;
}

function lezerOperationsOf(query: string): string[] {
  const found: string[] = [];
  lezerParser.parse(query).iterate({
    enter: (node) => {
      if (node.name === 'BinaryExpr') found.push(`${node.from}-${node.to}`);
    },
  });
  return found;
}

describe('queries made from the grammar', () => {
  const syntax = new RandomSyntax(randomBelow(20_260_102));
  const made = Array.from({ length: 5_000 }, (_, i) => syntax.vector(i % 5));

  test('parse, and print to a text that parses to the same tree', () => {
    for (const query of made) {
      const printed = printExpression(parseExpr(query));
      expect(printExpression(parseExpr(prettyExpression(parseExpr(query)))), query).toBe(printed);
      expect(shape(printed), query).toBe(shape(query));
    }
  });

  test("are read by the editor's grammar too, and operators bind there as here", () => {
    for (const query of made) {
      if (!lezerAccepts(query)) expect(LEZER_TOO_STRICT.some(([, pattern]) => pattern.test(query)), query).toBe(true);
      // There a modifier belongs to all that stands before it.
      else if (!/@|offset/i.test(query)) expect(lezerOperationsOf(query).sort(), query).toEqual(operationsOf(parseExpr(query)).sort());
    }
  });

  test("the editor's grammar agrees on which variants are no query", () => {
    expectAgreement(made, 20_260_103);
  });
});

test("the editor's grammar agrees on what is no query", () => {
  expectAgreement(queries, 20_260_101);
});

/** Of 20,000 variants of the queries. */
function expectAgreement(originals: readonly string[], seed: number): void {
  const mutants = mutations(originals, seed);
  for (let i = 0; i < 20_000; i++) {
    const query = mutants.next().value as string;
    const ours = syntaxError(query);
    if (lezerAccepts(query) === (ours === undefined)) continue;
    const isExplained = (ours === undefined ? LEZER_TOO_STRICT : LEZER_TOO_LOOSE).some(([, pattern]) => pattern.test(ours ?? query));
    expect(isExplained, `${JSON.stringify(query)}: ${ours ?? 'we accept it'}`).toBe(true);
  }
}
