import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import { TenantSource } from '../../query/source/tenant-source.ts';
import { systemClock } from '../../storage/runtime/clock.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { SelectShardRequest } from '../../storage/shard/shard-api.ts';
import { oneMap } from '../fakes/one-map.ts';
import { memoryApi, NOON } from './api.ts';

/*
 * A query reads its selectors side by side, and of each a page from every shard: together these pages must fit a Worker, however many they are.
 */
const SERIES = 3000;

async function filled(shardCount: number): Promise<{ readonly api: Awaited<ReturnType<typeof memoryApi>>; readonly shards: TenantShards }> {
  const api = await memoryApi({ shardCount });
  for (let i = 0; i < SERIES; i++) api.write(i % shardCount, { __name__: 'x', path: `/of/some/length/${i}` }, [i]);
  return { api, shards: await api.router.tenant('default') };
}

const request = { matchers: [{ name: '__name__', type: '=', value: 'x' }], startMs: NOON, endMs: NOON } as const;

async function read(shards: TenantShards, openReads: number): Promise<string[]> {
  const paths: string[] = [];
  for await (const { labels } of new TenantSource(shards, LIMITS.querySamplesMax, systemClock).select({ ...request, openReads }, undefined)) paths.push(labels[3]!);
  return paths;
}

test('one of a thousand reads takes small pages, and has the same series', async () => {
  const { api, shards } = await filled(1);
  const whole = await read(shards, 1);
  expect([whole.length, api.shards.callsOf('select')]).toEqual([SERIES, 1]);
  expect(await read(shards, 1000)).toEqual(whole);
  expect(api.shards.callsOf('select')).toBeGreaterThan(2);
});

test('labels count in a page: long ones would be more than a call can carry', async () => {
  const api = await memoryApi();
  const paths = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(2, '0')}${'x'.repeat(2000)}`);
  for (const path of paths) api.write(0, { __name__: 'x', path }, [1]);
  const shards = await api.router.tenant('default');
  expect(await read(shards, 1)).toEqual(paths);
  expect(api.shards.callsOf('select')).toBe(1);
  expect(await read(shards, 1000)).toEqual(paths);
  expect(api.shards.callsOf('select')).toBe(3);
  for (let i = 0; i < 10; i++) api.write(0, { __name__: 'x', path: `99${i}${'\u0001'.repeat(2000)}` }, [1]);
  expect(await read(shards, 1000)).toHaveLength(50);
  expect(api.shards.callsOf('select')).toBe(3 + 3);
});

test('pages are as large as they may be for six of them, and share what there is beyond', async () => {
  const sizes: (number | undefined)[] = [];
  const pagesOf = async (openReads: number, shardCount: number): Promise<unknown> => {
    sizes.length = 0;
    const stub = { select: async ({ pageBytesTarget }: SelectShardRequest) => (sizes.push(pageBytesTarget), { status: 'refused', limit: false, message: 'enough' }) };
    const shards = { maps: oneMap(shardCount), call: (_: number, body: (asked: typeof stub) => unknown) => body(stub) } as unknown as TenantShards;
    await expect(read(shards, openReads)).rejects.toThrow('enough');
    return sizes[0];
  };
  const MIB = 1024 * 1024;
  expect(await pagesOf(1, 1)).toBe(LIMITS.selectPageBytesTarget);
  expect(await pagesOf(6, 1)).toBe(LIMITS.selectPageBytesTarget);
  expect(await pagesOf(48, 1)).toBe(MIB);
  expect(await pagesOf(3, 64)).toBe(MIB / 4);
  expect(await pagesOf(1000, 64)).toBe(LIMITS.selectPageBytesMin);
});

test('the engine says how many reads there are', async () => {
  const { shards } = await filled(1);
  const asked: (number | undefined)[] = [];
  const source = new TenantSource(shards, LIMITS.querySamplesMax, systemClock);
  const engine = new Engine({ source: { select: (wanted, signal) => (asked.push(wanted.openReads), source.select(wanted, signal)) } });
  await engine.instant('count(x) + count(x{path!=""}) - count(x)', { timeMs: NOON });
  expect(asked).toEqual([2, 2]);
});
