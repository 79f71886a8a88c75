import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import { SIGNED_VARINT_MAX, type ColumnWriter } from './column-writer.ts';
import { signedVarint } from './timestamps.ts';

/*
 * The menu of value codecs. A column begins with one byte: the codec, and STALE_FLAG when stale markers were taken out of it, whose
 * positions then come first (count, then gaps as varints).
 *
 *   CONSTANT   8 bytes, the bits of the one value
 *   DECIMAL    exponent e, then the values times 10^e, all integers: the first, then deltas, as signed varints
 *   RAW        8 bytes a value
 *
 * The frame around it is compressed by zstd, which is why nothing here packs bits.
 */
const CONSTANT = 0;
const DECIMAL = 1;
const RAW = 2;
const CODEC_MASK = 0x0f;
const STALE_FLAG = 0x80;

/** More decimals than this are measurements in full precision, where scaling gains nothing. */
const DECIMALS_MAX = 9;
const POWERS_OF_TEN = Array.from({ length: DECIMALS_MAX + 1 }, (_, exponent) => 10 ** exponent);

/** Encodes values `start` to `end`. `values` and `bits` are two views of the same bytes. */
export function encodeValues(values: Float64Array, bits: Uint32Array, start: number, end: number, out: ColumnWriter): void {
  if (isConstant(bits, start, end)) {
    out.byte(CONSTANT);
    writeBits(bits, start, out);
    return;
  }
  const stalePositions = findStale(bits, start, end);
  let from = start;
  let to = end;
  if (stalePositions.length > 0) {
    values = withoutStale(bits, start, end);
    bits = new Uint32Array(values.buffer);
    from = 0;
    to = values.length;
  }
  const exponent = decimalExponent(values, from, to);
  const staleFlag = stalePositions.length > 0 ? STALE_FLAG : 0;
  out.byte((exponent === undefined ? RAW : DECIMAL) | staleFlag);
  if (staleFlag !== 0) writeStalePositions(stalePositions, out);
  if (exponent === undefined) {
    for (let i = from; i < to; i++) writeBits(bits, i, out);
    return;
  }
  out.byte(exponent);
  const scale = POWERS_OF_TEN[exponent]!;
  let previous = 0;
  for (let i = from; i < to; i++) {
    const integer = exponent === 0 ? values[i]! : Math.round(values[i]! * scale);
    out.signed(integer - previous);
    previous = integer;
  }
}

/** A column of `count` values as bits, two words a value, low word first. */
export function decodeValues(reader: ByteReader, count: number): Uint32Array {
  const bits = new Uint32Array(count * 2);
  const head = reader.byte();
  const stalePositions = (head & STALE_FLAG) === 0 ? [] : readStalePositions(reader, count);
  const plainCount = count - stalePositions.length;
  switch (head & CODEC_MASK) {
    case CONSTANT: {
      const low = reader.uint32();
      const high = reader.uint32();
      for (let i = 0; i < plainCount; i++) {
        bits[i * 2] = low;
        bits[i * 2 + 1] = high;
      }
      break;
    }
    case DECIMAL: {
      const values = new Float64Array(bits.buffer);
      const scale = POWERS_OF_TEN[reader.byte()];
      if (scale === undefined) throw new DecodeError('values: decimal exponent out of range');
      let integer = 0;
      for (let i = 0; i < plainCount; i++) {
        integer += signedVarint(reader);
        values[i] = integer / scale;
      }
      break;
    }
    case RAW:
      for (let i = 0; i < plainCount * 2; i++) bits[i] = reader.uint32();
      break;
    default:
      throw new DecodeError(`values: codec ${head & CODEC_MASK} is not known`);
  }
  if (stalePositions.length > 0) putBackStale(bits, plainCount, stalePositions);
  return bits;
}

function isConstant(bits: Uint32Array, start: number, end: number): boolean {
  const low = bits[start * 2];
  const high = bits[start * 2 + 1];
  for (let i = start + 1; i < end; i++) {
    if (bits[i * 2] !== low || bits[i * 2 + 1] !== high) return false;
  }
  return true;
}

/** The least exponent with which every value is an integer over a power of ten, exactly; `undefined` when there is none. */
function decimalExponent(values: Float64Array, start: number, end: number): number | undefined {
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
  // Number.isSafeInteger keeps NaN and the infinities out; -0 would come back as 0.
  return Math.abs(integer) <= SIGNED_VARINT_MAX / 2 && integer / scale === value && !Object.is(value, -0);
}

function findStale(bits: Uint32Array, start: number, end: number): number[] {
  const positions: number[] = [];
  for (let i = start; i < end; i++) {
    if (bits[i * 2 + 1] === STALE_BITS_HIGH && bits[i * 2] === STALE_BITS_LOW) positions.push(i - start);
  }
  return positions;
}

function withoutStale(bits: Uint32Array, start: number, end: number): Float64Array<ArrayBuffer> {
  const kept = new Uint32Array((end - start) * 2);
  let length = 0;
  for (let i = start; i < end; i++) {
    if (bits[i * 2 + 1] === STALE_BITS_HIGH && bits[i * 2] === STALE_BITS_LOW) continue;
    kept[length++] = bits[i * 2]!;
    kept[length++] = bits[i * 2 + 1]!;
  }
  return new Float64Array(kept.buffer.slice(0, length * 4));
}

function putBackStale(bits: Uint32Array, plainCount: number, stalePositions: readonly number[]): void {
  let from = plainCount - 1;
  let stale = stalePositions.length - 1;
  for (let to = bits.length / 2 - 1; stale >= 0; to--) {
    const isStale = stalePositions[stale] === to;
    bits[to * 2] = isStale ? STALE_BITS_LOW : bits[from * 2]!;
    bits[to * 2 + 1] = isStale ? STALE_BITS_HIGH : bits[from * 2 + 1]!;
    if (isStale) stale--;
    else from--;
  }
}

function writeStalePositions(positions: readonly number[], out: ColumnWriter): void {
  out.unsigned(positions.length);
  let previous = -1;
  for (const position of positions) {
    out.unsigned(position - previous - 1);
    previous = position;
  }
}

function readStalePositions(reader: ByteReader, count: number): number[] {
  const length = reader.varint();
  if (length > count) throw new DecodeError(`values: ${length} stale markers among ${count} samples`);
  const positions: number[] = [];
  let previous = -1;
  for (let i = 0; i < length; i++) {
    previous += reader.varint() + 1;
    if (previous >= count) throw new DecodeError(`values: a stale marker at ${previous} of ${count}`);
    positions.push(previous);
  }
  return positions;
}

function writeBits(bits: Uint32Array, index: number, out: ColumnWriter): void {
  out.uint32(bits[index * 2]!);
  out.uint32(bits[index * 2 + 1]!);
}
