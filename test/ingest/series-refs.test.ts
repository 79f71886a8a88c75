import { describe, expect, test } from 'vitest';
import { SeriesRefs, type ShardRefs } from '../../ingest/series-refs.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { BY_ID, type OneFloatEach, type SeriesNames } from '../../storage/shard/append/ref-message.ts';
import { REFUSED_REF } from '../../storage/shard/append/resolve-series.ts';
import { mixedWith } from '../../storage/shard/index/ref-space.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';

const SPACE = Uint32Array.of(1, 2, 3);

function shardsOf(tenant: number): { hasher: SeriesHasher } {
  return { hasher: new SeriesHasher(new Uint8Array(16).fill(tenant)) };
}

/** Series by numbers, of which their ids are made. */
function batchOf(series: readonly number[]): OneFloatEach {
  const column = (more: number): Uint32Array => Uint32Array.from(series, (one) => Math.imul(one + more, 0x9e3779b1));
  const sampleCount = series.length;
  return { sampleCount, idLow: column(1), idHigh: column(1000), idCheck: column(5000), timestampsMs: new Float64Array(sampleCount), valueBits: new Uint32Array(sampleCount * 2) };
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, i) => from + i);
}

function learn(shard: ShardRefs, series: readonly number[], refs: readonly number[], space = SPACE): void {
  shard.learn(batchOf(series), { space, refs: Uint32Array.from(refs) });
}

/** What a batch's series are named, one by one; `undefined` where none is named. */
function namesOf(shard: ShardRefs, series: readonly number[]): (number | 'id')[] | undefined {
  const names = shard.name(batchOf(series));
  if (names === undefined) return undefined;
  const all = refsOf(names);
  expect(names.hasAll).toBe(!all.includes('id'));
  expect(names.mix).toBe(batchOf(series).idLow.reduce((mix, low, i) => (all[i] === 'id' ? mix : mixedWith(mix, low)), 0));
  return all;
}

function refsOf({ runs }: SeriesNames): (number | 'id')[] {
  const refs: (number | 'id')[] = [];
  for (let word = 0; word < runs.length; word += 2) for (let i = 0; i < runs[word + 1]!; i++) refs.push(runs[word] === BY_ID ? 'id' : runs[word]! + i);
  return refs;
}

test('series are named as their shard has told, whatever their order, and others by their ids', () => {
  const shard = new SeriesRefs(100).of(shardsOf(1), 0);
  expect(namesOf(shard, [1, 2])).toBeUndefined();
  learn(shard, range(0, 50), range(10, 60));
  expect(namesOf(shard, range(0, 50))).toEqual(range(10, 60));
  expect(shard.name(batchOf(range(7, 30)))!.runs).toEqual(Uint32Array.of(17, 23)); // one run
  expect(namesOf(shard, [3, 4, 99, 98, 5, 1, 1, 97])).toEqual([13, 14, 'id', 'id', 15, 11, 11, 'id']);
  expect(shard.name(batchOf([3, 4, 99, 98, 5]))!.runs).toEqual(Uint32Array.of(13, 2, BY_ID, 2, 15, 1));
  expect(namesOf(shard, [99, 98])).toBeUndefined();
  expect(namesOf(shard, range(0, 50))).toEqual(range(10, 60));
});

test('what a shard refused has no ref, and an answer for other series than were sent teaches nothing', () => {
  const shard = new SeriesRefs(100).of(shardsOf(1), 0);
  learn(shard, [1, 2, 3], [5, REFUSED_REF, 7]);
  expect(namesOf(shard, [1, 2, 3])).toEqual([5, 'id', 7]);
  learn(shard, [4, 5], [8]);
  expect(namesOf(shard, [4, 5])).toBeUndefined();
});

