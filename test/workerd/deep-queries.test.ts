import { describe, expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import { OPERATOR_CHAIN_MAX } from '../../promql/parser/ast.ts';
import { EXPRESSION_DEPTH_MAX, parseExpr, parseSyntax, prettyExpression, printExpression } from '../../promql/parser/index.ts';
import { expressionJson } from '../../query/text/expression-json.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';

/*
 * How deep a tree may be is bounded by the stack of an isolate, which is workerd's business. Each kind of depth is tried as deep as it is
 * allowed, and chains twice as deep, past the bound, since what calls the engine needs some of the stack too.
 */

const series = (x: string) => ({
  labels: ['__name__', 'm', 'x', x], timestampsMs: Float64Array.of(0), values: Float64Array.of(1), isStale: undefined, histograms: undefined, startTimestampsMs: undefined,
});

function engineWith(parse: typeof parseExpr): Engine {
  const source = new MemorySeriesSource();
  for (const x of ['1', '2']) source.set(series(x));
  return new Engine({ source, parse });
}

const chain = (operand: string, operator: string) => (levels: number) => Array.from({ length: levels }, () => operand).join(` ${operator} `);
const nested = (before: string, inner: string, after: string) => (levels: number) => before.repeat(levels) + inner + after.repeat(levels);

/** Of subqueries and parentheses one is two levels: with the call, and with the operator in it. */
const KINDS: readonly (readonly [name: string, levelsMax: number, make: (levels: number) => string])[] = [
  ['numbers in a row', OPERATOR_CHAIN_MAX, chain('1', '+')],
  ['vectors in a row', OPERATOR_CHAIN_MAX, chain('m', '+')],
  ['vectors or others', OPERATOR_CHAIN_MAX, chain('m', 'or')],
  ['vectors and others', OPERATOR_CHAIN_MAX, chain('m', 'and')],
  ['powers', EXPRESSION_DEPTH_MAX, chain('1', '^')],
  ['parentheses', EXPRESSION_DEPTH_MAX / 2, nested('(m + ', 'm', ')')],
  ['signs', EXPRESSION_DEPTH_MAX, nested('-', 'm', '')],
  ['aggregations', EXPRESSION_DEPTH_MAX, nested('sum(', 'm', ')')],
  ['functions', EXPRESSION_DEPTH_MAX, nested('label_replace(', 'm', ', "y", "$1", "x", "(.*)")')],
  ['subqueries', EXPRESSION_DEPTH_MAX / 2, nested('max_over_time(', 'm', '[1s:1s])')],
];

describe.each(KINDS)('%s', (_name, levelsMax, make) => {
  const allowed = make(levelsMax - 2);

  test('as deep as it is allowed', async () => {
    const expr = parseExpr(allowed);
    expect(printExpression(parseExpr(prettyExpression(expr)))).toBe(printExpression(expr));
    expect(JSON.stringify(expressionJson(expr)).length).toBeGreaterThan(1000);
    const engine = engineWith(parseExpr);
    await expect(engine.instant(allowed, { timeMs: 0 })).resolves.toBeDefined();
    await expect(engine.range(allowed, { startMs: 0, endMs: 2000, stepMs: 1000 })).resolves.toBeDefined();
    await expect(engine.instant(allowed, { timeMs: 0, explain: 'plan' })).resolves.toBeDefined();
  });

  test('but no deeper', () => {
    expect(() => parseExpr(make(levelsMax + 2))).toThrow('nested more than');
    expect(() => parseExpr(make(100 * levelsMax))).toThrow('nested more than');
  });
});

test.each(KINDS.filter(([, levelsMax]) => levelsMax === OPERATOR_CHAIN_MAX))('twice as many %s would do', async (_name, levelsMax, make) => {
  await expect(engineWith(parseSyntax).instant(make(2 * levelsMax), { timeMs: 0 })).resolves.toBeDefined();
});
