import { describe, expect, test } from 'vitest';
import { CacheBudget, ownShare, type CacheShare } from '../../../storage/runtime/cache-budget.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const IDLE_MS = 1000;

/** Caches that hold as many bytes as they are asked for and find room for. */
class Isolate {
  readonly clock = new FixedClock(1_000_000);
  readonly counters = new Counters();
  readonly budget: CacheBudget;
  readonly caches: Readonly<Record<string, CacheShare>>;
  readonly emptied: string[] = [];

  /** `costs`: ns per byte; 1 unless given. */
  constructor(bytesMax: number, names = ['a', 'b', 'c'], costs: Readonly<Record<string, number>> = {}) {
    this.budget = new CacheBudget({ workerCacheBytesMax: bytesMax, workerCacheIdleMs: IDLE_MS }, this.clock, this.counters);
    this.caches = Object.fromEntries(names.map((name) => [name, this.budget.open(name, costs[name] ?? 1, () => void this.emptied.push(name))]));
  }

  /** A request that wants its cache to hold so many bytes, a byte at a time as far as there is room. Answers how many it holds then. */
  request(name: string, wanted: number): number {
    const cache = this.caches[name]!;
    cache.begin();
    while (cache.bytes < wanted && cache.take(1));
    return cache.bytes;
  }

  bytes(): number[] {
    return Object.values(this.caches).map(({ bytes }) => bytes);
  }

  value(name: string, labels: Record<string, string>): number | undefined {
    return this.counters.samples().find((sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
  }
}

test('there is room up to the bound, and none beyond', () => {
  const isolate = new Isolate(100);
  expect([isolate.request('a', 60), isolate.request('b', 60), isolate.request('c', 60)]).toEqual([60, 40, 0]);
  isolate.caches['a']!.give(10);
  expect(isolate.budget.bytes).toBe(90);
  expect(isolate.caches['c']!.take(11)).toBe(false);
  expect(isolate.caches['c']!.take(10)).toBe(true);
});

test('what is copied into something larger stands there twice', () => {
  const { budget, caches: { a } } = new Isolate(100);
  expect([a!.take(40), a!.take(40, 40), a!.take(30, 30)]).toEqual([true, false, true]);
  expect(budget.bytes).toBe(70);
});

test('what has been unused longest is emptied first, and no more than is wanted', () => {
  const isolate = new Isolate(100, ['a', 'b', 'c', 'd']);
  isolate.request('b', 30);
  isolate.clock.advance(1);
  isolate.request('a', 30);
  isolate.clock.advance(1);
  isolate.request('c', 40);
  isolate.clock.advance(IDLE_MS);
  expect([isolate.request('d', 5), isolate.emptied]).toEqual([0, []]);
  expect([isolate.request('d', 5), isolate.emptied]).toEqual([5, ['b']]);
  expect(isolate.bytes()).toEqual([30, 0, 40, 5]);
  expect(isolate.value('varve_cache_evictions_total', { cache: 'b', reason: 'unused' })).toBe(1);
  expect(isolate.value('varve_cache_requests_without_room_total', { cache: 'd' })).toBe(1);
  expect(isolate.value('varve_cache_bytes', { cache: 'c' })).toBe(40);
});

test('what is wanted counts with what is copied: as many are emptied as make room for it, and none in use that has too little', () => {
  const emptiedFor = (copiedBytes: number): readonly string[] => {
    const idle = new Isolate(100, ['a', 'b', 'c', 'd']);
    for (const name of ['a', 'b', 'c']) {
      idle.request(name, 33);
      idle.clock.advance(1);
    }
    idle.clock.advance(IDLE_MS);
    expect(idle.caches['d']!.take(20, copiedBytes)).toBe(false);
    idle.caches['d']!.begin();
    return idle.emptied;
  };
  expect([emptiedFor(14), emptiedFor(15)]).toEqual([['a'], ['a', 'b']]);
  const busy = new Isolate(100);
  busy.request('a', 70);
  busy.request('b', 20);
  expect(busy.caches['b']!.take(20, 10)).toBe(false);
  busy.caches['b']!.begin();
  expect(busy.emptied).toEqual([]);
  expect(busy.caches['b']!.take(20, 9)).toBe(false);
  busy.caches['b']!.begin();
  expect(busy.emptied).toEqual(['a']);
});

test('who is used in a request of another one is not unused', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 50);
  isolate.request('b', 50);
  isolate.clock.advance(IDLE_MS - 1);
  isolate.caches['a']!.touch();
  isolate.clock.advance(1);
  isolate.request('c', 10);
  isolate.request('c', 10);
  expect(isolate.emptied).toEqual(['b']);
});

