import type { TenantArchive } from './archive/tenant-archive.ts';
import { callObject } from './call-object.ts';
import type { ArchiveFilesAnswer, ArchiveFilesRequest, RollupDaysAnswer, RollupDaysRequest } from './catalog/archive-api.ts';
import type { CatalogApi, TenantRouting } from './catalog/catalog-api.ts';
import { SeriesHasher } from './model/series-id.ts';
import { assert, must } from './runtime/assert.ts';
import { lastsStill, type Clock } from './runtime/clock.ts';
import { LIMITS } from './runtime/limits.ts';
import { LruCache } from './runtime/lru-cache.ts';
import { liveNames, numberMaps, shardNamesOf, type NumberedMap } from './shard-maps.ts';
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
  /** Which shards there are, and which times are whose, by rising epoch: one at least. */
  readonly maps: readonly NumberedMap[];
  /** Calls one shard, by its number; see callObject. */
  call<T>(shard: number, body: (stub: ShardApi) => Promise<T>, attemptsMax?: number): Promise<T>;
  /** Calls the tenant's catalog, in the same way. */
  catalog<T>(body: (stub: CatalogApi) => Promise<T>): Promise<T>;
  /** What has left the shards; `undefined` where nothing is archived. */
  readonly archive?: ArchiveTier | undefined;
  /** The same as it is known by now, for whoever has it for longer than a request takes. */
  renewed(): Promise<TenantShards>;
}

export interface ArchiveTier {
  readonly files: TenantArchive;
  /** Roll-ups of it; `undefined` where they are not read. */
  readonly warm?: WarmArchive | undefined;
  /** What shards are called in the archive (`epoch/number in the map`), by their numbers: all that the tenant has had. */
  readonly shardNames: readonly string[];
  /** Of those that may have samples which are not in files, the numbers by their names. */
  readonly live: ReadonlyMap<string, number>;
}

/** Makes a tenant's archive over what asks its catalog. */
export type OpenArchive = (ask: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer>, tenant: string) => TenantArchive;

/** Makes what reads a tenant's roll-ups, likewise. */
export type OpenWarm = (asks: { readonly days: (request: RollupDaysRequest) => Promise<RollupDaysAnswer>; readonly files: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer> }, tenant: string) => WarmArchive;

/** What an isolate knows of a tenant. Times are Unix milliseconds. */
interface KnownTenant {
  readonly routing: TenantRouting;
  readonly shards: TenantShards;
  /** When the catalog was asked, and the how manieth question of this isolate it was. */
  readonly askedMs: number;
  readonly question: number;
  /** When it was last tried to ask it again, in passing. */
  triedMs: number;
}

/** When the catalog has not answered somebody who asked it in passing, the next one asks it again so much later. */
const RETRY_MS = 30_000;

/**
 * Finds the shards of tenants. The key never changes and maps are only added, each so far ahead that whoever has asked the catalog within
 * `shardMapsSureMs` knows it before the first sample that is its (catalog-store.ts). So an isolate asks again by then; mostly earlier, while a
 * request goes on with what is known.
 */
export class ShardRouter {
  readonly #namespaces: ObjectNamespaces;
  readonly #defaultShardCount: number;
  readonly #openArchive: OpenArchive | undefined;
  readonly #openWarm: OpenWarm | undefined;
  readonly #clock: Clock;
  /**
   * What has been opened, never promises: a promise belongs to the request that made it, and when that request's client hangs up, workerd
   * never settles it. Everybody who waits for it would wait for ever.
   */
  readonly #tenants = new LruCache<string, KnownTenant>(LIMITS.tenantsOpenMax);
  #questions = 0;

  constructor(namespaces: ObjectNamespaces, defaultShardCount: number, clock: Clock, openArchive?: OpenArchive, openWarm?: OpenWarm) {
    this.#openArchive = openArchive;
    this.#openWarm = openWarm;
    this.#namespaces = namespaces;
    this.#defaultShardCount = defaultShardCount;
    this.#clock = clock;
  }