test('a shard, and a tenant, has its own', () => {
  const refs = new SeriesRefs(100);
  const [one, other] = [shardsOf(1), shardsOf(2)];
  learn(refs.of(one, 0), [1, 2], [10, 11]);
  learn(refs.of(one, 1), [1, 2], [20, 21], Uint32Array.of(1, 2, 4));
  learn(refs.of(other, 0), [1], [30]);
  expect([refs.of(one, 0), refs.of(one, 1), refs.of(other, 0), refs.of(other, 1)].map((shard) => namesOf(shard, [1, 2]))).toEqual([[10, 11], [20, 21], [30, 'id'], undefined]);
});

test('with another space what was told before is over, and never comes back', () => {
  const shard = new SeriesRefs(100).of(shardsOf(1), 0);
  learn(shard, [1, 2], [10, 11]);
  learn(shard, [2], [5], Uint32Array.of(1, 2, 4));
  expect(namesOf(shard, [1, 2])).toEqual(['id', 5]);
  expect(shard.name(batchOf([2]))!.space).toEqual(Uint32Array.of(1, 2, 4));
  shard.forget(SPACE); // an answer to what was sent before
  expect(namesOf(shard, [1, 2])).toEqual(['id', 5]);
  shard.forget(Uint32Array.of(1, 2, 4));
  expect(namesOf(shard, [1, 2])).toBeUndefined();
  learn(shard, [1], [10]);
  expect(namesOf(shard, [1, 2])).toEqual([10, 'id']);
});

test('full, it keeps what it has: with a working set above the bound as many go by ref as fit, cycle after cycle', () => {
  const shard = new SeriesRefs(1001).of(shardsOf(1), 0);
  let byId = 0;
  for (let cycle = 0; cycle < 100; cycle++) {
    for (let from = 0; from < 1500; from += 100) {
      const series = range(from, from + 100);
      byId = cycle === 0 ? 0 : byId + (namesOf(shard, series)?.filter((name) => name === 'id').length ?? 100);
      if (shard.wants()) learn(shard, series, series);
    }
  }
  expect(byId).toBe(99 * 500);
});

test('full, it makes room for others by what nobody asks for any more', () => {
  const refs = new SeriesRefs(1001);
  const shard = refs.of(shardsOf(1), 0);
  const hostile = refs.of(shardsOf(2), 0);
  learn(shard, range(0, 200), range(0, 200));
  learn(hostile, range(0, 800), range(0, 800));
  expect(hostile.wants()).toBe(false);
  const newcomers = range(300, 400);
  let rounds = 0;
  for (; namesOf(shard, [...range(0, 200), ...newcomers])!.includes('id'); rounds++) if (shard.wants()) learn(shard, newcomers, newcomers);
  expect(rounds).toBeGreaterThan(20);
  expect(rounds).toBeLessThan(120);
  expect(namesOf(hostile, range(0, 800))).toBeUndefined();
  expect(namesOf(shard, [...range(0, 200), ...newcomers])).toEqual([...range(0, 200), ...newcomers]);
});

test('full, it throws out those that nobody asked for since it did so last, wherever they lie', () => {
  const shard = new SeriesRefs(11).of(shardsOf(1), 0);
  const [early, late, newcomers] = [range(0, 5), range(5, 10), range(20, 25)];
  learn(shard, [...early, ...late], range(100, 110));
  for (let i = 0; i < 36; i++) expect(shard.name(batchOf(late))!.runs).toEqual(Uint32Array.of(105, 5));
  expect(shard.wants()).toBe(true);
  expect(namesOf(shard, early)).toBeUndefined();
  learn(shard, newcomers, range(200, 205));
  for (let i = 0; i < 36; i++) expect(shard.name(batchOf(late))!.runs).toEqual(Uint32Array.of(105, 5));
  expect(shard.wants()).toBe(true);
  expect(namesOf(shard, newcomers)).toBeUndefined();
  expect(namesOf(shard, late)).toEqual(range(105, 110));
});

