import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { BucketFold } from './aggregate.ts';
import type { RolledUpCursor } from './rolled-up-cursor.ts';
import type { SeriesCursor } from './series-cursor.ts';

/** Where a bucket's figures came from. */
export type BucketSource = 'raw' | 'rollup' | 'mixed';

export interface FoldedBucket {
  readonly startMs: number;
  readonly source: BucketSource;
}

interface StreamInput {
  /** From the start of the first bucket of the widest roll-up to the end of the last, so that whole buckets can be counted. */
  readonly raw: SeriesCursor;
  /** Widest first; each width divides the one before and the bucket's. */
  readonly rolledUp: readonly RolledUpCursor[];
  readonly startMs: number;
  readonly endMs: number;
  readonly bucketMs: number;
}

export function bucketStart(timestampMs: number, bucketMs: number): number {
  return Math.floor(timestampMs / bucketMs) * bucketMs;
}

/**
 * Folds buckets one after the other, those that hold anything; the fold has the bucket's figures until the next one is asked for.
 *
 * Where a roll-up covers a stretch, raw samples count if there are still as many of them as the roll-up was made from: they are exact, also
 * for percentiles, and know of late arrivals. Where some are gone, the roll-up counts, the widest that fits; at the range's edges, when it
 * begins within the range.
 */
export class BucketStream {
  readonly #input: StreamInput;
  readonly #fold: BucketFold;
  #values = new Float64Array(256);
  #isDocument = new Uint8Array(256);
  #times = new Float64Array(256);
  #hasRaw = false;
  #hasRolledUp = false;

  constructor(input: StreamInput, fold: BucketFold) {
    this.#input = input;
    this.#fold = fold;
  }

  *buckets(): Generator<FoldedBucket> {
    const { bucketMs, endMs } = this.#input;
    let fromMs = -Infinity;
    for (;;) {
      const nextMs = this.#nextMs(fromMs);
      if (nextMs > endMs) return;
      const startMs = bucketStart(nextMs, bucketMs);
      this.#fold.clear();
      this.#hasRaw = false;
      this.#hasRolledUp = false;
      this.#take(0, Math.max(startMs, fromMs), startMs + bucketMs);
      fromMs = startMs + bucketMs;
      if (this.#fold.count > 0) yield { startMs, source: !this.#hasRolledUp ? 'raw' : this.#hasRaw ? 'mixed' : 'rollup' };
    }
  }

  /** Where the next thing is that may count. */
  #nextMs(fromMs: number): number {
    const { raw, rolledUp, startMs } = this.#input;
    let nextMs = Math.max(raw.timestampMs, fromMs);
    for (const cursor of rolledUp) {
      cursor.skipTo(Math.max(fromMs, startMs));
      nextMs = Math.min(nextMs, cursor.startMs);
    }
    return nextMs;
  }

  /** Takes a stretch (end exclusive) from the roll-ups of one width, and what lies between them from narrower ones, at last from raw samples. */
  #take(level: number, fromMs: number, toMs: number): void {
    const cursor = this.#input.rolledUp[level];
    if (cursor === undefined) {
      this.#takeRaw(toMs);
      return;
    }
    let atMs = fromMs;
    cursor.skipTo(Math.max(atMs, this.#input.startMs));
    while (cursor.startMs < toMs && cursor.startMs <= this.#input.endMs) {
      const { startMs } = cursor;
      if (startMs > atMs) this.#take(level + 1, atMs, startMs);
      atMs = startMs + cursor.widthMs;
      this.#takeCovered(cursor, atMs);
      cursor.advance();
    }
    if (atMs < toMs) this.#take(level + 1, atMs, toMs);
  }

  #takeRaw(toMs: number): void {
    const { raw, startMs, endMs } = this.#input;
    for (; raw.timestampMs < toMs; raw.advance()) {
      if (raw.timestampMs < startMs || raw.timestampMs > endMs) continue;
      this.#hasRaw = true;
      if (raw.documentId === undefined) this.#fold.add(raw.value);
      else this.#fold.addOther();
    }
  }

  /** Takes the stretch of one roll-up's bucket, which ends at `toMs`. */
  #takeCovered(cursor: RolledUpCursor, toMs: number): void {
    const { raw, startMs, endMs } = this.#input;
    let length = 0;
    for (; raw.timestampMs < toMs; raw.advance()) {
      this.#reserve(length + 1);
      this.#times[length] = raw.timestampMs;
      this.#isDocument[length] = raw.documentId === undefined ? 0 : 1;
      this.#values[length++] = raw.value;
    }
    if (length < cursor.count) {
      this.#hasRolledUp = true;
      this.#fold.addRolledUp(cursor.bucket());
      return;
    }
    for (let i = 0; i < length; i++) {
      if (this.#times[i]! < startMs || this.#times[i]! > endMs) continue;
      this.#hasRaw = true;
      if (this.#isDocument[i] === 1) this.#fold.addOther();
      else this.#fold.add(this.#values[i]!);
    }
  }

  #reserve(length: number): void {
    if (length <= this.#times.length) return;
    if (length > LIMITS.aggregateBucketSamplesMax) {
      throw new VarveError('limit', `a bucket of a roll-up has more than ${length - 1} raw samples, the limit aggregateBucketSamplesMax`);
    }
    const capacity = this.#times.length * 2;
    const [values, times, isDocument] = [new Float64Array(capacity), new Float64Array(capacity), new Uint8Array(capacity)];
    values.set(this.#values);
    times.set(this.#times);
    isDocument.set(this.#isDocument);
    this.#values = values;
    this.#times = times;
    this.#isDocument = isDocument;
  }
}
