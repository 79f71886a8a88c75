import { VarveError } from '../../storage/runtime/errors.ts';
import { everyShard, everyShardCount, shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { invalidParameter } from '../parameters.ts';
import type { MissingParts } from '../source/missing-parts.ts';

/*
 * Snapshots of a tenant: one of each shard, whose ids in the order of shards are its name. An id may be missing, where a shard has none of it; the
 * name of one of before there were more shards has fewer.
 */

/** Takes one, shard after shard, and answers its name: of all shards or of none. `skip_head` changes nothing: the log is sealed. */
export async function takeSnapshot(shards: TenantShards): Promise<string> {
  const ids: string[] = everyShard(shards).map(() => '');
  try {
    for (const shard of shardNumbers(shards)) {
      const answer = await shards.call(shard, (stub) => stub.createSnapshot());
      if (answer.status === 'refused') throw new VarveError('limit', `snapshot: ${answer.message}`);
      ids[shard] = answer.id;
    }
  } catch (error) {
    // Nobody knows the name of those that are there: each would hold its segments for ever. What is out of reach stays, and is listed.
    await Promise.allSettled(ids.map((id, shard) => id !== '' && shards.call(shard, (stub) => stub.deleteSnapshot(id))));
    throw error;
  }
  return ids.join(',');
}

/** The ids that each shard has, oldest first. */
export async function snapshotsOf(shards: TenantShards, missing: MissingParts): Promise<{ readonly shard: number; readonly ids: readonly string[] }[]> {
  const all = [];
  for await (const { shard, answer } of missing.ofShards(shards, (stub) => stub.snapshots(), everyShard(shards))) all.push({ shard, ids: answer });
  return all;
}

/** Forgets one, and what only it held. Asking again, after an error in between, goes on. */
export async function forgetSnapshot(shards: TenantShards, name: string): Promise<void> {
  const ids = name.split(',');
  if (!/^[\d,]+$/.test(name) || !/\d/.test(name) || !shards.maps.some(({ endShard }) => ids.length === endShard)) {
    throw invalidParameter('name', `${JSON.stringify(name.slice(0, 200))} is not the name of a snapshot of ${everyShardCount(shards)} shards`);
  }
  const found = await Promise.all(ids.map((id, shard) => id !== '' && shards.call(shard, (stub) => stub.deleteSnapshot(id))));
  if (!found.includes(true)) throw new VarveError('not-found', `there is no snapshot ${JSON.stringify(name)}`);
}
