import { describe, expect, test } from 'vitest';
import { LabelSorter } from '../../../storage/shard/label-order.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

/** A sorter of refs by their keys, which counts how often it compares. */
function sorterOf(keys: readonly number[]) {
  const refs: number[] = [];
  const counts = { compared: 0 };
  const sorter = new LabelSorter(refs, (a, b) => {
    counts.compared++;
    return keys[a]! - keys[b]!;
  });
  return { refs, counts, sorter };
}

describe.each([1, 2, 3, 4, 5, 6])('seed %i', (seed) => {
  test('whatever comes between steps, and whenever the order is asked for, it is that of all that has come', () => {
    const random = new SeededRandom(seed);
    const keys = random.shuffle(Array.from({ length: 20_000 }, (_, i) => i));
    const { refs, sorter } = sorterOf(keys);
    while (refs.length < keys.length) {
      const end = Math.min(keys.length, refs.length + random.between(1, random.oneIn(5) ? 9_000 : 40));
      while (refs.length < end) refs.push(refs.length);
      for (let steps = random.below(3); steps > 0; steps--) sorter.step();
      if (random.oneIn(4)) expect([...sorter.sorted()]).toEqual(refs.toSorted((a, b) => keys[a]! - keys[b]!));
    }
    expect(Array.from(sorter.sorted(), (ref) => keys[ref]!)).toEqual(keys.toSorted((a, b) => a - b));
  });
});

test('a step with each batch leaves little to do', () => {
  const count = 64_000;
  const keys = new SeededRandom(7).shuffle(Array.from({ length: count }, (_, i) => i));
  const { refs, counts, sorter } = sorterOf(keys);
  let most = 0;
  while (refs.length < count) {
    for (let i = 0; i < 1_000; i++) refs.push(refs.length);
    counts.compared = 0;
    sorter.step();
    most = Math.max(most, counts.compared);
  }
  // The greatest merge; sorting all of them takes sixteen comparisons for each.
  expect(most).toBeLessThan(count * 1.5);
  counts.compared = 0;
  sorter.sorted();
  expect(counts.compared).toBeLessThan(count * 2);
});

test('what was there before there were steps is sorted by them', () => {
  const count = 50_000;
  const keys = new SeededRandom(8).shuffle(Array.from({ length: count }, (_, i) => i));
  const { refs, counts, sorter } = sorterOf(keys);
  for (let ref = 0; ref < count; ref++) refs.push(ref);
  let most = 0;
  for (let step = 0; step < 40; step++) {
    counts.compared = 0;
    sorter.step();
    most = Math.max(most, counts.compared);
  }
  expect(most).toBeLessThan(count * 1.5 + 4096 * 13);
  counts.compared = 0;
  expect(Array.from(sorter.sorted(), (ref) => keys[ref]!)).toEqual(keys.toSorted((a, b) => a - b));
  expect(counts.compared).toBeLessThan(count * 2);
});

test('none', () => {
  const { sorter } = sorterOf([]);
  sorter.step();
  expect([...sorter.sorted()]).toEqual([]);
});
