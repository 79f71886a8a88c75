import { expect, test } from 'vitest';
import { BitPacker } from '../../../../storage/archive/parquet/hybrid-runs.ts';
import { ColumnWriter } from '../../../../storage/chunk/index.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

/** The run that the specification wants: whole groups of eight, the lowest bit first. */
function expected(values: readonly number[], width: number): number[] {
  const groups = Math.ceil(values.length / 8);
  const bytes = new Array<number>(groups * width).fill(0);
  values.forEach((value, i) => {
    for (let bit = 0; bit < width; bit++) if (((value >>> bit) & 1) === 1) bytes[(i * width + bit) >>> 3]! |= 1 << ((i * width + bit) & 7);
  });
  const header: number[] = [];
  for (let rest = groups * 2 + 1; ; rest >>>= 7) {
    if (rest < 0x80) return [...header, rest, ...bytes];
    header.push((rest & 0x7f) | 0x80);
  }
}

test('patterns that come often are packed as if one by one', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const width = random.between(1, 24);
    const packer = new BitPacker(width);
    const out = new ColumnWriter();
    for (let run = 0; run < 2; run++) {
      const values: number[] = [];
      for (let part = random.between(1, 6); part > 0; part--) {
        const pattern = Uint32Array.from({ length: random.between(1, 12) }, () => random.below(2 ** width));
        const length = random.between(1, pattern.length);
        const times = random.pick([0, 1, 2, 7, 8, 16, 31, 32, 33, 100, 240, 1000]);
        packer.repeat(pattern, length, times);
        for (let i = 0; i < times; i++) values.push(...pattern.subarray(0, length));
      }
      expect(packer.count).toBe(values.length);
      const start = out.length;
      packer.finish(out);
      expect([...out.written().subarray(start)], `seed ${seed}`).toEqual(expected(values, width));
    }
  }
});
