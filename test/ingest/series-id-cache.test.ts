import { expect, test } from 'vitest';
import { ByteKeys, UNKNOWN } from '../../ingest/byte-keys.ts';
import { SeriesIdCache, SeriesIdColumns } from '../../ingest/series-id-cache.ts';
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

test('bytes that are zeros, minus zeros or no numbers as doubles are compared as bytes', () => {
  const bytesOf = (...words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  const runs = [bytesOf(0, 0), bytesOf(0, 0x80000000), bytesOf(1, 0x7ff00000), bytesOf(2, 0x7ff00000), bytesOf(0, 0x7ff80000), bytesOf(0, 0x7ff80000, 0, 0), bytesOf(0, 0x7ff80000, 0, 0x80000000), bytesOf(7, 7, 0, 0), bytesOf(7, 7, 0, 0x80000000)];
  const keys = new ByteKeys(100, 10_000);
  const hasher = hashers[0]!;
  const numbersOf = (): number[] => {
    keys.begin(hasher);
    return runs.map((run) => {
      const view = new DataView(run.buffer);
      const known = keys.find(view, 0, run.length);
      return known === UNKNOWN ? keys.add(view, 0, run.length, hasher.words) : known;
    });
  };
  const numbers = numbersOf();
  expect(new Set(numbers).size).toBe(runs.length);
  expect(numbersOf()).toEqual(numbers);
  // The guess is the run that followed: each of them asked for in the place of each other.
  const number = new Map(runs.map((run, i) => [run, numbers[i]!]));
  for (const before of runs) {
    for (const run of runs) {
      for (const asked of [before, run]) expect(keys.find(new DataView(asked.buffer), 0, asked.length)).toBe(number.get(asked));
    }
  }
});
