export const CATALOG_RPC_VERSION = 1;

/** Which shards hold what is written from `fromMs` on. A series lives on shard `id % shardCount`. */
export interface ShardMap {
  readonly epoch: number;
  readonly fromMs: number;
  readonly shardCount: number;
}

/** What a Worker must know of a tenant before it can route. Neither the key nor a map ever changes; maps are only added. */
export interface TenantRouting {
  readonly version: number;
  /** 16 random bytes: see storage/model/series-id.ts. Never shown to anyone. */
  readonly seriesHashKey: Uint8Array;
  /** By rising epoch; the last one is where new data goes. */
  readonly shardMaps: readonly ShardMap[];
}

/** A tenant's catalog as its callers see it: the RPC port. */
export interface CatalogApi {
  /** The routing, made at the first call: `shardCount` only counts then. */
  routing(shardCount: number): Promise<TenantRouting>;
}
