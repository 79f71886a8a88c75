import type { RolledUp } from './aggregate.ts';
import type { PendingRead } from './pending-read.ts';
import type { SeriesCursor } from './series-cursor.ts';

/**
 * Walks the roll-ups of one key and one width in order of time: the `count` series leads, the others follow. As with a SeriesCursor, what it
 * waits for comes first.
 */
export class RolledUpCursor implements PendingRead {
  readonly widthMs: number;
  readonly #counts: SeriesCursor;
  readonly #others: ReadonlyMap<string, SeriesCursor>;

  constructor(widthMs: number, counts: SeriesCursor, others: ReadonlyMap<string, SeriesCursor>) {
    this.widthMs = widthMs;
    this.#counts = counts;
    this.#others = others;
  }

  get isWaiting(): boolean {
    return this.#counts.isWaiting;
  }

  load(): void | Promise<void> {
    return this.#counts.load();
  }

  /** Start of the bucket that the cursor stands on; Infinity behind the last one. */
  get startMs(): number {
    return this.#counts.timestampMs;
  }

  get count(): number {
    return this.#counts.value;
  }

  /** The bucket's aggregates. */
  *bucket(): Generator<PendingRead, RolledUp> {
    const { startMs } = this;
    const bucket = new Map([['count', this.#counts.value]]);
    for (const [name, cursor] of this.#others) {
      yield* cursor.skipTo(startMs);
      if (cursor.timestampMs === startMs) bucket.set(name, cursor.value);
    }
    return bucket;
  }

  skipTo(timestampMs: number): Generator<PendingRead, void> {
    return this.#counts.skipTo(timestampMs);
  }

  advance(): void {
    this.#counts.advance();
  }
}
