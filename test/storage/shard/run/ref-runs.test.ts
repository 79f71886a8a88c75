import { expect, test } from 'vitest';
import { coarseRuns, decodeRefRuns, encodeRefRuns, refRunsOf, runsHold } from '../../../../storage/shard/run/ref-runs.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { expectDamageNoticed } from '../every-bit.ts';

function read(buffer: ArrayBuffer): number[] {
  return [...decodeRefRuns(buffer, 'refs of segment 1')];
}

test('a set is its runs', () => {
  const runs = (...refs: number[]): number[] => [...refRunsOf(refs)];
  expect(runs()).toEqual([]);
  expect(runs(3)).toEqual([3, 4]);
  expect(runs(2, 0, 1, 1)).toEqual([0, 3]);
  expect(runs(9, 0, 1, 5, 4)).toEqual([0, 2, 4, 6, 9, 10]);
});

test('what runs hold is what was put in; coarse ones hold it too, in fewer runs', () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 50; round++) {
    const refs = new Set(Array.from({ length: random.below(200) }, () => random.below(random.pick([50, 500, 5000]))));
    const runs = refRunsOf([...refs]);
    const coarse = coarseRuns(runs, 8);
    expect(coarse.length / 2).toBeLessThanOrEqual(8);
    for (let ref = 0; ref < 5000; ref++) {
      expect(runsHold(runs, ref)).toBe(refs.has(ref));
      if (refs.has(ref)) expect(runsHold(coarse, ref)).toBe(true);
    }
    expect(read(encodeRefRuns(runs).buffer as ArrayBuffer)).toEqual([...runs]);
  }
});

test('any damage is noticed', () => {
  expectDamageNoticed(encodeRefRuns(refRunsOf([1, 2, 3, 700, 701, 9000])), read);
});
