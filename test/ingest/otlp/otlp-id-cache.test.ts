import { expect, test } from 'vitest';
import { UNKNOWN } from '../../../ingest/otlp/known-runs.ts';
import { OtlpBatches } from '../../../ingest/otlp/otlp-batches.ts';
import { OtlpIdCache } from '../../../ingest/otlp/otlp-id-cache.ts';
import { OtlpLabels } from '../../../ingest/otlp/otlp-labels.ts';
import { OtlpSeries } from '../../../ingest/otlp/otlp-series.ts';
import { Rejections } from '../../../ingest/rejections.ts';
import { TimeBounds } from '../../../ingest/time-bounds.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { CacheBudget } from '../../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { OTLP_DEFAULTS } from '../../../storage/runtime/otlp-options.ts';
import type { NumberedMap } from '../../../storage/shard-maps.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { liveBytes } from '../../fakes/live-bytes.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { gauge, metricsRequest, numberPoint, resourceMetrics } from '../../proto/otlp-fields.ts';

const KIB = 1024;
const WINDOW_MS = 60_000;
const hashers = [1, 2].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill)));

/** A point: what it is under, its bytes, and how many series it is. */
interface Point {
  readonly metric: string;
  readonly attributes: string;
  readonly idCount: number;
  readonly tag?: number;
}

/** The ids of a point, as far as these tests go: what no other point and no other tenant has. */
function idsOf(tenant: number, { metric, attributes, idCount, tag = 0 }: Point): Uint32Array {
  const text = `${metric}/${tag}/${attributes}`;
  let sum = tenant;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0;
  const ids = new Uint32Array(idCount * 3);
  for (let i = 0; i < ids.length; i++) ids[i] = i % 3 === 0 ? tenant : i % 3 === 1 ? sum : i;
  return ids;
}

function isSame(got: Uint32Array, at: number, want: Uint32Array): boolean {
  for (let i = 0; i < want.length; i++) if (got[at + i] !== want[i]) return false;
  return true;
}

/** One request: looks every point up, adds what is not known, and checks all ids. Answers how many were known. */
function ask(cache: OtlpIdCache, points: readonly Point[], { tenant = 0, nowMs = 0 } = {}): number {
  const hasher = hashers[tenant]!;
  cache.begin(hasher, nowMs);
  // At a changing offset: bytes are compared in eights.
  const padding = ' '.repeat(points.length % 5);
  const bytes = Buffer.from(padding + points.map(({ metric, attributes }) => metric + attributes).join(''));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = padding.length;
  let known = 0;
  const entryOf = (end: number, ids: Uint32Array, idCount: number, parent: number, tag = 0): number => {
    const found = cache.find(view, start, end, parent, tag);
    if (found === UNKNOWN) return cache.add(view, start, end, hasher.words.slice(), ids, idCount, parent, tag);
    known += idCount > 0 ? 1 : 0;
    return found;
  };
  for (const point of points) {
    const { metric, attributes, idCount, tag = 0 } = point;
    const parent = entryOf(start + metric.length, new Uint32Array(0), 0, cache.root, tag);
    start += metric.length;
    const ids = idsOf(tenant, point);
    const entry = parent === UNKNOWN ? UNKNOWN : entryOf(start + attributes.length, ids, idCount, parent);
    start += attributes.length;
    if (entry === UNKNOWN) continue;
    cache.locate(entry, idCount);
    if (!isSame(cache.idWords, cache.idAt, ids)) throw new Error(`${metric} ${attributes}: got ${cache.idWords.subarray(cache.idAt, cache.idAt + ids.length).join()}, want ${ids.join()}`);
  }
  return known;
}

/** `count` points of so many metrics, whose attributes are the same for all. */
function points(count: number, { metrics = 4, idCount = 1, name = 'metric' } = {}): Point[] {
  return Array.from({ length: count }, (_, i) => ({ metric: `${name} ${i % metrics}`, attributes: `attributes ${'x'.repeat(i % 37)}${Math.floor(i / metrics)}`, idCount }));
}

test('what was added is known, in the same order, in another, with others in between', () => {
  const cache = new OtlpIdCache(2048 * KIB, WINDOW_MS);
  const all = points(100, { idCount: 14 });
  expect(ask(cache, all)).toBe(0);
  expect(ask(cache, all)).toBe(100);
  expect(ask(cache, [...all].reverse())).toBe(100);
  expect(ask(cache, all.flatMap((point, i) => [point, ...points(1, { name: `new ${i}` })]))).toBe(100);
  expect(ask(cache, all)).toBe(100);
});

test('points that differ in one byte, in length or hardly at all are not taken for each other', () => {
  const cache = new OtlpIdCache(2048 * KIB, WINDOW_MS);
  const base = '\0'.repeat(20) + 'a'.repeat(20);
  const close = [base, ...Array.from({ length: 40 }, (_, i) => `${base.slice(0, i)}b${base.slice(i + 1)}`), base.slice(1), `${base}a`, ''];
  const point = (attributes: string): Point => ({ metric: 'm', attributes, idCount: 1 });
  for (const text of close) {
    ask(cache, [point('first'), point(base)]);
    ask(cache, [point('first'), point(text)]);
  }
  expect(ask(cache, close.map(point))).toBe(close.length);
});

