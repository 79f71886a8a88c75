import { SERIES_HASH_KEY_BYTES } from '../model/series-id.ts';
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

  #stored(): TenantRouting | undefined {
    const [tenant] = this.#sql.all<{ series_hash_key: ArrayBuffer }>('SELECT series_hash_key FROM tenant WHERE id = 1');
    if (tenant === undefined) return undefined;
    const maps = this.#sql.all<{ epoch: number; from_ms: number; shard_count: number }>('SELECT epoch, from_ms, shard_count FROM shard_map ORDER BY epoch');
    return {
      version: CATALOG_RPC_VERSION,
      seriesHashKey: new Uint8Array(tenant.series_hash_key),
      shardMaps: maps.map((map) => ({ epoch: map.epoch, fromMs: map.from_ms, shardCount: map.shard_count })),
    };
  }

  #create(shardCount: number): TenantRouting {
    const seriesHashKey = new Uint8Array(SERIES_HASH_KEY_BYTES);
    this.#random.fill(seriesHashKey);
    // Commit point: this transaction. Nobody has seen the key before it, so losing it with a crash harms nobody.
    this.#sql.transaction(() => {
      this.#sql.run('INSERT INTO tenant (id, series_hash_key) VALUES (1, ?)', seriesHashKey);
      this.#sql.run('INSERT INTO shard_map (epoch, from_ms, shard_count) VALUES (1, 0, ?)', shardCount);
    });
    return { version: CATALOG_RPC_VERSION, seriesHashKey, shardMaps: [{ epoch: 1, fromMs: 0, shardCount }] };
  }
}
