import { isMissingPart } from '../../storage/runtime/errors.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { ShardApi } from '../../storage/shard/shard-api.ts';
import type { ReadReport } from './read-report.ts';

type Ask<T> = (stub: ShardApi) => Promise<T>;

/** The answer of a shard; `undefined` when it cannot be read and the report takes that. */
export async function askShard<T>(shards: TenantShards, shard: number, ask: Ask<T>, report: ReadReport): Promise<T | undefined> {
  try {
    return await shards.call(shard, ask);
  } catch (error) {
    if (!isMissingPart(error) || !report.allowsPartial) throw error;
    report.missed(shard, error.message);
    return undefined;
  }
}

/** The answers of all shards, side by side; of those that could be read where the report allows that. */
export async function askAll<T extends object>(shards: TenantShards, ask: Ask<T>, report: ReadReport): Promise<T[]> {
  const answers = await Promise.all(shardNumbers(shards).map((shard) => askShard(shards, shard, ask, report)));
  return answers.filter((answer) => answer !== undefined);
}
