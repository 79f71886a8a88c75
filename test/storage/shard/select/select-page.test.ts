import { expect, test } from 'vitest';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../../../storage/model/sample.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import type { Part } from '../../../../storage/shard/run/piece.ts';
import { pageBytesOf, readSelectPage, SelectPageWriter } from '../../../../storage/shard/select/select-page.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

interface Expected {
  readonly labels: readonly string[];
  readonly timestampsMs: readonly number[];
  readonly bits: readonly number[];
  readonly stale: readonly number[];
}

/**
 * A page of series with some parts each: of "segments", whose time columns series share, and at the end perhaps of the "log", in whose columns series
 * may lie in the same place or not.
 */
function makePage(seed: number): { page: ArrayBuffer; expected: Expected[] } {
  const random = new SeededRandom(seed);
  const index = new SeriesIndex();
  const writer = new SelectPageWriter(index);
  const columns = Array.from({ length: 3 }, (_, k) => Float64Array.from({ length: 100 }, (_, i) => 1000 * k + i * 10 + (random.oneIn(50) ? 1 : 0)));
  let log = Float64Array.from({ length: 40 }, (_, i) => 10_000 + i * 10);
  const expected: Expected[] = [];
  const cut = (length: number): { from: number; to: number } => {
    const from = random.oneIn(4) ? random.below(length) : 3;
    return { from, to: random.oneIn(4) ? from : Math.max(from, random.oneIn(4) ? random.between(from, length) : length - 2) };
  };
  for (let ref = 0; ref < 40; ref++) {
    const labels = ['__name__', `m${ref % 3}`, 'ref', String(ref)];
    index.add(labels);
    const parts: Part[] = [];
    for (const timestampsMs of columns) {
      const bits = Uint32Array.from({ length: timestampsMs.length * 2 }, () => random.uint32());
      const { from, to } = cut(timestampsMs.length);
      if (to > from) parts.push({ timestampsMs, bits, payloads: [], startsMs: undefined, from, to, hasStale: false });
    }
    const length = random.oneIn(3) ? 0 : random.between(1, 40);
    if (random.oneIn(2)) log = Float64Array.from({ length: 40 }, (_, i) => 10_000 + i * 10 + (random.oneIn(60) ? 1 : 0));
    const logBits = new Uint32Array(80);
    for (let i = 0; i < length; i++) {
      const isStale = random.oneIn(30);
      logBits[i * 2] = isStale ? STALE_BITS_LOW : random.uint32();
      logBits[i * 2 + 1] = isStale ? STALE_BITS_HIGH : random.below(2 ** 20);
    }
    if (length > 0) parts.push({ timestampsMs: log, bits: logBits, payloads: [], startsMs: undefined, from: 0, to: length, hasStale: true });
    if (parts.length === 0) continue;
    if (random.oneIn(3)) writer.expect([parts], random.below(100));
    const timestampsMs = parts.flatMap((part) => [...part.timestampsMs.subarray(part.from, part.to)]);
    const bits = parts.flatMap((part) => [...part.bits.subarray(part.from * 2, part.to * 2)]);
    const stale = timestampsMs.flatMap((_, i) => (bits[i * 2 + 1] === STALE_BITS_HIGH && bits[i * 2] === STALE_BITS_LOW ? [i] : []));
    expected.push({ labels, timestampsMs, bits, stale });
    writer.add(ref, parts);
  }
  return { page: writer.finish(), expected };
}

test('what is read is what was added, whichever parts and timestamps series share', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { page, expected } = makePage(seed);
    const read = [...readSelectPage(page)].map(({ labels, timestampsMs, values, isStale }) => ({
      labels,
      timestampsMs: [...timestampsMs],
      bits: [...new Uint32Array(values.buffer, values.byteOffset, values.length * 2)],
      stale: [...(isStale ?? [])].flatMap((stale, i) => (stale === 1 ? [i] : [])),
    }));
    expect(read, `seed ${seed}`).toEqual(expected);
  }
});

test('room that is right is filled without a copy; a page that is much smaller is cut', () => {
  const index = new SeriesIndex();
  const bits = new Uint32Array(2000);
  const timestampsMs = Float64Array.from({ length: 1000 }, (_, i) => i);
  const part = { timestampsMs, bits, payloads: [], startsMs: undefined, from: 0, to: 1000, hasStale: false };
  const pageOf = (seriesCount: number, tailLength: number): number => {
    const writer = new SelectPageWriter(index);
    writer.expect(Array.from({ length: seriesCount }, () => [part]), tailLength);
    for (let ref = 0; ref < seriesCount; ref++) writer.add(ref, [part]);
    return writer.finish().byteLength;
  };
  for (let ref = 0; ref < 50; ref++) index.add(['__name__', 'm', 'ref', String(ref)]);
  const least = 51 * 1000 * 8;
  expect(pageOf(50, 0)).toBeGreaterThan(least);
  expect(pageOf(50, 0)).toBeLessThan(least * 1.05);
  expect(pageOf(50, 5000)).toBeLessThan(least * 1.05);
});

test('a page of one long series has hardly any room to spare, and what it takes was known before', () => {
  const index = new SeriesIndex();
  index.add(['__name__', 'm']);
  const writer = new SelectPageWriter(index);
  const length = 1_000_000;
  const part = { timestampsMs: Float64Array.from({ length }, (_, i) => i), bits: new Uint32Array(length * 2), payloads: [], startsMs: undefined, from: 0, to: length, hasStale: false };
  writer.expect([[part]], 0);
  writer.add(0, [part]);
  const { byteLength } = writer.finish();
  expect(byteLength).toBeGreaterThan(pageBytesOf([part]));
  expect(byteLength).toBeLessThan(pageBytesOf([part]) + 200);
});
