import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseExpr } from '../../../promql/parser/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { LocalAnswers } from './local-answers.ts';
import { Mutations, partsOf } from './mutations.ts';
import { metricOf, toLoad, worldsOf } from './script-worlds.ts';
import { plainQueries, transplanted } from './transplant.ts';

const SCRIPTS = join(import.meta.dirname, '../../promql/scripts');
const script = (name: string): string => join(SCRIPTS, `${name}.test`);

test('each part of a script between two clears is a world of its own', async () => {
  const worlds = await worldsOf(SCRIPTS);
  expect(worlds.length).toBeGreaterThan(20);
  worlds.forEach((world, index) => {
    expect(world.series.every(({ timestampsMs }) => timestampsMs[0]! >= world.zeroMs && timestampsMs.at(-1)! <= world.endMs), world.name).toBe(true);
    expect(world.endMs, world.name).toBeLessThan(worlds[index + 1]?.zeroMs ?? Infinity);
  });
});

test('a world is loaded as it is: floats, histograms in runs, and what says that a series is gone', async () => {
  const worlds = await worldsOf(script('over-time'));
  for (const world of worlds) {
    const { floats, histograms } = toLoad(world);
    const points = world.series.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
    const ofRuns = histograms.flatMap(({ runs }) => runs.slice(1).map((run) => (run.kind === 'floats' ? run.timestampsMs.length : run.histograms.length)));
    expect(floats.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0) + ofRuns.reduce((sum, count) => sum + count, 0), world.name).toBe(points);
  }
});

test('a changed query is a query, seldom the same, and the same again for a seed', async () => {
  for (const world of (await worldsOf(script('binary'))).slice(0, 3)) {
    const queries = world.evals.map(({ query }) => query);
    const parts = partsOf(queries, world);
    const change = (seed: number): string => new Mutations(new SeededRandom(seed), world, parts).mutated('sum by (job) (a + 1)', 2);
    const changed = Array.from({ length: 200 }, (_, seed) => change(seed));
    changed.forEach((query, seed) => {
      expect(() => parseExpr(query), query).not.toThrow();
      expect(change(seed)).toBe(query);
    });
    expect(new Set(changed).size).toBeGreaterThan(150);
    expect(new Mutations(new SeededRandom(1), world, parts).mutated('sum(', 3)).toBe('sum(');
  }
});

test('the queries of one script ask for the metrics of another', async () => {
  const worlds = await worldsOf(SCRIPTS);
  const queries = worlds.flatMap(({ evals }) => evals.map(({ query }) => query));
  const random = new SeededRandom(1);
  for (const world of worlds) {
    const metrics = new Set(world.series.map(metricOf));
    for (const query of [...plainQueries(world), ...Array.from({ length: 50 }, () => transplanted(random, random.pick(queries), world))]) {
      const named = [...query.matchAll(/__name__="([^"]*)"/g)].map(([, metric]) => metric!);
      expect(named.filter((metric) => !metrics.has(metric)), query).toEqual([]);
    }
  }
  expect(transplanted(random, 'sum(', worlds[0]!)).toBe('sum(');
  const [other] = await worldsOf(script('rate'));
  expect(transplanted(random, 'sum by (host) (rate(used_total{host="a"}[5m] offset 1m)) > 2', other!)).toMatch(/^sum by \(\w+\) \(rate\(\{.*__name__="\w+".*\}\[5m\] offset 1m\)\) > 2$/);
});

test('what is loaded without a question is a world, too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-worlds-'));
  try {
    const file = join(folder, 'some.test');
    writeFileSync(file, 'load 1m\n  a 1\n\nload 1m\n  b@st -10s\n  b 2\n\nclear\nload 1m\n  c 3\n\neval instant at 0 c\n  c 3\n');
    const worlds = await worldsOf(file);
    expect(worlds.map(({ name, series, hasStarts, evals }) => [name, series.map(metricOf), hasStarts, evals.length])).toEqual([
      ['some.test:part 1', ['a', 'b'], true, 0],
      ['some.test:12', ['c'], false, 1],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the engine answers in the words of the HTTP API', async () => {
  const [world] = await worldsOf(script('over-time'));
  const answers = new LocalAnswers(world!.source);
  expect(await answers.ask({ expression: 'time()', timeMs: world!.zeroMs })).toMatchObject({ kind: 'data', resultType: 'scalar', series: [{ points: [[world!.zeroMs / 1000, world!.zeroMs / 1000]] }] });
  expect(await answers.ask({ expression: 'quantile(2, vector(1))', timeMs: 0 })).toMatchObject({ notes: ['PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)'] });
  expect(await answers.ask({ expression: 'sum(', timeMs: 0 })).toEqual({ kind: 'error', errorType: 'bad_data', text: '1:5: parse error: unclosed left parenthesis' });
});
