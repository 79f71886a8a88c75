import { expect, test } from 'vitest';
import type { Matcher } from '../../../../storage/model/matcher.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { orSelectionRefused, SelectionWork } from '../../../../storage/shard/select/selection-work.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const SERIES = 6000;

function filled(): SeriesIndex {
  const index = new SeriesIndex();
  for (let i = 0; i < SERIES; i++) index.add(['__name__', 'up', 'host', `h${i}`, 'zone', `z${i % 10}`]);
  return index;
}

const index = filled();
const is = (name: string, type: Matcher['type'], value: string): Matcher => ({ name, type, value });
const many = (matcher: Matcher): (readonly Matcher[])[] => Array.from({ length: 1000 }, () => [matcher]);

test('a series that several selectors select is there once', () => {
  const refs = index.selectAny([[is('host', '=~', 'h1?')], [is('host', '=', 'h1')], [is('host', '=', 'h7'), is('zone', '=', 'z7')], [is('host', '=', 'h7'), is('zone', '=', 'z1')]]);
  expect([...refs]).toEqual([1, 7]);
});

test('a thousand selectors that look at little are no work, those that look at everything are refused', () => {
  const f = (matcher: Matcher, isRefused = false): void => {
    const answer = orSelectionRefused(() => index.selectAny(many(matcher)));
    const refused = { status: 'refused', limit: false, message: expect.stringContaining(`selectionSeriesMax is ${LIMITS.selectionSeriesMax}`) as string };
    if (isRefused) expect(answer, JSON.stringify(matcher)).toEqual(refused);
    else expect(answer, JSON.stringify(matcher)).toBeInstanceOf(Set);
  };
  f(is('host', '=', 'h1'));
  f(is('zone', '=', 'z1'));
  f(is('zone', '=~', 'z1|z2'));
  // The end of a text takes as long, whatever the value.
  f(is('host', '=~', '.+x'));
  f(is('host', '!=', ''), true);
  f(is('job', '!=', 'x'), true);
  f(is('zone', '!=', 'z1'), true);
});

test('what a pattern takes is by the length of the values, where it has to look at all of them', () => {
  const values = new SeriesIndex();
  for (let i = 0; i < 1000; i++) values.add(['__name__', 'up', 'short', `${i}`, 'long', `${i}${'x'.repeat(2000)}`]);
  const f = (pattern: string, isRefusedOfLong: boolean): void => {
    const select = (name: string) => orSelectionRefused(() => values.select([is(name, '=~', pattern)], new SelectionWork({ selectionSeriesMax: 1e6, selectionMatchWorkMax: 2_000_000 })));
    expect([pattern, select('short')]).toEqual([pattern, []]);
    if (isRefusedOfLong) expect(select('long')).toMatchObject({ status: 'refused' });
    else expect([pattern, select('long')]).toEqual([pattern, []]);
  };
  f('.+y', false);
  f('.*yy.*', true);
  f('[0-9]+x+y', true);
  f('([0-9]|x)*(y|z).*', true);
});

test('a pattern for which the engine makes ever new states is refused long before one that is as large and usual', () => {
  const random = new SeededRandom(4);
  const values = new SeriesIndex();
  for (let i = 0; i < 2000; i++) values.add(['__name__', 'up', 'pod', `${random.pick(['api', 'web', 'db'])}-${random.below(2 ** 31).toString(36)}-${random.below(2 ** 31).toString(36)}-${i}`]);
  const select = (type: Matcher['type'], value: string) => orSelectionRefused(() => values.select([is('__name__', '=', 'up'), is('pod', type, value)], new SelectionWork({ selectionSeriesMax: 1e6, selectionMatchWorkMax: 10_000_000 })));
  const refused = { status: 'refused', limit: false, message: expect.stringContaining('selectionMatchWorkMax is 10000000') as string };
  const usual = '.*(api|web)-[a-z]+[0-9a-z]*-.*[0-9]+';
  const hostile = '([a-m]|[h-z]|[0-9-])*[aeiou1-5][a-z0-9-]{20}';
  // As postings and as a filter.
  expect(select('=~', usual)).toHaveProperty('length');
  expect(select('!~', usual)).toHaveProperty('length');
  expect(select('=~', hostile)).toEqual(refused);
  expect(select('!~', hostile)).toEqual(refused);
});

test('selecting is bounded call by call', () => {
  const work = new SelectionWork();
  work.see(LIMITS.selectionSeriesMax);
  work.test(LIMITS.selectionMatchWorkMax / 100, LIMITS.selectionMatchWorkMax / 20, { perValue: 50, perCharacter: 10 });
  expect(() => work.see(1)).toThrow('selectionSeriesMax');
  expect(() => work.test(1, 0, { perValue: 1, perCharacter: 0 })).toThrow('selectionMatchWorkMax');
  expect(() => work.tested(1)).toThrow('selectionMatchWorkMax');
  expect(() => orSelectionRefused(() => { throw new Error('something else'); })).toThrow('something else');
});
