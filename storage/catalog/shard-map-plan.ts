import { LIMITS } from '../runtime/limits.ts';
import { HOUR_MS } from '../runtime/units.ts';
import type { ShardMap } from './catalog-api.ts';

export type ShardMapPlan =
  | { readonly kind: 'add'; readonly fromMs: number }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refuse'; readonly message: string };

/**
 * What becomes of the wish for another number of shards. Pure; `maps` are the tenant's, by rising epoch. A number that the last map has changes
 * nothing, whether that is in force or to come, so that the wish can be repeated.
 */
export function planShardMap(maps: readonly ShardMap[], shardCount: number, timestampAheadMs: number, nowMs: number): ShardMapPlan {
  const { shardsMax, shardMapsMax } = LIMITS;
  const last = maps.at(-1)!;
  if (last.shardCount === shardCount) return { kind: 'unchanged' };
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > shardsMax) {
    return { kind: 'refuse', message: `${shardCount} shards cannot be had: it must be a whole number from 1 to the limit shardsMax of ${shardsMax}` };
  }
  if (last.fromMs > nowMs) {
    return { kind: 'refuse', message: `${last.shardCount} shards take effect at ${new Date(last.fromMs).toISOString()}, and one change is announced at a time: ask for another number from then on` };
  }
  if (maps.length >= shardMapsMax) {
    return { kind: 'refuse', message: `the tenant's number of shards has been changed as often as it can be, the limit shardMapsMax is ${shardMapsMax}` };
  }
  return { kind: 'add', fromMs: mapStartMs(nowMs, timestampAheadMs) };
}

/**
 * From when on (Unix ms) a map holds that is made now. Until every Worker must know it, samples are written by the maps before, whose times are as
 * far ahead as they may be, by clocks that differ: all of these are before.
 *
 * It is a millisecond behind a whole hour, as hours are the largest buckets of roll-ups, and have the sample on their end: no bucket has samples of
 * shards of two maps, so that queries over the change are answered from roll-ups like others.
 */
function mapStartMs(nowMs: number, timestampAheadMs: number): number {
  const leastMs = nowMs + timestampAheadMs + LIMITS.shardMapsSureMs + LIMITS.clocksDifferMs;
  return Math.ceil(leastMs / HOUR_MS) * HOUR_MS + 1;
}
