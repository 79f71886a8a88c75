import { expect, test } from 'vitest';
import { SeriesIdCache, SeriesIdColumns, UNKNOWN } from '../../ingest/series-id-cache.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const hashers = [1, 2].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill)));

/** The id of label bytes, as far as these tests go: what no other bytes and no other tenant have. */
function idOf(tenant: number, text: string): Uint32Array {
  let sum = tenant;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0;
  return Uint32Array.of(tenant, sum, text.length);
}

/** One request: looks every series up, adds what is not known, and checks each id. Answers how many were known. */
function ask(cache: SeriesIdCache, tenant: number, series: readonly string[]): number {
  const hasher = hashers[tenant]!;
  const columns = new SeriesIdColumns();
  let known = 0;
  cache.begin(hasher);
  // At a changing offset: bytes are compared in words.
  const padding = ' '.repeat(series.length % 5);
  const bytes = new TextEncoder().encode(padding + series.join(''));
  const view = new DataView(bytes.buffer);
  let start = padding.length;
  for (const text of series) {
    const end = start + text.length;
    const entry = cache.find(view, start, end);
    if (entry === UNKNOWN) cache.add(view, start, end, hasher.words.slice(), idOf(tenant, text));
    else {
      known++;
      cache.copyId(entry, columns, 3);
      const got = [columns.low[3], columns.high[3], columns.check[3]];
      const wanted = [...idOf(tenant, text)];
      if (got.join() !== wanted.join()) throw new Error(`${text}: got ${got.join()}, want ${wanted.join()}`);
    }
    start = end;
  }
  return known;
}

const SERIES = Array.from({ length: 100 }, (_, i) => `series ${'x'.repeat(i % 37)}${i}`);

test('what was added is known, in the same order, in another, with others in between', () => {
  const cache = new SeriesIdCache(1000, 100_000);
  expect(ask(cache, 0, SERIES)).toBe(0);
  expect(ask(cache, 0, SERIES)).toBe(100);
  expect(ask(cache, 0, [...SERIES].reverse())).toBe(100);
  expect(ask(cache, 0, SERIES.flatMap((text, i) => [text, `new ${i}`]))).toBe(100);
  expect(ask(cache, 0, SERIES)).toBe(100);
});

test('series that differ in one byte, in length or hardly at all are not taken for each other', () => {
  const cache = new SeriesIdCache(1000, 100_000);
  const base = 'a'.repeat(40);
  const close = [base, ...Array.from({ length: 40 }, (_, i) => `${base.slice(0, i)}b${base.slice(i + 1)}`), base.slice(1), `${base}a`, ''];
  for (const text of close) {
    ask(cache, 0, ['first', base]);
    ask(cache, 0, ['first', text]);
  }
  expect(ask(cache, 0, close)).toBe(close.length);
});

test('the same bytes of another tenant are another series', () => {
  const cache = new SeriesIdCache(1000, 100_000);
  ask(cache, 0, SERIES);
  expect(ask(cache, 1, SERIES)).toBe(0);
  expect(ask(cache, 0, SERIES)).toBe(100);
  expect(ask(cache, 1, SERIES)).toBe(100);
});

test('without room for bytes the hash decides', () => {
  const cache = new SeriesIdCache(1000, 50);
  ask(cache, 0, SERIES);
  expect(ask(cache, 0, SERIES)).toBe(100);
});

test('a full cache keeps what it has, forgets it when it is of no use any more, and never errs', () => {
  const cache = new SeriesIdCache(200, 3000);
  ask(cache, 0, SERIES);
  const churn = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `churn ${from + i}`);
  ask(cache, 0, churn(0, 150));
  expect(ask(cache, 0, SERIES)).toBe(100);
  for (let round = 1; round < 10; round++) ask(cache, 0, churn(round * 1000, 150));
  const random = new SeededRandom(1);
  for (let round = 0; round < 300; round++) {
    ask(cache, random.below(2), Array.from({ length: random.below(60) }, () => (random.oneIn(3) ? `churn ${random.below(1000)}` : random.pick(SERIES))));
  }
  ask(cache, 0, SERIES);
  ask(cache, 0, SERIES);
});

test('it grows', () => {
  const cache = new SeriesIdCache(50_000, 10_000_000);
  const many = Array.from({ length: 20_000 }, (_, i) => `many-${i}`);
  expect(ask(cache, 0, many)).toBe(0);
  expect(ask(cache, 0, many)).toBe(20_000);
});
