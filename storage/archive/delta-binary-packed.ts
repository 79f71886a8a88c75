import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from '../chunk/index.ts';
import { signedVarint } from '../chunk/timestamps.ts';

/*
 * Parquet's DELTA_BINARY_PACKED for timestamps: whole milliseconds here, microseconds in the file, as Iceberg wants them.
 *
 *   varint 128 (values a block) │ varint 4 (miniblocks a block) │ varint values │ zigzag varint first value
 *   per block: zigzag varint least difference │ u8 × 4 bit widths │ per miniblock 32 × (difference - least), packed, the lowest bit first
 *
 * Differences are exact as long as they stay below 2^53 µs, which is 285 years; the first value is a 64-bit number of its own.
 */
const BLOCK_VALUES = 128;
const MINIBLOCKS = 4;
const MINIBLOCK_VALUES = BLOCK_VALUES / MINIBLOCKS;
const MICROS_PER_MS = 1000;
const WIDTH_MAX = 53;

const deltas = new Float64Array(BLOCK_VALUES);

export function encodeTimestampsMicros(timestampsMs: Float64Array, start: number, end: number, out: ColumnWriter): void {
  const count = end - start;
  out.unsigned(BLOCK_VALUES);
  out.unsigned(MINIBLOCKS);
  out.unsigned(count);
  writeZigzag64(BigInt(count === 0 ? 0 : timestampsMs[start]!) * BigInt(MICROS_PER_MS), out);
  for (let at = start + 1; at < end; at += BLOCK_VALUES) {
    const length = Math.min(BLOCK_VALUES, end - at);
    let least = Infinity;
    for (let i = 0; i < length; i++) {
      const delta = timestampsMs[at + i]! - timestampsMs[at + i - 1]!;
      deltas[i] = delta;
      if (delta < least) least = delta;
    }
    out.signed(least * MICROS_PER_MS);
    deltas.fill(least, length);
    const widths = [0, 0, 0, 0];
    for (let i = 0; i < length; i++) {
      const rest = (deltas[i]! - least) * MICROS_PER_MS;
      deltas[i] = rest;
      const width = widthOf(rest);
      const miniblock = Math.floor(i / MINIBLOCK_VALUES);
      if (width > widths[miniblock]!) widths[miniblock] = width;
    }
    deltas.fill(0, length);
    for (const width of widths) out.byte(width);
    for (let miniblock = 0; miniblock < MINIBLOCKS && miniblock * MINIBLOCK_VALUES < length; miniblock++) {
      pack(deltas, miniblock * MINIBLOCK_VALUES, widths[miniblock]!, out);
    }
  }
}

/** Reads `count` timestamps into `target` from `at` on. */
export function decodeTimestampsMicros(reader: ByteReader, count: number, target: Float64Array, at: number): void {
  const blockValues = reader.varint();
  const miniblocks = reader.varint();
  const total = reader.varint();
  if (blockValues !== BLOCK_VALUES || miniblocks !== MINIBLOCKS || total !== count) {
    throw new DecodeError(`timestamps: blocks of ${blockValues} in ${miniblocks}, ${total} values, want ${BLOCK_VALUES} in ${MINIBLOCKS}, ${count} values`);
  }
  const firstMicros = readZigzag64(reader);
  if (count === 0) return;
  if (firstMicros % BigInt(MICROS_PER_MS) !== 0n) throw new DecodeError('timestamps: not whole milliseconds');
  const firstMs = Number(firstMicros / BigInt(MICROS_PER_MS));
  target[at] = firstMs;
  /** Microseconds since the first. */
  let sinceFirst = 0;
  for (let done = 1; done < count; ) {
    const least = signedVarint(reader);
    const widths = reader.take(MINIBLOCKS);
    for (let miniblock = 0; miniblock < MINIBLOCKS && done < count; miniblock++) {
      const width = widths[miniblock]!;
      if (width > WIDTH_MAX) throw new DecodeError(`timestamps: differences of ${width} bits`);
      const packed = reader.take((MINIBLOCK_VALUES * width) / 8);
      const length = Math.min(MINIBLOCK_VALUES, count - done);
      unpack(packed, width, length, deltas);
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

function pack(values: Float64Array, start: number, width: number, out: ColumnWriter): void {
  if (width === 0) return;
  // Below 2^8 wait for the next value: with up to 45 bits more all stays exact. Wider values go in two pieces.
  let buffered = 0;
  let bits = 0;
  const push = (value: number, valueWidth: number): void => {
    buffered += value * 2 ** bits;
    bits += valueWidth;
    while (bits >= 8) {
      const rest = Math.floor(buffered / 256);
      out.byte(buffered - rest * 256);
      buffered = rest;
      bits -= 8;
    }
  };
  for (let i = start; i < start + MINIBLOCK_VALUES; i++) {
    const value = values[i]!;
    if (width <= 40) push(value, width);
    else {
      const high = Math.floor(value / 2 ** 32);
      push(value - high * 2 ** 32, 32);
      push(high, width - 32);
    }
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
