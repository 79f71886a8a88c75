import type { RolledUp } from './aggregate.ts';
import type { SeriesCursor } from './series-cursor.ts';

/** Walks the roll-ups of one key and one width in order of time: the `count` series leads, the others follow. */
export class RolledUpCursor {
  readonly widthMs: number;
  readonly #counts: SeriesCursor;
  readonly #others: ReadonlyMap<string, SeriesCursor>;

  constructor(widthMs: number, counts: SeriesCursor, others: ReadonlyMap<string, SeriesCursor>) {
    this.widthMs = widthMs;
    this.#counts = counts;
    this.#others = others;
  }

  /** Start of the bucket that the cursor stands on; Infinity behind the last one. */
  get startMs(): number {
    return this.#counts.timestampMs;
  }

  get count(): number {
    return this.#counts.value;
  }

  /** The bucket's aggregates. */
  bucket(): RolledUp {
    const bucket = new Map([['count', this.#counts.value]]);
    for (const [name, cursor] of this.#others) {
      cursor.skipTo(this.startMs);
      if (cursor.timestampMs === this.startMs) bucket.set(name, cursor.value);
    }
    return bucket;
  }

  skipTo(timestampMs: number): void {
    this.#counts.skipTo(timestampMs);
  }

  advance(): void {
    this.#counts.advance();
  }
}
