import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';
import { newestFlushes, watermarksMs } from './archive-shards.ts';
import type { ShardMap } from './catalog-api.ts';

/** What tells whether shards still have something. */
export interface Draining {
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** How long shards keep samples. */
  readonly hotRetentionMs: number;
  readonly isArchived: boolean;
}

/**
 * Says of which maps the shards have nothing any more that is not in files, so that queries need not ask them: of those whose last samples are older
 * by far than shards keep any. Where there is an archive, samples stay with their shard until they are in it, which may be long where the object store was
 * away: so each shard that has ever archived anything must have archived what is before the next map, and the archive must have been there since.
 *
 * `sql` is a catalog's database that has been migrated (catalog-schema.ts).
 */
export function markDrained(sql: Sql, maps: readonly ShardMap[], { nowMs, hotRetentionMs, isArchived }: Draining): readonly ShardMap[] {
  // Samples are late for as long as they are kept, at the most, and are kept for as long then.
  const oldMs = nowMs - 2 * hotRetentionMs - DAY_MS;
  if (!maps.some(({ fromMs }, i) => i > 0 && fromMs <= oldMs)) return maps;
  const untilMs = watermarksMs(sql);
  const archivedMs = [...newestFlushes(sql).keys()].map((shard) => ({ epoch: parseInt(shard, 10), untilMs: untilMs[shard] ?? -Infinity }));
  return maps.map((map, i) => {
    const endMs = maps[i + 1]?.fromMs ?? Infinity;
    const isDrained =
      endMs <= oldMs && (!isArchived || (archivedMs.every(({ epoch, untilMs }) => epoch !== map.epoch || untilMs >= endMs) && archivedMs.some(({ untilMs }) => untilMs >= endMs + DAY_MS)));
    return isDrained ? { ...map, isDrained } : map;
  });
}
