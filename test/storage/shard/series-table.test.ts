import { expect, test } from 'vitest';
import { COLLISION, NO_REF, SeriesTable } from '../../../storage/shard/series-table.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

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
