import { Hono } from 'hono';
import { DEFAULT_TENANT } from '../../storage/access/tenant-name.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { ShardRouter } from '../../storage/shard-router.ts';
import type { Authenticator } from '../access/authenticate.ts';
import { errorAnswer } from '../error-answers.ts';
import { requestIdOf } from '../request-id.ts';
import { failure } from '../respond.ts';
import { selfMetrics, visibleCounters } from '../self-metrics.ts';
import { openTenant } from '../tenant.ts';
import { BUILD_INFO } from '../version.ts';

const READY = 'Varve is Ready.\n';

export interface AdminServices {
  readonly router: ShardRouter;
  readonly counters: Counters;
  readonly authenticator: Authenticator;
}

/** Health and self-metrics, at the root as Prometheus has them. */
export function adminRoutes(services: AdminServices): Hono {
  const routes = new Hono();
  routes.get('/-/healthy', (context) => context.text('Varve is Healthy.\n'));
  routes.get('/version', (context) => context.json(BUILD_INFO));
  routes.get('/-/ready', async (context) => {
    try {
      // Everybody may ask, and hears that requests are served. For who may use them, ready means that every shard wakes and answers: a
      // stranger wakes nothing, and makes nothing.
      const asking = await services.authenticator.authenticateIfShown(context.req.raw);
      if (asking === undefined) return context.text(READY);
      const shards = await services.router.tenant(asking.grant.tenant ?? DEFAULT_TENANT);
      await Promise.all(shardNumbers(shards).map((shard) => shards.call(shard, (stub) => stub.stats())));
      return context.text(READY);
    } catch (error) {
      return context.text(`Varve is not ready: ${errorAnswer(error, 'prometheus', requestIdOf(context)).message}\n`, 503);
    }
  });
  routes.get('/metrics', async (context) => {
    try {
      const text = await selfMetrics(await openTenant(services, context), visibleCounters(context, services.counters));
      return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } });
    } catch (error) {
      return failure(error, requestIdOf(context));
    }
  });
  return routes;
}
