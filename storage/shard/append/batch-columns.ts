/** Of batches up to this the columns stay: 96 KiB. */
const STAYING_SAMPLES_MAX = 8 * 1024;

/**
 * What a batch needs beside its message, in memory that is used again for the next one: each column is good until the same one is taken again, and what is in it
 * then is not said.
 */
export class BatchColumns {
  #refs = new Uint32Array(0);
  #timestampsMs = new Float64Array(0);

  refs(length: number): Uint32Array {
    if (length > STAYING_SAMPLES_MAX) return new Uint32Array(length);
    if (length > this.#refs.length) this.#refs = new Uint32Array(length);
    return this.#refs.subarray(0, length);
  }

  timestampsMs(length: number): Float64Array {
    if (length > STAYING_SAMPLES_MAX) return new Float64Array(length);
    if (length > this.#timestampsMs.length) this.#timestampsMs = new Float64Array(length);
    return this.#timestampsMs.subarray(0, length);
  }
}
