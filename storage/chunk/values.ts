import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import { decodePlanes, encodePlanes, isMostlyDistinct, prefersDifference } from './byte-planes.ts';
import type { ColumnWriter } from './column-writer.ts';
import { decimalExponent, decodeDecimals, findExceptions, NOT_WHOLE, takeDecimals, takeIntegers, writeDecimals } from './decimal.ts';
import { putBack, readPositions, without, writePositions } from './positions.ts';

/*
 * The menu of value codecs. A column begins with one byte: the codec, and the flags of what was taken out of it, which then comes first:
 * STALE_FLAG the positions of stale markers, EXCEPTIONS_FLAG the positions of exceptions, and 8 bytes each.
 *
 *   CONSTANT            8 bytes, the bits of the one value
 *   DECIMAL             integers over a power of ten, differences (decimal.ts)
 *   RAW                 8 bytes a value
 *   STEADY              integers over a power of ten, changes of the difference (decimal.ts)
 *   XOR_PLANES          full precision, byte by byte (byte-planes.ts)
 *   DIFFERENCE_PLANES   the same of values that wander
 *
 * The frame around it is compressed by zstd, which is why nothing here packs bits. FORMAT.md has the measurements behind the choice.
 */
export const CONSTANT = 0;
export const DECIMAL = 1;
const RAW = 2;
export const STEADY = 3;
const XOR_PLANES = 4;
// 5 and 6 are those of histograms and start timestamps, which stand around a column of values.
const DIFFERENCE_PLANES = 7;
const EXCEPTIONS_FLAG = 0x40;
const STALE_FLAG = 0x80;

/** Encodes values `start` to `end`. `values` and `bits` are two views of the same bytes. */
export function encodeValues(values: Float64Array, bits: Uint32Array, start: number, end: number, out: ColumnWriter): void {
  if (isConstant(bits, start, end)) {
    out.byte(CONSTANT);
    writeBits(bits, start, out);
    return;
  }
  const wholeSteady = takeIntegers(values, bits, start, end);
  if (wholeSteady !== NOT_WHOLE) {
    out.byte(wholeSteady ? STEADY : DECIMAL);
    writeDecimals(0, end - start, wholeSteady, out);
    return;
  }
  const stalePositions = findStale(bits, start, end);
  if (stalePositions.length === 0) {
    encodeLive(values, bits, start, end, stalePositions, out);
    return;
  }
  const live = without(bits, start, end, stalePositions);
  encodeLive(new Float64Array(live.buffer), live, 0, live.length / 2, stalePositions, out);
}

/** Encodes a column without stale markers; those that were taken out are written in front. */
function encodeLive(values: Float64Array, bits: Uint32Array, start: number, end: number, stalePositions: readonly number[], out: ColumnWriter): void {
  const exponent = decimalExponent(values, start, end);
  if (exponent !== undefined) {
    const steady = takeDecimals(values, exponent, start, end);
    writeHead(steady ? STEADY : DECIMAL, stalePositions, out);
    writeDecimals(exponent, end - start, steady, out);
    return;
  }
  const exceptions = findExceptions(values, start, end);
  if (exceptions !== undefined) {
    const plain = new Float64Array(without(bits, start, end, exceptions.positions).buffer);
    const steady = takeDecimals(plain, exceptions.exponent, 0, plain.length);
    writeHead((steady ? STEADY : DECIMAL) | EXCEPTIONS_FLAG, stalePositions, out);
    writePositions(exceptions.positions, out);
    for (const position of exceptions.positions) writeBits(bits, start + position, out);
    writeDecimals(exceptions.exponent, plain.length, steady, out);
  } else if (isMostlyDistinct(values, start, end)) {
    const isDifference = prefersDifference(bits, start, end);
    writeHead(isDifference ? DIFFERENCE_PLANES : XOR_PLANES, stalePositions, out);
    encodePlanes(bits, start, end, isDifference, out);
  } else {
    writeHead(RAW, stalePositions, out);
    for (let i = start; i < end; i++) writeBits(bits, i, out);
  }
}

function writeHead(codec: number, stalePositions: readonly number[], out: ColumnWriter): void {
  out.byte(stalePositions.length > 0 ? codec | STALE_FLAG : codec);
  if (stalePositions.length > 0) writePositions(stalePositions, out);
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
  if ((head & (STALE_FLAG | EXCEPTIONS_FLAG)) === 0) {
    decodePlain(head, reader, count, values, bits, at);
    return;
  }
  const stalePositions = (head & STALE_FLAG) === 0 ? [] : readPositions(reader, count, 'stale markers');
  const liveCount = count - stalePositions.length;
  const exceptions = (head & EXCEPTIONS_FLAG) === 0 ? [] : readPositions(reader, liveCount, 'exceptions');
  const exceptionBits = exceptions.map(() => [reader.uint32(), reader.uint32()] as const);
  const plainCount = liveCount - exceptions.length;
  decodePlain(head & ~(STALE_FLAG | EXCEPTIONS_FLAG), reader, plainCount, values, bits, at);
  const own = bits.subarray(at * 2, (at + count) * 2);
  if (exceptions.length > 0) putBack(own, plainCount, exceptions, (to, index) => own.set(exceptionBits[index]!, to * 2));
  if (stalePositions.length > 0) putBack(own, liveCount, stalePositions, (to) => own.set(STALE_BITS, to * 2));
}

/** Values of one codec, of which nothing was taken out. */
function decodePlain(codec: number, reader: ByteReader, count: number, values: Float64Array, bits: Uint32Array, at: number): void {
  switch (codec) {
    case CONSTANT: {
      const low = reader.uint32();
      const high = reader.uint32();
      for (let i = at; i < at + count; i++) {
        bits[i * 2] = low;
        bits[i * 2 + 1] = high;
      }
      break;
    }
    case DECIMAL:
    case STEADY:
      decodeDecimals(reader, values, at, count, codec === STEADY);
      break;
    case XOR_PLANES:
    case DIFFERENCE_PLANES:
      decodePlanes(reader, bits, at, count, codec === DIFFERENCE_PLANES);
      break;
    case RAW:
      for (let i = at * 2; i < (at + count) * 2; i++) bits[i] = reader.uint32();
      break;
    default:
      throw new DecodeError(`values: codec ${codec} is not known`);
  }
}

const STALE_BITS = [STALE_BITS_LOW, STALE_BITS_HIGH] as const;

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

function writeBits(bits: Uint32Array, index: number, out: ColumnWriter): void {
  out.uint32(bits[index * 2]!);
  out.uint32(bits[index * 2 + 1]!);
}

const CODEC_NAMES: Readonly<Record<number, string>> = {
  [CONSTANT]: 'CONSTANT', [DECIMAL]: 'DECIMAL', [RAW]: 'RAW', [STEADY]: 'STEADY', [XOR_PLANES]: 'XOR_PLANES', [DIFFERENCE_PLANES]: 'DIFFERENCE_PLANES',
};

/** What a column of values that begins with this byte is, in the words of FORMAT.md. */
export function valueCodecName(head: number): string {
  const codec = head & ~(STALE_FLAG | EXCEPTIONS_FLAG);
  const flags = `${(head & STALE_FLAG) === 0 ? '' : ' with stale markers'}${(head & EXCEPTIONS_FLAG) === 0 ? '' : ' with exceptions'}`;
  return `${CODEC_NAMES[codec] ?? `unknown (${codec})`}${flags}`;
}
