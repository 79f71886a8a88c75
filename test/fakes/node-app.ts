import type { Hono } from 'hono';
import { Admission } from '../../ingest/admission.ts';
import { HaTracker } from '../../ingest/ha-tracker.ts';
import { ImportDoor } from '../../ingest/import/import-door.ts';
import { MetadataSink } from '../../ingest/metadata-sink.ts';
import { OtlpDoor } from '../../ingest/otlp/otlp-door.ts';
import { RemoteWriteDoor } from '../../ingest/remote-write/remote-write-door.ts';
import { WriteBodies } from '../../ingest/write-bodies.ts';
import { WriteGate } from '../../ingest/write-gate.ts';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { buildApp } from '../../query/app.ts';
import { TenantArchive } from '../../storage/archive/tenant-archive.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { readConfig, type Variables } from '../../storage/runtime/config.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { LruCache } from '../../storage/runtime/lru-cache.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import type { StartTimer } from '../../storage/runtime/timer.ts';
import { ShardRouter } from '../../storage/shard-router.ts';
import { WarmArchive } from '../../storage/warm/warm-archive.ts';
import { FixedClock } from './fixed-clock.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { memoryObjectReader } from './memory-object-reader.ts';
import { MemoryObjectStore } from './memory-object-store.ts';
import { MemoryShards } from './memory-shards.ts';
import { SeededRandom } from './seeded-random.ts';

export interface NodeApp {
  readonly app: Hono;
  readonly shards: MemoryShards;
  readonly keyring: MemoryKeyring;
  readonly clock: FixedClock;
  readonly router: ShardRouter;
}

const noNetwork: Fetch = (url) => Promise.reject(new Error(`no network: ${String(url)}`));

/** The whole Worker in this process: all routes and the door in front of them, over shards in memory, and an archive whose tails are not remembered. */
export function nodeApp(variables: Variables, fetch: Fetch = noNetwork, nowMs = Date.UTC(2024, 0, 14, 12), limits = LIMITS, archive?: ObjectStore): NodeApp {
  const config = readConfig(variables);
  const shards = new MemoryShards(limits);
  const clock = new FixedClock(nowMs);
  const keyring = new MemoryKeyring(clock);
  const counters = new Counters();
  const caches = new CacheBudget(LIMITS, clock, counters);
  const metadata = new MetadataSink(LIMITS, clock, counters);
  // Nobody who sends falls silent: time moves when the test says so.
  const patient = { nowMs: () => clock.nowMs(), elapsedMs: () => clock.elapsedMs(), sleep: () => new Promise<never>(() => {}) };
  const neverRings: StartTimer = () => () => {};
  const router = new ShardRouter(shards, config.shardCount, clock, archive && ((files) => new TenantArchive({ store: archive, cache: new LruCache(1), limits, files })), archive && ((asks) => new WarmArchive({ store: archive, cache: new LruCache(1), limits, ...asks })));
  const snappy = snappyJsDecoder(LIMITS.writeUncompressedBytesMax);
  const admission = new Admission(config.limitsOf, LIMITS, patient);
  const gate = new WriteGate(admission, config.ha === undefined ? undefined : new HaTracker(config.ha, LIMITS, clock, counters));
  const app = buildApp({
    router,
    remoteWrite: new RemoteWriteDoor({ uncompress: snappy, clock, limits: LIMITS, metadata, gate, caches }),
    imports: new ImportDoor({ clock: patient, startTimer: neverRings, admission, limits: LIMITS, counters, metadata, retentionOf: () => ({ hotMs: config.hotRetentionMs, keptMsOf: () => Infinity }) }),
    otlp: new OtlpDoor({ clock, gate, limits: LIMITS, options: config.otlp, metadata, caches }),
    bodies: new WriteBodies(patient, neverRings, limits, counters),
    snappy,
    clock,
    counters,
    keyring: () => keyring.stub(),
    random: new SeededRandom(7),
    fetch,
    config,
    objects: memoryObjectReader(archive ?? new MemoryObjectStore()),
  });
  return { app, shards, keyring, clock, router };
}
