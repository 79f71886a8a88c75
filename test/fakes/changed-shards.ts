import { CATALOG_RPC_VERSION, type AddShardMapAnswer } from '../../storage/catalog/catalog-api.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { MINUTE_MS } from '../../storage/runtime/units.ts';
import type { NodeApp } from './node-app.ts';

/** Asks the catalog of a node's default tenant for another number of shards, at the node's time. */
export async function askForShards({ router, shards, clock }: Pick<NodeApp, 'router' | 'shards' | 'clock'>, shardCount: number): Promise<AddShardMapAnswer> {
  shards.nowMs = clock.nowMs();
  const tenant = await router.tenant('default');
  return tenant.catalog((stub) => stub.addShardMap({ version: CATALOG_RPC_VERSION, shardCount, timestampAheadMs: LIMITS.timestampAheadMsMax }));
}

/** The same, and time goes on to five minutes behind the change. Answers when that was: the first moment (Unix ms) of the new map. */
export async function changeShards(node: Pick<NodeApp, 'router' | 'shards' | 'clock'>, shardCount: number): Promise<number> {
  const answer = await askForShards(node, shardCount);
  if (answer.status !== 'added') throw new Error(`want a map, got ${JSON.stringify(answer)}`);
  const { fromMs } = answer.shardMaps.at(-1)!;
  node.clock.advance(fromMs + 5 * MINUTE_MS - node.clock.nowMs());
  node.shards.nowMs = node.clock.nowMs();
  return fromMs;
}
