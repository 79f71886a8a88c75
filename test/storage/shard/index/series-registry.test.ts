import { expect, test } from 'vitest';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import type { SeriesDefinition } from '../../../../storage/shard/index/series-block.ts';
import { SeriesRegistry } from '../../../../storage/shard/index/series-registry.ts';
import { migrate } from '../../../../storage/shard/shard-schema.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { idOf, named } from '../batches.ts';

function definition(i: string): SeriesDefinition {
  const labels = named('m', { i });
  const [low, high, check] = idOf(labels);
  return { low, high, check, labels };
}

/** Registries over one database: each `open` is a restart. */
function registry(): { readonly open: () => SeriesRegistry; readonly add: (to: SeriesRegistry, ...names: string[]) => void; readonly seriesOf: (of: SeriesRegistry) => string[] } {
  const sql = new NodeSql();
  migrate(sql);
  return {
    open: () => new SeriesRegistry(sql, LIMITS),
    add: (to, ...names) => {
      const added = names.map(definition);
      to.add(added);
      to.write();
    },
    seriesOf: ({ table, index }) => [...table.ids()].map(({ ref }) => `${ref} ${index.labelsOf(ref).at(-1)}`),
  };
}

test('refs of series that are gone are given again, the least first, and the first of all is one of them', () => {
  const { open, add, seriesOf } = registry();
  const series = open();
  add(series, 'a', 'b', 'c', 'd', 'e');
  series.writeWithout((ref) => ref !== 0 && ref !== 3);
  series.reread();
  expect(seriesOf(series)).toEqual(['1 b', '2 c', '4 e']);
  expect([0, 1, 2, 3].map((position) => series.refOfNew(position))).toEqual([0, 3, 5, 6]);
  add(series, 'f');
  expect(series.refOfNew(0)).toBe(3);
  add(series, 'g', 'h');
  const all = ['0 f', '1 b', '2 c', '3 g', '4 e', '5 h'];
  expect(seriesOf(series)).toEqual(all);
  expect(seriesOf(open())).toEqual(all);
  expect(series.index.select([{ name: 'i', type: '=', value: 'f' }])).toEqual([0]);
});

test('where all series are gone, the next one is the first', () => {
  const { open, add, seriesOf } = registry();
  const series = open();
  add(series, 'a', 'b');
  series.writeWithout(() => false);
  series.reread();
  expect([series.count, series.refLimit]).toEqual([0, 0]);
  add(series, 'c');
  expect(seriesOf(series)).toEqual(['0 c']);
  expect(seriesOf(open())).toEqual(['0 c']);
});
