import fc from 'fast-check';
import { EMPTY_HISTOGRAM, type FloatHistogram } from '../../storage/model/histogram.ts';
import { labelsFrom, type Labels } from '../../storage/model/labels.ts';
import { TIMESTAMP_MS_MAX } from '../../storage/chunk/index.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../storage/model/sample.ts';
import { seededRandom, randomExponential } from '../storage/model/random-histogram.ts';

/** Values that a series may have, of every kind that a codec treats in its own way, as bits: two words each, the low one first. */
export function valueBits(constraints: { readonly minLength?: number; readonly maxLength?: number } = {}): fc.Arbitrary<Uint32Array> {
  const { minLength = 1, maxLength = 60 } = constraints;
  const length = { minLength, maxLength };
  const words = fc.uint32Array({ minLength: minLength * 2, maxLength: maxLength * 2 }).map((bits) => bits.slice(0, bits.length - (bits.length % 2)));
  const numbers = (value: fc.Arbitrary<number>): fc.Arbitrary<Uint32Array> => fc.array(value, length).map((values) => new Uint32Array(Float64Array.from(values).buffer));
  const steps = (step: fc.Arbitrary<number>): fc.Arbitrary<Uint32Array> =>
    fc.array(step, length).map((changes) => {
      let at = 0;
      return new Uint32Array(Float64Array.from(changes, (change) => (at += change)).buffer);
    });
  const anyColumn = fc.oneof(
    words,
    numbers(fc.double()),
    numbers(fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity, 2 ** 51, -(2 ** 51), 2 ** 53, 5e-324, 1e300)),
    numbers(fc.integer()),
    numbers(fc.record({ integer: fc.maxSafeInteger(), exponent: fc.nat(12) }).map(({ integer, exponent }) => integer / 10 ** exponent)),
    steps(fc.integer({ min: 0, max: 1000 })),
    steps(fc.double({ min: -1, max: 1, noNaN: true })),
    fc.tuple(fc.double(), fc.integer({ min: minLength, max: maxLength })).map(([value, count]) => new Uint32Array(new Float64Array(count).fill(value).buffer)),
  );
  // Some values are replaced by stale markers, and some by what is out of the column's line.
  const odd = fc.constantFrom([STALE_BITS_LOW, STALE_BITS_HIGH], [0, 0x7ff80000], [0, 0x80000000], [0xdeadbeef, 0x40091234]);
  return fc.tuple(anyColumn, fc.array(fc.tuple(fc.nat(maxLength), odd), { maxLength: 4 })).map(([bits, replaced]) => {
    const column = bits.slice();
    for (const [at, value] of replaced) if (at * 2 < column.length) column.set(value, at * 2);
    return column;
  });
}

export const anyTimestampMs = fc.oneof(fc.integer({ min: -TIMESTAMP_MS_MAX, max: TIMESTAMP_MS_MAX }), fc.integer({ min: 0, max: 1000 }), fc.constantFrom(-TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX));

/** Whole milliseconds, rising: scrapes on time, late ones, and any at all. */
export function risingTimes(constraints: { readonly minLength?: number; readonly maxLength?: number } = {}): fc.Arbitrary<Float64Array> {
  const { minLength = 1, maxLength = 60 } = constraints;
  const any = fc.uniqueArray(anyTimestampMs, { minLength, maxLength }).map((times) => Float64Array.from(times).sort());
  const scraped = fc.tuple(fc.integer({ min: 0, max: 2e12 }), fc.array(fc.oneof(fc.constant(15_000), fc.integer({ min: 1, max: 60_000 })), { minLength, maxLength })).map(([startMs, gaps]) => {
    let at = startMs;
    return Float64Array.from(gaps, (gap) => (at += gap));
  });
  return fc.oneof(any, scraped);
}

const anyText = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.toWellFormed());

/** Any Unicode in names and values. */
export const anyLabels: fc.Arbitrary<Labels> = fc
  .dictionary(anyText.filter((name) => name !== ''), anyText.filter((value) => value !== ''), { maxKeys: 5 })
  .map((pairs) => labelsFrom(pairs));

export const anyHistogram: fc.Arbitrary<FloatHistogram> = fc.oneof(
  fc.integer().map((seed) => randomExponential(seededRandom(seed))),
  fc.tuple(fc.double(), fc.double({ min: 0 })).map(([sum, count]) => ({ ...EMPTY_HISTOGRAM, sum, count })),
);
