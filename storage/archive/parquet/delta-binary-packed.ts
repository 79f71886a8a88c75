import { DecodeError } from '../../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../../proto/varint.ts';
import type { ColumnWriter } from '../../chunk/index.ts';

/*
 * Parquet's DELTA_BINARY_PACKED for timestamps: whole milliseconds here, microseconds in the file, as Iceberg wants them.
 *
 *   varint values a block │ varint 4 (miniblocks a block) │ varint values │ zigzag varint first value
 *   per block: zigzag varint least difference │ u8 × 4 bit widths │ per miniblock its values: (difference - least), packed, the lowest bit first
 *
 * A column is one block, and its differences take whole bytes: so the differences of series that were scraped together are the same bytes
 * wherever in the column they stand, and the compressor around them finds them again. With blocks of 128 and the least bits, which is what
 * others write, no two series look alike to it (FORMAT.md has the figures). Such blocks are read all the same: earlier builds wrote them.
 *
 * Differences stay below 2^52 µs, which is 142 years, and are exact; the first value is a 64-bit number of its own.
 */
const BLOCK_UNIT = 128;
const MINIBLOCKS = 4;
const MINIBLOCK_UNIT = 32;
const MICROS_PER_MS = 1000;
const WIDTH_MAX = 56;

/** Writes the timestamps `start` to before `end` (whole Unix ms, in any order). */
export function encodeTimestampsMicros(timestampsMs: Float64Array, start: number, end: number, out: ColumnWriter): void {
  const count = end - start;
  const blockValues = Math.max(1, Math.ceil((count - 1) / BLOCK_UNIT)) * BLOCK_UNIT;
  out.unsigned(blockValues);
  out.unsigned(MINIBLOCKS);
  out.unsigned(count);
  writeZigzag64(BigInt(count === 0 ? 0 : timestampsMs[start]!) * BigInt(MICROS_PER_MS), out);
  if (count <= 1) return;
  let least = Infinity;
  let greatest = -Infinity;
  for (let i = start + 1; i < end; i++) {
    const delta = timestampsMs[i]! - timestampsMs[i - 1]!;
    if (delta < least) least = delta;
    if (delta > greatest) greatest = delta;
  }
  const byteWidth = Math.ceil(widthOf((greatest - least) * MICROS_PER_MS) / 8);
  const miniblockValues = blockValues / MINIBLOCKS;
  const miniblocks = Math.ceil((count - 1) / miniblockValues);
  out.signed(least * MICROS_PER_MS);
  for (let miniblock = 0; miniblock < MINIBLOCKS; miniblock++) out.byte(miniblock < miniblocks ? byteWidth * 8 : 0);
  const packed = new Uint8Array(miniblocks * miniblockValues * byteWidth);
  let at = 0;
  for (let i = start + 1; i < end; i++) {
    const rest = (timestampsMs[i]! - timestampsMs[i - 1]! - least) * MICROS_PER_MS;
    let word = rest % 2 ** 32;
    for (let byte = 0; byte < byteWidth; byte++) {
      if (byte === 4) word = Math.floor(rest / 2 ** 32);
      packed[at++] = word & 0xff;
      word >>>= 8;
    }
  }
  out.append(packed);
}

/** Reads `count` timestamps into `target` from `at` on. */
export function decodeTimestampsMicros(reader: ByteReader, count: number, target: Float64Array, at: number): void {
  const blockValues = reader.varint();
  const miniblocks = reader.varint();
  const total = reader.varint();
  const miniblockValues = blockValues / MINIBLOCKS;
  if (blockValues === 0 || blockValues % BLOCK_UNIT !== 0 || miniblocks !== MINIBLOCKS || total !== count) {
    throw new DecodeError(`timestamps: blocks of ${blockValues} in ${miniblocks}, ${total} values, want whole ${BLOCK_UNIT}s in ${MINIBLOCKS}, ${count} values`);
  }
  const firstMicros = readZigzag64(reader);
  if (count === 0) return;
  if (firstMicros % BigInt(MICROS_PER_MS) !== 0n) throw new DecodeError('timestamps: not whole milliseconds');
  const firstMs = Number(firstMicros / BigInt(MICROS_PER_MS));
  target[at] = firstMs;
  const deltas = new Float64Array(Math.min(miniblockValues, count));
  /** Microseconds since the first. */
  let sinceFirst = 0;
  for (let done = 1; done < count; ) {
    const least = signedVarint(reader);
    const widths = reader.take(MINIBLOCKS);
    for (let miniblock = 0; miniblock < MINIBLOCKS && done < count; miniblock++) {
      const width = widths[miniblock]!;
      if (width > WIDTH_MAX) throw new DecodeError(`timestamps: differences of ${width} bits`);
      const packed = reader.take((miniblockValues / MINIBLOCK_UNIT) * (MINIBLOCK_UNIT / 8) * width);
      const length = Math.min(miniblockValues, count - done);
      if (width % 8 === 0) unpackBytes(packed, width / 8, length, deltas);
      else unpack(packed, width, length, deltas);
      for (let i = 0; i < length; i++) {
        sinceFirst += least + deltas[i]!;
        target[at + done++] = firstMs + sinceFirst / MICROS_PER_MS;
      }
    }
  }
}

function widthOf(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}

function unpackBytes(packed: Uint8Array, byteWidth: number, count: number, target: Float64Array): void {
  let at = 0;
  for (let i = 0; i < count; i++) {
    let value = 0;
    let scale = 1;
    for (let byte = 0; byte < byteWidth; byte++) {
      value += packed[at++]! * scale;
      scale *= 256;
    }
    target[i] = value;
  }
}

function unpack(packed: Uint8Array, width: number, count: number, target: Float64Array): void {
  let buffered = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    let value = 0;
    let have = 0;
    while (have < width) {
      if (bits === 0) {
        buffered = packed[at++]!;
        bits = 8;
      }
      const taken = Math.min(bits, width - have);
      value += (buffered & ((1 << taken) - 1)) * 2 ** have;
      buffered >>>= taken;
      bits -= taken;
      have += taken;
    }
    target[i] = value;
  }
}

function writeZigzag64(value: bigint, out: ColumnWriter): void {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 0x80n; rest >>= 7n) out.byte(Number(rest & 0x7fn) | 0x80);
  out.byte(Number(rest));
}

function readZigzag64(reader: ByteReader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.byte();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
  }
  throw new DecodeError('timestamps: a varint of more than 64 bits');
}
