const NEWLINE = 0x0a;

/** A line that ends within a text, and the lines that have come behind it: bytes that are kept, up to a limit, and used again. */
export class OpenLine {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(0);
  #length = 0;
  /** Number of the first line, from 1; 0 when there is none. */
  #number = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#number === 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  get number(): number {
    return this.#number;
  }

  /** `bytes` from `start` to `end` are the first line, and no longer than the limit. */
  begin(bytes: Uint8Array, start: number, end: number, number: number): void {
    this.#number = number;
    this.#append(bytes, start, end);
  }

  /** The next line, behind a newline; false when all of it would be too long, and it is not taken. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#length + 1 + end - start > this.#bytesMax) return false;
    this.#reserve(this.#length + 1);
    this.#bytes[this.#length++] = NEWLINE;
    this.#append(bytes, start, end);
    return true;
  }

  /** The lines one by one, as they came. */
  *lines(): Iterable<{ readonly start: number; readonly end: number; readonly number: number }> {
    if (this.isEmpty) return;
    let number = this.#number;
    for (let start = 0; ; number++) {
      const newline = this.#bytes.indexOf(NEWLINE, start);
      const end = newline < 0 || newline >= this.#length ? this.#length : newline;
      yield { start, end, number };
      if (end === this.#length) return;
      start = end + 1;
    }
  }

  clear(): void {
    this.#length = this.#number = 0;
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(this.#length + end - start);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, Math.min(this.#bytesMax, this.#bytes.length * 2), 4096));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
