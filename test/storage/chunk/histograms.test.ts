import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeHistogram, decodeSampleColumn, encodeHistogram, encodeSampleColumn, isIntegerHistogram, isPlainColumn, samePayload } from '../../../storage/chunk/index.ts';
import { EMPTY_HISTOGRAM, type FloatHistogram } from '../../../storage/model/histogram.ts';
import { HISTOGRAM_BITS_HIGH } from '../../../storage/model/sample.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzRounds, mutate } from '../../proto/fuzz-bytes.ts';
import { randomCustom, randomExponential, seededRandom } from '../model/random-histogram.ts';

const random = seededRandom(11);
const RANDOM = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? randomCustom(random) : randomExponential(random)));
const scaled = (histogram: FloatHistogram, factor: number): FloatHistogram => ({
  ...histogram,
  count: histogram.count * factor,
  positiveBuckets: histogram.positiveBuckets.map((bucket) => bucket * factor),
  negativeBuckets: histogram.negativeBuckets.map((bucket) => bucket * factor),
});

const CORNERS: Readonly<Record<string, FloatHistogram>> = {
  empty: EMPTY_HISTOGRAM,
  'a sum that is NaN': { ...EMPTY_HISTOGRAM, sum: NaN, count: 3, zeroCount: 3 },
  'sums that are infinite': { ...EMPTY_HISTOGRAM, sum: -Infinity },
  'minus zero': { ...EMPTY_HISTOGRAM, sum: -0, count: -0, zeroCount: -0 },
  'a count beyond 2^53': { ...EMPTY_HISTOGRAM, count: 2 ** 60, zeroCount: 2 ** 60 },
  'fractions of counts': { ...EMPTY_HISTOGRAM, count: 0.1 + 0.2, positiveSpans: [{ offset: -5, length: 1 }], positiveBuckets: [0.1 + 0.2] },
  'negative counts': { ...EMPTY_HISTOGRAM, count: -3, positiveSpans: [{ offset: 0, length: 1 }], positiveBuckets: [-3] },
  'every hint': { ...EMPTY_HISTOGRAM, counterResetHint: 'gauge', zeroThreshold: 1e-128 },
  'schema -53': { ...EMPTY_HISTOGRAM, schema: -53, customValues: [0.1, 1e300], positiveSpans: [{ offset: 0, length: 3 }], positiveBuckets: [1, 0, 2] },
};