test('the same bytes under another parent, with another tag or of another tenant are something else', () => {
  const cache = new OtlpIdCache(2048 * KIB, WINDOW_MS);
  const all = points(100);
  ask(cache, all);
  expect(ask(cache, all.map((point) => ({ ...point, metric: 'another' })))).toBe(0);
  expect(ask(cache, all.map((point) => ({ ...point, tag: 63 })))).toBe(0);
  expect(ask(cache, all, { tenant: 1 })).toBe(0);
  expect(ask(cache, all)).toBe(100);
  expect(ask(cache, all, { tenant: 1 })).toBe(100);
});

test('bytes that are longer than any that are kept are known by their hash', () => {
  const cache = new OtlpIdCache(2048 * KIB, WINDOW_MS);
  const long = [{ metric: 'm', attributes: 'x'.repeat(300 * KIB), idCount: 1 }, { metric: 'm'.repeat(300 * KIB), attributes: '', idCount: 3 }];
  expect([ask(cache, long), ask(cache, long)]).toEqual([0, 2]);
});

test('a word of its owner’s', () => {
  const cache = new OtlpIdCache(1024 * KIB, WINDOW_MS);
  const view = new DataView(new ArrayBuffer(8));
  cache.begin(hashers[0]!, 0);
  cache.find(view, 0, 8, cache.root);
  const entry = cache.add(view, 0, 8, hashers[0]!.words.slice(), new Uint32Array(0), 0, cache.root);
  expect(cache.word(entry)).toBe(0);
  cache.setWord(entry, 7);
  expect(cache.word(cache.find(view, 0, 8, cache.root))).toBe(7);
});

test.each([
  [1, 8000],
  [14, 4000],
  [4000, 40],
])('with more points than fit, of %i series each, what fits stays known, whatever the time', (idCount, count) => {
  const cache = new OtlpIdCache(700 * KIB, WINDOW_MS);
  const all = points(count, { idCount });
  ask(cache, all);
  const fitting = ask(cache, all);
  expect(fitting).toBeGreaterThan(0);
  expect(fitting).toBeLessThan(count);
  for (let round = 1; round < 20; round++) expect(ask(cache, all, { nowMs: round * WINDOW_MS })).toBe(fitting);
});

test('it takes no more than its bytes', () => {
  const bytesMax = 4096 * KIB;
  const cache = new OtlpIdCache(bytesMax, WINDOW_MS);
  const unique = Array.from({ length: 20_000 }, (_, i) => ({ metric: `m${i}`, attributes: `${i}`.padStart(200), idCount: 14 }));
  const before = liveBytes();
  ask(cache, unique);
  const taken = liveBytes() - before;
  expect(ask(cache, unique)).toBeGreaterThan(bytesMax / 1000);
  expect(taken).toBeGreaterThan(bytesMax / 2);
  expect(taken).toBeLessThan(bytesMax * 1.2);
});

test.each([
  ['numbers, each of a metric and with attributes of its own', (i: number): Point => ({ metric: `metric ${i % 3200}`, tag: Math.floor(i / 3200) % 62, attributes: `${i}`.padStart(130, 'x'), idCount: 1 })],
  ['histograms of 14 series, 20 of each metric of an instance', (i: number): Point => ({ metric: `metric ${Math.floor(i / 20)}`, attributes: `attributes ${i % 20}`, idCount: 14 })],
])('by default 190,000 points are known: %s', (_, point) => {
  const cache = new OtlpIdCache(LIMITS.otlpIdCacheBytesMax, WINDOW_MS);
  for (const wanted of [0, 1000]) {
    for (let first = 0; first < 190_000; first += 1000) expect(ask(cache, Array.from({ length: 1000 }, (_, i) => point(first + i)))).toBe(wanted);
  }
});

test('when it is full and less than half of it is in use, it starts empty, and what comes now is known', () => {
  const cache = new OtlpIdCache(700 * KIB, WINDOW_MS);
  const [old, now] = [points(8000), points(3000, { name: 'now' })];
  ask(cache, old);
  const fitting = ask(cache, old);
  // The window in which the old ones were in use.
  expect(ask(cache, now, { nowMs: 1 })).toBeLessThan(3000);
  ask(cache, [...now, ...old.slice(0, fitting * 0.7)], { nowMs: WINDOW_MS });
  // Most of them still were.
  expect(ask(cache, now, { nowMs: 2 * WINDOW_MS })).toBeLessThan(3000);
  // Now they are gone: empty, filled, known.
  expect(ask(cache, now, { nowMs: 3 * WINDOW_MS })).toBe(0);
  expect(ask(cache, now, { nowMs: 3 * WINDOW_MS + 1 })).toBe(3000);
});

