import type { ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from './column-writer.ts';
import { decodeScaled, DECIMALS_MAX, leastExponent, NOT_WHOLE, readExponent, scaleOf, takeIntegers, writeDecimals } from './decimal.ts';
import { CONSTANT, DECIMAL, STEADY } from './values.ts';

/** A value and its bits. */
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/**
 * A column made of stored ones, one behind the other, whose integers over a power of ten never become floats: which codec the whole is to have,
 * and which exponent, would have to be found anew with each value. It joins decimals and constants, which nearly all columns are.
 */
export class JoinedDecimals {
  /** How many values. */
  length = 0;
  #exponent = 0;
  /** Two views of the same bytes. */
  #integers = new Float64Array(1024);
  #bits = new Uint32Array(this.#integers.buffer);

  clear(): void {
    this.length = 0;
    this.#exponent = 0;
  }

  /** Appends a column of `count` values. When it is of another kind it says no, and what was joined is of no use. */
  append(reader: ByteReader, count: number): boolean {
    const start = this.length;
    const end = start + count;
    if (end > this.#integers.length) this.#grow(end);
    const codec = reader.byte();
    let exponent: number;
    if (codec === DECIMAL || codec === STEADY) {
      exponent = readExponent(reader);
      decodeScaled(reader, this.#integers, start, count, codec === STEADY, 1);
    } else if (codec === CONSTANT) {
      words[0] = reader.uint32();
      words[1] = reader.uint32();
      exponent = leastExponent(float[0]!);
      if (exponent > DECIMALS_MAX) return false;
      const integer = Math.round(float[0]! * scaleOf(exponent));
      // Mostly a few: a loop is several times as fast as a call of `fill`.
      for (let i = start; i < end; i++) this.#integers[i] = integer;
    } else return false;
    this.length = end;
    // A division is rounded correctly: as long as both stay exact, the quotient of both ten times as large is the same.
    if (exponent > this.#exponent) {
      this.#scale(0, start, scaleOf(exponent - this.#exponent));
      this.#exponent = exponent;
    } else if (exponent < this.#exponent) this.#scale(start, end, scaleOf(this.#exponent - exponent));
    return true;
  }

  /**
   * Writes the column that `encodeValues` would make of the same values, to the byte. With an integer that is too large to be sure of that it
   * says no, and writes nothing.
   */
  encode(out: ColumnWriter): boolean {
    const { length } = this;
    const integers = this.#integers;
    const steady = takeIntegers(integers, this.#bits, 0, length);
    if (steady === NOT_WHOLE) return false;
    let i = 1;
    while (i < length && integers[i] === integers[0]) i++;
    if (i < length) {
      out.byte(steady ? STEADY : DECIMAL);
      writeDecimals(this.#exponent, length, steady, out);
      return true;
    }
    float[0] = integers[0]! / scaleOf(this.#exponent);
    out.byte(CONSTANT);
    out.uint32(words[0]!);
    out.uint32(words[1]!);
    return true;
  }

  #scale(start: number, end: number, scale: number): void {
    for (let i = start; i < end; i++) this.#integers[i]! *= scale;
  }

  #grow(length: number): void {
    const larger = new Float64Array(Math.max(length, this.#integers.length * 2));
    larger.set(this.#integers);
    this.#integers = larger;
    this.#bits = new Uint32Array(larger.buffer);
  }
}
