import { describe, expect, test } from 'vitest';
import type { TenantArchive } from '../../storage/archive/tenant-archive.ts';
import { everyShardCount } from '../../storage/shard-maps.ts';
import { ShardRouter, type ObjectNamespaces } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { liveBytes } from '../fakes/live-bytes.ts';
import { MemoryShards, type CallFault } from '../fakes/memory-shards.ts';

test('a tenant’s routing is asked for once, also by many at a time one after the other, and stays as it was made', async () => {
  const namespaces = new MemoryShards();
  const router = new ShardRouter(namespaces, 3, new FixedClock(0));
  const first = await router.tenant('a');
  expect(await router.tenant('a')).toBe(first);
  expect(namespaces.callsOf('routing')).toBe(1);
  const elsewhere = await new ShardRouter(namespaces, 64, new FixedClock(0)).tenant('a');
  expect([everyShardCount(first), everyShardCount(elsewhere)]).toEqual([3, 3]);
  first.hasher.hashLabels(['__name__', 'up']);
  elsewhere.hasher.hashLabels(['__name__', 'up']);
  expect([...elsewhere.hasher.words]).toEqual([...first.hasher.words]);
});

test('tenants have keys and shards of their own', async () => {
  const namespaces = new MemoryShards();
  const router = new ShardRouter(namespaces, 1, new FixedClock(0));
  const words = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const tenant = await router.tenant(name);
      await tenant.call(0, (stub) => stub.stats());
      tenant.hasher.hashLabels(['__name__', 'up']);
      return [...tenant.hasher.words].join(':');
    }),
  );
  expect(words[0]).not.toBe(words[1]);
  expect(namespaces.shardNames).toEqual(['a/shard/1/0', 'b/shard/1/0']);
});

test('a tenant takes two KiB, also where there is an archive that nobody reads', async () => {
  const routing = { shardMaps: [{ epoch: 1, shardCount: 4 }], seriesHashKey: new ArrayBuffer(16) };
  const namespaces = { catalog: () => ({ routing: async () => routing }), shard: () => ({}) } as unknown as ObjectNamespaces;
  let opened = 0;
  const router = new ShardRouter(namespaces, 4, new FixedClock(0), () => ({ opened: ++opened }) as unknown as TenantArchive);
  const before = liveBytes();
  for (let i = 0; i < 1_000; i++) await router.tenant(`tenant-${i}`);
  expect((liveBytes() - before) / 1_000).toBeLessThan(2_048);
  expect(opened).toBe(0);
  const tenant = await router.tenant('tenant-7');
  expect(tenant.archive?.files).toBe(tenant.archive?.files);
  expect(tenant.archive?.shardNames).toEqual(['1/0', '1/1', '1/2', '1/3']);
  expect(opened).toBe(1);
});

test('a catalog that fails is asked again by the next caller', async () => {
  let calls = 0;
  const namespaces = new MemoryShards();
  const router = new ShardRouter({ shard: (name) => namespaces.shard(name), catalog: (name) => (++calls <= 2 ? { ...namespaces.catalog(name), routing: () => Promise.reject(new Error('away')) } : namespaces.catalog(name)) }, 1, new FixedClock(0));
  await expect(router.tenant('a')).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('catalog of a cannot be reached') as unknown });
  expect(everyShardCount(await router.tenant('a'))).toBe(1);
  expect(calls).toBe(3);
});

describe('calls', () => {
  function calling(what: string, faults: (CallFault | undefined)[], calls: number, kind: string | undefined): void {
    test(what, async () => {
      const namespaces = new MemoryShards();
      const tenant = await new ShardRouter(namespaces, 1, new FixedClock(0)).tenant('a');
      namespaces.faults.push(...faults);
      const outcome = tenant.call(0, (stub) => stub.stats());
      if (kind === undefined) expect(await outcome).toHaveProperty('counters');
      else await expect(outcome).rejects.toMatchObject({ name: 'VarveError', kind });
      expect(namespaces.callsOf('stats')).toBe(calls);
    });
  }
  calling('that work are made once', [], 1, undefined);
  calling('that fail once are made twice', ['lose-request'], 2, undefined);
  calling('whose answer is lost are made twice', ['lose-answer'], 2, undefined);
  calling('that fail twice are given up', ['lose-request', 'lose-answer'], 2, 'unavailable');
  calling('that meet an overloaded object are never repeated', ['overloaded'], 1, 'overloaded');
  calling('that meet an overloaded object the second time say so', ['lose-request', 'overloaded'], 2, 'overloaded');

  test('each attempt has a stub of its own', async () => {
    const namespaces = new MemoryShards();
    let stubs = 0;
    const router = new ShardRouter({ catalog: (name) => namespaces.catalog(name), shard: (name) => (stubs++, namespaces.shard(name)) }, 1, new FixedClock(0));
    const tenant = await router.tenant('a');
    namespaces.faults.push('lose-request');
    await tenant.call(0, (stub) => stub.stats());
    expect(stubs).toBe(2);
  });
});