test('ids that are alike but for one word are different series', () => {
  const shard = new SeriesRefs(100).of(shardsOf(1), 0);
  const batch = batchOf([1, 1, 1, 1]);
  batch.idLow[1]!++;
  batch.idHigh[2]!++;
  batch.idCheck[3]!++;
  shard.learn(batch, { space: SPACE, refs: Uint32Array.of(4, 9, 2, 7) });
  expect(refsOf(shard.name(batch)!)).toEqual([4, 9, 2, 7]);
});

test('a batch has as many runs as it takes', () => {
  const shard = new SeriesRefs(1000).of(shardsOf(1), 0);
  learn(shard, range(0, 500), range(0, 500));
  for (const count of [128, 129, 500]) expect(namesOf(shard, range(0, count).reverse())).toEqual(range(0, count).reverse());
});

describe('in the budget of all caches', () => {
  const INITIAL_BYTES = { entries: 1024 * 5 * 4, uses: 1024, buckets: 2048 * 4 };
  const GROWN_BYTES = INITIAL_BYTES.entries + INITIAL_BYTES.uses + INITIAL_BYTES.buckets;
  const COPIED_BYTES = INITIAL_BYTES.entries + INITIAL_BYTES.uses;
  const IDLE_MS = 1000;

  function within(workerCacheBytesMax: number): { budget: CacheBudget; refs: SeriesRefs; clock: FixedClock } {
    const clock = new FixedClock(1_000_000);
    const budget = new CacheBudget({ workerCacheBytesMax, workerCacheIdleMs: IDLE_MS }, clock, new Counters());
    return { budget, refs: new SeriesRefs(10_000, 'refs', budget), clock };
  }

  test.each([
    { room: 0, known: 2047, bytes: GROWN_BYTES },
    { room: -1, known: 1023, bytes: 0 },
  ])('it grows where there is room for what is copied too: to $known series', ({ room, known, bytes }) => {
    const { budget, refs } = within(GROWN_BYTES + COPIED_BYTES + room);
    const shard = refs.of(shardsOf(1), 0);
    learn(shard, range(0, 3000), range(0, 3000));
    expect(namesOf(shard, range(0, 3000))).toEqual([...range(0, known), ...range(known, 3000).map(() => 'id')]);
    expect(budget.bytes).toBe(bytes);
    expect(shard.wants()).toBe(false);
  });

  test('what was asked for before it grew is not thrown out behind that', () => {
    const shard = new SeriesRefs(1501).of(shardsOf(1), 0);
    learn(shard, range(0, 1000), range(0, 1000));
    for (let i = 0; i < 24; i++) namesOf(shard, range(0, 1000));
    learn(shard, range(1000, 3000), range(1000, 3000));
    expect(shard.wants()).toBe(false);
    namesOf(shard, range(5000, 5016));
    expect(shard.wants()).toBe(true);
    expect(namesOf(shard, range(0, 1500))).toEqual([...range(0, 1000), ...range(1000, 1500).map(() => 'id')]);
  });

  test('unused, it is emptied for others, and begins anew', () => {
    const { budget, refs, clock } = within(GROWN_BYTES + COPIED_BYTES);
    const tenant = shardsOf(1);
    const series = range(0, 2000);
    learn(refs.of(tenant, 0), series, series);
    const other = budget.open('other', 1, () => {});
    /** The other one's next request, behind one that has found no room. */
    const wanting = (): void => {
      other.take(budget.bytes + COPIED_BYTES);
      other.begin();
    };
    clock.advance(IDLE_MS - 1);
    const shard = refs.of(tenant, 0);
    clock.advance(1);
    wanting();
    expect(namesOf(shard, series)).toEqual(series);
    clock.advance(IDLE_MS);
    wanting();
    expect(budget.bytes).toBe(0);
    expect(namesOf(shard, series)).toBeUndefined();
    learn(shard, series, series);
    expect(namesOf(shard, series)).toEqual(series);
    expect(budget.bytes).toBe(GROWN_BYTES);
  });
});
