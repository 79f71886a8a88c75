import { Hono } from 'hono';
import { badData } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import type { Random } from '../../storage/runtime/random.ts';
import { everyShardCount } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { answer } from '../answer.ts';
import { ChangeStreamSlots, type ChangeStreamLimits } from '../change-stream-slots.ts';
import { endingBody } from '../ending-body.ts';
import { booleanParameter, selectorParameters } from '../parameters.ts';
import { accessOf, openTenant, type TenantServices } from '../tenant.ts';
import { ShardFeeds, type Beginning } from './cdc-feeds.ts';
import { plainPlaces, SealedPlaces, type PlaceForm } from './cdc-place.ts';

const EVENT_STREAM_HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };

export interface CdcServices extends TenantServices {
  readonly random: Random;
  readonly counters: Counters;
}

/**
 * The change feed over HTTP, to be mounted at `/api/v1`: Server-Sent Events, each shard's in the order of commit, at least once.
 *
 * `match[]` selects series; `cursor` (or the header `Last-Event-ID`, which counts) says where to begin, `oldest` or `latest` (the default);
 * `per_sample=true` makes an event of each sample; `live=false` ends the stream when it has caught up.
 */
export function cdcRoutes(services: CdcServices, limits: ChangeStreamLimits = LIMITS): Hono {
  const routes = new Hono();
  const slots = new ChangeStreamSlots(limits, services.clock, services.counters);
  routes.get('/cdc', (context) =>
    answer(context, async (parameters) => {
      const { raw } = context.req;
      const selectors = selectorParameters(parameters);
      const style = { perSample: booleanParameter(parameters, 'per_sample', false) };
      const isLive = booleanParameter(parameters, 'live', true);
      const shards = await openTenant(services, context);
      const isRestricted = accessOf(context).grant.matchers.length > 0;
      const places = isRestricted ? new SealedPlaces(shards.secret, services.random) : plainPlaces;
      // A client that has seen no event yet may say so with an empty id.
      const begin = await placeOf(raw.headers.get('last-event-id') || parameters.get('cursor') || 'latest', places, shards);
      const feed = new ShardFeeds({ shards, selectors, places, begin, style }, services.clock.nowMs());
      if (raw.method === 'HEAD') return new Response(null, { headers: EVENT_STREAM_HEADERS });
      const free = slots.take(shards.tenant, raw.signal);
      try {
        // While an error can still be the answer.
        await feed.open();
      } catch (error) {
        free();
        throw error;
      }
      return eventStream(feed.text(isLive, services.clock, raw.signal), limits.changeStreamMsMax, free);
    }),
  );
  return routes;
}

/** An id of before there were more shards has their numbers alone. */
async function placeOf(text: string, places: PlaceForm, shards: TenantShards): Promise<Beginning> {
  if (text === 'oldest' || text === 'latest') return text;
  const cursors = await places.parse(text, shards.maps.map(({ endShard }) => endShard));
  if (cursors === undefined) throw badData(`invalid parameter "cursor": ${JSON.stringify(text.slice(0, 200))} is not the id of an event of ${everyShardCount(shards)} shards`);
  return cursors;
}

/** The client pulls: what it does not read is not asked of the shards. One that stands still keeps its page for changeStreamMsMax at the longest. */
function eventStream(text: AsyncGenerator<string, void, undefined>, changeStreamMsMax: number, ended: () => void): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await text.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    async cancel() {
      await text.return();
    },
  });
  const limited = endingBody(body, { name: 'changeStreamMsMax', durationMsMax: changeStreamMsMax }, 0, ended);
  return new Response(limited, { headers: EVENT_STREAM_HEADERS });
}
