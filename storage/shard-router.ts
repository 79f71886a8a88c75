import type { TenantArchive } from './archive/tenant-archive.ts';
import { callObject } from './call-object.ts';
import type { ArchiveFilesAnswer, ArchiveFilesRequest, RollupDaysAnswer, RollupDaysRequest } from './catalog/archive-api.ts';
import type { CatalogApi, TenantRouting } from './catalog/catalog-api.ts';
import { SeriesHasher } from './model/series-id.ts';
import { must } from './runtime/assert.ts';
import { LIMITS } from './runtime/limits.ts';
import { LruCache } from './runtime/lru-cache.ts';
import type { ShardApi } from './shard/shard-api.ts';
import type { WarmArchive } from './warm/warm-archive.ts';

/** Stubs of the objects, by name: what the RPC port needs of the platform. A new stub is made for each call; one that threw is dead. */
export interface ObjectNamespaces {
  catalog(name: string): CatalogApi;
  shard(name: string): ShardApi;
}

/** What a caller needs to reach one tenant's shards. */
export interface TenantShards {
  readonly tenant: string;
  readonly hasher: SeriesHasher;
  /** Random bytes that only this tenant's Workers and objects know: for keys that are derived from them. */
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly shardCount: number;
  /** Calls one shard; see callObject. */
  call<T>(shard: number, body: (stub: ShardApi) => Promise<T>, attemptsMax?: number): Promise<T>;
  /** Calls the tenant's catalog, in the same way. */
  catalog<T>(body: (stub: CatalogApi) => Promise<T>): Promise<T>;
  /** What has left the shards; `undefined` where nothing is archived. */
  readonly archive?: ArchiveTier | undefined;
}

export interface ArchiveTier {
  readonly files: TenantArchive;
  /** Roll-ups of it; `undefined` where they are not read. */
  readonly warm?: WarmArchive | undefined;
  /** Names of the shards in the archive (`epoch/number`), by their numbers. */
  readonly shardNames: readonly string[];
}

/** The shards of a tenant, by their numbers. */
export function shardNumbers({ shardCount }: Pick<TenantShards, 'shardCount'>): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard);
}

/** Makes a tenant's archive over what asks its catalog. */
export type OpenArchive = (ask: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer>, tenant: string) => TenantArchive;

/** Makes what reads a tenant's roll-ups, likewise. */
export type OpenWarm = (asks: { readonly days: (request: RollupDaysRequest) => Promise<RollupDaysAnswer>; readonly files: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer> }, tenant: string) => WarmArchive;

/** Finds the shards of tenants. Routing never changes once made (maps are only added), so an isolate asks the catalog once a tenant. */
export class ShardRouter {
  readonly #namespaces: ObjectNamespaces;
  readonly #defaultShardCount: number;
  readonly #openArchive: OpenArchive | undefined;
  readonly #openWarm: OpenWarm | undefined;
  /**
   * What has been opened, never promises: a promise belongs to the request that made it, and when that request's client hangs up, workerd
   * never settles it. Everybody who waits for it would wait for ever.
   */
  readonly #tenants = new LruCache<string, TenantShards>(LIMITS.tenantsOpenMax);

  constructor(namespaces: ObjectNamespaces, defaultShardCount: number, openArchive?: OpenArchive, openWarm?: OpenWarm) {
    this.#openArchive = openArchive;
    this.#openWarm = openWarm;
    this.#namespaces = namespaces;
    this.#defaultShardCount = defaultShardCount;
  }

  async tenant(tenant: string): Promise<TenantShards> {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const opened = await this.#open(tenant);
    this.#tenants.set(tenant, opened, 1);
    return opened;
  }

  async #open(tenant: string): Promise<TenantShards> {
    const catalog = <T>(body: (stub: CatalogApi) => Promise<T>): Promise<T> =>
      callObject(() => body(this.#namespaces.catalog(`${tenant}/catalog`)), `catalog of ${tenant}`);
    const routing = await catalog<TenantRouting>((stub) => stub.routing(this.#defaultShardCount));
    const map = must(routing.shardMaps.at(-1), 'a tenant without a shard map');
    const openTier = (): ArchiveTier | undefined => {
      const askFiles = (request: ArchiveFilesRequest): Promise<ArchiveFilesAnswer> => catalog((stub) => stub.archiveFiles(request));
      const files = this.#openArchive?.(askFiles, tenant);
      const warm = this.#openWarm?.({ files: askFiles, days: (request) => catalog((stub) => stub.rollupDays(request)) }, tenant);
      return files && { files, warm, shardNames: Array.from({ length: map.shardCount }, (_, shard) => `${map.epoch}/${shard}`) };
    };
    // Of thousands of tenants, few are asked for what is in their archive.
    let archive: ArchiveTier | undefined;
    return {
      tenant,
      get archive() {
        return (archive ??= openTier());
      },
      secret: new Uint8Array(routing.seriesHashKey),
      hasher: new SeriesHasher(new Uint8Array(routing.seriesHashKey)),
      shardCount: map.shardCount,
      call: (shard, body, attemptsMax) => callObject(() => body(this.#namespaces.shard(`${tenant}/shard/${map.epoch}/${shard}`)), `shard ${shard}`, attemptsMax),
      catalog,
    };
  }
}
