/** Rows up to this are encoded in memory that stays: two thousand samples of series that come in no order, each at a time of its own, take a third of it. */
const ROW_BUFFER_BYTES_MAX = 128 * 1024;

/**
 * Where rows of the WAL are encoded, one after the other: storage has its own copy of each. With memory of its own for every row, taking it, clearing it, giving it
 * back, and the collections that its weight brings on were up to a tenth of what a shard does for a sample.
 */
export class RowBuffer {
  #bytes = new Uint8Array(0);

  /** So many bytes at the beginning of a buffer, good until the next ones are taken. What is in them is not said. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > ROW_BUFFER_BYTES_MAX) return new Uint8Array(length);
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }
}
