import { expect, test } from 'vitest';
import { BitWriter } from '../../proto/bit-writer.ts';
import { encodeHistogramChunk, type ReadHistogram } from '../../proto/histogram-chunk.ts';
import { CUSTOM_BUCKETS_SCHEMA, EMPTY_HISTOGRAM } from '../../storage/model/histogram.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

/** Reads a chunk of one sample bit by bit, by the book: the other side of the writer. */
function readHistogramChunk(bytes: Uint8Array): { histogram: ReadHistogram; timestampMs: number } {
  let position = 0;
  const bits = (count: number): bigint => {
    let value = 0n;
    for (let i = 0; i < count; i++, position++) value = (value << 1n) | BigInt((bytes[position >> 3]! >> (7 - (position & 7))) & 1);
    return value;
  };
  const double = (): number => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, bits(64));
    return view.getFloat64(0);
  };
  const width = (): number => {
    let ones = 0;
    while (ones < 8 && bits(1) === 1n) ones++;
    return [0, 3, 6, 9, 12, 18, 25, 56, 64][ones]!;
  };
  const unsigned = (): number => Number(bits(width()));
  const integer = (): number => {
    const count = width();
    const value = bits(count);
    if (count === 64) return Number(BigInt.asIntN(64, value));
    return Number(count > 0 && value > 1n << BigInt(count - 1) ? value - (1n << BigInt(count)) : value);
  };
  const spans = () => Array.from({ length: unsigned() }, () => {
    const length = unsigned();
    return { length, offset: integer() };
  });
  expect(bits(16)).toBe(1n);
  const counterResetHint = (['unknown', 'not-reset', 'reset', 'gauge'] as const)[Number(bits(2))]!;
  expect(bits(6)).toBe(0n);
  const threshold = Number(bits(8));
  const zeroThreshold = threshold === 0 ? 0 : threshold === 255 ? double() : 2 ** (threshold - 243 - 1);
  const schema = integer();
  const positiveSpans = spans();
  const negativeSpans = spans();
  const customValues = schema !== CUSTOM_BUCKETS_SCHEMA ? [] : Array.from({ length: unsigned() }, () => {
    const thousandths = unsigned();
    return thousandths === 0 ? double() : (thousandths - 1) / 1000;
  });
  const timestampMs = integer();
  const [count, zeroCount, sum] = [double(), double(), double()];
  const buckets = (of: readonly { readonly length: number }[]) => Array.from({ length: of.reduce((total, { length }) => total + length, 0) }, double);
  const positiveBuckets = buckets(positiveSpans);
  const negativeBuckets = buckets(negativeSpans);
  expect(Math.ceil(position / 8)).toBe(bytes.length);
  return { timestampMs, histogram: { counterResetHint, schema, zeroThreshold, zeroCount, count, sum, positiveSpans, negativeSpans, positiveBuckets, negativeBuckets, customValues } };
}

const writer = new BitWriter();

function roundTrip(histogram: Partial<ReadHistogram>, timestampMs = 1_700_000_000_123): void {
  const whole = { ...EMPTY_HISTOGRAM, ...histogram };
  expect(readHistogramChunk(encodeHistogramChunk(whole, timestampMs, writer))).toEqual({ histogram: whole, timestampMs });
}

test('every field', () => {
  roundTrip({});
  for (const counterResetHint of ['unknown', 'reset', 'not-reset', 'gauge'] as const) roundTrip({ counterResetHint });
  for (const zeroThreshold of [0, 1e-128, 2 ** -128, 2 ** -243, 2 ** -244, 0.5, 1, 1024, 2048, 0.001, 3]) roundTrip({ zeroThreshold });
  for (const schema of [-4, 0, 8]) roundTrip({ schema, count: 3, sum: -1.5, zeroCount: 1 });
  roundTrip({ positiveSpans: [{ offset: -700, length: 2 }, { offset: 5, length: 1 }], positiveBuckets: [1, 2.5, 1e300], negativeSpans: [{ offset: 0, length: 1 }], negativeBuckets: [7] });
  roundTrip({ schema: CUSTOM_BUCKETS_SCHEMA, customValues: [-1, 0, 0.005, 0.1, 1 / 3, 33_554.43, 33_555, 1e9] });
  // 25.923000000000002 is not 25.923, though a thousand times it is 25,923.
  roundTrip({ schema: CUSTOM_BUCKETS_SCHEMA, customValues: [25.923, 25.923000000000002] });
});

test('times of every width', () => {
  for (const edge of [0, 1, 4, 5, 32, 33, 256, 257, 2048, 2049, 131_072, 131_073, 2 ** 24, 2 ** 24 + 1, 2 ** 49]) {
    roundTrip({}, edge);
    if (edge !== 0) roundTrip({}, -edge);
  }
});

test('many buckets, and a writer that is used again', () => {
  const random = new SeededRandom(3);
  for (let round = 0; round < 100; round++) {
    const length = 1 + random.below(160);
    const positiveBuckets = Array.from({ length }, () => random.below(1000) / 8);
    roundTrip({ schema: 3, positiveSpans: [{ offset: random.below(2000) - 1000, length }], positiveBuckets }, random.below(2 ** 31));
  }
});
