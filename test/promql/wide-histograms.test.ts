import { expect, test } from 'vitest';
import { Budget, DEFAULT_QUERY_LIMITS, type QueryLimits } from '../../promql/budget.ts';
import { Engine } from '../../promql/engine.ts';
import { createFold } from '../../promql/operators/folds.ts';
import { FLOAT, HISTOGRAM, StepColumns } from '../../promql/operators/step-series.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';

/** Histograms of a thousand buckets, each of which is a number that takes room and time. */

const BUCKETS = 1000;

function histogramFrom(offset: number): FloatHistogram {
  return {
    counterResetHint: 'gauge',
    schema: 8,
    zeroThreshold: 0,
    zeroCount: 0,
    count: BUCKETS,
    sum: 1,
    positiveSpans: [{ offset, length: BUCKETS }],
    positiveBuckets: new Array<number>(BUCKETS).fill(1),
    negativeSpans: [],
    negativeBuckets: [],
    customValues: [],
  };
}

/** `same` has one layout throughout, `apart` has a layout of its own for each histogram. A sample a second from 1 s on. */
function sourceOf(seriesCount: number, sampleCount: number): MemorySeriesSource {
  const source = new MemorySeriesSource();
  const timestampsMs = Float64Array.from({ length: sampleCount }, (_, i) => (i + 1) * 1000);
  const values = new Float64Array(sampleCount);
  for (const [name, step] of [['same', 0], ['apart', BUCKETS]] as const) {
    for (let series = 0; series < seriesCount; series++) {
      const histograms = Array.from({ length: sampleCount }, (_, i) => histogramFrom((series * sampleCount + i) * step));
      source.set({ labels: labelsFrom({ __name__: name, n: String(series) }), timestampsMs, values, isStale: undefined, histograms, startTimestampsMs: undefined });
    }
  }
  return source;
}

function limitNamed(name: keyof QueryLimits): unknown {
  return expect.objectContaining({ kind: 'limit', message: expect.stringContaining(name) as string });
}

function engineOf(seriesCount: number, sampleCount: number, limits: Partial<QueryLimits>): Engine {
  return new Engine({ source: sourceOf(seriesCount, sampleCount), limits });
}

test.each(['sum', 'avg'])('%s of series whose buckets differ costs work for all that it has each time, and where they are the same for those that come', async (op) => {
  const engine = engineOf(40, 1, { workMax: 10_000_000 });
  await expect(engine.instant(`${op}(same)`, { timeMs: 1000 })).resolves.toMatchObject({ value: { kind: 'vector', samples: [{ histogram: { count: op === 'sum' ? 40 * BUCKETS : BUCKETS } }] } });
  await expect(engine.instant(`${op}(apart)`, { timeMs: 1000 })).rejects.toEqual(limitNamed('workMax'));
});

test.each(['sum_over_time', 'avg_over_time'])('%s of histograms whose buckets differ, likewise', async (name) => {
  const engine = engineOf(1, 40, { workMax: 10_000_000 });
  await expect(engine.instant(`${name}(same[1m])`, { timeMs: 40_000 })).resolves.toMatchObject({ value: { kind: 'vector', samples: [{}] } });
  await expect(engine.instant(`${name}(apart[1m])`, { timeMs: 40_000 })).rejects.toEqual(limitNamed('workMax'));
});

test('a sum of series whose buckets differ takes room for all of them', async () => {
  const engine = engineOf(100, 1, { querySamplesMax: 100_000 });
  await expect(engine.instant('sum(apart)', { timeMs: 1000 })).rejects.toEqual(limitNamed('querySamplesMax'));
  await expect(engine.instant('sum(apart{n=~".[0-4]"})', { timeMs: 1000 })).resolves.toMatchObject({ value: { kind: 'vector', samples: [{}] } });
});

test.each(['sum', 'avg'] as const)('a %s holds its buckets until it is through, and those that come to nothing beside floats', (op) => {
  const labels = labelsFrom({});
  for (const isMixed of [false, true]) {
    const budget = new Budget({ ...DEFAULT_QUERY_LIMITS, querySamplesMax: 5000 }, undefined);
    const fold = createFold(op, { stepCount: 1, param: undefined, annotate: () => {}, budget });
    for (const histogram of [histogramFrom(0), histogramFrom(BUCKETS)]) {
      fold.add({ labels, dropName: false, values: Float64Array.of(0), present: Uint8Array.of(HISTOGRAM), histograms: [histogram] });
    }
    if (isMixed) fold.add({ labels, dropName: false, values: Float64Array.of(1), present: Uint8Array.of(FLOAT), histograms: undefined });
    expect(() => budget.checkRoom(2001)).toThrow('querySamplesMax');
    budget.checkRoom(2000);
    fold.finish(new StepColumns(1), 0, 1);
    budget.checkRoom(5000);
  }
});

test('a series weighs as much as its buckets', async () => {
  const engine = engineOf(1, 300, { querySamplesMax: 100_000 });
  await expect(engine.instant('count_over_time(same[1s])', { timeMs: 300_000 })).resolves.toMatchObject({ value: { kind: 'vector', samples: [{ value: 1 }] } });
  await expect(engine.instant('count_over_time(same[5m])', { timeMs: 300_000 })).rejects.toEqual(limitNamed('querySamplesMax'));
});

test('histograms that a function makes step by step weigh as much as their buckets', async () => {
  const engine = engineOf(1, 50, { querySamplesMax: 100_000, workPerPause: 100_000 });
  const range = { startMs: 10_000, stepMs: 100 };
  await expect(engine.range('sum_over_time(same[10s])', { ...range, endMs: 20_000 })).resolves.toMatchObject({ value: { kind: 'matrix', series: [{}] } });
  await expect(engine.range('sum_over_time(same[10s])', { ...range, endMs: 50_000 })).rejects.toEqual(limitNamed('querySamplesMax'));
});

test('a query of wide histograms pauses as one of many samples does', async () => {
  let pauses = 0;
  const engine = new Engine({ source: sourceOf(1, 50), yieldToOthers: async () => void pauses++, limits: { workPerPause: 100_000 } });
  await engine.range('sum_over_time(same[10s])', { startMs: 10_000, endMs: 50_000, stepMs: 1000 });
  // Forty windows of ten histograms of a thousand buckets.
  expect(pauses).toBeGreaterThanOrEqual(4);
});
