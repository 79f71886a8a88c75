import { crc32 } from 'node:zlib';
import { SERIES_HASH_KEY_BYTES } from '../model/series-id.ts';
import { must } from '../runtime/assert.ts';
import { readStored } from '../runtime/damage.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { newestEpoch } from './archive-shards.ts';
import { CATALOG_RPC_VERSION, type AddShardMapAnswer, type AddShardMapRequest, type TenantRouting } from './catalog-api.ts';
import { migrateCatalog } from './catalog-schema.ts';
import { planShardMap } from './shard-map-plan.ts';

/** The state of one tenant's catalog: the key of its series ids and its shard maps, which are only added to. */
export class CatalogStore {
  readonly #sql: Sql;
  readonly #random: Random;

  constructor(sql: Sql, random: Random) {
    this.#sql = sql;
    this.#random = random;
    migrateCatalog(sql);
  }

  routing(shardCount: number): TenantRouting {
    return this.#stored() ?? this.#create(shardCount);
  }

  /** Of a tenant that has a routing. */
  addShardMap({ shardCount, timestampAheadMs }: Omit<AddShardMapRequest, 'version'>, nowMs: number): AddShardMapAnswer {
    const { seriesHashKey, shardMaps } = must(this.#stored(), 'a shard map for a tenant without a routing');
    const plan = planShardMap(shardMaps, shardCount, timestampAheadMs, nowMs);
    if (plan.kind === 'refuse') return { version: CATALOG_RPC_VERSION, status: 'refused', message: plan.message };
    if (plan.kind === 'unchanged') return { version: CATALOG_RPC_VERSION, status: 'unchanged', shardMaps };
    // A catalog that has begun anew must not give shards the names of others, which still have what they had.
    const epoch = 1 + Math.max(shardMaps.at(-1)!.epoch, newestEpoch(this.#sql));
    const all = [...shardMaps, { epoch, fromMs: plan.fromMs, shardCount }];
    // Commit point: this transaction. Whoever is told of the map, by the answer or the next routing, is told of what is stored; a crash before
    // leaves the maps as they were, and the wish can be repeated.
    this.#sql.transaction(() => {
      this.#sql.run('INSERT INTO shard_map (epoch, from_ms, shard_count) VALUES (?, ?, ?)', epoch, plan.fromMs, shardCount);
      this.#sql.run('UPDATE tenant SET routing_check = ? WHERE id = 1', routingCheck(seriesHashKey, all));
    });
    return { version: CATALOG_RPC_VERSION, status: 'added', shardMaps: all };
  }

  /** With another key, or by another map, no series would be found where it is: what is damaged is refused. */
  #stored(): TenantRouting | undefined {
    const [tenant] = this.#sql.all<{ series_hash_key: ArrayBuffer; routing_check: number | null }>('SELECT series_hash_key, routing_check FROM tenant WHERE id = 1');
    if (tenant === undefined) return undefined;
    const maps = this.#sql.all<{ epoch: number; from_ms: number; shard_count: number }>('SELECT epoch, from_ms, shard_count FROM shard_map ORDER BY epoch');
    const seriesHashKey = new Uint8Array(tenant.series_hash_key);
    const shardMaps = maps.map((map) => ({ epoch: map.epoch, fromMs: map.from_ms, shardCount: map.shard_count }));
    const crc = routingCheck(seriesHashKey, shardMaps);
    readStored('tenant', 1, () => {
      const where = 'key of the series ids (series_hash_key) and shard maps';
      if (seriesHashKey.length !== SERIES_HASH_KEY_BYTES) throw new Error(`${where}: a key of ${seriesHashKey.length} bytes, want ${SERIES_HASH_KEY_BYTES}`);
      if (shardMaps.length === 0) throw new Error(`${where}: there is no map`);
      if (tenant.routing_check !== null && crc !== tenant.routing_check) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${tenant.routing_check}`);
    });
    // From before there were checks: they are taken as they are. A crash before they have theirs leaves that to the next.
    if (tenant.routing_check === null) this.#sql.run('UPDATE tenant SET routing_check = ? WHERE id = 1', crc);
    return { version: CATALOG_RPC_VERSION, seriesHashKey, shardMaps };
  }

  #create(shardCount: number): TenantRouting {
    const seriesHashKey = new Uint8Array(SERIES_HASH_KEY_BYTES);
    this.#random.fill(seriesHashKey);
    const shardMaps = [{ epoch: 1, fromMs: 0, shardCount }];
    // Commit point: this transaction. Nobody has seen the key before it, so losing it with a crash harms nobody.
    this.#sql.transaction(() => {
      this.#sql.run('INSERT INTO tenant (id, series_hash_key, routing_check) VALUES (1, ?, ?)', seriesHashKey, routingCheck(seriesHashKey, shardMaps));
      this.#sql.run('INSERT INTO shard_map (epoch, from_ms, shard_count) VALUES (1, 0, ?)', shardCount);
    });
    return { version: CATALOG_RPC_VERSION, seriesHashKey, shardMaps };
  }
}

/** CRC-32 of the key, and of each map as `epoch fromMs shardCount` in a line of text. */
function routingCheck(key: Uint8Array, maps: TenantRouting['shardMaps']): number {
  return crc32(maps.map(({ epoch, fromMs, shardCount }) => `${epoch} ${fromMs} ${shardCount}\n`).join(''), crc32(key));
}
