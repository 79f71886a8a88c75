import { expect, test } from 'vitest';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeTimestamps, encodeTimestamps, TIMESTAMP_MS_MAX } from '../../../storage/chunk/index.ts';
import { describeColumnCodec } from '../../contract/column-codec.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const NOW_MS = 1_700_000_000_000;
const random = new SeededRandom(6);

function column(...timestampsMs: number[]): Uint32Array {
  return new Uint32Array(Float64Array.from(timestampsMs).buffer);
}

function rising(count: number, startMs: number, step: (i: number) => number): Uint32Array {
  let timestampMs = startMs;
  return new Uint32Array(Float64Array.from({ length: count }, (_, i) => (timestampMs += step(i))).buffer);
}

const COLUMNS = {
  'one timestamp': column(NOW_MS),
  zero: column(0),
  'one before 1970': column(-1),
  'on time': rising(1000, NOW_MS, () => 15_000),
  'one late': rising(1000, NOW_MS, (i) => (i === 500 ? 15_007 : 15_000)),
  jittery: rising(1000, NOW_MS, () => 14_990 + random.below(20)),
  'each millisecond': rising(100, 0, () => 1),
  'huge gaps': column(-TIMESTAMP_MS_MAX, -TIMESTAMP_MS_MAX + 1, 0, 1, TIMESTAMP_MS_MAX - 1, TIMESTAMP_MS_MAX),
  'from the first to the last, and back to small steps': column(-TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX - 2, TIMESTAMP_MS_MAX - 1, TIMESTAMP_MS_MAX),
  'across 1970': rising(100, -50_000, () => 1000),
  random: rising(3000, -(10 ** 12), () => 1 + random.below(2 ** 31)),
  long: rising(200_000, NOW_MS, (i) => (i % 1000 === 0 ? 60_000 : 15_000)),
};

describeColumnCodec('timestamps', {
  encode: (bits, start, end, out) => encodeTimestamps(new Float64Array(bits.buffer, bits.byteOffset, bits.length / 2), start, end, out),
  decode: (reader, count) => new Uint32Array(decodeTimestamps(reader, count).buffer),
}, COLUMNS);

test('a scrape on time costs the same whatever its length', () => {
  const sizeOf = (bits: Uint32Array): number => {
    const out = new ColumnWriter();
    encodeTimestamps(new Float64Array(bits.buffer), 0, bits.length / 2, out);
    return out.length;
  };
  expect(sizeOf(COLUMNS['on time'])).toBeLessThan(15);
  expect(sizeOf(rising(100_000, NOW_MS, () => 15_000))).toBeLessThan(16);
});

test('a run that is empty or too long is refused', () => {
  const decode = (count: number, ...bytes: number[]) => () => decodeTimestamps(new ByteReader(Uint8Array.from(bytes)), count);
  expect(decode(3, 0, 2, 2)).not.toThrow();
  expect(decode(3, 0, 2, 0)).toThrow('a run of 0 with 2 to go');
  expect(decode(3, 0, 2, 3)).toThrow('a run of 3 with 2 to go');
});
