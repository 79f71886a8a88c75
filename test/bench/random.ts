/**
 * A seeded generator: xorshift on 32 bits (Marsaglia 2003, "Xorshift RNGs", shifts 13, 17, 5), whose state is first mixed from the seed so
 * that neighbouring seeds do not start alike. Quick and repeatable is what a benchmark needs; nothing here is secret.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    const mixed = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) ^ 0x9e3779b9;
    // Zero is the one state that xorshift never leaves.
    this.#state = (Math.imul(mixed ^ (mixed >>> 13), 0x45d9f3b) | 0) || 1;
  }

  /** An integer from 0 up to and without `bound`, which is at most 2^32. The slight bias towards small numbers does not matter here. */
  below(bound: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return Math.floor(((state >>> 0) / 0x1_0000_0000) * bound);
  }
}
