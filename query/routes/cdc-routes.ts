import { Hono } from 'hono';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import type { Random } from '../../storage/runtime/random.ts';
import { shardNumbers, type TenantShards } from '../../storage/shard-router.ts';
import { insertEvents, resyncEvent, type EventStyle } from '../../storage/shard/feed/change-events.ts';
import type { ChangesAnswer } from '../../storage/shard/feed/change-feed.ts';
import { SHARD_RPC_VERSION, type ChangesShardRequest } from '../../storage/shard/shard-api.ts';
import { answer } from '../answer.ts';
import { ChangeStreamSlots, type ChangeStreamLimits } from '../change-stream-slots.ts';
import { endingBody } from '../ending-body.ts';
import { booleanParameter, selectorParameters } from '../parameters.ts';
import { accessOf, openTenant, type TenantServices } from '../tenant.ts';
import { plainPlaces, SealedPlaces, type PlaceForm } from './cdc-place.ts';

/** Rows of a shard's log read at a time. */
const ROWS_PER_READ = 64;
/** How long a stream waits when no shard has anything new. */
const POLL_MS = 1000;
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
      const begin = await placeOf(raw.headers.get('last-event-id') || parameters.get('cursor') || 'latest', places, shards.shardCount);
      const feed = new ShardFeeds({ shards, selectors, places, begin, style });
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

type Place = 'oldest' | 'latest' | readonly number[];

async function placeOf(text: string, places: PlaceForm, shardCount: number): Promise<Place> {
  if (text === 'oldest' || text === 'latest') return text;
  const cursors = await places.parse(text, shardCount);
  if (cursors === undefined) throw badData(`invalid parameter "cursor": ${JSON.stringify(text.slice(0, 200))} is not the id of an event of ${shardCount} shards`);
  return cursors;
}

interface Feed {
  readonly shards: TenantShards;
  readonly selectors: ChangesShardRequest['selectors'];
  readonly places: PlaceForm;
  readonly begin: Place;
  readonly style: EventStyle;
}

/** The feeds of a tenant's shards, read one after the other. Memory is one answer of one shard. */
class ShardFeeds {
  readonly #feed: Feed;
  #cursors: number[] = [];
  #calls = 0;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** Asks every shard where it is, also where the place to begin at is known: it may be out of reach. */
  async open(): Promise<void> {
    const { begin, shards } = this.#feed;
    const answers = await Promise.all(shardNumbers(shards).map((shard) => this.#changes(shard, typeof begin === 'string' ? begin : 'latest')));
    this.#cursors = typeof begin === 'string' ? answers.map(({ cursor }) => cursor) : [...begin];
  }

  /** The stream's text, event by event, behind `open`. An event's id is where its shard's batch begins, the last one's where it ends: a batch is seen whole or again. */
  async *text(isLive: boolean, clock: Clock, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { places } = this.#feed;
    const cursors = this.#cursors;
    // Without data it is no event, but the client remembers it: also where nothing matched.
    const placeOnly = async (): Promise<string> => `id: ${await places.format(cursors)}\n\n`;
    yield `retry: ${POLL_MS}\n${await placeOnly()}`;
    while (!signal.aborted && this.#calls + cursors.length <= LIMITS.changeStreamCallsMax) {
      const before = cursors.join();
      for (let shard = 0; shard < cursors.length; shard++) {
        const lost = yield* this.#read(shard, cursors);
        if (lost === undefined) continue;
        // Who waits for more connects anew; who asked for what there is must not take this for all of it.
        if (!isLive) throw lost;
        yield `: ${lost.message.replaceAll(/\s+/g, ' ')}\n\n`;
        return;
      }
      if (cursors.join() !== before) {
        if (!places.isSealed) yield await placeOnly();
        continue;
      }
      // A sealed place is told at every turn of the wait, whether anything was written or not.
      if (places.isSealed) yield await placeOnly();
      if (!isLive) return;
      yield ': waiting\n\n';
      await clock.sleep(POLL_MS);
    }
  }

  /** Returns the error where the shard does not answer. */
  async *#read(shard: number, cursors: number[]): AsyncGenerator<string, VarveError | undefined, undefined> {
    let answer: ChangesAnswer;
    try {
      answer = await this.#changes(shard, cursors[shard]!);
    } catch (error) {
      if (error instanceof VarveError) return error;
      throw error;
    }
    if (answer.status === 'resync') {
      cursors[shard] = answer.cursor;
      yield `id: ${await this.#feed.places.format(cursors)}\nevent: cdc.resync\ndata: ${resyncEvent(shard)}\n\n`;
      return undefined;
    }
    for (const batch of answer.batches) {
      let place: string | undefined;
      for (const event of insertEvents(batch, this.#feed.style, LIMITS)) yield `id: ${(place ??= await this.#feed.places.format(cursors))}\nevent: cdc.insert\ndata: ${event}\n\n`;
      cursors[shard] = batch.sequence;
    }
    return undefined;
  }

  async #changes(shard: number, cursor: ChangesShardRequest['cursor']): Promise<ChangesAnswer> {
    this.#calls++;
    const request = { version: SHARD_RPC_VERSION, cursor, rowsMax: ROWS_PER_READ, selectors: this.#feed.selectors };
    const answer = await this.#feed.shards.call(shard, (stub) => stub.changes(request));
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    return answer;
  }
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
