import type { LIMITS } from '../runtime/limits.ts';
import type { BatchChange, SeriesChange } from './change-feed.ts';
import { insertEvents, resyncEvent } from './change-events.ts';

export type MessageLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'queueMessageBytesMax' | 'queuePointsPerEventMax'>, number>>;

const utf8 = new TextEncoder();

/**
 * Changes as texts for a queue, each `{"shard":…,"sequence":…,"events":[…]}` with as many events as fit into a message; an event is one batch's
 * samples of one series, as in the change feed over HTTP, cut where they are many. `sequence` is that of the last batch in it.
 */
export function* queueMessages(shard: string, batches: readonly BatchChange[], limits: MessageLimits): Generator<string> {
  const open = new MessageBuilder(shard, limits.queueMessageBytesMax);
  for (const { sequence, series } of batches) {
    for (const event of insertEvents({ sequence, series: series.flatMap((one) => cut(one, limits.queuePointsPerEventMax)) }, { perSample: false })) {
      if (!open.hasRoomFor(event)) yield open.finish();
      open.add(event, sequence);
    }
  }
  if (!open.isEmpty) yield open.finish();
}

/** The message that says that some are missing. */
export function resyncMessage(shard: string, sequence: number): string {
  return `{"shard":${JSON.stringify(shard)},"sequence":${sequence},"events":[${resyncEvent(shard)}]}`;
}

class MessageBuilder {
  readonly #shard: string;
  readonly #bytesMax: number;
  #events: string[] = [];
  #bytes = 0;
  #sequence = 0;

  constructor(shard: string, bytesMax: number) {
    this.#shard = JSON.stringify(shard);
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** An event that is too large even for a message of its own gets one: the queue refuses it, and says so. Labels have limits that prevent it. */
  hasRoomFor(event: string): boolean {
    return this.isEmpty || this.#bytes + utf8.encode(event).length + 1 <= this.#bytesMax - this.#shard.length * 3 - ENVELOPE_BYTES;
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

/** The same samples, so many at a time. */
function cut(series: SeriesChange, pointsMax: number): SeriesChange[] {
  const { labels, timestampsMs, valueBits, payloads } = series;
  if (timestampsMs.length <= pointsMax) return [series];
  const parts: SeriesChange[] = [];
  for (let from = 0; from < timestampsMs.length; from += pointsMax) {
    const to = Math.min(timestampsMs.length, from + pointsMax);
    // Values go on standing for the payloads of the whole.
    const part = { labels, timestampsMs: timestampsMs.slice(from, to), valueBits: valueBits.slice(from * 2, to * 2) };
    parts.push(payloads === undefined ? part : { ...part, payloads });
  }
  return parts;
}
