import type { MessageQueue } from '../../storage/runtime/queue.ts';

type Mode = 'takes' | 'fails' | 'takes and fails' | 'hangs';

/** Of Cloudflare's queues: what is larger is refused, however often it is sent. */
const MESSAGE_BYTES_MAX = 128_000;
const BATCH_BYTES_MAX = 256_000;
const BATCH_MESSAGES_MAX = 100;

/** A queue that keeps what it takes, and does not always. */
export class MemoryQueue implements MessageQueue {
  mode: Mode = 'takes';
  readonly batches: (readonly string[])[] = [];
  calls = 0;
  readonly #hanging: (() => void)[] = [];

  get messages(): readonly string[] {
    return this.batches.flat();
  }

  async sendBatch(messages: readonly string[]): Promise<void> {
    this.calls++;
    const sizes = messages.map((message) => Buffer.byteLength(message));
    if (sizes.length > BATCH_MESSAGES_MAX || Math.max(...sizes) > MESSAGE_BYTES_MAX || sizes.reduce((sum, size) => sum + size, 0) > BATCH_BYTES_MAX) throw new Error('more than a queue takes');
    const { mode } = this;
    if (mode === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    if (mode !== 'fails') this.batches.push(messages);
    if (mode === 'fails' || mode === 'takes and fails') throw new Error('the queue is away');
  }

  /** Calls that have no answer. */
  get waiting(): number {
    return this.#hanging.length;
  }

  /** Answers everybody who waits. */
  release(): void {
    for (const resolve of this.#hanging.splice(0)) resolve();
  }
}
