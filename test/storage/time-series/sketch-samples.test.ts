import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QuantileSketch } from '../../../storage/model/quantile-sketch.ts';
import { addSketchEntry, sketchEntries } from '../../../storage/time-series/sketch-samples.ts';

const number = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, Infinity, -Infinity, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 1, -1));

test('a sketch is what its entries say, of which there are no more than values', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(number, fc.integer({ min: 1, max: 2 ** 31 })), { maxLength: 50 }), (values) => {
      const sketch = new QuantileSketch();
      for (const [value, times] of values) sketch.add(value, times);
      const entries = sketchEntries(sketch);
      expect(entries.length).toBeLessThanOrEqual(values.length);
      for (const entry of entries) expect(Number.isSafeInteger(entry)).toBe(true);
      const back = new QuantileSketch();
      for (const entry of entries) addSketchEntry(back, entry);
      expect(back).toEqual(sketch);
      // Sketches add up entry by entry.
      for (const entry of entries) addSketchEntry(back, entry);
      sketch.merge(Object.assign(new QuantileSketch(), structuredClone(sketch)));
      expect(back.count).toBe(sketch.count);
      expect(back.quantile(0.9)).toBe(sketch.quantile(0.9));
    }),
  );
});
