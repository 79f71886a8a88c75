const NEWLINE = 0x0a;

/** What becomes of the lines of a text. `bytes` are good only during the call. */
export interface LineSink {
  /** A line without its newline: the bytes from `start` to `end`. `number` counts from 1. */
  line(bytes: Uint8Array, start: number, end: number, number: number): void;
  /** A line longer than the limit: none of it was kept. Told when its end is reached. */
  tooLong(number: number): void;
}

/**
 * Cuts a text that arrives in chunks into lines. It keeps no more than the beginning of one line, up to `lineBytesMax`: a line that is
 * longer is passed over to its end and costs nothing else.
 */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #lineBytesMax: number;
  #held: Uint8Array;
  #heldLength = 0;
  #isTooLong = false;
  #lineNumber = 1;

  constructor(sink: LineSink, lineBytesMax: number) {
    this.#sink = sink;
    this.#lineBytesMax = lineBytesMax;
    this.#held = new Uint8Array(Math.min(4096, lineBytesMax));
  }

  /** Lines whose end has been seen. */
  get lineCount(): number {
    return this.#lineNumber - 1;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#finishLine(chunk, start, end);
      start = end + 1;
    }
    this.#hold(chunk, start);
  }

  /** The text has ended: what is held is its last line, which may lack its newline. */
  end(): void {
    if (this.#heldLength > 0 || this.#isTooLong) this.#finishLine(this.#held, 0, 0);
  }

  #finishLine(chunk: Uint8Array, start: number, end: number): void {
    const number = this.#lineNumber++;
    if (this.#heldLength > 0 || this.#isTooLong) {
      this.#hold(chunk.subarray(0, end), start);
      const length = this.#heldLength;
      const isTooLong = this.#isTooLong;
      this.#heldLength = 0;
      this.#isTooLong = false;
      if (isTooLong) this.#sink.tooLong(number);
      else this.#sink.line(this.#held, 0, length, number);
    } else if (end - start > this.#lineBytesMax) this.#sink.tooLong(number);
    else this.#sink.line(chunk, start, end, number);
  }

  #hold(chunk: Uint8Array, start: number): void {
    const added = chunk.length - start;
    if (added === 0 || this.#isTooLong) return;
    const length = this.#heldLength + added;
    if (length > this.#lineBytesMax) {
      this.#isTooLong = true;
      this.#heldLength = 0;
      return;
    }
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.min(this.#lineBytesMax, Math.max(length, this.#held.length * 2)));
      larger.set(this.#held.subarray(0, this.#heldLength));
      this.#held = larger;
    }
    this.#held.set(start === 0 ? chunk : chunk.subarray(start), this.#heldLength);
    this.#heldLength = length;
  }
}
