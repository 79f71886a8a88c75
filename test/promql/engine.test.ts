import { describe, expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { EngineOptions } from '../../promql/engine.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { load } from './script-load.ts';
import { parseScript } from './script-syntax.ts';

function loaded(lines: string): MemorySeriesSource {
  const source = new MemorySeriesSource();
  for (const command of parseScript(`load 1m\n${lines}\n`)) if (command.kind === 'load') load(source, command);
  return source;
}

const RANGE = { startMs: 0, endMs: 120_000, stepMs: 60_000 };
const DATA = `
  a_total{x="1"} 0 1 _
  a_total{x="2"} 5 stale 7
  b_total{x="1"} 1 1 1
`.trim();

function engineOn(lines: string, options: Omit<EngineOptions, 'source'> = {}): { engine: Engine; source: MemorySeriesSource } {
  const source = loaded(lines);
  return { engine: new Engine({ source, ...options }), source };
}

describe('results', () => {
  test('a range query gives sorted columns over shared steps', async () => {
    const { engine } = engineOn(DATA);
    const { value } = await engine.range('{__name__=~".+_total"}', RANGE);
    if (value.kind !== 'matrix') throw new Error(value.kind);
    expect(value.series.map(({ labels }) => labels.join())).toEqual(['__name__,a_total,x,1', '__name__,a_total,x,2', '__name__,b_total,x,1']);
    expect(new Set(value.series.map(({ timestampsMs }) => timestampsMs)).size).toBe(1);
    expect([...value.series[0]!.timestampsMs]).toEqual([0, 60_000, 120_000]);
    expect([...value.series[1]!.present!]).toEqual([1, 0, 1]);
    expect(value.series[2]!.present).toBeUndefined();
  });

  test('a series that `or` puts together has a name or none as its first sample says', async () => {
    const { engine } = engineOn('hits{} 1 1 1\n  late{} _ 1 1');
    const namesOf = async (query: string): Promise<string[]> => {
      const { value } = await engine.range(query, RANGE);
      return value.kind === 'matrix' ? value.series.map(({ labels, timestampsMs }) => `${labels.join()} ×${timestampsMs.length}`) : [];
    };
    expect(await namesOf('hits offset 1m != bool hits or hits')).toEqual(['__name__,hits ×3']);
    expect(await namesOf('hits * 1 or hits')).toEqual([' ×3']);
    expect(await namesOf('late or late offset 1m * 2')).toEqual(['__name__,late ×3']);
  });

  test('of resets a selector knows what its own samples tell, as in Prometheus, and not what another one reads', async () => {
    const { engine } = engineOn('late {{count:2 sum:2 buckets:[2]}} {{count:3 sum:3 buckets:[3]}} {{count:1 sum:1 buckets:[1]}}');
    const lastFrom = async (startMs: number): Promise<unknown> => {
      const { value, annotations } = await engine.range('histogram_count(late offset -299s + late)', { startMs, endMs: 76_000, stepMs: 60_000 });
      if (value.kind !== 'matrix') throw new Error(value.kind);
      return { last: value.series.map(({ values, present }) => (present?.at(-1) === 0 ? 'none' : values.at(-1))), warnings: annotations.warnings.length };
    };
    // The first selector begins behind the sample before the reset, and the second does not: they are of one read.
    expect(await lastFrom(76_000)).toEqual({ last: [4], warnings: 0 });
    expect(await lastFrom(16_000)).toEqual({ last: ['none'], warnings: 1 });
  });

  test('the end of a range need not be a step', async () => {
    const { engine } = engineOn(DATA);
    const { value } = await engine.range('time()', { ...RANGE, endMs: 119_999 });
    expect(value.kind === 'matrix' && [...value.series[0]!.values]).toEqual([0, 60]);
  });

  test('instant queries give scalars, strings, vectors and matrices', async () => {
    const { engine } = engineOn(DATA);
    const kinds: string[] = [];
    for (const query of ['1', '"a"', 'a_total', 'a_total[5m]', 'a_total[5m:1m]', '(("b"))']) kinds.push((await engine.instant(query, { timeMs: 0 })).value.kind);
    expect(kinds).toEqual(['scalar', 'string', 'vector', 'matrix', 'matrix', 'string']);
  });

  test('of one step only what is left at the end must not be alike', async () => {
    const { engine } = engineOn('sizes{x="1"} {{count:1 sum:1 buckets:[1]}}\n  sizes{x="2"} {{count:1 sum:1 buckets:[1]}}');
    const query = 'histogram_quantiles(sizes, "x", 0.5)';
    await expect(engine.instant(query, { timeMs: 0 })).rejects.toThrow('same labelset');
    await expect(engine.range(`count(${query})`, RANGE)).rejects.toThrow('same labelset');
    const { value } = await engine.instant(`count(${query})`, { timeMs: 0 });
    expect(value).toMatchObject({ kind: 'vector', samples: [{ labels: [], value: 2 }] });
  });

  test('wrong arguments are an error where there is a step to evaluate', async () => {
    const { engine } = engineOn(DATA);
    for (const wrong of ['changes(a_total[1m] smoothed)', 'label_replace(a_total, "x", "", "", "(")', 'label_join(a_total, "", "")']) {
      const { value } = await engine.instant(`count_over_time(${wrong}[10s:1m])`, { timeMs: 130_000 });
      expect(value).toMatchObject({ kind: 'vector', samples: [] });
      await expect(engine.instant(`count_over_time(${wrong}[2m:1m])`, { timeMs: 130_000 })).rejects.toThrow(/smoothed modifier|invalid/);
    }
  });

  test('the look-back can be set for one query', async () => {
    const { engine } = engineOn('a 1');
    const count = async (lookbackMs?: number): Promise<unknown> => {
      const { value } = await engine.instant('a', { timeMs: 90_000, lookbackMs });
      return value.kind === 'vector' && value.samples.length;
    };
    expect([await count(), await count(90_000), await count(90_001)]).toEqual([1, 0, 1]);
  });

  test('statistics count reads and looks', async () => {
    const { engine } = engineOn(DATA);
    const { stats } = await engine.range('sum_over_time(b_total[2m])', RANGE);
    expect(stats).toMatchObject({ seriesRead: 1, samplesRead: 3, totalQueryableSamples: 5 });
  });
});

describe('names', () => {
  test('without delayed removal names go at once', async () => {
    const { engine } = engineOn(DATA, { delayedNameRemoval: false });
    const labels = async (query: string): Promise<unknown> => {
      const { value } = await engine.instant(query, { timeMs: 0 });
      return value.kind === 'vector' && value.samples.map((sample) => sample.labels.join());
    };
    expect(await labels('sum by (__name__) (abs(a_total))')).toEqual(['']);
    expect(await labels('label_replace(abs(b_total), "y", "$1", "__name__", "(.*)")')).toEqual(['x,1']);
    expect(await labels('label_replace(b_total == bool b_total, "y", "$1", "__name__", "(.*)")')).toEqual(['x,1']);
    expect(await labels('label_replace(b_total == b_total, "y", "$1", "__name__", "(.*)")')).toEqual(['__name__,b_total,x,1,y,b_total']);
    await expect(engine.instant('abs({x="1"})', { timeMs: 0 })).rejects.toThrow('vector cannot contain metrics with the same labelset');
  });

  test('types tell counters when they are asked to', async () => {
    const { engine } = engineOn('a_total{__type__="gauge"} 1 2\n  b{__type__="counter", x="y"} 1 2', { typeAndUnitLabels: true });
    const { annotations } = await engine.instant('rate({__name__=~"a_total|b"}[5m])', { timeMs: 60_000 });
    expect(annotations.infos).toEqual([
      'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "a_total" (1:6)',
    ]);
  });
});

describe('reading', () => {
  test('selectors that touch are read once', async () => {
    const { engine, source } = engineOn(DATA);
    await engine.range('rate(a_total[5m]) / rate(a_total[1m]) + a_total - b_total', RANGE);
    expect(source.requests.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [-299_999, 120_000],
      [-299_999, 120_000],
    ]);
  });

  test('selectors far apart are not', async () => {
    const { engine, source } = engineOn(DATA);
    await engine.range('a_total - a_total offset 1w', RANGE);
    expect(source.requests).toHaveLength(2);
  });

  test('what does not depend on the step is evaluated at one', async () => {
    const { engine } = engineOn(DATA);
    const { explanation } = await engine.range('sum(rate(a_total[1m] @ 60)) + 1 + 2', { ...RANGE, explain: 'plan' });
    expect(explanation).toMatchInlineSnapshot(`
      "repeat at 3 steps
        vector + scalar
          vector + scalar
            sum by ()
              rate over 60000 ms of {__name__="a_total"} at 60000..60000 from fetch 0
            constant 1
          constant 2
      fetch 0: 1..60000 for 1"
    `);
  });

  test('absent reads no further than it must', async () => {
    const { engine } = engineOn(DATA);
    const f = async (query: string, seriesRead: number): Promise<void> => {
      expect((await engine.range(query, { startMs: 0, endMs: 0, stepMs: 1000 })).stats.seriesRead, query).toBe(seriesRead);
    };
    await f('count({__name__=~"[ab]_total"})', 3);
    await f('absent({__name__=~"[ab]_total"})', 1);
    // The other reader of the same series goes on, and what calculates may have something to say of each series.
    await f('absent({__name__=~"[ab]_total"}) or {__name__=~"[ab]_total"}', 3);
    await f('absent(abs({__name__=~"[ab]_total"}))', 3);
  });

  test('reads are closed when a query fails', async () => {
    const { engine, source } = engineOn(DATA);
    await expect(engine.range('label_replace(a_total, "x", "", "x", ".*")', RANGE)).rejects.toThrow(VarveError);
    await expect(engine.instant('{__name__=~".+"}', { timeMs: 0, limits: { querySamplesMax: 2 } })).rejects.toThrow(VarveError);
    expect(source.openReads).toBe(0);
  });
});

