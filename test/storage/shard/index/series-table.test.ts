import { expect, test } from 'vitest';
import { COLLISION, NO_REF, SeriesTable } from '../../../../storage/shard/index/series-table.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

test('ids find their refs, also when all fall into one bucket and the table grows', () => {
  const random = new SeededRandom(1);
  const table = new SeriesTable();
  const ids = Array.from({ length: 20_000 }, (_, i) => [i % 4 === 0 ? 0xfffff : random.uint32(), i, random.uint32()] as const);
  ids.slice(0, 10_000).forEach(([low, high, check], ref) => expect(table.add(low, high, check)).toBe(ref));
  ids.forEach(([low, high, check], ref) => {
    if (table.find(low, high, check) !== (ref < 10_000 ? ref : NO_REF)) throw new Error(`ref ${ref}`);
  });
  expect(table.count).toBe(10_000);
});

test('the same low and high words with another check word are a collision, not the same series', () => {
  const table = new SeriesTable();
  table.add(1, 2, 3);
  expect(table.find(1, 2, 3)).toBe(0);
  expect(table.find(1, 2, 4)).toBe(COLLISION);
  expect(table.find(1, 3, 3)).toBe(NO_REF);
  expect(table.find(2, 2, 3)).toBe(NO_REF);
  expect(table.find(0, 0, 0)).toBe(NO_REF);
});

test('series are found in whatever order they are asked for, with gaps between the refs', () => {
  const random = new SeededRandom(2);
  const table = new SeriesTable();
  const ids = Array.from({ length: 3_000 }, (_, i) => ({ ref: i * 3 + random.below(3), low: random.uint32(), high: random.uint32(), check: random.uint32() }));
  for (const { ref, low, high, check } of random.shuffle([...ids])) table.add(low, high, check, ref);
  const find = (): number[] => ids.map(({ low, high, check }) => table.find(low, high, check));
  // Asked for in one order, its reverse, at random, and with ids between them that are not there.
  for (let round = 0; round < 2; round++) expect(find()).toEqual(ids.map(({ ref }) => ref));
  for (const { ref, low, high, check } of [...ids].reverse()) expect(table.find(low, high, check)).toBe(ref);
  for (let i = 0; i < 10_000; i++) {
    const { ref, low, high, check } = ids[random.below(ids.length)]!;
    expect(table.find(low, high, check)).toBe(ref);
    expect(table.find(low, high, check ^ 1)).toBe(COLLISION);
    expect(table.find(low, high ^ 1, check)).toBe(NO_REF);
  }
  expect([...table.ids()]).toEqual(ids);
});

test('a ref that no series has is no series, whatever its words would be', () => {
  const table = new SeriesTable();
  table.add(1, 2, 3, 0);
  table.add(4, 5, 6, 2);
  expect(table.find(1, 2, 3)).toBe(0);
  // The next guess is ref 1, which is free.
  expect(table.find(0xffffffff, 0xffffffff, 0xffffffff)).toBe(NO_REF);
  expect(table.find(0, 0, 0)).toBe(NO_REF);
});
