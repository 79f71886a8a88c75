/** No such series. */
export const NO_REF = -1;
/** A series with the same first 64 bits and another check word: it must be refused, never merged. */
export const COLLISION = -2;

const INITIAL_BUCKETS = 8192;
/** Words of a bucket: low, high, check word, ref + 1 (0 where the bucket is free). */
const BUCKET_WORDS = 4;

/**
 * Series id → ref, by open addressing in one typed array: a bucket is 16 bytes, so a look-up is one cache miss, and there are no objects.
 * Refs may have gaps; 0 to 2^32 - 2.
 */
export class SeriesTable {
  #count = 0;
  /** At most half full; a power of two of buckets. */
  #buckets = new Uint32Array(INITIAL_BUCKETS * BUCKET_WORDS);
  #mask = INITIAL_BUCKETS - 1;

  get count(): number {
    return this.#count;
  }

  find(low: number, high: number, check: number): number {
    const buckets = this.#buckets;
    const mask = this.#mask;
    for (let bucket = low & mask; ; bucket = (bucket + 1) & mask) {
      const at = bucket * BUCKET_WORDS;
      const entry = buckets[at + 3]!;
      if (entry === 0) return NO_REF;
      if (buckets[at] === low && buckets[at + 1] === high) return buckets[at + 2] === check ? entry - 1 : COLLISION;
    }
  }

  /** Adds an id that `find` does not know, and returns its ref: the number of series so far unless one is given. */
  add(low: number, high: number, check: number, ref = this.#count): number {
    this.#count++;
    if (this.#count * 2 > this.#mask + 1) this.#grow();
    this.#place(low, high, check, ref + 1);
    return ref;
  }

  /** Hands out the ids of all series, in no particular order. */
  *ids(): Generator<{ readonly ref: number; readonly low: number; readonly high: number; readonly check: number }> {
    const buckets = this.#buckets;
    for (let at = 0; at < buckets.length; at += BUCKET_WORDS) {
      if (buckets[at + 3] !== 0) yield { ref: buckets[at + 3]! - 1, low: buckets[at]!, high: buckets[at + 1]!, check: buckets[at + 2]! };
    }
  }

  #place(low: number, high: number, check: number, entry: number): void {
    const buckets = this.#buckets;
    let at = (low & this.#mask) * BUCKET_WORDS;
    while (buckets[at + 3] !== 0) at = (at + BUCKET_WORDS) & (buckets.length - 1);
    buckets[at] = low;
    buckets[at + 1] = high;
    buckets[at + 2] = check;
    buckets[at + 3] = entry;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = new Uint32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < old.length; at += BUCKET_WORDS) {
      if (old[at + 3] !== 0) this.#place(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
  }
}
