import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import type { ColumnWriter } from './column-writer.ts';
import { decimalExponent, decodeDecimals, encodeDecimals } from './decimal.ts';
import { decodeXorPlanes, encodeXorPlanes, isMostlyDistinct } from './xor-planes.ts';

/*
 * The menu of value codecs. A column begins with one byte: the codec, and STALE_FLAG when stale markers were taken out of it, whose
 * positions then come first (count, then gaps as varints).
 *
 *   CONSTANT     8 bytes, the bits of the one value
 *   DECIMAL      integers over a power of ten, differences (decimal.ts)
 *   RAW          8 bytes a value
 *   STEADY       integers over a power of ten, changes of the difference (decimal.ts)
 *   XOR_PLANES   full precision, byte by byte (xor-planes.ts)
 *
 * The frame around it is compressed by zstd, which is why nothing here packs bits. FORMAT.md has the measurements behind the choice.
 */
const CONSTANT = 0;
const DECIMAL = 1;
const RAW = 2;
const STEADY = 3;
const XOR_PLANES = 4;
const CODEC_MASK = 0x0f;
const STALE_FLAG = 0x80;

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
  const writeHead = (codec: number): void => {
    out.byte(codec | (stalePositions.length > 0 ? STALE_FLAG : 0));
    if (stalePositions.length > 0) writeStalePositions(stalePositions, out);
  };
  const exponent = decimalExponent(values, from, to);
  if (exponent !== undefined) encodeDecimals(values, exponent, from, to, out, (steady) => writeHead(steady ? STEADY : DECIMAL));
  else if (isMostlyDistinct(values, from, to)) {
    writeHead(XOR_PLANES);
    encodeXorPlanes(bits, from, to, out);
  } else {
    writeHead(RAW);
    for (let i = from; i < to; i++) writeBits(bits, i, out);
  }
}

/** A column of `count` values as bits, two words a value, low word first. */
export function decodeValues(reader: ByteReader, count: number): Uint32Array {
  const bits = new Uint32Array(count * 2);
  decodeValuesInto(reader, count, new Float64Array(bits.buffer), bits, 0);
  return bits;
}

/** The same into columns that are there, two views of the same bytes, from index `at` on. */
export function decodeValuesInto(reader: ByteReader, count: number, values: Float64Array, bits: Uint32Array, at: number): void {
  const head = reader.byte();
  const stalePositions = (head & STALE_FLAG) === 0 ? [] : readStalePositions(reader, count);
  const plainCount = count - stalePositions.length;
  switch (head & CODEC_MASK) {
    case CONSTANT: {
      const low = reader.uint32();
      const high = reader.uint32();
      for (let i = at; i < at + plainCount; i++) {
        bits[i * 2] = low;
        bits[i * 2 + 1] = high;
      }
      break;
    }
    case DECIMAL:
    case STEADY:
      decodeDecimals(reader, values, at, plainCount, (head & CODEC_MASK) === STEADY);
      break;
    case XOR_PLANES:
      decodeXorPlanes(reader, bits, at, plainCount);
      break;
    case RAW:
      for (let i = at * 2; i < (at + plainCount) * 2; i++) bits[i] = reader.uint32();
      break;
    default:
      throw new DecodeError(`values: codec ${head & CODEC_MASK} is not known`);
  }
  if (stalePositions.length > 0) putBackStale(bits.subarray(at * 2, (at + count) * 2), plainCount, stalePositions);
}

function isConstant(bits: Uint32Array, start: number, end: number): boolean {
  const low = bits[start * 2];
  const high = bits[start * 2 + 1];
  for (let i = start + 1; i < end; i++) {
    if (bits[i * 2] !== low || bits[i * 2 + 1] !== high) return false;
  }
  return true;
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
