import { numberMaps, type NumberedMap } from '../../storage/shard-maps.ts';

/** The maps of a tenant that has always had so many shards. */
export function oneMap(shardCount: number): NumberedMap[] {
  return numberMaps([{ epoch: 1, fromMs: 0, shardCount }]);
}