test('of several without room it is made for the one that has least, and all is counted from nothing', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 70);
  isolate.request('b', 30);
  expect(['c', 'b'].map((name) => isolate.caches[name]!.take(1))).toEqual([false, false]);
  isolate.caches['a']!.begin();
  expect(['a', 'b', 'c'].map((cache) => isolate.value('varve_cache_requests_without_room_total', { cache }))).toEqual([0, 0, 1]);
  const evictions = ['a', 'b', 'c'].map((cache) => ['unused', 'largest'].map((reason) => isolate.value('varve_cache_evictions_total', { cache, reason })));
  expect(evictions).toEqual([[0, 1], [0, 0], [0, 0]]);
});

test('of those in use the largest is emptied, and for a while nobody grows beyond half of what it had', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 70);
  isolate.request('b', 30);
  expect([isolate.request('c', 100), isolate.emptied]).toEqual([0, []]);
  expect([isolate.request('c', 20), isolate.emptied]).toEqual([20, ['a']]);
  expect(isolate.request('a', 70)).toBe(35);
  expect(isolate.request('c', 100)).toBe(35);
  expect(isolate.bytes()).toEqual([35, 30, 35]);
});

test('what nobody wanted meanwhile is for all again', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 100);
  isolate.request('b', 10);
  isolate.request('b', 10);
  expect([isolate.request('a', 100), isolate.emptied]).toEqual([50, ['a']]);
  isolate.clock.advance(IDLE_MS);
  expect(isolate.request('a', 100)).toBe(90);
  // And stays so when the clock is set back.
  isolate.clock.advance(-IDLE_MS);
  isolate.caches['a']!.give(30);
  expect(isolate.request('a', 100)).toBe(90);
});

test('nobody is emptied for one who has half as much, nor more often than once in a while', () => {
  const isolate = new Isolate(90);
  isolate.request('a', 60);
  isolate.request('b', 60);
  for (let i = 0; i < 10; i++) expect([isolate.request('b', 60), isolate.emptied]).toEqual([30, []]);
  const other = new Isolate(100, ['a', 'b', 'c', 'd']);
  other.request('a', 50);
  other.request('b', 50);
  for (let i = 0; i < 10; i++) for (const name of ['c', 'd', 'a', 'b']) other.request(name, 50);
  expect(other.emptied).toHaveLength(1);
  other.clock.advance(IDLE_MS - 1);
  for (const name of ['a', 'b', 'c', 'd']) other.request(name, 50);
  expect(other.emptied).toHaveLength(1);
});

test('a byte that costs more to make again counts for less: the cheapest makes room, and has some left', () => {
  const isolate = new Isolate(100, ['cheap', 'dear'], { cheap: 1, dear: 4 });
  isolate.request('cheap', 60);
  isolate.request('dear', 100);
  expect([isolate.request('dear', 100), isolate.emptied]).toEqual([100, ['cheap']]);
  // It is the dear one's turn only when it has more than twice four times as much, and then the cheap one gets a share.
  isolate.clock.advance(IDLE_MS);
  isolate.request('cheap', 60);
  isolate.request('dear', 100);
  expect([isolate.request('cheap', 60), isolate.emptied]).toEqual([12, ['cheap', 'dear']]);
  expect(isolate.request('dear', 100)).toBe(50);
  for (let i = 0; i < 20; i++) {
    isolate.clock.advance(IDLE_MS);
    for (const name of ['cheap', 'dear']) isolate.request(name, 60);
  }
  expect(isolate.bytes()).toEqual([40, 60]);
  expect(isolate.emptied).toHaveLength(3);
});

test('of several without room the one that has least for what its bytes cost is first', () => {
  const isolate = new Isolate(100, ['large', 'cheap', 'dear'], { dear: 10 });
  isolate.request('large', 80);
  isolate.request('cheap', 5);
  isolate.request('dear', 15);
  expect(['cheap', 'dear'].map((name) => isolate.caches[name]!.take(1))).toEqual([false, false]);
  isolate.caches['large']!.begin();
  expect(['cheap', 'dear'].map((cache) => isolate.value('varve_cache_requests_without_room_total', { cache }))).toEqual([0, 1]);
});

