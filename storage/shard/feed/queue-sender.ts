import type { Alarm } from '../../runtime/alarm.ts';
import { waitEndMs, type Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { MessageQueue } from '../../runtime/queue.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { HotStore } from '../hot-store.ts';
import { SHARD_RPC_VERSION } from '../shard-api.ts';
import { queueMessages, resyncMessage, type MessageLimits } from './queue-messages.ts';

type SenderLimits = MessageLimits &
  Pick<typeof LIMITS, 'queueBatchMessagesMax' | 'queueBatchBytesMax' | 'queueRowsPerRead' | 'queueReadsPerRing' | 'queueDelayMs' | 'queueTimeoutMs' | 'queueUnansweredMax' | 'queueBackoffMsMax'>;

export interface SenderParts {
  readonly sql: Sql;
  readonly store: Pick<HotStore, 'changes' | 'newestChange'>;
  readonly queue: MessageQueue;
  readonly alarm: Alarm;
  readonly clock: Clock;
  readonly limits: SenderLimits;
  /** Names the shard in the messages. */
  readonly shard: string;
  /** Storage has failed, or is no longer this instance's: the object must be rebuilt from it. */
  readonly onBroken: (error: unknown) => void;
}

/** A sending that is under way. */
interface Sending {
  /** When it began, or the queue took something last (Unix ms). */
  sinceMs: number;
  /** Ends it without an answer of the queue: what that says later counts for nothing. */
  readonly giveUp: () => void;
  readonly givenUp: Promise<undefined>;
}

/**
 * Passes the change feed on to a queue, at least once and in the order of commit. Whoever writes never waits for it, nor does maintenance: the
 * alarm begins a sending and leaves. It keeps nothing in memory but what it is sending, and of a sending that it has given up the one call that the
 * queue still has, a few at the most; a queue that is slow or away only makes it fall behind in the feed, which the WAL holds anyway. If it falls behind what that still has, the queue gets a `cdc.resync` in place of what is missing.
 *
 * Its place is a row of its own, written when the queue has taken everything up to there: that is the commit point. A crash before it sends the
 * same again; a crash behind it goes on. It begins with what is written after the queue was first there.
 */
export class QueueSender {
  readonly counters = { queue_messages_total: 0, queue_resyncs_total: 0, queue_too_large_total: 0, queue_failures_total: 0 };
  readonly #parts: SenderParts;
  #cursor: number;
  #sending: Sending | undefined;
  /** Calls of the queue that it has not answered, given up or not. */
  #unanswered = 0;
  /** In a row. */
  #failures = 0;
  #notBeforeMs = -Infinity;
  /** The alarm is known to ring in time. */
  #isArmed = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    const { sql, store } = parts;
    const [row] = sql.all<{ cursor: number }>('SELECT cursor FROM queue_place WHERE id = 1');
    this.#cursor = row?.cursor ?? store.newestChange;
    if (row === undefined) sql.run('INSERT INTO queue_place (id, cursor) VALUES (1, ?)', this.#cursor);
  }

  /** Rows of the feed that the queue does not have yet. */
  get lag(): number {
    const newest = this.#parts.store.newestChange;
    // A place from the future belongs to a database that has since gone back in time: the feed says so.
    return newest >= this.#cursor ? newest - this.#cursor : 1;
  }

  /** Sees to it that the alarm rings when there is something to send, or to be given up. After every write, and on waking. */
  async arm(): Promise<void> {
    const { alarm, clock, limits } = this.#parts;
    if (this.#isArmed || (this.#sending === undefined && !this.#canBegin)) return;
    const nowMs = clock.nowMs();
    const dueMs = this.#sending === undefined ? Math.max(nowMs + limits.queueDelayMs, this.#retryMs) : Math.max(nowMs, this.#timeoutMs(this.#sending));
    this.#isArmed = true;
    try {
      await alarm.setNoLaterThan(dueMs);
    } catch (error) {
      this.#isArmed = false;
      throw error;
    }
  }

  /** Begins to send what is there. The alarm may ring for other reasons, or twice. */
  async ring(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    this.#isArmed = false;
    if (this.#sending !== undefined && nowMs >= this.#timeoutMs(this.#sending)) {
      this.#sending.giveUp();
      this.#sending = undefined;
      this.#noteFailure();
    }
    if (this.#sending === undefined && nowMs >= this.#retryMs && this.#canBegin) this.#sending = this.#begin(nowMs);
    await this.arm();
  }

  /** Where too many calls have no answer it waits for one of them, and is armed by its end. */
  get #canBegin(): boolean {
    return this.lag > 0 && this.#unanswered < this.#parts.limits.queueUnansweredMax;
  }

  #begin(nowMs: number): Sending {
    const { promise: givenUp, resolve } = Promise.withResolvers<undefined>();
    const sending: Sending = { sinceMs: nowMs, givenUp, giveUp: () => resolve(undefined) };
    // Not before it is known as the one that is under way, which it looks for behind each call.
    void Promise.resolve().then(() => this.#send(sending)).catch(this.#parts.onBroken);
    return sending;
  }

  /** When the next sending may begin (Unix ms). */
  get #retryMs(): number {
    const { clock, limits } = this.#parts;
    return waitEndMs(this.#notBeforeMs, limits.queueBackoffMsMax, clock.nowMs());
  }

  /** When one that is under way is given up (Unix ms). */
  #timeoutMs({ sinceMs }: Sending): number {
    const { clock, limits: { queueTimeoutMs } } = this.#parts;
    return waitEndMs(sinceMs + queueTimeoutMs, queueTimeoutMs, clock.nowMs());
  }

  async #send(sending: Sending): Promise<void> {
    const { limits } = this.#parts;
    for (let reads = 0; reads < limits.queueReadsPerRing && this.lag > 0; reads++) {
      const { messages, cursor, isResync } = this.#read();
      const areTaken = await this.#sendAll(messages, sending);
      if (this.#sending !== sending) return;
      if (!areTaken) {
        this.#noteFailure();
        break;
      }
      if (isResync) this.counters.queue_resyncs_total++;
      this.#failures = 0;
      this.#moveTo(cursor);
    }
    this.#sending = undefined;
    this.#isArmed = false;
    await this.arm();
  }

  async #sendAll(messages: Iterable<string>, sending: Sending): Promise<boolean> {
    const { clock, limits } = this.#parts;
    for (const group of groups(messages, limits)) {
      const isTaken = await Promise.race([this.#sendGroup(group), sending.givenUp]);
      if (isTaken !== true) return false;
      sending.sinceMs = clock.nowMs();
      this.counters.queue_messages_total += group.length;
    }
    return true;
  }

  async #sendGroup(group: readonly string[]): Promise<boolean> {
    this.#unanswered++;
    try {
      await this.#parts.queue.sendBatch(group);
      return true;
    } catch {
      // It is away or full. Nothing is lost: the place stays, and lag and failures can be seen.
      return false;
    } finally {
      if (this.#unanswered-- === this.#parts.limits.queueUnansweredMax) void this.arm().catch(this.#parts.onBroken);
    }
  }

  #read(): { readonly messages: Iterable<string>; readonly cursor: number; readonly isResync: boolean } {
    const { store, limits, shard } = this.#parts;
    const answer = store.changes({ version: SHARD_RPC_VERSION, cursor: this.#cursor, rowsMax: limits.queueRowsPerRead, selectors: [] });
    const isResync = answer.status === 'resync';
    return { messages: isResync ? [resyncMessage(shard, answer.cursor)] : queueMessages(shard, answer.batches, limits, () => this.counters.queue_too_large_total++), cursor: answer.cursor, isResync };
  }

  #moveTo(cursor: number): void {
    // Commit point. Only from where this instance has been: one that has been replaced may still be sending.
    this.#parts.sql.run('UPDATE queue_place SET cursor = ? WHERE id = 1 AND cursor = ?', cursor, this.#cursor);
    this.#cursor = cursor;
  }

  #noteFailure(): void {
    const { clock, limits } = this.#parts;
    this.counters.queue_failures_total++;
    this.#notBeforeMs = clock.nowMs() + Math.min(limits.queueBackoffMsMax, limits.queueDelayMs * 2 ** Math.min(this.#failures++, 20));
  }
}

const utf8 = new TextEncoder();

/** What one call of the queue may carry. */
function* groups(messages: Iterable<string>, { queueBatchMessagesMax, queueBatchBytesMax }: SenderLimits): Generator<string[]> {
  let group: string[] = [];
  let bytes = 0;
  for (const message of messages) {
    const messageBytes = utf8.encode(message).length;
    if (group.length > 0 && (group.length === queueBatchMessagesMax || bytes + messageBytes > queueBatchBytesMax)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(message);
    bytes += messageBytes;
  }
  if (group.length > 0) yield group;
}
