import { expect, test } from 'vitest';
import { Budget, DEFAULT_QUERY_LIMITS } from '../../../promql/budget.ts';
import { FetchedSeries } from '../../../promql/operators/fetched-series.ts';
import type { SeriesReader } from '../../../promql/operators/fetched-series.ts';
import { MemorySeriesSource } from '../../fakes/memory-series-source.ts';

function sourceOf(count: number): MemorySeriesSource {
  const source = new MemorySeriesSource();
  const column = Float64Array.of(1);
  for (let i = 0; i < count; i++) {
    source.set({ labels: ['id', `${i}`], timestampsMs: column, values: column, isStale: undefined, histograms: undefined, startTimestampsMs: undefined });
  }
  return source;
}

function fetch(source: MemorySeriesSource, consumerCount: number): { fetched: FetchedSeries; budget: Budget } {
  const budget = new Budget(DEFAULT_QUERY_LIMITS, undefined);
  return { fetched: new FetchedSeries({ matchers: [], startMs: 0, endMs: 10, consumerCount }, source, budget, 1), budget };
}

async function drain(reader: SeriesReader): Promise<string[]> {
  const ids: string[] = [];
  for (let series = await reader.next(); series !== undefined; series = await reader.next()) ids.push(series.labels[1]!);
  return ids;
}

test('several readers see all series, and the source is asked once', async () => {
  const source = sourceOf(5);
  const { fetched, budget } = fetch(source, 3);
  const ids = await Promise.all([drain(fetched.open()), drain(fetched.open())]);
  ids.push(await drain(fetched.open()));
  expect(ids).toEqual([['0', '1', '2', '3', '4'], ['0', '1', '2', '3', '4'], ['0', '1', '2', '3', '4']]);
  expect(source.requests).toHaveLength(1);
  expect(budget.seriesRead).toBe(5);
});

test('closing ends a read that is under way', async () => {
  const source = sourceOf(5);
  const { fetched } = fetch(source, 1);
  const reader = fetched.open();
  await reader.next();
  expect(source.openReads).toBe(1);
  await fetched.close();
  expect(source.openReads).toBe(0);
  expect(await reader.next()).toBeUndefined();
});

test('readers side by side keep next to nothing', async () => {
  const { fetched, budget } = fetch(sourceOf(50), 2);
  await Promise.all([drain(fetched.open()), drain(fetched.open())]);
  expect(budget.peakSamples).toBeLessThanOrEqual(4);
});

test('a reader that comes late finds everything', async () => {
  const { fetched, budget } = fetch(sourceOf(50), 2);
  await drain(fetched.open());
  expect(budget.peakSamples).toBeGreaterThanOrEqual(50);
  expect(await drain(fetched.open())).toHaveLength(50);
});
