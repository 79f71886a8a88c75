import { varintLength } from '../../proto/varint.ts';
import { assert } from '../runtime/assert.ts';

const encoder = new TextEncoder();

/** Integers beyond this do not fit a signed varint, whose zigzag form must stay below 2^53. */
export const SIGNED_VARINT_MAX = 2 ** 52 - 1;

/** A growing buffer that columns are written into; reused from segment to segment. */
export class ColumnWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(initialBytes = 64 * 1024) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** What has been written since `clear`: a view that the next write may change. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** A base-128 varint of an integer from 0 to 2^53 - 1. */
  unsigned(value: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let position = this.#length;
    // Values above 31 bits need division; nearly all are below.
    while (value > 0x7fffffff) {
      const rest = Math.floor(value / 0x80);
      bytes[position++] = (value - rest * 0x80) | 0x80;
      value = rest;
    }
    let low = value | 0;
    while (low >= 0x80) {
      bytes[position++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    bytes[position++] = low;
    this.#length = position;
  }

  signed(value: number): void {
    // The message is only made when it is needed: this is called once a value.
    if (!(Number.isInteger(value) && Math.abs(value) <= SIGNED_VARINT_MAX)) assert(false, `${value} as a signed varint`);
    this.unsigned(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** The first `count` values, each as `signed` writes it: the hot loop of sealing. */
  signedAll(values: Float64Array, count: number): void {
    this.#reserve(count * 8);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      const small = value | 0;
      if (small !== value || small > 0x3fff_ffff || small < -0x4000_0000) {
        this.#length = position;
        this.signed(value);
        position = this.#length;
        continue;
      }
      let zigzag = (small << 1) ^ (small >> 31);
      while (zigzag > 0x7f) {
        bytes[position++] = (zigzag & 0x7f) | 0x80;
        zigzag >>>= 7;
      }
      bytes[position++] = zigzag;
    }
    this.#length = position;
  }

  /** The first `count` numbers, each as `unsigned` writes it. */
  unsignedAll(numbers: Uint32Array, count: number): void {
    this.#reserve(count * 5);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0; i < count; i++) {
      let number = numbers[i]!;
      while (number > 0x7f) {
        bytes[position++] = (number & 0x7f) | 0x80;
        number >>>= 7;
      }
      bytes[position++] = number;
    }
    this.#length = position;
  }

  /** The first `count` numbers, which rise, of each its difference to the one before as `unsigned` writes it. */
  risingDifferences(numbers: Uint32Array, count: number): void {
    this.#reserve(count * 5);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0, previous = 0; i < count; i++) {
      let difference = numbers[i]! - previous;
      previous = numbers[i]!;
      while (difference > 0x7f) {
        bytes[position++] = (difference & 0x7f) | 0x80;
        difference >>>= 7;
      }
      bytes[position++] = difference;
    }
    this.#length = position;
  }

  /** The first `count` numbers, of each its difference to the one before as `signed` writes it. */
  signedDifferences(numbers: Uint32Array, count: number): void {
    this.#reserve(count * 5);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0, previous = 0; i < count; i++) {
      const difference = numbers[i]! - previous;
      previous = numbers[i]!;
      if (difference > 0x3fff_ffff || difference < -0x4000_0000) {
        this.#length = position;
        this.signed(difference);
        position = this.#length;
        continue;
      }
      let zigzag = (difference << 1) ^ (difference >> 31);
      while (zigzag > 0x7f) {
        bytes[position++] = (zigzag & 0x7f) | 0x80;
        zigzag >>>= 7;
      }
      bytes[position++] = zigzag;
    }
    this.#length = position;
  }

  /** The same of whole numbers up to SIGNED_VARINT_MAX: the hot loop of histograms. */
  bucketDifferences(counts: Float64Array, count: number): void {
    this.#reserve(count * 8);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0, previous = 0; i < count; i++) {
      const bucket = counts[i]!;
      const difference = bucket - previous;
      previous = bucket;
      // Of two bytes at the most, as nearly all are.
      if (difference < 0x2000 && difference >= -0x2000) {
        const small = difference | 0;
        const zigzag = (small << 1) ^ (small >> 31);
        if (zigzag < 0x80) bytes[position++] = zigzag;
        else {
          bytes[position] = (zigzag & 0x7f) | 0x80;
          bytes[position + 1] = zigzag >>> 7;
          position += 2;
        }
      } else {
        this.#length = position;
        this.signed(difference);
        position = this.#length;
      }
    }
    this.#length = position;
  }

  /** Its bytes in UTF-8, behind a varint of how many. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length * 3 + 5);
    this.unsigned(length);
    const bytes = this.#bytes;
    const start = this.#length;
    // Nearly all text is ASCII, and short: a call of the encoder costs more than this loop.
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#length = start - varintLength(length);
        this.#encodedText(text);
        return;
      }
      bytes[start + i] = code;
    }
    this.#length = start + length;
  }

  #encodedText(text: string): void {
    const encoded = encoder.encode(text);
    this.unsigned(encoded.length);
    this.append(encoded);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
