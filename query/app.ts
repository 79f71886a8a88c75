import { Hono } from 'hono';
import type { OtlpIngest } from '../ingest/from-otlp.ts';
import type { ImportDoor } from '../ingest/import-door.ts';
import { importRoutes } from '../ingest/import-routes.ts';
import { otlpRoutes } from '../ingest/otlp-routes.ts';
import type { RemoteWriteIngest } from '../ingest/remote-write.ts';
import { writeRoutes } from '../ingest/write-routes.ts';
import type { SnappyDecode } from '../proto/snappy.ts';
import type { ObjectReader } from '../storage/object-reader.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { Config } from '../storage/runtime/config.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { Fetch } from '../storage/runtime/fetch.ts';
import type { Random } from '../storage/runtime/random.ts';
import type { ShardRouter } from '../storage/shard-router.ts';
import { Authenticator } from './access/authenticate.ts';
import { authorize } from './access/authorize.ts';
import { keyRoutes } from './access/key-routes.ts';
import { KeyVerifier, type KeyringStub } from './access/key-verifier.ts';
import { adminRoutes } from './admin-routes.ts';
import { cdcRoutes } from './cdc-routes.ts';
import { withCompression } from './compression.ts';
import { withCors } from './cors.ts';
import { exemplarRoutes } from './exemplar-routes.ts';
import { federateRoutes } from './federate-routes.ts';
import { ClientConfig } from './iceberg/client-config.ts';
import { icebergRoutes } from './iceberg/iceberg-routes.ts';
import { oauthRoutes } from './iceberg/oauth-routes.ts';
import { labelRoutes } from './label-routes.ts';
import { languageRoutes } from './language-routes.ts';
import { metadataRoutes } from './metadata-routes.ts';
import { notificationRoutes } from './notification-routes.ts';
import { openapiRoutes } from './openapi-routes.ts';
import { prometheusRoutes } from './prometheus-routes.ts';
import { remoteReadRoutes } from './remote-read-routes.ts';
import { withRequestId } from './request-id.ts';
import { notFound, withRequestCount } from './route-edges.ts';
import { ruleRoutes } from './rule-routes.ts';
import { S3_MOUNT } from './s3/object-path.ts';
import { s3Routes } from './s3/s3-routes.ts';
import { searchRoutes } from './search-routes.ts';
import { statusRoutes } from './status-routes.ts';
import { targetRoutes } from './target-routes.ts';
import { openTenant } from './tenant.ts';
import { tierRoutes } from './tier-routes.ts';
import { tsdbRoutes } from './tsdb-routes.ts';

/** What the routes need of the world. */
export interface AppServices {
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly remoteWrite: RemoteWriteIngest;
  readonly imports: ImportDoor;
  readonly otlp: OtlpIngest;
  readonly snappy: SnappyDecode;
  readonly keyring: KeyringStub;
  readonly random: Random;
  readonly fetch: Fetch;
  readonly config: Config;
  /** The bucket of the archive. */
  readonly objects: ObjectReader;
}

/** The menu of all routes. Each one's scope is in access/route-scopes.ts. */
export function buildApp(services: AppServices): Hono {
  const { router, clock, counters, remoteWrite, otlp, snappy, keyring, random, config } = services;
  const verifier = new KeyVerifier(keyring, clock);
  const app = new Hono();
  app.use(withRequestId(random), withRequestCount(counters, clock), withCors(config.corsOrigin), withCompression());
  const authenticator = new Authenticator(config.access, verifier, clock, services.fetch);
  app.use(authorize(authenticator));
  app.route('/', writeRoutes({ openTenant: (context) => openTenant(services, context), remoteWrite, counters }));
  app.route('/', importRoutes({ openTenant: (context) => openTenant(services, context), door: services.imports }));
  app.route('/', otlpRoutes({ openTenant: (context) => openTenant(services, context), otlp, snappy, counters }));
  app.route('/api/v1', prometheusRoutes({ router, clock }));
  app.route('/api/v1', labelRoutes({ router }));
  app.route('/api/v1', metadataRoutes({ router }));
  app.route('/api/v1', languageRoutes());
  app.route('/api/v1', targetRoutes({ router, clock }));
  app.route('/api/v1', ruleRoutes());
  app.route('/api/v1', notificationRoutes());
  app.route('/api/v1', statusRoutes({ router, counters, clock, config, startedMs: clock.nowMs() }));
  app.route('/api/v1', tsdbRoutes({ router }));
  app.route('/api/v1', tierRoutes({ router, clock }));
  app.route('/api/v1', openapiRoutes());
  app.route('/api/v1', exemplarRoutes({ router }));
  app.route('/api/v1', searchRoutes({ router, clock }));
  app.route('/api/v1', remoteReadRoutes({ router }));
  app.route('/api/v1', cdcRoutes({ router, clock }));
  app.route('/api/v1/admin', keyRoutes({ keyring, verifier, random }));
  app.route('/', federateRoutes({ router, clock }));
  app.route('/iceberg', icebergRoutes({ openTenant: (context) => openTenant(services, context), config: new ClientConfig(config.archiveS3Endpoint, config.access) }));
  app.route('/iceberg', oauthRoutes(authenticator));
  app.route(S3_MOUNT, s3Routes({ reader: services.objects, bucket: config.archiveBucket }));
  app.route('/', adminRoutes({ router, counters }));
  app.notFound(notFound(app));
  return app;
}
