import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { shardNumbers, type TenantShards } from '../../storage/shard-router.ts';
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

/** The feeds of a tenant's shards, read one after the other. Memory is one answer of one shard. */
export class ShardFeeds {
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
