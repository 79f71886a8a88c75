import { describe, expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { MatrixValue } from '../../promql/engine.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';

/** Queries that only calculate: nothing is waited for, so nobody else has a turn unless the query gives it. */

const SAMPLES = 3000;
const WORK_PER_PAUSE = 300_000;

function sourceOf(seriesCount: number): MemorySeriesSource {
  const source = new MemorySeriesSource();
  const timestampsMs = Float64Array.from({ length: SAMPLES }, (_, i) => i * 1000);
  for (let series = 0; series < seriesCount; series++) {
    const values = Float64Array.from({ length: SAMPLES }, (_, i) => (i * 37 + series * 11) % 1001);
    source.set({ labels: ['__name__', 'x', 'n', String(series)], timestampsMs, values, isStale: undefined, histograms: undefined, startTimestampsMs: undefined });
  }
  return source;
}

const RANGE = { startMs: 1_500_000, endMs: 2_999_000, stepMs: 1000 };

/** Runs a query that is to be cancelled in its second pause; gives the number of pauses and what became of it. */
async function cancelled(seriesCount: number, query: string): Promise<{ readonly pauses: number; readonly error: unknown }> {
  const controller = new AbortController();
  let pauses = 0;
  const yieldToOthers = async (): Promise<void> => {
    if (++pauses === 2) controller.abort();
  };
  const engine = new Engine({ source: sourceOf(seriesCount), yieldToOthers, limits: { workPerPause: WORK_PER_PAUSE } });
  const error: unknown = await engine.range(query, { ...RANGE, signal: controller.signal }).catch((thrown: unknown) => thrown);
  return { pauses, error };
}

describe('a query that only calculates pauses, and ends there when it was cancelled', () => {
  const f = (seriesCount: number, query: string): void =>
    test(query, async () => {
      const { pauses, error } = await cancelled(seriesCount, query);
      expect(error).toMatchObject({ kind: 'canceled' });
      expect(pauses).toBe(2);
    });
  f(1, 'quantile_over_time(0.5, x[1h])');
  f(1, 'mad_over_time(x[1h])');
  f(10, 'avg_over_time(x[1h])');
  f(1, 'sum_over_time((x * 2)[2d:1s])');
  f(100, 'quantile(0.5, x)');
  f(600, 'x');
  f(400, 'topk(1, x)');
  f(200, 'abs(abs(abs(x)))');
  f(300, 'x * on (n) x');
  f(100, 'count_values("v", x)');
  f(0, `${'label_replace('.repeat(4)}x${', "a", "b", "c", "(a?b|c){300}")'.repeat(4)}`);
});

test('what slices of the steps give is what each step gives alone', async () => {
  const engine = new Engine({ source: sourceOf(1), limits: { workPerPause: 10_000 } });
  const expressions = ['rate(x[20m])', 'changes(x[20m])', 'max_over_time(x[20m])', 'predict_linear(x[20m], time() % 60)', 'quantile_over_time(time() % 2, x[20m])'];
  for (const expression of expressions) {
    const { value } = await engine.range(expression, RANGE);
    const { timestampsMs, values } = (value as MatrixValue).series[0]!;
    for (let step = 0; step < timestampsMs.length; step += 97) {
      const instant = await engine.instant(expression, { timeMs: timestampsMs[step]! });
      expect(instant.value, expression).toMatchObject({ samples: [{ value: values[step] }] });
    }
  }
});

test('work has an end, whatever it is spent on', async () => {
  const f = async (query: string): Promise<void> => {
    const engine = new Engine({ source: sourceOf(10), limits: { workMax: 1_000_000 } });
    const error: unknown = await engine.range(query, RANGE).catch((thrown: unknown) => thrown);
    expect(error, query).toBeInstanceOf(VarveError);
    expect(error, query).toMatchObject({ kind: 'limit', message: 'query processing would take too long (workMax is 1000000)' });
  };
  await f('quantile_over_time(0.5, x[1h])');
  await f('sum_over_time(x[1h])');
  await f(`${'abs('.repeat(100)}x${')'.repeat(100)}`);
  await f('label_replace(x, "a", "b", "c", "(a?b|c){300}")');
  await f('last_over_time(none[1m]) or sum_over_time(vector(1)[1d:1s])');
});

test('a label that was made long is not matched for seconds', async () => {
  const engine = new Engine({ source: sourceOf(1) });
  let value = 'vector(1)';
  for (let level = 0; level < 4; level++) value = `label_join(${value}, "y", "aaaaaaaa"${', "y"'.repeat(20)})`;
  const query = `label_replace(${value}, "z", "$1", "y", "(?:a?){200}(a{100})*b")`;
  await expect(engine.instant(query, { timeMs: 0 })).rejects.toMatchObject({ kind: 'limit', message: expect.stringContaining('matchWorkMax') as string });
});
