import type { ShardMap } from './catalog/catalog-api.ts';

/**
 * A map whose shards have numbers. All shards of a tenant are numbered through, map after map by rising epoch, so that a shard's number never
 * changes: maps are only added, behind the others.
 */
export interface NumberedMap extends ShardMap {
  /** Unix milliseconds; -Infinity for the first map. */
  readonly fromMs: number;
  /** Samples of this time on (Unix ms) belong to the next map; Infinity for the last. */
  readonly untilMs: number;
  /** The number of its first shard, and the one behind its last. */
  readonly firstShard: number;
  readonly endShard: number;
}

/** Whoever has the maps of a tenant, by rising epoch. */
interface Mapped {
  readonly maps: readonly NumberedMap[];
}

export function numberMaps(maps: readonly ShardMap[]): NumberedMap[] {
  let firstShard = 0;
  return maps.map((map, i) => {
    const endShard = firstShard + map.shardCount;
    const numbered = { ...map, fromMs: i === 0 ? -Infinity : map.fromMs, untilMs: maps[i + 1]?.fromMs ?? Infinity, firstShard, endShard };
    firstShard = endShard;
    return numbered;
  });
}

/** Those whose shards may have samples that are not in the archive. A series may be on a shard of each. */
export function liveMaps({ maps }: Mapped): NumberedMap[] {
  return maps.filter(({ isDrained }) => isDrained !== true);
}

/** The numbers of their shards: whom a question goes to. */
export function shardNumbers(mapped: Mapped): number[] {
  return liveMaps(mapped).flatMap(numbersOf);
}

/** Shards that a tenant has had: their numbers are below this. */
export function everyShardCount({ maps }: Mapped): number {
  return maps.at(-1)?.endShard ?? 0;
}

/** Their numbers: for what must reach also those that hardly anything is left of. */
export function everyShard({ maps }: Mapped): number[] {
  return maps.flatMap(numbersOf);
}

/** What shards are called in the archive (`epoch/number in the map`), by their numbers. */
export function shardNamesOf(maps: readonly NumberedMap[]): string[] {
  return maps.flatMap((map) => numbersOf(map).map((shard) => `${map.epoch}/${shard - map.firstShard}`));
}

/** Of those that `shardNumbers` has, the numbers by the names. */
export function liveNames(maps: readonly NumberedMap[]): Map<string, number> {
  const names = shardNamesOf(maps);
  return new Map(shardNumbers({ maps }).map((shard) => [names[shard]!, shard]));
}

/** The map that has the samples of a time (Unix ms). */
export function mapOfTime(maps: readonly NumberedMap[], timestampMs: number): NumberedMap {
  let at = maps.length - 1;
  while (timestampMs < maps[at]!.fromMs) at--;
  return maps[at]!;
}

/** Which shard of the map has a series, by the high word of its id. */
export function shardOf({ firstShard, endShard }: NumberedMap, idHigh: number): number {
  return firstShard + (idHigh % (endShard - firstShard));
}

function numbersOf({ firstShard, endShard }: NumberedMap): number[] {
  return Array.from({ length: endShard - firstShard }, (_, i) => firstShard + i);
}