describe('limits', () => {
  async function fails(query: string, limits: EngineOptions['limits'], message: string): Promise<void> {
    const { engine } = engineOn(DATA);
    const failure = engine.range(query, { ...RANGE, limits });
    await expect(failure).rejects.toMatchObject({ kind: 'limit' });
    await expect(failure).rejects.toThrow(message);
  }

  test('each is named', async () => {
    await fails('a_total', { querySamplesMax: 4 }, 'query processing would load too many samples into memory in query execution (querySamplesMax is 4)');
    await fails('a_total', { querySeriesMax: 1 }, 'querySeriesMax is 1');
    await fails('a_total', { queryPointsMax: 5 }, 'queryPointsMax is 5');
    await fails('a_total', { subqueryStepsMax: 2 }, 'subqueryStepsMax is 2');
    await fails('sum_over_time(a_total[1h:1s])', { subqueryStepsMax: 1000 }, 'subqueryStepsMax is 1000');
    await fails('sum_over_time(a_total[5m])', { workMax: 5 }, 'workMax is 5');
    await fails('label_join(a_total, "y", ",", "x", "x")', { labelCharactersMax: 5 }, 'labelCharactersMax is 5');
    await fails('label_replace(a_total, "y", "$1", "x", "(.*)")', { matchWorkMax: 5 }, 'query matches a pattern against too long a label (matchWorkMax is 5)');
    await fails('a_total and a_total', { querySamplesMax: 11 }, 'querySamplesMax is 11');
  });

  test('a cancelled query stops with its reason', async () => {
    const { engine } = engineOn(DATA);
    const run = (reason: unknown): Promise<unknown> => engine.range('a_total', { ...RANGE, signal: AbortSignal.abort(reason) });
    await expect(run(undefined)).rejects.toMatchObject({ kind: 'canceled', message: 'query was canceled in expression evaluation' });
    await expect(run(new DOMException('late', 'TimeoutError'))).rejects.toMatchObject({ kind: 'timeout', message: 'query timed out in expression evaluation' });
    await expect(run(new VarveError('unavailable', 'closing'))).rejects.toMatchObject({ kind: 'unavailable', message: 'closing' });
  });
});

describe('errors', () => {
  async function fails(query: string, kind: string, message: string): Promise<void> {
    const { engine } = engineOn(DATA);
    await expect(engine.range(query, RANGE)).rejects.toMatchObject({ kind, message });
  }

  test('by kind', async () => {
    await fails('a_total[5m]', 'bad-data', 'invalid expression type "range vector" for range query, must be Scalar or instant Vector');
    await fails('"text"', 'bad-data', 'invalid expression type "string" for range query, must be Scalar or instant Vector');
    await fails('topk(NaN, a_total)', 'execution', 'Parameter value is NaN');
  });
});

describe('memory', () => {
  test('the two sides of an operator read the same series side by side', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `m{i="${i}"} 0+1x50`).join('\n  ');
    const { engine, source } = engineOn(lines);
    const { stats } = await engine.instant('sum(avg_over_time(m[50m])) / sum(stddev_over_time(m[50m]))', { timeMs: 3_000_000 });
    expect(source.requests).toHaveLength(1);
    expect(stats.samplesRead).toBe(5000);
    expect(stats.peakSamples).toBeLessThan(300);
  });
});
