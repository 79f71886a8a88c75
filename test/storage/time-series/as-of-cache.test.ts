import { expect, test } from 'vitest';
import { AsOfCache } from '../../../storage/time-series/as-of-cache.ts';
import type { StoredValue } from '../../../storage/time-series/value.ts';

const text = (length: number): StoredValue => ({ kind: 'document', text: 'x'.repeat(length) });

test('an answer that comes twice takes the room of one', () => {
  const cache = new AsOfCache(1000);
  cache.set('other', 1, text(100));
  for (let i = 0; i < 20; i++) cache.set('key', 7, text(200));
  expect(cache.get('key', 7)).toEqual({ value: text(200) });
  expect(cache.get('other', 1)).toEqual({ value: text(100) });
});

test('what may have changed is forgotten, and so is what was asked for longest ago', () => {
  const cache = new AsOfCache(1000);
  for (const timeMs of [1, 2, 3]) cache.set('key', timeMs, undefined);
  cache.forgetFrom('key', 2);
  expect([1, 2, 3].map((timeMs) => cache.get('key', timeMs))).toEqual([{ value: undefined }, undefined, undefined]);
  cache.set('large', 1, text(900));
  expect(cache.get('key', 1)).toBeUndefined();
  expect(cache.get('large', 1)).toEqual({ value: text(900) });
});
