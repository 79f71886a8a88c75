import { expect, test } from 'vitest';
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
