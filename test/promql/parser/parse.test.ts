import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { childrenOf, parseExpr, parseMetricSelector, typeOf } from '../../../promql/parser/index.ts';
import type { Expr } from '../../../promql/parser/index.ts';
import { parseMetric, parseMetricPrefix } from '../parse-metric.ts';
import { TREES } from './corpus.ts';
import { showTree } from './show-tree.ts';

const ARROW = ' ==> ';

describe('trees', () => {
  let lines = readFileSync(TREES, 'utf8').split('\n');
  const isCase = (line: string) => line !== '' && !line.startsWith('#');
  if (process.env['COMPLETE'] !== undefined) {
    const complete = (line: string) => {
      const input = line.split(ARROW)[0]!;
      return input + ARROW + showTree(parseExpr(input));
    };
    lines = lines.map((line) => (isCase(line) ? complete(line) : line));
    writeFileSync(TREES, lines.join('\n'));
  }
  for (const line of lines.filter(isCase)) {
    const [input, tree] = line.split(ARROW);
    test(input!, () => expect(showTree(parseExpr(input!))).toBe(tree));
  }
});

describe('positions', () => {
  /** The text of each expression of a kind, as its position says. */
  const f = (query: string, kind: Expr['kind'], ...texts: string[]) =>
    test(`${kind} in ${query}`, () => {
      const found: string[] = [];
      const walk = (expr: Expr) => {
        if (expr.kind === kind) found.push(query.slice(expr.position.start, expr.position.end));
        for (const child of childrenOf(expr)) walk(child);
      };
      walk(parseExpr(query));
      expect(found).toEqual(texts);
    });
  f(' foo + bar{a="é"} ', 'vector', 'foo', 'bar{a="é"}');
  f('foo offset 5m @ 3 + 1', 'vector', 'foo offset 5m @ 3');
  f('rate(foo[5m] offset 1m) ', 'matrix', 'foo[5m] offset 1m');
  f('rate(foo[5m] offset 1m) ', 'vector', 'foo');
  f('rate( foo[5m] ) ', 'call', 'rate( foo[5m] )');
  f('sum(foo) by (a) ', 'aggregate', 'sum(foo) by (a)');
  f('(sum(foo) )', 'aggregate', 'sum(foo)');
  f('1 + foo - (2)', 'binary', '1 + foo - (2)', '1 + foo');
  f('- -1 + -foo', 'number', '- -1');
  f('- -1 + -foo', 'unary', '-foo');
  f('foo[5m:1m] @ end()', 'subquery', 'foo[5m:1m] @ end()');
  f('"😀" ', 'string', '"😀"');
});

describe('types', () => {
  const f = (query: string, type: string) => test(query, () => expect(typeOf(parseExpr(query))).toBe(type));
  f('1', 'scalar');
  f('-(1 + 2)', 'scalar');
  f('1 + foo', 'vector');
  f('"x"', 'string');
  f('foo[5m]', 'matrix');
  f('foo[5m:]', 'matrix');
  f('scalar(foo)', 'scalar');
  f('-rate(foo[5m])', 'vector');
  f('sum(foo)', 'vector');
});

describe('metric selectors', () => {
  const f = (selector: string, ...matchers: string[]) =>
    test(selector, () => expect(parseMetricSelector(selector).map(({ name, type, value }) => name + type + value)).toEqual(matchers));
  f('foo', '__name__=foo');
  f('foo{a="b"}', 'a=b', '__name__=foo');
  f('{a!~"b|c"}', 'a!~b|c');
  f('{}');
  f('{"x.y"}', '__name__=x.y');
});

describe('metrics', () => {
  const f = (metric: string, ...labels: string[]) => test(metric, () => expect(parseMetric(metric)).toEqual(labels));
  f('foo', '__name__', 'foo');
  f('foo{b="1",a="2",}', '__name__', 'foo', 'a', '2', 'b', '1');
  f('{"x.y", "l.m"="é"}', '__name__', 'x.y', 'l.m', 'é');
  f('{}');
  f('sum{a=""}', '__name__', 'sum');
});

describe('metrics before other text', () => {
  const f = (text: string, end: number, ...labels: string[]) => test(text, () => expect(parseMetricPrefix(text)).toEqual({ labels, end }));
  f('foo 1 2x3', 3, '__name__', 'foo');
  f('foo{a="b"} {{schema:1}} _ stale', 10, '__name__', 'foo', 'a', 'b');
  f('{} 5', 2);
  f('5', 0);
});
