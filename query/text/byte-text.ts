import { VALUE_BYTES_MAX, writeValue } from './value-text.ts';

const INITIAL_BYTES = 16 * 1024;
/** A buffer that has grown beyond this is not kept for the next text: the writer of all answers would hold the longest one for ever. */
const KEPT_BYTES_MAX = 2 * 1024 * 1024;

const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;
const DELETE = 127;

const encoder = new TextEncoder();

/** A piece of a text: characters, their UTF-8 bytes, or what writes them. */
export type TextPart = string | Uint8Array | ((out: ByteText) => void);

/** Text made of UTF-8 bytes, in a buffer that is used again: points of a long answer are written without a string for each. */
export class ByteText {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#take(new Uint8Array(INITIAL_BYTES));
  }

  part(part: TextPart): void {
    if (typeof part === 'string') this.text(part);
    else if (typeof part === 'function') part(this);
    else this.append(part);
  }

  /** What has been written since `clear`: a view that the next write may change. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Text that is ASCII, and short. */
  ascii(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Bytes `start` to `end` of others. */
  bytes(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const bytes = this.#bytes;
    let at = this.#length;
    // A call costs more than copying the few bytes of a point.
    for (let i = start; i < end; i++) bytes[at++] = source[i]!;
    this.#length = at;
  }

  append(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
  }

  /** A string as JSON. */
  json(text: string): void {
    this.#reserve(text.length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      // Names and values of labels are rarely anything else.
      if (code < SPACE || code >= DELETE || code === QUOTE || code === BACKSLASH) return this.text(JSON.stringify(text));
      bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  /** The value of a sample; see `writeValue`. */
  value(value: number): void {
    this.#reserve(VALUE_BYTES_MAX);
    this.#length = writeValue(this.#bytes, this.#view, this.#length, value);
  }

  /**
   * Lets `write` write by itself, with room for `room` bytes behind `at`; it returns where it has ended. For loops in which a call for every
   * few bytes is most of the work.
   */
  direct(room: number, write: (bytes: Uint8Array, view: DataView, at: number) => number): void {
    this.#reserve(room);
    this.#length = write(this.#bytes, this.#view, this.#length);
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#take(larger);
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
