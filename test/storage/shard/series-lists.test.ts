import { expect, test } from 'vitest';
import { decodeListedMessage, encodeListedMessage } from '../../../storage/shard/listed-message.ts';
import type { BatchSamples } from '../../../storage/shard/append-message.ts';
import { SeriesLists } from '../../../storage/shard/series-lists.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const LIMITS = limitsWith({ seriesListSeriesMin: 2, seriesListRefsMax: 20 });

function lists(seed = 1, limits = LIMITS): SeriesLists {
  return new SeriesLists(new SeededRandom(seed), limits);
}

function refs(from: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => from + i);
}

/** One float a series. */
function batch(count: number): BatchSamples {
  return decodeListedMessage(encodeListedMessage(Uint32Array.of(0, 0, 0), count, new Float64Array(count), new Uint32Array(count * 2))).batch;
}

function keep(in_: SeriesLists, from: number, count: number, generation = 0): Uint32Array | undefined {
  return in_.keep(batch(count), refs(from, count), generation);
}

test('a list is found by its name, and by no other', () => {
  const kept = lists();
  const [a, b] = [keep(kept, 0, 5)!, keep(kept, 5, 5)!];
  expect([kept.find(a, 0), kept.find(b, 0)]).toEqual([refs(0, 5), refs(5, 5)]);
  expect(a).not.toEqual(b);
  for (let word = 0; word < 3; word++) {
    const other = a.slice();
    other[word]! ^= 0x40;
    expect(kept.find(other, 0)).toBeUndefined();
  }
  expect(kept.find(Uint32Array.of(0, 0, 0), 0)).toBeUndefined();
});

test('the same series have one name, whoever wants it; in another order they are another list', () => {
  const kept = lists();
  const name = keep(kept, 0, 5);
  expect(keep(kept, 0, 5)).toEqual(name);
  const turned = kept.keep(batch(5), refs(0, 5).reverse(), 0)!;
  expect(turned).not.toEqual(name);
  expect(kept.find(turned, 0)).toEqual(refs(0, 5).reverse());
});

test('another instance knows nothing of it, and gives other names', () => {
  const name = keep(lists(1), 0, 5)!;
  const successor = lists(2);
  expect(successor.find(name, 0)).toBeUndefined();
  expect(keep(successor, 0, 5)).not.toEqual(name);
  expect(successor.find(name, 0)).toBeUndefined();
});

test('when refs may have been given anew all lists are forgotten, and their names never come back', () => {
  const kept = lists();
  const name = keep(kept, 0, 5, 0)!;
  expect(kept.find(name, 1)).toBeUndefined();
  const later = keep(kept, 0, 5, 1)!;
  expect(later).not.toEqual(name);
  expect([kept.find(name, 1), kept.find(later, 1)]).toEqual([undefined, refs(0, 5)]);
  keep(kept, 5, 5, 2); // forgotten by who keeps, too
  expect(kept.find(later, 2)).toBeUndefined();
});

test('a sender of ever new lists fills it once: what is there stays, until as much was wanted in vain', () => {
  const kept = lists();
  const names = [0, 1, 2, 3].map((i) => keep(kept, i * 5, 5)!); // full
  const hostile = Array.from({ length: 8 }, (_, i) => keep(kept, 1000 + i * 5, 5));
  expect(hostile).toEqual(Array.from({ length: 8 }, () => undefined));
  expect(names.map((name, i) => kept.find(name, 0)?.[0] === i * 5)).toEqual([true, true, true, true]);
  const first = keep(kept, 2000, 5)!;
  expect(kept.find(first, 0)).toEqual(refs(2000, 5));
  for (const name of names) expect(kept.find(name, 0)).toBeUndefined();
});

test('lists of a few series, and those that never fit, are none', () => {
  const kept = lists();
  expect(keep(kept, 0, 1)).toBeUndefined();
  for (let i = 0; i < 20; i++) expect(keep(kept, 0, 21)).toBeUndefined();
  const name = keep(kept, 0, 20)!;
  for (let i = 0; i < 20; i++) expect(keep(kept, 0, 21)).toBeUndefined();
  expect(kept.find(name, 0)).toEqual(refs(0, 20)); // those are no reason to make room
});

test.each<[string, Partial<BatchSamples>]>([
  ['a series without samples', { sampleEnd: Uint32Array.of(1, 1, 3) }],
  ['two samples of a series', { sampleCount: 4, sampleEnd: Uint32Array.of(1, 2, 4) }],
  ['histograms', { payloads: [new Uint8Array(1)] }],
  ['start timestamps', { startsMs: new Float64Array(3) }],
  ['differences', { isDelta: new Uint32Array(3) }],
])('a batch with %s makes none', (_, other) => {
  expect(lists().keep({ ...batch(3), ...other }, refs(0, 3), 0)).toBeUndefined();
});
