import { expect, test } from 'vitest';
import { SeriesTextCache } from '../../../ingest/import/series-text-cache.ts';

const utf8 = new TextEncoder();

class Cache {
  readonly cache: SeriesTextCache<string>;

  constructor(entriesMax: number, bytesMax: number) {
    this.cache = new SeriesTextCache(entriesMax, bytesMax);
  }

  add(text: string): void {
    this.cache.add(utf8.encode(text), 0, text.length, `value of ${text}`);
  }

  find(text: string): string | undefined {
    return this.cache.find(utf8.encode(` ${text} `), 1, text.length + 1);
  }
}

test('a text is found by its bytes, wherever they stand', () => {
  const cache = new Cache(10, 100);
  for (const text of ['a', 'b', 'ab']) cache.add(text);
  expect(['a', 'ab', 'b', 'ba', ''].map((text) => cache.find(text))).toEqual(['value of a', 'value of ab', 'value of b', undefined, undefined]);
});

test('it begins anew when it has too many texts, or when they or their values take too much', () => {
  const few = new Cache(2, 100);
  for (const text of ['a', 'b', 'c']) few.add(text);
  expect(['a', 'b', 'c'].map((text) => few.find(text))).toEqual([undefined, undefined, 'value of c']);
  const short = new Cache(10, 5);
  for (const text of ['aaa', 'bb', 'c']) short.add(text);
  expect(['aaa', 'bb', 'c'].map((text) => short.find(text))).toEqual([undefined, undefined, 'value of c']);
  const grown = new Cache(10, 100);
  grown.add('a');
  grown.cache.grow(99);
  expect(grown.find('a')).toBe('value of a');
  grown.cache.grow(1);
  expect(grown.find('a')).toBe(undefined);
});
