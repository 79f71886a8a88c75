import { describe, expect, test } from 'vitest';
import { Engine } from '../../../promql/engine.ts';
import { MemorySeriesSource } from '../../fakes/memory-series-source.ts';

/** Plans as text: what is evaluated at which steps, and what is read for it. */
const engine = new Engine({ source: new MemorySeriesSource() });

async function explain(query: string): Promise<string | undefined> {
  const { explanation } = await engine.range(query, { startMs: 600_000, endMs: 720_000, stepMs: 60_000, explain: 'plan' });
  return explanation;
}

test('an aggregation of rates', async () => {
  expect(await explain('sum by (job) (rate(x_total{job!=""}[5m] offset 1m))')).toMatchInlineSnapshot(`
    "sum by (job)
      rate over 300000 ms of {job!="", __name__="x_total"} at 540000..660000 from fetch 0
    fetch 0: 240001..660000 for 1"
  `);
});

test('reads that touch are one read', async () => {
  expect(await explain('rate(x[5m]) / on (a) group_left (b) (x offset 5m > bool 1)')).toMatchInlineSnapshot(`
    "vectors / many-to-one on (a) including (b)
      rate over 300000 ms of {__name__="x"} at 600000..720000 from fetch 0
      vector > bool scalar
        select {__name__="x"} at 300000..420000 from fetch 0 lookback 300000
        constant 1
    fetch 0: 1..720000 for 2"
  `);
});

test('a subquery has steps of its own', async () => {
  expect(await explain('max_over_time(deriv(x[1m])[5m:90s] @ end())')).toMatchInlineSnapshot(`
    "repeat at 3 steps
      max_over_time over 300000 ms of subquery of 4 steps
        deriv over 60000 ms of {__name__="x"} at 450000..720000 from fetch 0
    fetch 0: 390001..720000 for 1"
  `);
});

test('constants are folded, and what is the same at every step is evaluated at one', async () => {
  expect(await explain('x * (2 ^ 10 - max_of(1, 2)) + scalar(y @ start()) + step()')).toMatchInlineSnapshot(`
    "vector + scalar
      vector + scalar
        vector * scalar
          select {__name__="x"} at 600000..720000 from fetch 0 lookback 300000
          constant 1022
        repeat at 3 steps
          scalar
            select {__name__="y"} at 600000..600000 from fetch 1 lookback 300000
      constant 60
    fetch 0: 300001..720000 for 1
    fetch 1: 300001..600000 for 1"
  `);
});

test('functions with operators of their own', async () => {
  expect(await explain('topk(3, histogram_quantile(0.9, sort(info(x, {version=~".+"}))) or label_replace(absent(y), "a", "$1", "b", "(.*)"))')).toMatchInlineSnapshot(`
    "topk by ()
      constant 3
      or many-to-many ignoring ()
        histogram_quantile
          constant 0.9
          sort by value
            info from {version=~".+"}
              select {__name__="x"} at 600000..720000 from fetch 0 lookback 300000
        merge series with equal labels
          label_replace a from b by "(.*)" to "$1"
            absent
              select {__name__="y"} at 600000..720000 from fetch 1 lookback 300000
    fetch 0: 300001..720000 for 1
    fetch 1: 300001..720000 for 1"
  `);
});

describe('a query analyzed', () => {
  /** A clock that moves by a millisecond whenever it is looked at. */
  function ticking() {
    let nowMs = 0;
    return { elapsedMs: () => nowMs++ };
  }

  async function analyze(query: string, kind: 'instant' | 'range') {
    const source = new MemorySeriesSource();
    for (const job of ['a', 'b']) source.set(floatSeries(job));
    const measured = new Engine({ source, clock: ticking() });
    const options = { explain: 'analyze' } as const;
    return kind === 'instant'
      ? measured.instant(query, { timeMs: 60_000, ...options })
      : measured.range(query, { startMs: 0, endMs: 120_000, stepMs: 60_000, ...options });
  }

  function floatSeries(job: string) {
    const timestampsMs = Float64Array.of(0, 30_000, 60_000, 90_000);
    const values = Float64Array.of(1, 2, 3, 4);
    return { labels: ['__name__', 'x', 'job', job], timestampsMs, values, isStale: undefined, histograms: undefined, startTimestampsMs: undefined };
  }

  test('tells what every operator and read took and gave, and answers', async () => {
    const { explanation, value } = await analyze('sum(x) + 1', 'range');
    expect(explanation).toMatchInlineSnapshot(`
      "vector + scalar [20.000 ms, 1 series, 3 samples]
        sum by () [14.000 ms, 1 series, 3 samples]
          select {__name__="x"} at 0..120000 from fetch 0 lookback 300000 [9.000 ms, 2 series, 6 samples]
        constant 1 [1.000 ms, 1 series, 3 samples]
      fetch 0: -299999..120000 for 1 [3.000 ms, 2 series, 8 samples]
      total [23.000 ms, 8 samples read, 6 looked at, 7 held at most]"
    `);
    expect(value).toMatchObject({ kind: 'matrix', series: [{ values: Float64Array.of(3, 7, 9) }] });
  });

  test('a range vector and a string, which have no operator', async () => {
    expect((await analyze('x[1m]', 'instant')).explanation).toMatchInlineSnapshot(`
      "samples of 60000 ms of {__name__="x"} at 60000..60000 from fetch 0
      fetch 0: 1..60000 for 1 [3.000 ms, 2 series, 4 samples]
      total [7.000 ms, 4 samples read, 4 looked at, 2 held at most]"
    `);
    expect((await analyze('"x"', 'instant')).explanation).toBe('string');
  });

  test('only planned, it reads nothing and gives nothing', async () => {
    const source = new MemorySeriesSource();
    source.set(floatSeries('a'));
    const f = async (query: string, value: unknown): Promise<void> => {
      const result = await new Engine({ source }).instant(query, { timeMs: 0, explain: 'plan' });
      expect(result.value).toEqual(value);
      expect(result.explanation).toBeTruthy();
    };
    await f('x', { kind: 'vector', timestampMs: 0, samples: [] });
    await f('scalar(x)', { kind: 'scalar', timestampMs: 0, value: NaN });
    await f('x[1m:30s]', { kind: 'matrix', series: [] });
    expect(source.requests).toEqual([]);
  });
});
