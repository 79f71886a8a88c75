import type { MessageQueue } from '../../storage/runtime/queue.ts';

type Mode = 'takes' | 'fails' | 'takes and fails' | 'hangs';

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
    const { mode } = this;
    if (mode === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    if (mode !== 'fails') this.batches.push(messages);
    if (mode === 'fails' || mode === 'takes and fails') throw new Error('the queue is away');
  }

  /** Answers everybody who waits. */
  release(): void {
    for (const resolve of this.#hanging.splice(0)) resolve();
  }
}
