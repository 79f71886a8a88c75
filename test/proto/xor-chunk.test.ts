import { expect, test } from 'vitest';
import { crc32c } from '../../proto/crc32c.ts';
import { XOR_CHUNK_SAMPLES_MAX, XorChunkWriter } from '../../proto/xor-chunk.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { readXorChunk } from './xor-chunk-reader.ts';

function roundTrip(timestampsMs: readonly number[], values: readonly number[]): void {
  const column = Float64Array.from(values);
  const bits = new Uint32Array(column.buffer);
  const chunk = new XorChunkWriter().encode(Float64Array.from(timestampsMs), bits, 0, values.length);
  const wanted = timestampsMs.map((timestampMs, i) => ({ timestampMs, bits: (BigInt(bits[i * 2 + 1]!) << 32n) | BigInt(bits[i * 2]!) }));
  expect(readXorChunk(chunk)).toEqual(wanted);
}

test('the bytes of a known chunk', () => {
  // Two samples 15 s apart: count, zigzag of 1000, 1.0, distance, and one bit for a value that stays.
  const chunk = new XorChunkWriter().encode(Float64Array.of(1000, 16_000), new Uint32Array(Float64Array.of(1, 1).buffer), 0, 2);
  expect([...chunk]).toEqual([0, 2, 0xd0, 0x0f, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x98, 0x75, 0]);
});

test('edges of every width', () => {
  const changes = [0, 1, -1, 8192, -8191, 8193, -8192, 65536, -65535, 65537, -65536, 524288, -524287, 524289, -524288, 2 ** 40, -(2 ** 33)];
  let distance = 2 ** 41;
  let time = -5;
  const times = [time, (time += distance)];
  for (const change of changes) times.push((time += distance += change));
  roundTrip(times, times.map((_, i) => i));
  roundTrip([-(2 ** 49), 2 ** 49], [0, -0]);
});

test('values of every kind', () => {
  const values = [0, -0, 1, 1.5, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE, 0.1, 0.1, 1e-300, 4503599627370497.5, 2 ** 32, 1 / 3];
  roundTrip(values.map((_, i) => i), values);
});

test('random series, from any place of a column', () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 300; round++) {
    const count = 1 + random.below(XOR_CHUNK_SAMPLES_MAX);
    let time = random.below(2 ** 31) * 1000;
    const kind = random.below(4);
    const words = new Uint32Array(count * 2);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      times.push((time += 1 + random.below(10 ** random.below(8))));
      const before = i === 0 ? [0, 0] : [words[i * 2 - 2]!, words[i * 2 - 1]!];
      // Bits changed here and there, in one word or in both, give windows of all places and lengths.
      words[i * 2] = kind === 0 ? before[0]! : before[0]! ^ (random.below(2 ** 31) << random.below(32));
      words[i * 2 + 1] = kind === 1 ? before[1]! : before[1]! ^ (random.below(2 ** 31) >>> random.below(31));
    }
    const chunk = new XorChunkWriter().encode(Float64Array.from([0, ...times]), Uint32Array.from([9, 9, ...words]), 1, count + 1);
    expect(readXorChunk(chunk)).toEqual(times.map((timestampMs, i) => ({ timestampMs, bits: (BigInt(words[i * 2 + 1]!) << 32n) | BigInt(words[i * 2]!) })));
  }
});

test('CRC-32C, the check value of the polynomial', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});
