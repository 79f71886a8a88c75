import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../../proto/varint.ts';
import { decodeTimestampsMicros, encodeTimestampsMicros } from '../../../../storage/archive/parquet/delta-binary-packed.ts';
import { ColumnWriter } from '../../../../storage/chunk/index.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

function encode(timesMs: readonly number[]): Uint8Array {
  const out = new ColumnWriter(16);
  encodeTimestampsMicros(Float64Array.from(timesMs), 0, timesMs.length, out);
  return out.written().slice();
}

function decode(bytes: Uint8Array, count: number): number[] {
  const reader = new ByteReader(bytes);
  const target = new Float64Array(count);
  decodeTimestampsMicros(reader, count, target, 0);
  expect(reader.done).toBe(true);
  return [...target];
}

const START_MS = 1_790_000_000_000;

describe('timestamps', () => {
  const f = (what: string, timesMs: readonly number[]) => test(what, () => expect(decode(encode(timesMs), timesMs.length)).toEqual(timesMs));
  f('none', []);
  f('one', [START_MS]);
  f('two', [START_MS, START_MS - 5]);
  f('all the same', Array.from({ length: 300 }, () => START_MS));
  f('regular', Array.from({ length: 129 }, (_, i) => START_MS + i * 15_000));
  f('of many series, each from the start of an hour', Array.from({ length: 5000 }, (_, i) => START_MS + (i % 240) * 15_000 + (i % 7)));
  f('of a day', Array.from({ length: 700 }, (_, i) => START_MS + (i % 100) * 864_000 + (i % 3)));
  f('before 1970, and far apart', [-START_MS, 0, 4_000_000_000_000, -1, 1]);
  for (const length of [127, 128, 129, 130, 1000, 16_384]) {
    const random = new SeededRandom(length);
    f(`${length} at random`, Array.from({ length }, () => START_MS + random.below(10 ** random.between(1, 11))));
  }
});

test('series that were scraped together are the same bytes wherever they stand', () => {
  const jitter = [3, 0, 7, 1, 12, 5];
  const series = Array.from({ length: 90 }, (_, i) => START_MS + i * 15_000 + jitter[i % jitter.length]!);
  const bytes = encode([...series, ...series, ...series]);
  // 269 differences in three of four miniblocks of 96, 4 bytes each; 90 from one series to the next.
  const packed = Buffer.from(bytes.subarray(bytes.length - 4 * 288));
  const once = packed.subarray(0, 4 * 89);
  expect(packed.subarray(4 * 90, 4 * 179)).toEqual(once);
  expect(packed.subarray(4 * 180, 4 * 269)).toEqual(once);
});

test('what earlier builds and others write, blocks of 128 with the least bits, is read', () => {
  // 128 values a block in 4 miniblocks, 5 values from 7000 µs; differences 1000, 3000, 2000, 1000 µs less 1000 in 11 bits.
  const bits = [0, 2000, 1000, 0].map((value) => value.toString(2).padStart(11, '0').split('').reverse().join('')).join('').padEnd(32 * 11, '0');
  const packed = bits.match(/.{8}/g)!.map((byte) => parseInt(byte.split('').reverse().join(''), 2));
  const zigzag = (value: number): number[] => [((value * 2) & 0x7f) | 0x80, (value * 2) >>> 7];
  const bytes = Uint8Array.from([0x80, 1, 4, 5, ...zigzag(7000), ...zigzag(1000), 11, 0, 0, 0, ...packed]);
  expect(decode(bytes, 5)).toEqual([7, 8, 11, 13, 14]);
});

describe('what is damaged is refused', () => {
  const good = encode([START_MS, START_MS + 1, START_MS + 70_000]);
  const f = (what: string, bytes: Uint8Array, count = 3) => test(what, () => expect(() => decode(bytes, count)).toThrow());
  f('another count', good, 4);
  f('cut off', good.subarray(0, good.length - 1));
  f('a block of no values', Uint8Array.of(0, 4, 3, ...good.subarray(4)));
  f('blocks of an odd length', Uint8Array.of(0x81, 1, 4, 3, ...good.subarray(4)));
  f('too many bits', Uint8Array.from(good, (byte) => (byte === 32 ? 64 : byte)));
  f('half milliseconds', Uint8Array.of(0x80, 1, 4, 1, 1), 1);
});
