import type { BucketFold } from './bucket-fold.ts';
import type { PendingRead } from './pending-read.ts';
import type { RolledUpCursor } from './rolled-up-cursor.ts';
import type { SeriesCursor } from './series-cursor.ts';

interface StreamInput {
  /** From the start of the first bucket of the widest roll-up to the end of the last, so that whole buckets can be counted. */
  readonly raw: SeriesCursor;
  /** Widest first; each width divides the one before and the bucket's. */
  readonly rolledUp: readonly RolledUpCursor[];
  /** What is asked for, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  readonly bucketMs: number;
}

/** The start of the bucket that a time is in, which is in it (Unix ms). */
export function bucketStart(timestampMs: number, bucketMs: number): number {
  return Math.floor(timestampMs / bucketMs) * bucketMs;
}

/**
 * Folds buckets one after the other, those that hold anything; the fold has the bucket's figures until the next one is asked for.
 *
 * Where a roll-up covers a stretch, it counts if it was made from more points than can be found otherwise: some are gone then. With as many
 * or more, the raw samples count (and the narrower roll-ups where those are gone): they are exact, also for percentiles, and know of late
 * arrivals. A roll-up also counts where nothing else knows what is asked for, as of the time it was made. A roll-up at the edge of the range counts when it begins within the range.
 */
export class BucketStream {
  readonly #input: StreamInput;
  readonly #fold: BucketFold;
  /** By width of roll-up: what can be found without it. */
  readonly #folds: readonly BucketFold[];

  /** `newFold` makes folds like `fold`. */
  constructor(input: StreamInput, fold: BucketFold, newFold: () => BucketFold) {
    this.#input = input;
    this.#fold = fold;
    this.#folds = input.rolledUp.map(newFold);
  }

  /** The starts of the buckets, and what has to be read on the way to them. */
  *starts(): Generator<number | PendingRead, void> {
    const { bucketMs, endMs } = this.#input;
    let fromMs = -Infinity;
    for (;;) {
      const nextMs = yield* this.#nextMs(fromMs);
      if (nextMs > endMs) return;
      const startMs = bucketStart(nextMs, bucketMs);
      this.#fold.clear();
      yield* this.#take(0, startMs, startMs + bucketMs, this.#fold);
      fromMs = startMs + bucketMs;
      if (this.#fold.count > 0) yield startMs;
    }
  }

  /** Where the next thing is that may count. */
  *#nextMs(fromMs: number): Generator<PendingRead, number> {
    const { raw, rolledUp, startMs } = this.#input;
    while (raw.isWaiting) yield raw;
    let nextMs = raw.timestampMs;
    for (const cursor of rolledUp) {
      yield* cursor.skipTo(Math.max(fromMs, startMs));
      nextMs = Math.min(nextMs, cursor.startMs);
    }
    return nextMs;
  }

  /** Takes a stretch (end exclusive) from the roll-ups of one width, and what lies between them from narrower ones, at last from raw samples. */
  *#take(level: number, fromMs: number, toMs: number, fold: BucketFold): Generator<PendingRead, void> {
    const cursor = this.#input.rolledUp[level];
    if (cursor === undefined) {
      yield* this.#takeRaw(toMs, fold);
      return;
    }
    let atMs = fromMs;
    yield* cursor.skipTo(Math.max(atMs, this.#input.startMs));
    while (cursor.startMs < toMs && cursor.startMs <= this.#input.endMs) {
      if (cursor.startMs > atMs) yield* this.#take(level + 1, atMs, cursor.startMs, fold);
      atMs = cursor.startMs + cursor.widthMs;
      const without = this.#folds[level]!;
      without.clear();
      yield* this.#take(level + 1, cursor.startMs, atMs, without);
      const bucket = yield* cursor.bucket();
      if (without.seen < cursor.count || !without.knowsAsMuchAs(bucket)) fold.addRolledUp(bucket);
      else fold.addAll(without);
      cursor.advance();
      while (cursor.isWaiting) yield cursor;
    }
    if (atMs < toMs) yield* this.#take(level + 1, atMs, toMs, fold);
  }

  *#takeRaw(toMs: number, fold: BucketFold): Generator<PendingRead, void> {
    const { raw, startMs, endMs } = this.#input;
    for (;;) {
      while (raw.isWaiting) yield raw;
      const { timestampMs } = raw;
      if (timestampMs >= toMs) return;
      if (timestampMs < startMs || timestampMs > endMs) fold.addOutside();
      else if (raw.document === undefined) fold.add(raw.value);
      else fold.addOther();
      raw.advance();
    }
  }
}
