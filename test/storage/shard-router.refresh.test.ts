import { describe, expect, test } from 'vitest';
import { CATALOG_RPC_VERSION, type ShardMap, type TenantRouting } from '../../storage/catalog/catalog-api.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { HOUR_MS, MINUTE_MS } from '../../storage/runtime/units.ts';
import { ShardRouter } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryShards } from '../fakes/memory-shards.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const { shardMapsFreshMs, shardMapsSureMs } = LIMITS;

/** A router whose catalog answers what and when the test says; the last answer is given again and again. */
function routerOver(...answers: (() => Promise<readonly ShardMap[]>)[]) {
  const clock = new FixedClock(NOON);
  let calls = 0;
  let key = new Uint8Array(16).fill(1);
  const shard = new MemoryShards();
  const catalog = {
    ...shard.catalog('t/catalog'),
    routing: async (): Promise<TenantRouting> => ({ version: CATALOG_RPC_VERSION, seriesHashKey: key.slice(), shardMaps: await answers[Math.min(calls++, answers.length - 1)]!() }),
  };
  const router = new ShardRouter({ catalog: () => catalog, shard: (name) => shard.shard(name) }, 1, clock);
  return { router, clock, calls: () => calls, shards: shard, newKey: () => (key = new Uint8Array(16).fill(2)) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const ONE: readonly ShardMap[] = [{ epoch: 1, fromMs: 0, shardCount: 1 }];
const TWO: readonly ShardMap[] = [...ONE, { epoch: 2, fromMs: NOON + HOUR_MS + 1, shardCount: 4 }];
const one = (): Promise<readonly ShardMap[]> => Promise.resolve(ONE);
const two = (): Promise<readonly ShardMap[]> => Promise.resolve(TWO);
const never = (): Promise<never> => new Promise(() => {});
const fails = (): Promise<never> => Promise.reject(new Error('away'));

describe('what is known of a tenant', () => {
  test('is not asked for while it is fresh', async () => {
    const { router, clock, calls } = routerOver(one, two);
    const first = await router.tenant('t');
    clock.advance(shardMapsFreshMs - 1);
    expect(await router.tenant('t')).toBe(first);
    await settle();
    expect(calls()).toBe(1);
  });

  test('is asked for in passing when it is not, and found by the next', async () => {
    const { router, clock, calls } = routerOver(one, two);
    const first = await router.tenant('t');
    clock.advance(shardMapsFreshMs);
    expect(await router.tenant('t')).toBe(first);
    await settle();
    const next = await router.tenant('t');
    expect(next.maps.map(({ firstShard, endShard, fromMs, untilMs }) => [firstShard, endShard, fromMs, untilMs])).toEqual([[0, 1, -Infinity, NOON + HOUR_MS + 1], [1, 5, NOON + HOUR_MS + 1, Infinity]]);
    expect(next.hasher).toBe(first.hasher);
    expect(calls()).toBe(2);
  });

  test('is the same object while it is the same', async () => {
    const { router, clock } = routerOver(one);
    const first = await router.tenant('t');
    clock.advance(shardMapsSureMs);
    expect(await router.tenant('t')).toBe(first);
    expect(await first.renewed()).toBe(first);
  });

  test('is not acted upon when it is too old to be sure', async () => {
    const { router, clock, calls } = routerOver(one, two);
    await router.tenant('t');
    clock.advance(shardMapsSureMs);
    expect((await router.tenant('t')).maps.length).toBe(2);
    expect(calls()).toBe(2);
  });

  test('nor when the catalog is away by then', async () => {
    const { router, clock } = routerOver(one, fails, fails, two);
    await router.tenant('t');
    clock.advance(shardMapsSureMs);
    await expect(router.tenant('t')).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await router.tenant('t')).maps.length).toBe(2);
  });

  test('nor when the clock has been set back, so that nobody knows how old it is', async () => {
    const { router, clock, calls } = routerOver(one, two);
    await router.tenant('t');
    clock.advance(-HOUR_MS);
    expect((await router.tenant('t')).maps.length).toBe(2);
    expect(calls()).toBe(2);
  });

  test('a catalog that does not answer in passing holds nobody up, and is asked again after a while', async () => {
    const { router, clock, calls } = routerOver(one, never, fails, fails, two);
    const first = await router.tenant('t');
    clock.advance(shardMapsFreshMs);
    for (let i = 0; i < 5; i++) expect(await router.tenant('t')).toBe(first);
    expect(calls()).toBe(2);
    clock.advance(MINUTE_MS);
    for (let i = 0; i < 5; i++) expect(await router.tenant('t')).toBe(first);
    await settle();
    clock.advance(MINUTE_MS);
    expect(await router.tenant('t')).toBe(first);
    await settle();
    expect((await router.tenant('t')).maps.length).toBe(2);
  });

  test('an answer that comes late takes nothing back', async () => {
    let answer = (_: readonly ShardMap[]): void => {};
    const late = (): Promise<readonly ShardMap[]> => new Promise((resolve) => (answer = resolve));
    const { router, clock } = routerOver(one, late, two);
    await router.tenant('t');
    clock.advance(shardMapsFreshMs);
    await router.tenant('t');
    clock.advance(shardMapsSureMs);
    const known = await router.tenant('t');
    answer(ONE);
    await settle();
    expect(await router.tenant('t')).toBe(known);
    expect(known.maps.length).toBe(2);
  });

  test('another key, of a catalog that has begun anew, is not taken for the old one', async () => {
    const { router, clock, newKey } = routerOver(one);
    const first = await router.tenant('t');
    newKey();
    clock.advance(shardMapsSureMs);
    const next = await router.tenant('t');
    expect(next.hasher).not.toBe(first.hasher);
    for (const { hasher } of [first, next]) hasher.hashLabels(['__name__', 'up']);
    expect([...next.hasher.words]).not.toEqual([...first.hasher.words]);
  });
});

test('shards are called by their numbers, map after map', async () => {
  const { router, shards } = routerOver(two);
  const tenant = await router.tenant('t');
  for (let shard = 0; shard < 5; shard++) await tenant.call(shard, (stub) => stub.stats());
  expect(shards.shardNames).toEqual(['t/shard/1/0', 't/shard/2/0', 't/shard/2/1', 't/shard/2/2', 't/shard/2/3']);
  expect(() => tenant.call(5, (stub) => stub.stats())).toThrow('a tenant without a shard 5');
});