describe('a payload', () => {
  test.each(Object.keys(CORNERS))('%s', (name) => {
    const histogram = CORNERS[name]!;
    for (const counterResetHint of ['unknown', 'reset', 'not-reset', 'gauge'] as const) {
      const wanted = { ...histogram, counterResetHint };
      for (const isInteger of [false, true]) {
        const payload = encodeHistogram(wanted, isInteger);
        expect(decodeHistogram(payload)).toEqual(wanted);
        expect(isIntegerHistogram(payload)).toBe(isInteger);
      }
    }
  });

  test('random ones come back, and equal ones are equal bytes', () => {
    for (const histogram of RANDOM) {
      for (const wanted of [histogram, scaled(histogram, 1 / 3)]) {
        const payload = encodeHistogram(wanted, false);
        expect(decodeHistogram(payload)).toEqual(wanted);
        expect(samePayload(payload, encodeHistogram(structuredClone(wanted), false))).toBe(true);
        expect(samePayload(payload, encodeHistogram({ ...wanted, sum: wanted.sum + 1 }, false))).toBe(false);
      }
    }
  });

  test('whole counts take about a byte a bucket', () => {
    const positiveBuckets = Array.from({ length: 160 }, (_, i) => 1000 + (i % 7));
    const payload = encodeHistogram({ ...EMPTY_HISTOGRAM, positiveSpans: [{ offset: 0, length: 160 }], positiveBuckets, count: 160_480 }, true);
    expect(payload.length).toBeLessThan(200);
  });

  test('cut off anywhere, and damaged: a DecodeError or some histogram', { timeout: 60_000 }, () => {
    const payloads = RANDOM.slice(0, 50).map((histogram) => encodeHistogram(histogram, true));
    for (const payload of payloads) for (let length = 0; length < payload.length; length++) expect(() => decodeHistogram(payload.subarray(0, length))).toThrow(DecodeError);
    const fuzz = new SeededRandom(FUZZ_SEED);
    for (let round = 0; round < fuzzRounds(20_000); round++) {
      const bytes = mutate(fuzz.pick(payloads), fuzz);
      try {
        decodeHistogram(bytes);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(bytes).toString('hex')}: ${String(error)}`, { cause: error });
      }
    }
  });
});

interface TestSample {
  readonly value: number | FloatHistogram;
  readonly startMs: number;
}

function encodeColumn(samples: readonly TestSample[]): Uint8Array {
  const payloads: Uint8Array[] = [];
  // Something before and behind: a column is a stretch of an array.
  const values = new Float64Array(samples.length + 4).fill(7);
  const bits = new Uint32Array(values.buffer);
  const startsMs = samples.some(({ startMs }) => startMs !== 0) ? new Float64Array(samples.length + 4).fill(5) : undefined;
  samples.forEach(({ value, startMs }, i) => {
    if (typeof value === 'number') values[i + 2] = value;
    else bits.set([payloads.push(encodeHistogram(value, false)) - 1, HISTOGRAM_BITS_HIGH], (i + 2) * 2);
    if (startsMs !== undefined) startsMs[i + 2] = startMs;
  });
  const out = new ColumnWriter(1);
  encodeSampleColumn({ values, bits, payloads, startsMs }, 2, samples.length + 2, out);
  return out.written().slice();
}

function decodeColumn(bytes: Uint8Array, count: number): TestSample[] {
  const reader = new ByteReader(bytes);
  const { bits, payloads, startsMs } = decodeSampleColumn(reader, count);
  expect(reader.done).toBe(true);
  const values = new Float64Array(bits.buffer, bits.byteOffset, count);
  return Array.from({ length: count }, (_, i) => ({
    value: bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH ? decodeHistogram(payloads[bits[i * 2]!]!) : values[i]!,
    startMs: startsMs?.[i] ?? 0,
  }));
}

describe('a column', () => {
  const COLUMNS: Readonly<Record<string, readonly TestSample[]>> = {
    'of floats alone': [1, 2, 3].map((value) => ({ value, startMs: 0 })),
    'with one start': [1, 2, 3].map((value) => ({ value, startMs: 1.7e12 })),
    'whose start changes and is unknown between': [5, 6, 7, 8].map((value, i) => ({ value, startMs: [0, 1.7e12, 0, 1.7e12 + 5][i]! })),
    'with a start before 1970': [{ value: 1, startMs: -5 }],
    'of one histogram': [{ value: RANDOM[0]!, startMs: 0 }],
    'of histograms': RANDOM.map((value) => ({ value, startMs: 0 })),
    'of histograms with starts': RANDOM.map((value, i) => ({ value, startMs: Math.floor(i / 100) })),
    'of both kinds': RANDOM.map((value, i) => ({ value: i % 3 === 0 ? i : value, startMs: 0 })),
  };

  test.each(Object.keys(COLUMNS))('%s comes back', (name) => {
    const samples = COLUMNS[name]!;
    expect(decodeColumn(encodeColumn(samples), samples.length)).toEqual(samples);
  });

  test('of floats alone is a column of values', () => {
    expect(isPlainColumn(new ByteReader(encodeColumn(COLUMNS['of floats alone']!)))).toBe(true);
    expect(isPlainColumn(new ByteReader(encodeColumn(COLUMNS['of one histogram']!)))).toBe(false);
    expect(isPlainColumn(new ByteReader(encodeColumn(COLUMNS['with one start']!)))).toBe(false);
  });

  test('reading leaves its bytes as they are, whatever kind of array holds them', () => {
    const bytes = Buffer.from(encodeColumn(COLUMNS['of histograms']!));
    const before = Buffer.from(bytes);
    decodeColumn(bytes, RANDOM.length);
    expect(bytes.equals(before)).toBe(true);
  });

  test('cut off anywhere, and damaged: a DecodeError or some column', { timeout: 60_000 }, () => {
    const originals = Object.values(COLUMNS).map((samples) => ({ count: Math.min(samples.length, 30), bytes: encodeColumn(samples.slice(0, 30)) }));
    for (const { count, bytes } of originals) {
      for (let length = 0; length < bytes.length; length += bytes.length > 500 ? 17 : 1) {
        expect(() => decodeSampleColumn(new ByteReader(bytes, 0, length), count), `${length} of ${bytes.length}`).toThrow(DecodeError);
      }
    }
    const fuzz = new SeededRandom(FUZZ_SEED);
    for (let round = 0; round < fuzzRounds(20_000); round++) {
      const { count, bytes } = fuzz.pick(originals);
      const damaged = mutate(bytes, fuzz);
      try {
        expect(decodeSampleColumn(new ByteReader(damaged), count).bits.length).toBe(count * 2);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(damaged).toString('hex')}: ${String(error)}`, { cause: error });
      }
    }
  });
});
