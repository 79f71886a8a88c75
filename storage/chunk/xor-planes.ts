import type { ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from './column-writer.ts';

/**
 * Doubles in full precision: each XORed with the one before, as Gorilla does it (Pelkonen et al., VLDB 2015), then all first bytes, all second
 * bytes, and so on, the highest byte first. Sign, exponent and the upper mantissa change rarely, so their planes are nearly zeros, which the
 * zstd behind takes out; the lower ones are noise, which nothing takes out, and are copied at memory speed.
 */
export function encodeXorPlanes(bits: Uint32Array, start: number, end: number, out: ColumnWriter): void {
  for (let plane = 7; plane >= 0; plane--) {
    const word = plane >>> 2;
    const shift = (plane & 3) * 8;
    let previous = 0;
    for (let i = start; i < end; i++) {
      const current = bits[i * 2 + word]!;
      out.byte(((current ^ previous) >>> shift) & 0xff);
      previous = current;
    }
  }
}

/** Into `count` values of `bits` from index `at` on. */
export function decodeXorPlanes(reader: ByteReader, bits: Uint32Array, at: number, count: number): void {
  bits.fill(0, at * 2, (at + count) * 2);
  for (let plane = 7; plane >= 0; plane--) {
    const word = plane >>> 2;
    const shift = (plane & 3) * 8;
    const bytes = reader.take(count);
    let previous = 0;
    for (let i = 0; i < count; i++) {
      previous ^= bytes[i]!;
      bits[(at + i) * 2 + word]! |= previous << shift;
    }
  }
}

const DISTINCT_SHARE_MIN = 0.75;
const SAMPLE = 64;

/**
 * Whether so few of the values recur that they are better apart in planes than whole: zstd finds a value that was there before as one match
 * of eight bytes. Looks at the first values only.
 */
export function isMostlyDistinct(values: Float64Array, start: number, end: number): boolean {
  const sampleEnd = Math.min(end, start + SAMPLE);
  return new Set(values.subarray(start, sampleEnd)).size >= (sampleEnd - start) * DISTINCT_SHARE_MIN;
}
