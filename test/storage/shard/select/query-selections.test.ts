import { expect, test } from 'vitest';
import type { Matcher } from '../../../../storage/model/matcher.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { QuerySelections } from '../../../../storage/shard/select/query-selections.ts';

const SERIES = 10_000;

/** The parts of a registry, whose index counts how often it is asked. */
class Registry {
  generation = 1;
  selects = 0;
  index = this.filled(SERIES);

  filled(count: number): SeriesIndex {
    const index = new SeriesIndex();
    for (let i = 0; i < count; i++) index.add(['__name__', 'up', 'host', `h${String(i).padStart(6, '0')}`, 'zone', `z${i % 10}`]);
    const select = index.select.bind(index);
    index.select = (matchers, work) => {
      this.selects++;
      return select(matchers, work);
    };
    return index;
  }
}

const is = (name: string, type: Matcher['type'], value: string): Matcher => ({ name, type, value });
const ALL = [is('zone', '!=', 'none')];

test('what a query selects is found once for all of its pages, in label order, and as it was at the first', () => {
  const [registry, selections] = [new Registry(), new QuerySelections()];
  const select = (query: string | undefined, matchers = ALL) => selections.refs(registry, query === undefined ? { matchers } : { query, matchers });
  const first = select('a');
  expect(first).toEqual(Array.from({ length: SERIES }, (_, i) => i));
  registry.index.add(['__name__', 'up', 'host', 'a', 'zone', 'z1']);
  expect(select('a')).toBe(first);
  expect(registry.selects).toBe(1);
  // Another query has the series that came, first in order.
  expect([select('b').length, select('b')[0]]).toEqual([SERIES + 1, SERIES]);
  expect(select('a', [is('zone', '=', 'z1')])).toHaveLength(SERIES / 10 + 1);
  expect(registry.selects).toBe(3);
  for (let i = 0; i < 3; i++) expect(select(undefined)).toHaveLength(SERIES + 1);
  expect(registry.selects).toBe(6);
});

test('refs that have been given anew, and what has been forgotten, are found again', () => {
  const [registry, selections] = [new Registry(), new QuerySelections()];
  const select = () => selections.refs(registry, { query: 'a', matchers: ALL });
  select();
  registry.index = registry.filled(7);
  registry.generation++;
  expect(select()).toHaveLength(7);
  select();
  expect(registry.selects).toBe(2);
  selections.forget({ query: 'a', matchers: ALL });
  select();
  expect(registry.selects).toBe(3);
  // More than are kept between pages.
  for (let i = 0; i < 50; i++) selections.refs(registry, { query: `other ${i}`, matchers: ALL });
  registry.index = registry.filled(SERIES);
  registry.generation++;
  for (let i = 0; i < 50; i++) selections.refs(registry, { query: `other ${i}`, matchers: ALL });
  registry.selects = 0;
  select();
  expect(registry.selects).toBe(1);
});

test('work counts over the selectors of a query, and of no other one', () => {
  const [registry, selections] = [new Registry(), new QuerySelections()];
  // Each looks at all series and puts them into an order.
  const selectors = (query: string, count: number): void => {
    for (let i = 0; i < count; i++) selections.refs(registry, { query, matchers: [is('zone', '!=', `none ${i}`)] });
  };
  const most = LIMITS.selectionSeriesMax / SERIES / 2;
  selectors('a', most);
  // Pages of what is kept are no work.
  for (let page = 0; page < most * 2; page++) selectors('b', 1);
  expect(() => selectors('a', most)).toThrow(`selectionSeriesMax is ${LIMITS.selectionSeriesMax}`);
  selectors('b', most / 10);
});
