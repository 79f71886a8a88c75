import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { SeriesSource } from '../../promql/series-source.ts';
import { ParsedQueries } from '../../query/parsed-queries.ts';

const EMPTY: SeriesSource = { select: () => (async function* () {})() };

const QUERIES = [
  'sum by (a) (rate(m{b=~"x.*"}[5m] offset 1m)) / on (a) group_left (c) max_over_time(n[10m:1m])',
  'label_replace(topk(3, -m @ end()), "a", "$1", "b", "(.*)") or absent(n) unless vector(1 + 2 * 3 > bool time())',
  'histogram_quantile(0.9, sum without (x) (increase(m[1h]))) and quantile(0.5, n)',
];

test('a tree is remembered, and no query changes it', async () => {
  const parsed = new ParsedQueries();
  for (const query of QUERIES) {
    const tree = parsed.parse(query);
    expect(parsed.parse(query)).toBe(tree);
    freeze(tree);
    const engine = new Engine({ source: EMPTY, parse: (text) => parsed.parse(text) });
    await engine.range(query, { startMs: 0, endMs: 600_000, stepMs: 60_000 });
    await engine.instant(query, { timeMs: 5_000_000 });
  }
});

test('what does not parse is told again', () => {
  const parsed = new ParsedQueries();
  expect(() => parsed.parse('sum(')).toThrow();
  expect(() => parsed.parse('sum(')).toThrow();
});

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}
