import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeSketch, mergeEncodedSketch } from '../../../storage/chunk/quantile-sketch-codec.ts';
import { quantileOfSorted } from '../../../storage/model/quantile.ts';
import { QuantileSketch, SKETCH_ERROR } from '../../../storage/model/quantile-sketch.ts';

/** Rounding on the way: logarithms of numbers, and powers of them. */
const ROUNDING = 1e-9;

const finite = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1000, max: 1000, noNaN: true }),
  fc.integer({ min: -50, max: 50 }),
);

function sketchOf(values: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

/** As its bytes, and back. */
function stored(sketch: QuantileSketch): QuantileSketch {
  const read = new QuantileSketch();
  mergeEncodedSketch(encodeSketch(sketch), read);
  return read;
}

describe('a sketch', () => {
  test('knows quantiles within its error, however it was put together', () => {
    fc.assert(
      fc.property(fc.array(fc.array(finite, { maxLength: 40 }), { minLength: 1, maxLength: 6 }), fc.double({ min: 0, max: 1, noNaN: true }), (parts, quantile) => {
        const values = Float64Array.from(parts.flat()).sort();
        fc.pre(values.length > 0);
        const merged = new QuantileSketch();
        for (const part of parts) merged.merge(stored(sketchOf(part)));
        expect(merged.count).toBe(values.length);
        const rank = quantile * (values.length - 1);
        const largest = Math.max(Math.abs(values[Math.floor(rank)]!), Math.abs(values[Math.min(values.length - 1, Math.floor(rank) + 1)]!));
        // Halves, so that the difference of two large numbers stays finite.
        const difference = Math.abs(merged.quantile(quantile) / 2 - quantileOfSorted(quantile, values) / 2);
        expect(difference).toBeLessThanOrEqual((largest / 2) * (SKETCH_ERROR + ROUNDING));
      }),
      { numRuns: 2000 },
    );
  });

  test('merged sketches are the sketch of all values', () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { maxLength: 50 }), fc.array(fc.double(), { maxLength: 50 }), (a, b) => {
        const merged = sketchOf(a);
        merged.merge(sketchOf(b));
        expect(encodeSketch(merged)).toEqual(encodeSketch(sketchOf([...a, ...b])));
        expect(encodeSketch(stored(merged))).toEqual(encodeSketch(merged));
      }),
    );
  });

  test('zeros, infinities and NaN are themselves', () => {
    const sketch = sketchOf([NaN, -Infinity, 0, -0, 0, Infinity]);
    expect(sketch.quantile(0)).toBeNaN();
    expect(sketch.quantile(0.2)).toBe(-Infinity);
    expect(sketch.quantile(0.6)).toBe(0);
    expect(sketch.quantile(0.9)).toBe(Infinity);
    expect(new QuantileSketch().quantile(0.5)).toBeNaN();
    expect(sketch.quantile(-1)).toBe(-Infinity);
    expect(sketch.quantile(2)).toBe(Infinity);
  });

  test('a quantile that is at a rank is the value there, whatever follows', () => {
    expect(sketchOf([Infinity]).quantile(0.5)).toBe(Infinity);
    expect(sketchOf([0, 0, Infinity]).quantile(0.5)).toBe(0);
    expect(sketchOf([-Infinity, Infinity]).quantile(0)).toBe(-Infinity);
  });

  test.each([Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE, 1, 1e-300])('%d stays finite and near', (value) => {
    const read = sketchOf([value]).quantile(0.5);
    expect(Math.abs(read - value)).toBeLessThanOrEqual(Math.abs(value) * (SKETCH_ERROR + ROUNDING));
  });

  test('bytes that are cut off, changed or too many are refused', () => {
    const bytes = encodeSketch(sketchOf([1, 2, 3, -4, 0]));
    for (let length = 0; length < bytes.length; length++) expect(() => mergeEncodedSketch(bytes.subarray(0, length), new QuantileSketch()), `${length}`).toThrow();
    expect(() => mergeEncodedSketch(Uint8Array.of(...bytes, 0), new QuantileSketch())).toThrow(/1 bytes too many/);
    expect(() => mergeEncodedSketch(Uint8Array.of(9, ...bytes.subarray(1)), new QuantileSketch())).toThrow(/version 9/);
  });
});
