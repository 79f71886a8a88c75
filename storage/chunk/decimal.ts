import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import { SIGNED_VARINT_MAX, type ColumnWriter } from './column-writer.ts';
import { signedVarint } from './timestamps.ts';

/*
 * Values that are integers over one power of ten, as most measured things are: the exponent, then the integers as signed varints, either
 * each as its difference to the one before, or (steady) as the change of that difference, the first two apart.
 */

/** More decimals than this are measurements in full precision, where scaling gains nothing. */
const DECIMALS_MAX = 9;
const POWERS_OF_TEN = Array.from({ length: DECIMALS_MAX + 1 }, (_, exponent) => 10 ** exponent);

/** The integers of the column at hand; reused. */
let integers = new Float64Array(1024);

/** The least exponent with which every value is an integer over a power of ten, exactly; `undefined` when there is none. */
export function decimalExponent(values: Float64Array, start: number, end: number): number | undefined {
  let exponent = 0;
  let previous = 0;
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    while (!isDecimal(value, exponent)) {
      if (++exponent > DECIMALS_MAX) return undefined;
    }
    if (Math.abs(value - previous) * POWERS_OF_TEN[exponent]! > SIGNED_VARINT_MAX / 2) return undefined;
    previous = value;
  }
  // A larger exponent found late must also hold for the values before it: 0.1 times 10 is whole, but 4503599627370495 times 10 is not safe.
  for (let i = start; i < end; i++) {
    if (!isDecimal(values[i]!, exponent)) return undefined;
  }
  return exponent;
}

function isDecimal(value: number, exponent: number): boolean {
  const scale = POWERS_OF_TEN[exponent]!;
  const integer = Math.round(value * scale);
  // The bound keeps NaN and the infinities out; -0 would come back as 0.
  return Math.abs(integer) <= SIGNED_VARINT_MAX / 2 && integer / scale === value && !Object.is(value, -0);
}

/** Takes a column as integers, for `isSteady` and `encodeDecimals`. */
export function takeDecimals(values: Float64Array, exponent: number, start: number, end: number): void {
  if (integers.length < end - start) integers = new Float64Array(end - start);
  const scale = POWERS_OF_TEN[exponent]!;
  for (let i = start; i < end; i++) integers[i - start] = exponent === 0 ? values[i]! : Math.round(values[i]! * scale);
}

/** Whether changes of the difference are shorter than differences: a counter that rises evenly. */
export function isSteady(count: number): boolean {
  let deltaBytes = 0;
  let changeBytes = 0;
  let delta = count > 1 ? integers[1]! - integers[0]! : 0;
  for (let i = 2; i < count; i++) {
    const next = integers[i]! - integers[i - 1]!;
    if (Math.abs(next - delta) > SIGNED_VARINT_MAX) return false;
    deltaBytes += signedBytes(next);
    changeBytes += signedBytes(next - delta);
    delta = next;
  }
  return changeBytes < deltaBytes;
}

function signedBytes(value: number): number {
  const size = Math.abs(value);
  return size < 0x40 ? 1 : size < 0x2000 ? 2 : size < 0x10_0000 ? 3 : size < 0x800_0000 ? 4 : 6;
}

export function encodeDecimals(exponent: number, count: number, steady: boolean, out: ColumnWriter): void {
  out.byte(exponent);
  let previous = 0;
  let delta = 0;
  for (let i = 0; i < count; i++) {
    const next = integers[i]! - previous;
    out.signed(steady && i > 1 ? next - delta : next);
    previous = integers[i]!;
    delta = next;
  }
}

/**
 * The hot loop of every read: zigzag varints of up to four bytes, which nearly all are, are taken apart with shifts and without calls.
 * What is read past the end is zeros, and is noticed behind the loop.
 */
export function decodeDecimals(reader: ByteReader, values: Float64Array, count: number, steady: boolean): void {
  const scale = POWERS_OF_TEN[reader.byte()];
  if (scale === undefined) throw new DecodeError('values: decimal exponent out of range');
  const { bytes, end } = reader;
  let position = reader.position | 0;
  let integer = 0;
  let delta = 0;
  for (let i = 0; i < count; i++) {
    const start = position;
    let byte = bytes[position++]! | 0;
    let zigzag = byte & 0x7f;
    if (byte >= 0x80) {
      byte = bytes[position++]! | 0;
      zigzag |= (byte & 0x7f) << 7;
      if (byte >= 0x80) {
        byte = bytes[position++]! | 0;
        zigzag |= (byte & 0x7f) << 14;
        if (byte >= 0x80) {
          byte = bytes[position++]! | 0;
          zigzag |= (byte & 0x7f) << 21;
        }
      }
    }
    let difference: number;
    if (byte < 0x80) difference = (zigzag >>> 1) ^ -(zigzag & 1);
    else {
      reader.position = start;
      difference = signedVarint(reader);
      position = reader.position | 0;
    }
    if (steady) difference = delta = i > 1 ? delta + difference : difference;
    integer += difference;
    values[i] = scale === 1 ? integer : integer / scale;
  }
  if (position > end) throw new DecodeError(`values: ${count} values end at byte ${position}, behind the column's end at byte ${end}`);
  reader.position = position;
}
