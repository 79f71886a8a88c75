import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import type { ColumnWriter } from '../../chunk/index.ts';

/*
 * Parquet's hybrid of run lengths and bit packing: levels, and indexes into dictionaries.
 *
 *   varint (length << 1), the value in ⌈width / 8⌉ bytes      a run of one value
 *   varint (groups << 1 | 1), groups × 8 values of `width` bits, the lowest bit first
 */
/** The bits that numbers from 0 to `max` take. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}

/** Writes `length` times one value of `width` bits. */
export function writeRun(out: ColumnWriter, value: number, length: number, width: number): void {
  out.unsigned(length * 2);
  for (let shift = 0; shift < width; shift += 8) out.byte((value >>> shift) & 0xff);
}

/** Collects values for one packed run. `width` is at most 24. */
export class BitPacker {
  #bytes = new Uint8Array(4096);
  #length = 0;
  #buffered = 0;
  #bits = 0;
  #count = 0;
  readonly width: number;

  constructor(width: number) {
    this.width = width;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * The pattern's first `length` values, `times` times. Behind so many of them as make whole bytes the same bytes come again: most of a series
   * with many rows is copied.
   */
  repeat(pattern: Uint32Array, length: number, times: number): void {
    const { width } = this;
    this.#reserve(Math.ceil((length * times * width) / 8) + 8);
    const bits = length * width;
    const period = wholeBytes(bits);
    if (times < 4 * period) {
      this.#pack(pattern, length, times);
      return;
    }
    // The first turn fills up what was there before, the second has the bytes that all others have.
    this.#pack(pattern, length, period);
    const start = this.#length;
    this.#pack(pattern, length, period);
    const blockBytes = this.#length - start;
    const turns = Math.floor(times / period) - 2;
    copyBehind(this.#bytes, start, blockBytes, turns);
    this.#length += blockBytes * turns;
    this.#count += length * period * turns;
    this.#pack(pattern, length, times % period);
  }

  #pack(pattern: Uint32Array, length: number, times: number): void {
    const { width } = this;
    const bytes = this.#bytes;
    let buffered = this.#buffered;
    let bits = this.#bits;
    let at = this.#length;
    for (; times > 0; times--) {
      for (let i = 0; i < length; i++) {
        buffered |= pattern[i]! << bits;
        bits += width;
        while (bits >= 8) {
          bytes[at++] = buffered;
          buffered >>>= 8;
          bits -= 8;
        }
      }
      this.#count += length;
    }
    this.#buffered = buffered;
    this.#bits = bits;
    this.#length = at;
  }

  /** Writes what was collected as one run, filled up with zeros to whole groups of eight, and begins anew. */
  finish(out: ColumnWriter): void {
    const groups = Math.ceil(this.#count / 8);
    this.#reserve(8 + this.width);
    if (this.#bits > 0) this.#bytes[this.#length++] = this.#buffered;
    const end = groups * this.width;
    this.#bytes.fill(0, this.#length, end);
    out.unsigned(groups * 2 + 1);
    out.append(this.#bytes.subarray(0, end));
    this.#length = this.#buffered = this.#bits = this.#count = 0;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** How often so many bits must come to be whole bytes. */
function wholeBytes(bits: number): number {
  for (let times = 1; times < 8; times *= 2) if ((bits * times) % 8 === 0) return times;
  return 8;
}

/** Fills what is behind a block with as many copies of it. */
function copyBehind(bytes: Uint8Array, start: number, length: number, times: number): void {
  const end = start + length * (times + 1);
  for (let filled = length; start + filled < end; filled *= 2) bytes.copyWithin(start + filled, start, Math.min(start + filled, end - filled));
}

/** Reads `count` values of one bit each, behind the length of their bytes: levels of a page of version 1. */
export function readPrefixedLevels(reader: ByteReader, count: number): Uint8Array {
  const levels = new ByteReader(reader.take(reader.uint32()));
  const values = readLevels(levels, count);
  if (!levels.done) throw new DecodeError(`levels: ${levels.end - levels.position} bytes too many`);
  return values;
}

function readLevels(reader: ByteReader, count: number): Uint8Array {
  const levels = new Uint8Array(count);
  for (let at = 0; at < count; ) {
    const header = reader.varint();
    if (header % 2 === 0) {
      const length = header / 2;
      const value = reader.byte();
      if (length === 0 || length > count - at || value > 1) throw new DecodeError(`levels: a run of ${length} × ${value} where ${count - at} are left`);
      levels.fill(value, at, at + length);
      at += length;
      continue;
    }
    const groups = (header - 1) / 2;
    if (groups === 0 || groups > Math.ceil((count - at) / 8)) throw new DecodeError(`levels: ${groups} groups where ${count - at} values are left`);
    const packed = reader.take(groups);
    for (let i = 0; i < groups * 8 && at < count; i++) levels[at++] = (packed[i >>> 3]! >>> (i & 7)) & 1;
  }
  return levels;
}
