import { Hono } from 'hono';
import snappyModule from './.build/snappy.wasm';
import { RemoteWriteIngest } from './ingest/from-remote-write.ts';
import { writeRoutes } from './ingest/write-routes.ts';
import { snappyWasmDecoder } from './proto/snappy.ts';
import { adminRoutes } from './query/admin-routes.ts';
import { cdcRoutes } from './query/cdc-routes.ts';
import { metadataRoutes } from './query/metadata-routes.ts';
import { prometheusRoutes } from './query/prometheus-routes.ts';
import { notFound, withRequestCount } from './query/route-edges.ts';
import { DEFAULT_TENANT } from './query/tenant.ts';
import type { Catalog } from './storage/catalog/catalog-object.ts';
import { readConfig, type Variables } from './storage/runtime/config.ts';
import { systemClock } from './storage/runtime/clock.ts';
import { LIMITS } from './storage/runtime/limits.ts';
import { Counters } from './storage/runtime/metrics.ts';
import type { Shard } from './storage/shard/shard-object.ts';
import { ShardRouter } from './storage/shard-router.ts';

export { Catalog } from './storage/catalog/catalog-object.ts';
export { Shard } from './storage/shard/shard-object.ts';

/** Bindings, as wrangler.toml has them; variables are in storage/runtime/config.ts. */
export interface Env extends Variables {
  readonly SHARD: DurableObjectNamespace<Shard>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  readonly ARCHIVE: R2Bucket;
}

/** The Worker of one isolate, made at its first request: bindings do not change while it lives. */
function buildApp(env: Env): Hono {
  const config = readConfig(env);
  const router = new ShardRouter(
    {
      catalog: (name) => env.CATALOG.get(env.CATALOG.idFromName(name)),
      shard: (name) => env.SHARD.get(env.SHARD.idFromName(name)),
    },
    config.shardCount,
  );
  const counters = new Counters();
  const remoteWrite = new RemoteWriteIngest(snappyWasmDecoder(snappyModule, LIMITS.writeUncompressedBytesMax), systemClock, LIMITS);
  const app = new Hono();
  app.use(withRequestCount(counters));
  app.route('/api/v1', writeRoutes({ router, remoteWrite, counters, tenant: DEFAULT_TENANT }));
  app.route('/api/v1', prometheusRoutes({ router, clock: systemClock }));
  app.route('/api/v1', metadataRoutes({ router }));
  app.route('/api/v1', cdcRoutes({ router, clock: systemClock }));
  app.route('/', adminRoutes({ router, counters }));
  app.notFound(notFound(app));
  return app;
}

let app: Hono | undefined;

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    app ??= buildApp(env);
    return app.fetch(request);
  },
} satisfies ExportedHandler<Env>;
