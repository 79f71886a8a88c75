import type { Hono } from 'hono';
import { Admission } from './ingest/admission.ts';
import { HaTracker } from './ingest/ha-tracker.ts';
import type { ImportRetention } from './ingest/import/import-batches.ts';
import { ImportDoor } from './ingest/import/import-door.ts';
import { MetadataSink } from './ingest/metadata-sink.ts';
import { OtlpDoor } from './ingest/otlp/otlp-door.ts';
import { RemoteWriteDoor } from './ingest/remote-write/remote-write-door.ts';
import { WriteBodies } from './ingest/write-bodies.ts';
import { WriteGate } from './ingest/write-gate.ts';
import { snappyWasmDecoder } from './proto/snappy.ts';
import { buildApp } from './query/app.ts';
import { failure } from './query/respond.ts';
import type { QueryShard } from './query/source/query-shard.ts';
import { KEYRING_NAME } from './storage/access/keyring-api.ts';
import type { Keyring } from './storage/access/keyring-object.ts';
import { leaversBy } from './storage/archive/series-retention.ts';
import { TenantArchive, type ReaderCache } from './storage/archive/tenant-archive.ts';
import type { Catalog } from './storage/catalog/catalog-object.ts';
import { r2ObjectReader } from './storage/object-reader.ts';
import { r2ObjectStore, type ObjectStore } from './storage/object-store.ts';
import { CacheBudget } from './storage/runtime/cache-budget.ts';
import { REMAKE_NS_PER_BYTE } from './storage/runtime/cache-costs.ts';
import { systemClock } from './storage/runtime/clock.ts';
import { readConfig, type Variables } from './storage/runtime/config.ts';
import { systemFetch } from './storage/runtime/fetch.ts';
import { LIMITS } from './storage/runtime/limits.ts';
import { Counters } from './storage/runtime/metrics.ts';
import { namedObjects } from './storage/runtime/named-objects.ts';
import { systemRandom } from './storage/runtime/random.ts';
import { startSystemTimer } from './storage/runtime/timer.ts';
import { ShardRouter, type OpenArchive, type OpenWarm } from './storage/shard-router.ts';
import { readTieringPolicy, type PolicyOfTenant } from './storage/warm/read-tiering-policy.ts';
import type { RollupFileReader } from './storage/warm/rollup-file-reader.ts';
import { keptDays, retentionOf } from './storage/warm/tiering-policy.ts';
import { WarmArchive, type WarmArchiveOptions } from './storage/warm/warm-archive.ts';
import snappyModule from './.build/snappy.wasm';

export { QueryShard as Shard } from './query/source/query-shard.ts';
export { Keyring } from './storage/access/keyring-object.ts';
export { Catalog } from './storage/catalog/catalog-object.ts';

/** Bindings, as wrangler.toml has them; variables are in storage/runtime/config.ts. */
export interface Env extends Variables {
  readonly SHARD: DurableObjectNamespace<QueryShard>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  readonly KEYRING: DurableObjectNamespace<Keyring>;
  readonly ARCHIVE: R2Bucket;
}

/** The Worker of one isolate (its routes are in query/app.ts), made at its first request: bindings do not change while it lives. */
function appOf(env: Env): Hono {
  const config = readConfig(env);
  const counters = new Counters();
  const caches = new CacheBudget(LIMITS, systemClock, counters);
  // Catalogs and shards go by it too; a mistake in it is told here, before anything is served.
  const policyOf = readTieringPolicy(env.VARVE_TIERING, config.archiveRetentionMs);
  const router = new ShardRouter(
    {
      catalog: namedObjects(env.CATALOG),
      shard: namedObjects(env.SHARD),
    },
    config.shardCount,
    systemClock,
    config.archiveUri === undefined ? undefined : openArchive(r2ObjectStore(env.ARCHIVE, config.archiveKeyPrefix), policyOf, caches),
    config.archiveUri === undefined ? undefined : openWarm(r2ObjectStore(env.ARCHIVE, config.archiveKeyPrefix), policyOf, caches),
  );
  const snappy = snappyWasmDecoder(snappyModule, LIMITS.writeUncompressedBytesMax, 'writeUncompressedBytesMax');
  const metadata = new MetadataSink(LIMITS, systemClock, counters);
  const admission = new Admission(config.limitsOf, LIMITS, systemClock);
  const gate = new WriteGate(admission, config.ha === undefined ? undefined : new HaTracker(config.ha, LIMITS, systemClock, counters));
  const remoteWrite = new RemoteWriteDoor({ uncompress: snappy, clock: systemClock, limits: LIMITS, metadata, gate, caches });
  const keyring = () => env.KEYRING.get(env.KEYRING.idFromName(KEYRING_NAME));
  // Where there is an archive, what is older than its grace belongs there, and every policy keeps that long.
  const importRetentionOf = (tenant: string): ImportRetention => {
    const { hotRetentionMs, cold } = policyOf(tenant);
    if (config.archiveUri === undefined) return { hotMs: hotRetentionMs ?? config.importRetentionMs, keptMsOf: () => Infinity };
    return { hotMs: config.importRetentionMs, keptMsOf: (labels) => cold.of(labels) };
  };
  const imports = new ImportDoor({ clock: systemClock, startTimer: startSystemTimer, admission, limits: LIMITS, counters, metadata, retentionOf: importRetentionOf });
  const otlp = new OtlpDoor({ clock: systemClock, gate, limits: LIMITS, options: config.otlp, metadata, caches });
  const bodies = new WriteBodies(systemClock, startSystemTimer, LIMITS, counters);
  return buildApp({ router, remoteWrite, imports, otlp, bodies, snappy, keyring, clock: systemClock, random: systemRandom, fetch: systemFetch, counters, config, objects: r2ObjectReader(env.ARCHIVE, config.archiveKeyPrefix) });
}

/** The archive of a tenant: what an isolate remembers of its files is shared by all tenants. */
function openArchive(store: ObjectStore, policyOf: PolicyOfTenant, caches: CacheBudget): OpenArchive {
  const cache: ReaderCache = caches.lru('archive_tails', REMAKE_NS_PER_BYTE.tails, LIMITS.archiveTailCacheBytesMax);
  return (files, tenant) => new TenantArchive({ store, cache, limits: LIMITS, files, leaversOf: leaversBy(retentionOf(policyOf(tenant)), systemClock) });
}

/** Its roll-ups, likewise. */
function openWarm(store: ObjectStore, policyOf: PolicyOfTenant, caches: CacheBudget): OpenWarm {
  const cache = caches.lru<string, RollupFileReader>('rollup_tails', REMAKE_NS_PER_BYTE.tails, LIMITS.rollupTailCacheBytesMax);
  return (asks, tenant) => {
    const policy = policyOf(tenant);
    const keptOf: WarmArchiveOptions['keptOf'] = (table, selector) => keptDays(policy, table, selector, systemClock.nowMs());
    return new WarmArchive({ store, cache, limits: LIMITS, ...asks, leaversOf: leaversBy(retentionOf(policy), systemClock), keptOf });
  };
}

let app: Hono | undefined;

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    try {
      app ??= appOf(env);
    } catch (error) {
      // A variable with a value that it cannot have: say so, and serve nobody.
      return failure(error);
    }
    return app.fetch(request);
  },
} satisfies ExportedHandler<Env>;