test('what is in use less than half is given up when others want room', () => {
  const clock = new FixedClock(0);
  const caches = new CacheBudget({ workerCacheBytesMax: 700 * KIB, workerCacheIdleMs: WINDOW_MS * 2 }, clock, new Counters());
  const cache = new OtlpIdCache(10 * 1024 * KIB, WINDOW_MS, caches);
  const other = caches.open('other', 1, () => undefined);
  const all = points(4000);
  const askAt = (nowMs: number, count: number): number => {
    clock.advance(nowMs - clock.nowMs());
    return ask(cache, all.slice(0, count), { nowMs });
  };
  askAt(0, 4000);
  // Nobody wants room: it knows all of them however long they do not come.
  for (let window = 1; window < 5; window++) expect(askAt(window * WINDOW_MS, 1000)).toBe(1000);
  const bytes = caches.bytes;
  expect(other.take(700 * KIB)).toBe(false);
  expect(askAt(5 * WINDOW_MS, 3000)).toBe(0);
  expect(askAt(5 * WINDOW_MS + 1, 3000)).toBe(3000);
  // They are in use, all of them.
  expect(other.take(700 * KIB)).toBe(false);
  expect(askAt(6 * WINDOW_MS, 3000)).toBe(3000);
  expect(caches.bytes).toBeLessThanOrEqual(bytes);
});

test('marks of use outlast 255 windows', () => {
  const cache = new OtlpIdCache(330 * KIB, WINDOW_MS);
  const all = points(1500);
  ask(cache, all);
  const fitting = ask(cache, all);
  for (let window = 1; window < 600; window++) expect(ask(cache, all.slice(0, 1200), { nowMs: window * WINDOW_MS })).toBe(fitting);
});

test('orders of all kinds, of two tenants, in a cache that fills and starts empty again and again', () => {
  const random = new SeededRandom(3);
  const cache = new OtlpIdCache(450 * KIB, WINDOW_MS);
  let known = 0;
  for (let round = 0; round < 300; round++) {
    const all = points(random.between(1, 1500), { metrics: random.between(1, 50), idCount: 1, name: `of ${Math.floor(round / 40)}` }).concat(points(random.below(300), { idCount: 3, name: 'three' }));
    known += ask(cache, random.oneIn(2) ? all : random.shuffle(all), { tenant: random.below(2), nowMs: round * 10_000 });
  }
  expect(known).toBeGreaterThan(10_000);
});

test('what came next the last time is guessed where its bytes stand whole under the same parent, and found without being compared again', () => {
  const cache = new OtlpIdCache(2048 * KIB, WINDOW_MS);
  const all = [...points(1), ...points(1, { name: 'other' })];
  ask(cache, all);
  ask(cache, all);
  const { metric, attributes } = all[0]!;
  const bytes = Buffer.from(`${metric + attributes} and more`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = metric.length;
  const end = start + attributes.length;
  cache.begin(hashers[0]!, 0);
  const parent = cache.find(view, 0, start, cache.root);
  expect(cache.guessFrom(view, start, bytes.length, parent)).toBe(attributes.length);
  expect(cache.guessFrom(view, start, end, parent)).toBe(attributes.length);
  expect(cache.guessFrom(view, start, end, cache.root)).toBe(0);
  expect(cache.guessFrom(view, start, end - 1, parent)).toBe(0);
  expect(cache.guessFrom(view, start - 1, bytes.length, parent)).toBe(0);
  // A guess that was wrong says nothing of other bytes, nor one that was right.
  expect(cache.guessFrom(view, start, end, parent)).toBe(attributes.length);
  expect(cache.find(view, start, end - 1, parent)).toBe(UNKNOWN);
  const entry = cache.find(view, start, end, parent);
  cache.locate(entry, 1);
  expect([...cache.idWords.subarray(cache.idAt, cache.idAt + 3)]).toEqual([...idsOf(0, all[0]!)]);
});

test('a message is not held once it has been collected', () => {
  const labels = new OtlpLabels(OTLP_DEFAULTS, LIMITS, (stored) => stored);
  const series = new OtlpSeries(OTLP_DEFAULTS, LIMITS, labels);
  const batches = new OtlpBatches(new OtlpIdCache(2 ** 20, 60_000), labels, LIMITS, OTLP_DEFAULTS);
  const tenant = { hasher: new SeriesHasher(new Uint8Array(16)) } as TenantShards;
  const collect = (message: Uint8Array): void => {
    const request = { shards: tenant, map: { shardCount: 1, firstShard: 0 } as NumberedMap, message, nowMs: 1_700_000_000_000, rejections: new Rejections(1) };
    batches.collect(request, (sink) => series.walk(message, { times: new TimeBounds(request.nowMs, LIMITS), limits: LIMITS }, sink));
  };
  const bytes = (description: string): Uint8Array => metricsRequest(resourceMetrics({}, [gauge('g', [numberPoint({ timeMs: 1_700_000_000_000, value: 1 })], { description })]));
  collect(bytes('small'));
  const before = liveBytes();
  collectLarge();
  expect(liveBytes() - before).toBeLessThan(2 ** 20);

  function collectLarge(): void {
    const small = bytes('small');
    const large = new Uint8Array(small.length + 6 + 8 * 2 ** 20);
    large.set(small);
    // Field 127 of 8 MiB, which is passed over.
    large.set([0xfa, 0x07, 0x80, 0x80, 0x80, 0x04], small.length);
    collect(large);
  }
});
