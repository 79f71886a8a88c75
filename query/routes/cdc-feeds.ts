import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { everyShardCount, shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { insertEvents, resyncEvent, type EventStyle } from '../../storage/shard/feed/change-events.ts';
import type { ChangesAnswer } from '../../storage/shard/feed/change-feed.ts';
import { SHARD_RPC_VERSION, type ChangesShardRequest } from '../../storage/shard/shard-api.ts';
import type { PlaceForm } from './cdc-place.ts';

/** Rows of a shard's log read at a time. */
const ROWS_PER_READ = 64;
/** How long a stream waits when no shard has anything new. */
const POLL_MS = 1000;

/** Where a stream begins: a place is a sequence of each shard. */
export type Beginning = 'oldest' | 'latest' | readonly number[];

/** What a client wants of the feeds of all shards. */
export interface Feed {
  readonly shards: TenantShards;
  readonly selectors: ChangesShardRequest['selectors'];
  readonly places: PlaceForm;
  readonly begin: Beginning;
  readonly style: EventStyle;
}

/** A shard's sequences begin behind it. */
const BEFORE_THE_FIRST = 0;

/** The feeds of a tenant's shards, read one after the other. Memory is one answer of one shard. */
export class ShardFeeds {
  readonly #feed: Feed;
  /** By shard. */
  #cursors: number[];
  /** Shards that are still asked. Of a drained one nothing new is expected once it has been read to its end. */
  readonly #asked: Set<number>;
  #calls = 0;

  /**
   * Streams are short, and end on the shards that they began with: those of a map that comes into force meanwhile are read from their start by
   * whoever goes on at the last event's id. Not before, as not everybody may know of them yet, and take an id that has them.
   */
  constructor(feed: Feed, nowMs: number) {
    const { begin, shards } = feed;
    this.#feed = feed;
    const shardCount = everyShardCount({ maps: shards.maps.filter(({ fromMs }) => fromMs <= nowMs) });
    const known = typeof begin === 'string' ? [] : begin;
    this.#cursors = Array.from({ length: Math.max(shardCount, known.length) }, (_, shard) => known[shard] ?? BEFORE_THE_FIRST);
    this.#asked = new Set(this.#cursors.keys());
  }

  /** Asks every shard where it is, also where the place to begin at is known: it may be out of reach. */
  async open(): Promise<void> {
    const { begin } = this.#feed;
    const answers = await Promise.all([...this.#asked].map((shard) => this.#changes(shard, typeof begin === 'string' ? begin : 'latest')));
    if (typeof begin === 'string') this.#cursors = answers.map(({ cursor }) => cursor);
  }

  /** The stream's text, event by event, behind `open`. An event's id is where its shard's batch begins, the last one's where it ends: a batch is seen whole or again. */
  async *text(isLive: boolean, clock: Clock, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { places, shards } = this.#feed;
    const cursors = this.#cursors;
    const live = new Set(shardNumbers(shards));
    // Without data it is no event, but the client remembers it: also where nothing matched.
    const placeOnly = async (): Promise<string> => `id: ${await places.format(cursors)}\n\n`;
    yield `retry: ${POLL_MS}\n${await placeOnly()}`;
    while (!signal.aborted && this.#calls + this.#asked.size <= LIMITS.changeStreamCallsMax) {
      const before = cursors.join();
      for (const shard of [...this.#asked]) {
        const cursor = cursors[shard];
        const lost = yield* this.#read(shard, cursors);
        if (lost === undefined) {
          if (cursors[shard] === cursor && !live.has(shard)) this.#asked.delete(shard);
          continue;
        }
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
