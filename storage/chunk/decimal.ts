import { DecodeError } from '../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../proto/varint.ts';
import { SIGNED_VARINT_MAX, type ColumnWriter } from './column-writer.ts';

/*
 * Values that are integers over one power of ten, as most measured things are: the exponent, then the integers as signed varints, either
 * each as its difference to the one before, or (steady) as the change of that difference, the first two apart.
 */

/** More decimals than this are measurements in full precision, where scaling gains nothing. */
export const DECIMALS_MAX = 9;
const POWERS_OF_TEN = Array.from({ length: DECIMALS_MAX + 1 }, (_, exponent) => 10 ** exponent);

/** For exponents up to DECIMALS_MAX. */
export function scaleOf(exponent: number): number {
  return POWERS_OF_TEN[exponent]!;
}

/** The column at hand as integers, then as differences; reused. */
let scratch = new Float64Array(1024);

/** The least exponent with which every value is an integer over a power of ten, exactly; `undefined` when there is none. */
export function decimalExponent(values: Float64Array, start: number, end: number): number | undefined {
  let exponent = 0;
  let previous = 0;
  let risenAt = start;
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    while (!isDecimal(value, exponent)) {
      if (++exponent > DECIMALS_MAX) return undefined;
      risenAt = i;
    }
    if (Math.abs(value - previous) * POWERS_OF_TEN[exponent]! > SIGNED_VARINT_MAX / 2) return undefined;
    previous = value;
  }
  // A larger exponent found late must also hold for the values before it: 0.1 times 10 is whole, but 4503599627370495 times 10 is not safe.
  for (let i = start; i < risenAt; i++) {
    if (!isDecimal(values[i]!, exponent)) return undefined;
  }
  return exponent;
}

/** Few enough that the rest gains more than they cost: an exception takes nine bytes or ten, and saves the others some six each. */
const EXCEPTIONS_SHARE_MAX = 1 / 16;

/**
 * For a column that has no exponent: which few values keep it from having one, as positions from `start` on, and the least exponent that all
 * others have. NaN where there is nothing to divide by, zeros of both signs, one measurement among round numbers. `undefined` when it is many.
 */
export function findExceptions(values: Float64Array, start: number, end: number): { readonly exponent: number; readonly positions: readonly number[] } | undefined {
  const exceptionsMax = Math.floor((end - start) * EXCEPTIONS_SHARE_MAX);
  const least = new Uint8Array(end - start);
  const counts = new Uint32Array(DECIMALS_MAX + 2);
  for (let i = start; i < end; i++) {
    const exponent = leastExponent(values[i]!);
    least[i - start] = exponent;
    if (++counts[exponent]! > exceptionsMax && exponent > DECIMALS_MAX) return undefined;
  }
  let exponent = DECIMALS_MAX;
  for (let above = counts[DECIMALS_MAX + 1]!; exponent > 0 && above + counts[exponent]! <= exceptionsMax; exponent--) above += counts[exponent]!;
  const positions: number[] = [];
  for (let i = start; i < end; i++) {
    // Half of what a decimal may be: any difference of two then is one that can be stored.
    const fits = least[i - start]! <= exponent && isDecimal(values[i]!, exponent) && Math.abs(values[i]!) * POWERS_OF_TEN[exponent]! < SIGNED_VARINT_MAX / 4;
    if (!fits) positions.push(i - start);
  }
  return positions.length <= exceptionsMax ? { exponent, positions } : undefined;
}

/** With which a value by itself is an integer over a power of ten, exactly; DECIMALS_MAX + 1 when there is none. */
export function leastExponent(value: number): number {
  let exponent = 0;
  while (exponent <= DECIMALS_MAX && !isDecimal(value, exponent)) exponent++;
  return exponent;
}

function isDecimal(value: number, exponent: number): boolean {
  // Most values are small integers: no multiplication and no division.
  if (exponent === 0 && value === (value | 0)) return value !== 0 || 1 / value > 0;
  const scale = POWERS_OF_TEN[exponent]!;
  const integer = Math.round(value * scale);
  // The bound keeps NaN and the infinities out; -0 would come back as 0.
  return Math.abs(integer) <= SIGNED_VARINT_MAX / 2 && integer / scale === value && !Object.is(value, -0);
}

