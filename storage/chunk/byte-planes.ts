import type { ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from './column-writer.ts';

/*
 * Doubles in full precision: each value's 64 bits against those of the one before, then all first bytes, all second bytes, and so on, the
 * highest byte first. Sign, exponent and the upper mantissa change rarely, so their planes are nearly zeros, which the zstd behind takes
 * out; the lower ones are noise, which nothing takes out, and are copied at memory speed.
 *
 * Against the one before means one of two things. XOR, as Gorilla has it (Pelkonen et al., VLDB 2015), for values that jump. The difference
 * of the bits as integers, zigzag, for values that wander: neighbouring doubles are neighbouring integers, so it has as many bits as the
 * change has units in the last place, where XOR carries as far as the change happens to.
 */

/** How many pairs are looked at to choose between the two. */
const SAMPLE = 64;

/** Writes the planes; `isDifference` is from `prefersDifference`. */
export function encodePlanes(bits: Uint32Array, start: number, end: number, isDifference: boolean, out: ColumnWriter): void {
  const words = new Uint32Array((end - start) * 2);
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    const nextLow = bits[i * 2]!;
    const nextHigh = bits[i * 2 + 1]!;
    const at = (i - start) * 2;
    if (isDifference) {
      const changeLow = (nextLow - low) >>> 0;
      const changeHigh = (nextHigh - high - (nextLow < low ? 1 : 0)) | 0;
      const sign = changeHigh >> 31;
      words[at] = (changeLow << 1) ^ sign;
      words[at + 1] = ((changeHigh << 1) | (changeLow >>> 31)) ^ sign;
    } else {
      words[at] = nextLow ^ low;
      words[at + 1] = nextHigh ^ high;
    }
    low = nextLow;
    high = nextHigh;
  }
  for (let plane = 7; plane >= 0; plane--) {
    const shift = (plane & 3) * 8;
    for (let at = plane >>> 2; at < words.length; at += 2) out.byte((words[at]! >>> shift) & 0xff);
  }
}

/** Into `count` values of `bits` from index `at` on. */
export function decodePlanes(reader: ByteReader, bits: Uint32Array, at: number, count: number, isDifference: boolean): void {
  bits.fill(0, at * 2, (at + count) * 2);
  for (let plane = 7; plane >= 0; plane--) {
    const word = plane >>> 2;
    const shift = (plane & 3) * 8;
    const bytes = reader.take(count);
    for (let i = 0; i < count; i++) bits[(at + i) * 2 + word]! |= bytes[i]! << shift;
  }
  let low = 0;
  let high = 0;
  for (let i = at * 2; i < (at + count) * 2; i += 2) {
    if (isDifference) {
      const zigzagLow = bits[i]!;
      const zigzagHigh = bits[i + 1]!;
      const sign = -(zigzagLow & 1);
      const sum = low + ((((zigzagLow >>> 1) | (zigzagHigh << 31)) ^ sign) >>> 0);
      high = (high + ((zigzagHigh >>> 1) ^ sign) + (sum > 0xffff_ffff ? 1 : 0)) | 0;
      low = sum >>> 0;
    } else {
      low ^= bits[i]!;
      high ^= bits[i + 1]!;
    }
    bits[i] = low;
    bits[i + 1] = high;
  }
}

/** Whether the first values differ in fewer bits as integers than they do bit by bit. */
export function prefersDifference(bits: Uint32Array, start: number, end: number): boolean {
  let saved = 0;
  for (let i = start + 1; i < Math.min(end, start + SAMPLE); i++) {
    const low = bits[i * 2]!;
    const high = bits[i * 2 + 1]!;
    const previousLow = bits[i * 2 - 2]!;
    const previousHigh = bits[i * 2 - 1]!;
    // The zigzag form has one bit more than the size of the change, and what a borrow would take does not matter for a choice.
    const change = Math.abs(high - previousHigh) * 2 ** 32 + (high === previousHigh ? Math.abs(low - previousLow) : 0);
    saved += bitLength(high ^ previousHigh, low ^ previousLow) - (change === 0 ? 0 : Math.floor(Math.log2(change)) + 2);
  }
  return saved > 0;
}

function bitLength(high: number, low: number): number {
  return high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
}

const DISTINCT_SHARE_MIN = 0.75;

/**
 * Whether so few of the values recur that they are better apart in planes than whole: zstd finds a value that was there before as one match
 * of eight bytes. Looks at the first values only.
 */
export function isMostlyDistinct(values: Float64Array, start: number, end: number): boolean {
  const sampleEnd = Math.min(end, start + SAMPLE);
  return new Set(values.subarray(start, sampleEnd)).size >= (sampleEnd - start) * DISTINCT_SHARE_MIN;
}
