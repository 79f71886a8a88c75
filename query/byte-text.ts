const INITIAL_BYTES = 16 * 1024;
/** The longest text of a double, with room to spare. */
const NUMBER_BYTES_MAX = 32;

const ZERO = 48;
const POINT = 46;
/** In thousandths: fifteen digits. */
const DECIMAL_MAX = 1e15;

const encoder = new TextEncoder();

/** Text made of UTF-8 bytes, in a buffer that is used again: points of a long answer are written without a string for each. */
export class ByteText {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
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

  /** Once more what was written from `start` to `end`. */
  again(start: number, end: number): void {
    // Room first: growing would leave the source behind.
    this.#reserve(end - start);
    this.bytes(this.#bytes, start, end);
  }

  /**
   * A number with three decimals at most, in the shortest digits; false, and nothing is written, for any other. A decimal of up to fifteen
   * digits is the only one of that length that reads back as its double, so it is what every shortest form is.
   */
  decimal(value: number): boolean {
    const thousandths = Math.round(value * 1000);
    if (!(value > 0 && thousandths < DECIMAL_MAX && thousandths / 1000 === value)) return false;
    const whole = Math.floor(value);
    this.digits(whole);
    let fraction = thousandths - whole * 1000;
    if (fraction === 0) return true;
    this.byte(POINT);
    for (let power = 100; fraction > 0; power /= 10) {
      const digit = (fraction / power) | 0;
      this.byte(ZERO + digit);
      fraction -= digit * power;
    }
    return true;
  }

  /** A whole number from 0 to 2^53 in digits. */
  digits(value: number): void {
    this.#reserve(NUMBER_BYTES_MAX);
    const bytes = this.#bytes;
    let count = 1;
    for (let power = 10; power <= value; power *= 10) count++;
    const end = this.#length + count;
    let at = end;
    let rest = value;
    // Division of doubles down to 31 bits, and of integers from there.
    while (rest > 0x7fffffff) {
      const tenth = Math.floor(rest / 10);
      bytes[--at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    let small = rest | 0;
    while (at > this.#length) {
      const tenth = (small / 10) | 0;
      bytes[--at] = ZERO + (small - tenth * 10);
      small = tenth;
    }
    this.#length = end;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