  async tenant(tenant: string): Promise<TenantShards> {
    const known = this.#tenants.get(tenant);
    const nowMs = this.#clock.nowMs();
    // Too old to be sure, it is no better than nothing: samples would go where nobody may look for them, and be missed where they are.
    if (known === undefined || !lastsStill(known.askedMs, LIMITS.shardMapsSureMs, nowMs)) return this.#ask(tenant);
    if (!lastsStill(known.askedMs, LIMITS.shardMapsFreshMs, nowMs) && !lastsStill(known.triedMs, RETRY_MS, nowMs)) {
      known.triedMs = nowMs;
      // Nobody waits for it: whether it is answered or not, or given up with its request, the next ones find what there is.
      this.#ask(tenant).catch(() => {});
    }
    return known.shards;
  }

  async #ask(tenant: string): Promise<TenantShards> {
    const askedMs = this.#clock.nowMs();
    const question = ++this.#questions;
    const catalog = this.#catalogOf(tenant);
    const routing = await catalog<TenantRouting>((stub) => stub.routing(this.#defaultShardCount));
    const known = this.#tenants.get(tenant);
    // Somebody who asked later has been answered before.
    if (known !== undefined && known.question > question) return known.shards;
    const shards = known !== undefined && isSame(known.routing, routing) ? known.shards : this.#open(tenant, routing, known);
    this.#tenants.set(tenant, { routing, shards, askedMs, question, triedMs: askedMs }, 1);
    return shards;
  }

  #catalogOf(tenant: string): TenantShards['catalog'] {
    return (body) => callObject(() => body(this.#namespaces.catalog(`${tenant}/catalog`)), `catalog of ${tenant}`);
  }

  #open(tenant: string, routing: TenantRouting, before: KnownTenant | undefined): TenantShards {
    const maps = numberMaps(routing.shardMaps);
    assert(maps.length > 0, 'a tenant without a shard map');
    const catalog = this.#catalogOf(tenant);
    const openTier = (): ArchiveTier | undefined => {
      const askFiles = (request: ArchiveFilesRequest): Promise<ArchiveFilesAnswer> => catalog((stub) => stub.archiveFiles(request));
      const files = this.#openArchive?.(askFiles, tenant);
      const warm = this.#openWarm?.({ files: askFiles, days: (request) => catalog((stub) => stub.rollupDays(request)) }, tenant);
      return files && { files, warm, shardNames: shardNamesOf(maps), live: liveNames(maps) };
    };
    // Of thousands of tenants, few are asked for what is in their archive.
    let archive: ArchiveTier | undefined;
    const seriesHashKey = new Uint8Array(routing.seriesHashKey);
    return {
      tenant,
      get archive() {
        return (archive ??= openTier());
      },
      secret: seriesHashKey,
      // What an isolate remembers of series is remembered by the hasher.
      hasher: before !== undefined && isSameKey(before.routing, routing) ? before.shards.hasher : new SeriesHasher(seriesHashKey),
      maps,
      call: (shard, body, attemptsMax) => {
        const name = objectName(tenant, maps, shard);
        return callObject(() => body(this.#namespaces.shard(name)), `shard ${shard}`, attemptsMax);
      },
      catalog,
      renewed: () => this.tenant(tenant),
    };
  }
}

function objectName(tenant: string, maps: readonly NumberedMap[], shard: number): string {
  const { epoch, firstShard } = must(maps.find(({ endShard }) => shard < endShard), `a tenant without a shard ${shard}`);
  return `${tenant}/shard/${epoch}/${shard - firstShard}`;
}

function isSame(a: TenantRouting, b: TenantRouting): boolean {
  return isSameKey(a, b) && JSON.stringify(a.shardMaps) === JSON.stringify(b.shardMaps);
}

function isSameKey({ seriesHashKey: a }: TenantRouting, { seriesHashKey: b }: TenantRouting): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
