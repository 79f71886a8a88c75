import { describe, expect, test } from 'vitest';
import { LabelSorter } from '../../../../storage/shard/index/label-order.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

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

/** The most that one step compares, of so many. */
function mostOf(steps: number, { sorter, counts }: Pick<ReturnType<typeof sorterOf>, 'sorter' | 'counts'>, before: () => void = () => {}): number {
  let most = 0;
  for (let step = 0; step < steps; step++) {
    before();
    counts.compared = 0;
    sorter.step();
    most = Math.max(most, counts.compared);
  }
  counts.compared = 0;
  return most;
}

/** Sorting 4,096 series and the comparisons of a merge, one series too many at the most. */
const STEP_MAX = 4096 * 13 + 34_000;

test('a step with each batch leaves little to do, and the steps behind them nothing', () => {
  const count = 100_000;
  const keys = new SeededRandom(7).shuffle(Array.from({ length: count }, (_, i) => i));
  for (const idle of [0, 20]) {
    const { refs, counts, sorter } = sorterOf(keys);
    const most = mostOf(100, { sorter, counts }, () => {
      for (let i = 0; i < 1_000; i++) refs.push(refs.length);
    });
    expect(most).toBeLessThan(STEP_MAX);
    expect(mostOf(idle, { sorter, counts })).toBeLessThan(STEP_MAX);
    // Sorting all of them at once takes sixteen for each.
    expect(Array.from(sorter.sorted(), (ref) => keys[ref]!)).toEqual(keys.toSorted((a, b) => a - b));
    expect(counts.compared / count).toBeLessThan(idle === 0 ? 2.5 : 0.001);
  }
});

test('what was there before there were steps is sorted by them', () => {
  const count = 50_000;
  const keys = new SeededRandom(8).shuffle(Array.from({ length: count }, (_, i) => i));
  const { refs, counts, sorter } = sorterOf(keys);
  for (let ref = 0; ref < count; ref++) refs.push(ref);
  expect(mostOf(40, { sorter, counts })).toBeLessThan(STEP_MAX);
  expect(Array.from(sorter.sorted(), (ref) => keys[ref]!)).toEqual(keys.toSorted((a, b) => a - b));
  expect(counts.compared).toBe(0);
});

test('none', () => {
  const { sorter } = sorterOf([]);
  sorter.step();
  expect([...sorter.sorted()]).toEqual([]);
});
