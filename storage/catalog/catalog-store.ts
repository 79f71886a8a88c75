import { crc32 } from 'node:zlib';
import { SERIES_HASH_KEY_BYTES } from '../model/series-id.ts';
import { readStored } from '../runtime/damage.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { CATALOG_RPC_VERSION, type TenantRouting } from './catalog-api.ts';
import { migrateCatalog } from './catalog-schema.ts';

/** The state of one tenant's catalog: the key of its series ids and its shard maps. */
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
