import { Hono } from 'hono';
import type { RemoteWriteIngest } from '../ingest/from-remote-write.ts';
import type { ImportDoor } from '../ingest/import-door.ts';
import { importRoutes } from '../ingest/import-routes.ts';
import { writeRoutes } from '../ingest/write-routes.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { AccessConfig } from '../storage/runtime/access-config.ts';
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
import { metadataRoutes } from './metadata-routes.ts';
import { prometheusRoutes } from './prometheus-routes.ts';
import { notFound, withRequestCount } from './route-edges.ts';
import { openTenant } from './tenant.ts';

/** What the routes need of the world. */
export interface AppServices {
  readonly router: ShardRouter;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly remoteWrite: RemoteWriteIngest;
  readonly imports: ImportDoor;
  readonly access: AccessConfig;
  readonly keyring: KeyringStub;
  readonly random: Random;
  readonly fetch: Fetch;
}

/** The menu of all routes. Each one's scope is in access/route-scopes.ts. */
export function buildApp(services: AppServices): Hono {
  const { router, clock, counters, remoteWrite, keyring, random } = services;
  const verifier = new KeyVerifier(keyring, clock);
  const app = new Hono();
  app.use(withRequestCount(counters));
  app.use(authorize(new Authenticator(services.access, verifier, clock, services.fetch)));
  app.route('/api/v1', writeRoutes({ openTenant: (context) => openTenant(services, context), remoteWrite, counters }));
  app.route('/', importRoutes({ openTenant: (context) => openTenant(services, context), door: services.imports }));
  app.route('/api/v1', prometheusRoutes({ router, clock }));
  app.route('/api/v1', metadataRoutes({ router }));
  app.route('/api/v1', cdcRoutes({ router, clock }));
  app.route('/api/v1/admin', keyRoutes({ keyring, verifier, random }));
  app.route('/', adminRoutes({ router, counters }));
  app.notFound(notFound(app));
  return app;
}
