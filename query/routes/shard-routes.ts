import { Hono } from 'hono';
import { readShortBody } from '../../ingest/short-body.ts';
import { mediaTypeOf } from '../../proto/media-type.ts';
import { CATALOG_RPC_VERSION, type ShardMap } from '../../storage/catalog/catalog-api.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { LimitsOfTenant } from '../../storage/runtime/tenant-limits.ts';
import { numberMaps } from '../../storage/shard-maps.ts';
import { answer } from '../answer.ts';
import { success } from '../respond.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { shardMapsJson } from './shard-map-json.ts';

export interface ShardServices extends TenantServices {
  readonly limitsOf: LimitsOfTenant;
}

/**
 * A tenant's number of shards, to be mounted at `/api/v1/admin`: `GET /shards`, and `POST /shards` with `{"shardCount": 4}`, which takes effect at
 * the time that its answer says, a whole hour and a millisecond. Nothing is moved. The number that the tenant has, or is to have, changes nothing.
 */
export function shardRoutes(services: ShardServices): Hono {
  const { clock, limitsOf } = services;
  const routes = new Hono();
  const mapsJson = (maps: readonly ShardMap[]): Response => success({ maps: shardMapsJson(numberMaps(maps), clock.nowMs()) });
  routes.get('/shards', (context) =>
    answer(context, async () => {
      const { catalog, maps } = await openTenant(services, context);
      // Not as this isolate may still know it: whoever has just changed it, elsewhere, looks here. The tenant is there, so that no number makes one.
      return mapsJson((await catalog((stub) => stub.routing(maps[0]!.shardCount))).shardMaps);
    }),
  );
  routes.post('/shards', (context) =>
    answer(context, async () => {
      const request = context.req.raw;
      // Not what a form of somebody else's page can send.
      if (mediaTypeOf(request.headers.get('content-type')) !== 'application/json') throw new VarveError('not-supported', 'send the number of shards as application/json');
      const shardCount = readShardCount(await readShortBody(request, 'shardRequestBytesMax'));
      const { tenant, catalog } = await openTenant(services, context);
      const { timestampAheadMsMax } = limitsOf(tenant);
      const made = await catalog((stub) => stub.addShardMap({ version: CATALOG_RPC_VERSION, shardCount, timestampAheadMs: timestampAheadMsMax }));
      if (made.status === 'refused') throw new VarveError('limit', made.message);
      return mapsJson(made.shardMaps);
    }),
  );
  return routes;
}

function readShardCount(body: Uint8Array): number {
  const { shardsMax } = LIMITS;
  const wrong = (): VarveError => badData(`the body must be {"shardCount": N}, a whole number from 1 to ${shardsMax} (shardsMax)`);
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body));
  } catch {
    throw wrong();
  }
  if (typeof fields !== 'object' || fields === null || Object.keys(fields).join() !== 'shardCount') throw wrong();
  const { shardCount } = fields as { readonly shardCount: unknown };
  if (!Number.isInteger(shardCount) || (shardCount as number) < 1 || (shardCount as number) > shardsMax) throw wrong();
  return shardCount as number;
}