test('a cache knows whether others have found no room of late', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 100);
  expect(isolate.caches['a']!.isWanted).toBe(false);
  isolate.request('a', 101);
  expect(isolate.caches['a']!.isWanted).toBe(true);
  isolate.clock.advance(IDLE_MS);
  expect([isolate.caches['a']!.isWanted, ownShare().isWanted]).toEqual([false, false]);
  isolate.request('b', 1);
  isolate.clock.advance(IDLE_MS - 1);
  expect(isolate.caches['a']!.isWanted).toBe(true);
  isolate.clock.advance(1);
  expect(isolate.caches['a']!.isWanted).toBe(false);
});

test('one that is alone is never emptied for its own sake', () => {
  const isolate = new Isolate(100);
  for (let i = 0; i < 5; i++) {
    isolate.clock.advance(IDLE_MS * 2);
    expect([isolate.request('a', 200), isolate.emptied]).toEqual([100, []]);
  }
});

test('a bound of its own is nobody’s lack of room', () => {
  const isolate = new Isolate(100);
  isolate.request('a', 90);
  const own = isolate.budget.open('own', 1, () => {}, 5);
  expect([own.take(5), own.take(1)]).toEqual([true, false]);
  isolate.request('b', 0);
  expect(isolate.emptied).toEqual([]);
  expect([ownShare(5).take(5), ownShare(5).take(6), ownShare().take(2 ** 40)]).toEqual([true, false, true]);
});

describe('an LRU cache in it', () => {
  test('makes room itself before it keeps less', () => {
    const isolate = new Isolate(100);
    const tails = isolate.budget.lru<string, number>('tails', 1, 50);
    for (let i = 0; i < 10; i++) tails.set(`f${i}`, i, 10);
    expect(isolate.budget.bytes).toBe(50);
    isolate.request('a', 100);
    tails.set('large', 1, 30);
    expect([tails.weight, isolate.budget.bytes, tails.get('f9'), tails.get('f6')]).toEqual([50, 100, 9, undefined]);
    isolate.clock.advance(IDLE_MS);
    isolate.request('b', 100);
    isolate.request('b', 100);
    expect([tails.weight, isolate.bytes()]).toEqual([50, [0, 50, 0]]);
  });

  test('that finds no room at all keeps nothing, and says so', () => {
    const isolate = new Isolate(100);
    const tails = isolate.budget.lru<string, number>('tails', 1, 50);
    isolate.request('a', 100);
    tails.set('f', 1, 10);
    expect([tails.get('f'), tails.weight]).toEqual([undefined, 0]);
    tails.set('f', 1, 10);
    expect([tails.get('f'), isolate.emptied]).toEqual([1, ['a']]);
  });
});

test('whoever wants however much: the sum is what the shares hold and within the bound, and in the end nobody in use has much less than another', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const names = ['a', 'b', 'c', 'd', 'e'];
    const costs = names.map(() => random.pick([1, 1, 3, 10]));
    const isolate = new Isolate(1000, names, Object.fromEntries(names.map((name, i) => [name, costs[i]!])));
    const levels = (): number[] => isolate.bytes().map((bytes, i) => bytes / costs[i]!);
    const wanted = isolate.bytes().map(() => random.below(900));
    for (let round = 0; round < 200; round++) {
      isolate.clock.advance(IDLE_MS / 10);
      Object.keys(isolate.caches).forEach((name, i) => isolate.request(name, wanted[i]!));
      expect(isolate.budget.bytes).toBe(isolate.bytes().reduce((sum, bytes) => sum + bytes));
      expect(isolate.budget.bytes).toBeLessThanOrEqual(1000);
    }
    const lacking = levels().filter((_, i) => isolate.bytes()[i]! < wanted[i]!);
    if (lacking.length > 0) expect(Math.max(...levels()), `seed ${seed}`).toBeLessThanOrEqual(Math.min(...lacking) * 2 + 1);
    // Once that is so, it stays.
    const evictions = isolate.emptied.length;
    for (let round = 0; round < 100; round++) {
      isolate.clock.advance(IDLE_MS / 10);
      Object.keys(isolate.caches).forEach((name, i) => isolate.request(name, wanted[i]!));
    }
    expect(isolate.emptied.length, `seed ${seed}`).toBe(evictions);
  }
});
