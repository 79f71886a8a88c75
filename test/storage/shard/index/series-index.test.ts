import { expect, test } from 'vitest';
import { compileMatcher } from '../../../../storage/model/compile-matcher.ts';
import { compareLabels, labelsFrom, labelValue, type Labels } from '../../../../storage/model/labels.ts';
import type { Matcher, MatchType } from '../../../../storage/model/matcher.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const NAMES = ['__name__', 'job', 'Z', 'é', '\u{1f600}', '\ue000'];
const VALUES = ['a', 'b', 'ab', 'A', '1', '\u{1f600}', '\ue000', 'job', 'x y', '\n'];
const PATTERNS = ['', 'a', 'a|b', 'a|', '.*', '.+', 'a.*', '[ab]+', '(a|b)(b)?', '(?i)a', '.', 'zzz', 'a|a', '\\d'];

function randomLabels(random: SeededRandom): Labels {
  return labelsFrom(NAMES.filter(() => random.below(3) > 0).map((name) => [name, random.pick(VALUES)] as const));
}

function randomMatcher(random: SeededRandom): Matcher {
  const type = random.pick<MatchType>(['=', '!=', '=~', '!~']);
  const value = type === '=' || type === '!=' ? random.pick([...VALUES, '', 'none']) : random.pick(PATTERNS);
  return { name: random.pick([...NAMES, 'absent']), type, value };
}

function matches(labels: Labels, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => compileMatcher(matcher)(labelValue(labels, matcher.name)));
}

function distinct(random: SeededRandom, count: number): Labels[] {
  return [...new Map(Array.from({ length: count }, () => randomLabels(random)).map((labels) => [JSON.stringify(labels), labels])).values()];
}

test('series are in the order of their labels, those with texts that came behind the ranking too', () => {
  const random = new SeededRandom(2);
  for (let round = 0; round < 20; round++) {
    const index = new SeriesIndex();
    const all = distinct(random, 200);
    const some = random.below(all.length);
    for (const labels of all.slice(0, some)) index.add(labels);
    index.rankSymbols();
    const added = all.slice(some).map((labels) => [...labels, 'zz', `new ${random.below(1000)}`]);
    for (const labels of added) index.add(labels);
    const wanted = [...all.slice(0, some), ...added].sort(compareLabels);
    expect(Array.from(index.labelOrder().refs, (ref) => index.labelsOf(ref))).toEqual(wanted);
  }
});

test('select, order, names and values are those of a plain list', { timeout: 30_000 }, () => {
  const random = new SeededRandom(1);
  let found = 0;
  for (let round = 0; round < 20; round++) {
    const index = new SeriesIndex();
    const all = distinct(random, random.pick([1, 20, 300]));
    const ordered = (refs: readonly number[]): Labels[] => [...refs].map((ref) => all[ref]!).sort(compareLabels);
    const half = all.length >> 1;
    for (const labels of all.slice(0, half)) index.add(labels);
    // Sorting in between: the later half is merged into an order that exists.
    expect(index.sortByLabels(index.select([])).map((ref) => all[ref])).toEqual(all.slice(0, half).sort(compareLabels));
    for (const labels of all.slice(half)) index.add(labels);
    for (let i = 0; i < 50; i++) {
      const matchers = Array.from({ length: random.below(4) }, () => randomMatcher(random));
      const refs = index.select(matchers);
      const wanted = all.filter((labels) => matches(labels, matchers)).sort(compareLabels);
      found += wanted.length;
      expect(ordered(refs), JSON.stringify(matchers)).toEqual(wanted);
      expect(index.sortByLabels(refs).map((ref) => index.labelsOf(ref))).toEqual(wanted);
      const names = new Set(wanted.flatMap((labels) => labels.filter((_, at) => at % 2 === 0)));
      expect(index.labelNames(refs).sort()).toEqual([...names].sort());
      const name = random.pick(NAMES);
      const values = new Set(wanted.map((labels) => labelValue(labels, name)).filter((value) => value !== ''));
      expect(index.labelValues(name, refs).sort()).toEqual([...values].sort());
    }
    expect(index.labelNames(undefined).sort()).toEqual([...new Set(all.flatMap((labels) => labels.filter((_, at) => at % 2 === 0)))].sort());
    all.forEach((labels, ref) => expect(index.metricNameOf(ref)).toBe(labelValue(labels, '__name__')));
  }
  expect(found).toBeGreaterThan(500);
});

test('whether a series lies behind others is what comparing says', () => {
  const random = new SeededRandom(2);
  const index = new SeriesIndex();
  const all = distinct(random, 200);
  for (const labels of all) index.add(labels);
  for (const other of [...all, [], randomLabels(random)]) {
    all.forEach((labels, ref) => expect(index.isBehind(ref, other)).toBe(compareLabels(labels, other) > 0));
  }
});

test('an answer is the asker’s own: changing it changes nothing', () => {
  const index = new SeriesIndex();
  index.add(['__name__', 'a']);
  index.add(['__name__', 'b']);
  const job: Matcher = { name: '__name__', type: '=', value: 'a' };
  index.select([job]).push(99);
  index.select([]).push(99);
  expect(index.select([job])).toEqual([0]);
  expect(index.select([])).toEqual([0, 1]);
});

test('many series and long label sets', () => {
  const index = new SeriesIndex();
  for (let i = 0; i < 20_000; i++) index.add(['__name__', 'm', 'i', String(i), 'mod', String(i % 7)]);
  expect(index.select([{ name: 'i', type: '=', value: '19999' }])).toEqual([19_999]);
  expect(index.select([{ name: 'mod', type: '!=', value: '3' }]).length).toBe(20_000 - Math.ceil((20_000 - 3) / 7));
  expect(index.select([{ name: 'i', type: '=~', value: '1|2|3' }, { name: 'mod', type: '=', value: '2' }])).toEqual([2]);
});
