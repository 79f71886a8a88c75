/** No such series. */
export const NO_REF = -1;
/** A series with the same first 64 bits and another check word: it must be refused, never merged. */
export const COLLISION = -2;

const INITIAL_CAPACITY = 4096;

/**
 * Series id → ref, by open addressing in typed arrays: about 32 bytes a series and no objects. Refs count from 0 without gaps.
 */
export class SeriesTable {
  #low = new Uint32Array(INITIAL_CAPACITY);
  #high = new Uint32Array(INITIAL_CAPACITY);
  #check = new Uint32Array(INITIAL_CAPACITY);
  #count = 0;
  /** ref + 1 in a bucket, 0 where it is free; at most half full. */
  #buckets = new Uint32Array(INITIAL_CAPACITY * 2);

  get count(): number {
    return this.#count;
  }

  find(low: number, high: number, check: number): number {
    const buckets = this.#buckets;
    const mask = buckets.length - 1;
    for (let bucket = low & mask; ; bucket = (bucket + 1) & mask) {
      const entry = buckets[bucket]!;
      if (entry === 0) return NO_REF;
      const ref = entry - 1;
      if (this.#low[ref] === low && this.#high[ref] === high) return this.#check[ref] === check ? ref : COLLISION;
    }
  }

  /** Adds an id that `find` does not know and returns its ref. */
  add(low: number, high: number, check: number): number {
    const ref = this.#count++;
    if (ref >= this.#low.length) this.#grow();
    this.#low[ref] = low;
    this.#high[ref] = high;
    this.#check[ref] = check;
    this.#place(ref);
    return ref;
  }

  idOf(ref: number): readonly [low: number, high: number, check: number] {
    return [this.#low[ref]!, this.#high[ref]!, this.#check[ref]!];
  }

  #place(ref: number): void {
    const mask = this.#buckets.length - 1;
    let bucket = this.#low[ref]! & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = ref + 1;
  }

  #grow(): void {
    const doubled = (column: Uint32Array): Uint32Array<ArrayBuffer> => {
      const larger = new Uint32Array(column.length * 2);
      larger.set(column);
      return larger;
    };
    this.#low = doubled(this.#low);
    this.#high = doubled(this.#high);
    this.#check = doubled(this.#check);
    this.#buckets = new Uint32Array(this.#low.length * 2);
    for (let ref = 0; ref < this.#count - 1; ref++) this.#place(ref);
  }
}
