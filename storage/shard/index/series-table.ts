import { mixedWith } from './ref-space.ts';

/** No such series. */
export const NO_REF = -1;
/** A series with the same first 64 bits and another check word: it must be refused, never merged. */
export const COLLISION = -2;

const INITIAL_BUCKETS = 8192;
const INITIAL_REFS = 4096;
/** Words of a ref: low, high, check word, and the ref that was asked for behind it last time. */
const REF_WORDS = 4;
const NEXT_AT = 3;
/** In NEXT_AT of a ref that no series has. */
const NOT_TAKEN = 0xffffffff;

/**
 * Series id → ref, by open addressing in typed arrays: there are no objects. Senders send the same series in the same order again and again,
 * and refs are given in the order in which series first came: so the first thing tried is the ref that followed the last one the last time,
 * or the next higher one. That is exact, needs no hashing and walks memory forward, where a bucket is a cache miss and its ref another.
 *
 * Refs may have gaps; 0 to 2^32 - 2.
 */
export class SeriesTable {
  #count = 0;
  /** Ref + 1, 0 where the bucket is free; at most half full, a power of two. */
  #buckets = new Uint32Array(INITIAL_BUCKETS);
  #refs = new Uint32Array(INITIAL_REFS * REF_WORDS).fill(NOT_TAKEN);
  #previous = 0;

  get count(): number {
    return this.#count;
  }

  find(low: number, high: number, check: number): number {
    const refs = this.#refs;
    const guess = refs[this.#previous * REF_WORDS + NEXT_AT]!;
    const guessAt = guess * REF_WORDS;
    if (guessAt < refs.length && refs[guessAt] === low && refs[guessAt + 1] === high && refs[guessAt + 2] === check && refs[guessAt + NEXT_AT] !== NOT_TAKEN) {
      this.#previous = guess;
      return guess;
    }
    const buckets = this.#buckets;
    const mask = buckets.length - 1;
    for (let bucket = low & mask; ; bucket = (bucket + 1) & mask) {
      const entry = buckets[bucket]!;
      if (entry === 0) return NO_REF;
      const at = (entry - 1) * REF_WORDS;
      if (refs[at] !== low || refs[at + 1] !== high) continue;
      if (refs[at + 2] !== check) return COLLISION;
      this.#follow(entry - 1);
      return entry - 1;
    }
  }

  /** Adds an id that `find` does not know, and returns its ref: the number of series so far unless one is given. */
  add(low: number, high: number, check: number, ref = this.#count): number {
    this.#count++;
    if (this.#count * 2 > this.#buckets.length) this.#growBuckets();
    if ((ref + 1) * REF_WORDS > this.#refs.length) this.#growRefs(ref + 1);
    const at = ref * REF_WORDS;
    this.#refs[at] = low;
    this.#refs[at + 1] = high;
    this.#refs[at + 2] = check;
    this.#refs[at + NEXT_AT] = ref + 1;
    this.#place(low, ref);
    return ref;
  }

  /** The mix (mixedWith) of the ids of `count` series whose refs rise by one from `ref` on, all of them below the limit. What no series has spoils it. */
  mixOf(ref: number, count: number, mix: number): number {
    const refs = this.#refs;
    const end = (ref + count) * REF_WORDS;
    for (let at = ref * REF_WORDS; at < end; at += REF_WORDS) mix = mixedWith(mix, refs[at]!);
    return mix;
  }

  has(ref: number): boolean {
    const at = ref * REF_WORDS + NEXT_AT;
    return at < this.#refs.length && this.#refs[at] !== NOT_TAKEN;
  }

  /** Hands out the ids of all series, refs rising. */
  *ids(): Generator<{ readonly ref: number; readonly low: number; readonly high: number; readonly check: number }> {
    const refs = this.#refs;
    for (let at = 0; at < refs.length; at += REF_WORDS) {
      if (refs[at + NEXT_AT] !== NOT_TAKEN) yield { ref: at / REF_WORDS, low: refs[at]!, high: refs[at + 1]!, check: refs[at + 2]! };
    }
  }

  #follow(ref: number): void {
    const at = this.#previous * REF_WORDS + NEXT_AT;
    if (this.#refs[at] !== NOT_TAKEN) this.#refs[at] = ref;
    this.#previous = ref;
  }

  #place(low: number, ref: number): void {
    const buckets = this.#buckets;
    let bucket = low & (buckets.length - 1);
    while (buckets[bucket] !== 0) bucket = (bucket + 1) & (buckets.length - 1);
    buckets[bucket] = ref + 1;
  }

  #growBuckets(): void {
    this.#buckets = new Uint32Array(this.#buckets.length * 2);
    const refs = this.#refs;
    for (let at = 0; at < refs.length; at += REF_WORDS) if (refs[at + NEXT_AT] !== NOT_TAKEN) this.#place(refs[at]!, at / REF_WORDS);
  }

  #growRefs(least: number): void {
    const larger = new Uint32Array(Math.max(least * REF_WORDS, this.#refs.length * 2)).fill(NOT_TAKEN);
    larger.set(this.#refs);
    this.#refs = larger;
  }
}
