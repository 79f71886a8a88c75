import type { LIMITS } from '../../runtime/limits.ts';
import { eventParts, insertEvent, resyncEvent, samplesBetween, type EventLimits } from './change-events.ts';
import type { BatchChange, SeriesChange } from './change-feed.ts';

export type MessageLimits = EventLimits & Pick<typeof LIMITS, 'queueMessageBytesMax'>;

const utf8 = new TextEncoder();

/**
 * Changes as texts for a queue, each `{"shard":…,"sequence":…,"events":[…]}` with as many events as fit into a message; an event is one batch's
 * samples of one series, as in the change feed over HTTP, cut where they are many or long. `sequence` is that of the last batch in it.
 *
 * A sample that no message can carry, for its labels or its buckets, would be refused whenever it is sent, and everything behind it would wait:
 * a `cdc.resync` stands in its place, and `onTooLarge` hears of it.
 */
export function* queueMessages(shard: string, batches: readonly BatchChange[], limits: MessageLimits, onTooLarge: () => void): Generator<string> {
  const open = new MessageBuilder(shard, limits.queueMessageBytesMax);
  for (const { sequence, series } of batches) {
    for (const event of eventsThatFit(series, limits, open.eventBytesMax)) {
      if (event === undefined) onTooLarge();
      const text = event ?? resyncEvent(shard);
      if (!open.hasRoomFor(text)) yield open.finish();
      open.add(text, sequence);
    }
  }
  if (!open.isEmpty) yield open.finish();
}

/** The events of a batch; `undefined` for a sample of which there can be none. */
function* eventsThatFit(all: readonly SeriesChange[], limits: EventLimits, bytesMax: number): Generator<string | undefined> {
  for (const series of all) for (const part of eventParts(series, limits)) yield* halvedToFit(part, bytesMax);
}

function* halvedToFit(series: SeriesChange, bytesMax: number): Generator<string | undefined> {
  const event = insertEvent(series);
  const { length } = series.timestampsMs;
  if (utf8.encode(event).length <= bytesMax) yield event;
  else if (length === 1) yield undefined;
  else {
    const half = Math.ceil(length / 2);
    yield* halvedToFit(samplesBetween(series, 0, half), bytesMax);
    yield* halvedToFit(samplesBetween(series, half, length), bytesMax);
  }
}

/** The message that says that some are missing. */
export function resyncMessage(shard: string, sequence: number): string {
  return `{"shard":${JSON.stringify(shard)},"sequence":${sequence},"events":[${resyncEvent(shard)}]}`;
}

class MessageBuilder {
  readonly #shard: string;
  /** What events may take, commas between them included. */
  readonly eventBytesMax: number;
  #events: string[] = [];
  #bytes = 0;
  #sequence = 0;

  constructor(shard: string, bytesMax: number) {
    this.#shard = JSON.stringify(shard);
    this.eventBytesMax = bytesMax - utf8.encode(this.#shard).length - ENVELOPE_BYTES;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  hasRoomFor(event: string): boolean {
    return this.isEmpty || this.#bytes + utf8.encode(event).length <= this.eventBytesMax;
  }

  add(event: string, sequence: number): void {
    this.#events.push(event);
    this.#bytes += utf8.encode(event).length + 1;
    this.#sequence = sequence;
  }

  finish(): string {
    const text = `{"shard":${this.#shard},"sequence":${this.#sequence},"events":[${this.#events.join(',')}]}`;
    this.#events = [];
    this.#bytes = 0;
    return text;
  }
}

/** What stands around the events, the name of the shard apart: more than enough. */
const ENVELOPE_BYTES = 100;