/** Takes a column that has this exponent, for `writeDecimals`, and says whether it is steady. */
export function takeDecimals(values: Float64Array, exponent: number, start: number, end: number): boolean {
  const count = end - start;
  if (scratch.length < count) scratch = new Float64Array(count);
  const differences = scratch;
  const scale = POWERS_OF_TEN[exponent]!;
  let previous = 0;
  for (let i = 0; i < count; i++) {
    const integer = exponent === 0 ? values[start + i]! : Math.round(values[start + i]! * scale);
    differences[i] = integer - previous;
    previous = integer;
  }
  return isSteady(differences, count);
}

/** Any two of them, and any two differences of them, are far enough from what a varint holds. */
const INTEGER_MAX = 2 ** 49;

/**
 * Takes a column of whole numbers likewise, which most columns are, in one pass. NOT_WHOLE when it is none, and for the largest numbers, of
 * which `decimalExponent` knows more.
 */
export function takeIntegers(values: Float64Array, bits: Uint32Array, start: number, end: number): boolean | typeof NOT_WHOLE {
  const count = end - start;
  if (scratch.length < count) scratch = new Float64Array(count);
  const differences = scratch;
  let previous = 0;
  let previousDifference = 0;
  let saved = 0;
  for (let i = 0; i < count; i++) {
    const value = values[start + i]!;
    // NaN fails the first, the infinities do, and -0 is told from 0 by its bits.
    if (!(Math.abs(value) < INTEGER_MAX) || value !== Math.trunc(value) || (value === 0 && bits[(start + i) * 2 + 1] !== 0)) return NOT_WHOLE;
    const difference = value - previous;
    previous = value;
    differences[i] = difference;
    if (i > 1) saved += signedBytes(difference) - signedBytes(difference - previousDifference);
    previousDifference = difference;
  }
  return saved > 0;
}

export const NOT_WHOLE = 'not whole';

/** Writes the column that was taken last, of `count` values. */
export function writeDecimals(exponent: number, count: number, steady: boolean, out: ColumnWriter): void {
  const differences = scratch;
  if (steady) for (let i = count - 1; i > 1; i--) differences[i]! -= differences[i - 1]!;
  out.byte(exponent);
  out.signedAll(differences, count);
}

/** Whether changes of the difference are shorter than differences: a counter that rises evenly. */
function isSteady(differences: Float64Array, count: number): boolean {
  let differenceBytes = 0;
  let changeBytes = 0;
  for (let i = 2; i < count; i++) {
    const change = differences[i]! - differences[i - 1]!;
    if (Math.abs(change) > SIGNED_VARINT_MAX) return false;
    differenceBytes += signedBytes(differences[i]!);
    changeBytes += signedBytes(change);
  }
  return changeBytes < differenceBytes;
}

function signedBytes(value: number): number {
  const size = Math.abs(value);
  return size < 0x40 ? 1 : size < 0x2000 ? 2 : size < 0x10_0000 ? 3 : size < 0x800_0000 ? 4 : 6;
}

/** Into `count` values from index `at` on. */
export function decodeDecimals(reader: ByteReader, values: Float64Array, at: number, count: number, steady: boolean): void {
  decodeScaled(reader, values, at, count, steady, scaleOf(readExponent(reader)));
}

export function readExponent(reader: ByteReader): number {
  const exponent = reader.byte();
  if (exponent > DECIMALS_MAX) throw new DecodeError('values: decimal exponent out of range');
  return exponent;
}

/**
 * What stands behind the exponent: `count` integers, each over `scale`, from index `at` on. The hot loop of every read: zigzag varints of up to
 * four bytes, which nearly all are, are taken apart with shifts, those of five, as large counters begin with, without a call. What is read past the end is zeros, and is noticed behind the
 * loop.
 */
export function decodeScaled(reader: ByteReader, values: Float64Array, at: number, count: number, steady: boolean, scale: number): void {
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
    else if ((byte = bytes[position++]! | 0) < 0x80) {
      // The first value of a large counter: beyond int32.
      const wide = zigzag + byte * 2 ** 28;
      difference = (zigzag & 1) === 0 ? wide / 2 : -(wide + 1) / 2;
    } else {
      reader.position = start;
      difference = signedVarint(reader);
      position = reader.position | 0;
    }
    if (steady) difference = delta = i > 1 ? delta + difference : difference;
    integer += difference;
    values[at + i] = scale === 1 ? integer : integer / scale;
  }
  if (position > end) throw new DecodeError(`values: ${count} values end at byte ${position}, behind the column's end at byte ${end}`);
  reader.position = position;
}
