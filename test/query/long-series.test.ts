import { expect, test } from 'vitest';
import { TenantSource } from '../../query/source/tenant-source.ts';
import { EMPTY_HISTOGRAM } from '../../storage/model/histogram.ts';
import { systemClock } from '../../storage/runtime/clock.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { HotStore } from '../../storage/shard/hot-store.ts';
import { readSelectPage } from '../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION, type SelectShardAnswer } from '../../storage/shard/shard-api.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { oneMap } from '../fakes/one-map.ts';
import { named, STALE, write, type TestBatch, type TestValue } from '../storage/shard/batches.ts';
import { memoryApi, NOON } from './api.ts';

/*
 * A series lies in one page of a select, and a page in one call, which carries only so much: here 8,000 bytes.
 */
const limits = limitsWith({ selectPageBytesTarget: 4000, selectPageBytesMax: 8000 });

function select(batch: TestBatch, after?: readonly string[]): SelectShardAnswer {
  const store = new HotStore(new NodeSql(), limits);
  expect(write(store, batch).status).toBe('stored');
  return store.select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after, samplesMax: 1e6 });
}

function seriesOf(count: number, value: (i: number) => TestValue, startMs = 0): TestBatch[number] {
  return { labels: named('long'), samples: Array.from({ length: count }, (_, i) => [1000 + i * 10, value(i), startMs] as const) };
}

const histogram = { ...EMPTY_HISTOGRAM, schema: 3, positiveSpans: [{ offset: 0, length: 100 }] };
const wide = (i: number): TestValue => ({ ...histogram, count: 100 * (i + 0.5), positiveBuckets: Array.from({ length: 100 }, () => i + 0.5) });

test.each([
  ['floats', seriesOf(450, (i) => i), seriesOf(510, (i) => i)],
  ['floats with start timestamps', seriesOf(300, (i) => i, 500), seriesOf(340, (i) => i, 500)],
  ['stale markers', seriesOf(390, () => STALE), seriesOf(450, () => STALE)],
  ['histograms', seriesOf(5, wide), seriesOf(100, wide)],
])('a page has a series that just fits, and one that does not is refused by name: %s', (_, fits, exceeds) => {
  const answer = select([fits]);
  if (answer.status !== 'page') throw new Error(answer.message);
  expect([...readSelectPage(answer.page)].map(({ timestampsMs }) => timestampsMs.length)).toEqual([fits.samples.length]);
  expect(select([exceeds])).toEqual({
    status: 'refused',
    limit: false,
    message: expect.stringMatching(/^one series of "long" has \d+ bytes of samples in the time that is asked for, the limit selectPageBytesMax is 8000: ask for less time$/),
  });
});

test('a page ends before a series that it has no room for, and the next one has it', () => {
  const batch = [{ labels: named('a'), samples: [[1, 1]] }, seriesOf(498, (i) => i), { labels: named('z'), samples: [[1, 1]] }] as const;
  const lengths = (answer: SelectShardAnswer): unknown => answer.status === 'page' && { more: answer.more, lengths: [...readSelectPage(answer.page)].map(({ timestampsMs }) => timestampsMs.length) };
  expect(lengths(select(batch))).toEqual({ more: true, lengths: [1] });
  expect(lengths(select(batch, named('a')))).toEqual({ more: true, lengths: [498] });
  expect(lengths(select(batch, named('long')))).toEqual({ more: false, lengths: [1] });
});

test('a query gets less of the time, or an error that says what to ask for', async () => {
  const api = await memoryApi({ shardCount: 2, limits });
  api.write(1, { __name__: 'long' }, Array.from({ length: 1000 }, (_, i) => i));
  const ask = (range: string): ReturnType<typeof api.get> => api.get(`/api/v1/query?query=count_over_time(long[${range}])&time=${NOON / 1000 + 999}`);
  expect(await ask('400s')).toMatchObject({ status: 200, json: { data: { result: [{ value: [expect.anything(), '400'] }] } } });
  expect(await ask('1000s')).toMatchObject({ status: 422, json: { errorType: 'execution', error: expect.stringContaining('the limit selectPageBytesMax is 8000: ask for less time') } });
});

test('histograms are decoded no further than a query has room for', async () => {
  const answer = select([seriesOf(5, wide)]);
  if (answer.status !== 'page') throw new Error(answer.message);
  const { page } = answer;
  const wideBytes = 200 + 40 + 100 * 8;
  const seen: number[] = [];
  expect([...readSelectPage(page, (bytes) => seen.push(bytes))]).toHaveLength(1);
  expect(seen).toEqual([1, 2, 3, 4, 5].map((count) => count * wideBytes));
  const call = async (_: number, ask: (stub: unknown) => unknown): Promise<unknown> => ask({ select: async () => ({ status: 'page', page, more: false }) });
  const read = (samplesMax: number): Promise<unknown> => new TenantSource({ maps: oneMap(1), call } as unknown as TenantShards, samplesMax, systemClock).select({ matchers: [], startMs: 0, endMs: 1e6 }, undefined)[Symbol.asyncIterator]().next();
  expect(await read((wideBytes * 5) / 16)).toMatchObject({ value: { timestampsMs: { length: 5 } } });
  await expect(read((wideBytes * 5) / 16 - 1)).rejects.toMatchObject({ kind: 'limit', message: expect.stringContaining('querySamplesMax') });
});
