import { expect, test } from 'vitest';
import { CATALOG_RPC_VERSION, type TenantRouting } from '../../storage/catalog/catalog-api.ts';
import { SERIES_HASH_KEY_BYTES } from '../../storage/model/series-id.ts';
import { everyShardCount } from '../../storage/shard-maps.ts';
import { ShardRouter } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';

/*
 * In Workers a promise belongs to the request that made it: when the client hangs up, it never settles. A router that handed such a
 * promise to the requests behind would leave its isolate without an answer for good.
 */
const routing: TenantRouting = { version: CATALOG_RPC_VERSION, seriesHashKey: new Uint8Array(SERIES_HASH_KEY_BYTES), shardMaps: [{ epoch: 1, fromMs: 0, shardCount: 3 }] };

function routerOver(answers: readonly (() => Promise<TenantRouting>)[]): { router: ShardRouter; calls: () => number } {
  let calls = 0;
  const shard = (): never => {
    throw new Error('nothing else is asked here');
  };
  const catalog = { routing: (): Promise<TenantRouting> => answers[Math.min(calls++, answers.length - 1)]!(), addShardMap: shard, noteMetadata: shard, metadata: shard, archiveCommit: shard, archiveDelete: shard, archiveClean: shard, archiveFiles: shard, rollupDays: shard, archiveStatus: shard, stats: shard, claimReplica: shard, tables: shard, loadTable: shard };
  return { router: new ShardRouter({ catalog: () => catalog, shard }, 1, new FixedClock(0)), calls: () => calls };
}

const never = (): Promise<TenantRouting> => new Promise(() => {});
const answers = (): Promise<TenantRouting> => Promise.resolve(routing);

test('a request that was given up while it asked the catalog holds nobody up', async () => {
  const { router, calls } = routerOver([never, answers]);
  void router.tenant('t');
  expect(everyShardCount(await router.tenant('t'))).toBe(3);
  expect(calls()).toBe(2);
});

test('once known, a tenant costs no call', async () => {
  const { router, calls } = routerOver([answers]);
  const first = await router.tenant('t');
  expect(await router.tenant('t')).toBe(first);
  expect(calls()).toBe(1);
});

test('a catalog that failed is asked again', async () => {
  const fails = (): Promise<TenantRouting> => Promise.reject(new Error('away'));
  const { router } = routerOver([fails, fails, answers]);
  await expect(router.tenant('t')).rejects.toThrow(/catalog of t cannot be reached/);
  expect(everyShardCount(await router.tenant('t'))).toBe(3);
});
