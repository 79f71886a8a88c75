import { queryObjects } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { must } from '../../../../storage/runtime/assert.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { decodeSegmentList } from '../../../../storage/shard/segment/segment-list.ts';
import { everyCall, FaultySql, InjectedFault } from '../../../fakes/faulty-sql.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { randomExponential, seededRandom } from '../../model/random-histogram.ts';
import { named, STALE, write, type TestBatch, type TestValue } from '../batches.ts';
import { dump, StoreModel } from '../store-model.ts';

/*
 * A seal goes in steps while batches go on coming: what is read stays the same at each, what is written behind it stays, and a seal that a
 * crash ends or that is overtaken leaves nothing behind.
 */
const LIMITS = limitsWith({ logEntriesMax: 120, logRoomShare: 1 / 4, batchSamplesMax: 20, walSlotsMax: 64, walRingSlots: 4, sealStepSamples: 15, mergeFanIn: 100, segmentRowBytesTarget: 60, segmentFrameBytesTarget: 40 });
const SERIES = 6;
const HISTOGRAM = randomExponential(seededRandom(2));

interface World {
  readonly sql: NodeSql;
  readonly store: HotStore;
  readonly model: StoreModel;
  batches: number;
}

function open(sql = new NodeSql(), model = new StoreModel(), batches = 0, clock = new FixedClock(0)): World {
  return { sql, store: new HotStore(sql, LIMITS, { clock }), model, batches };
}

/** Each series one sample: some out of order, some over what was there, histograms and start timestamps among them. */
function batch(number: number): TestBatch {
  const value = (i: number): TestValue => (number % 7 === 3 && i === 1 ? HISTOGRAM : number % 5 === 2 && i === 2 ? STALE : number * 10 + i);
  return Array.from({ length: SERIES }, (_, i) => ({
    labels: named('m', { i: String(i), generation: String(i === 5 ? number >> 4 : 0) }),
    samples: [i === 3 && number % 4 === 0 ? [number - 3, -number] : number % 7 === 3 && i === 4 ? [number, number, 1 + number] : [number, value(i)]],
  }));
}

function append(world: World): void {
  const next = batch(world.batches++);
  expect(write(world.store, next)).toMatchObject({ status: 'stored', refusals: [] });
  world.model.apply(next);
}

const seals = ({ store }: World): number => store.stats().counters['seals_total']!;
const entries = ({ store }: World): number => store.stats().gauges['log_entries']!;

/** Full, so that the next batch begins a seal. */
function full(): World {
  const world = open();
  while (entries(world) + SERIES <= LIMITS.logEntriesMax) append(world);
  expect(seals(world)).toBe(0);
  return world;
}

function stored(sql: NodeSql): { readonly stored: number[]; readonly live: number[] } {
  const [state] = sql.all<{ live_segments: ArrayBuffer | null }>('SELECT live_segments FROM shard_state');
  const live = state!.live_segments === null ? [] : decodeSegmentList(state!.live_segments, 'live');
  return { stored: sql.all<{ segment: number }>('SELECT segment FROM segment ORDER BY segment').map(({ segment }) => segment), live };
}

test('batches carry the seal through before the log has no room, and what is read is always all of it', () => {
  const world = full();
  const room = LIMITS.logEntriesMax * LIMITS.logRoomShare;
  let batches = 0;
  let steps = 0;
  for (; seals(world) === 0; batches++) {
    append(world);
    for (; world.store.sealer.isBehind; steps++) {
      expect(dump(world.store)).toEqual(world.model.dump());
      expect(dump(open(new NodeSql(world.sql.database)).store)).toEqual(world.model.dump());
      world.store.sealer.sealOn();
    }
  }
  expect(dump(world.store)).toEqual(world.model.dump());
  expect(batches).toBeGreaterThan(2);
  expect(steps).toBeGreaterThan(4);
  // Not at the last moment.
  expect(batches * SERIES).toBeLessThan(room);
  expect(entries(world)).toBe(batches * SERIES);
  const { stored: rows, live } = stored(world.sql);
  expect(rows).toEqual(live);
  expect(rows.length).toBeGreaterThan(2);
});

test('a clean-up while it goes on takes none of its rows', () => {
  const world = open();
  append(world);
  const snapshot = world.store.createSnapshot();
  while (seals(world) === 1 && !world.store.sealer.isBehind) append(world);
  const { live } = stored(world.sql);
  while (stored(world.sql).stored.length === live.length) world.store.sealer.sealOn();
  const { stored: rows } = stored(world.sql);
  expect(seals(world)).toBe(1);
  world.store.deleteSnapshot(snapshot);
  expect(stored(world.sql).stored).toEqual(rows);
  while (seals(world) === 1) world.store.sealer.sealOn();
  expect(dump(world.store)).toEqual(world.model.dump());
  expect(dump(open(new NodeSql(world.sql.database)).store)).toEqual(world.model.dump());
});

test('log after log, in memory and opened anew, in as many slots as a log and its room take', () => {
  let world = open();
  for (let i = 0; i < 400; i++) {
    append(world);
    if (i % 9 === 0) expect(dump(world.store)).toEqual(world.model.dump());
    if (i % 31 === 0) world = open(new NodeSql(world.sql.database), world.model, world.batches);
  }
  expect(dump(world.store)).toEqual(world.model.dump());
  const [row] = world.sql.all<{ n: number }>('SELECT count(*) AS n FROM wal');
  expect(row!.n).toBeLessThan((LIMITS.logEntriesMax * (1 + LIMITS.logRoomShare) * 2) / SERIES);
});

test('a log that a release with greater limits has left is served, and sealed with the next batch', () => {
  const world = full();
  for (let i = 0; i < 2; i++) append(world);
  expect(seals(world)).toBe(0);
  const held = entries(world);
  const smaller = limitsWith({ ...LIMITS, logEntriesMax: 40, logRoomShare: 1 / 8 });
  const store = new HotStore(new NodeSql(world.sql.database), smaller, { clock: new FixedClock(0) });
  expect(store.stats().gauges['log_entries']).toBe(held);
  expect(dump(store)).toEqual(world.model.dump());
  append({ ...world, store });
  expect(store.stats().counters['seals_total']).toBe(1);
  expect(store.stats().gauges['log_entries']).toBe(SERIES);
  expect(dump(store)).toEqual(world.model.dump());
});

test('a batch that finds no room waits for the rest of the seal', () => {
  const world = full();
  append(world);
  expect(seals(world)).toBe(0);
  const large: TestBatch = [{ labels: named('large'), samples: Array.from({ length: LIMITS.batchSamplesMax }, (_, k) => [k, k]) }];
  for (let i = 0; i < 2; i++) {
    write(world.store, large);
    world.model.apply(large);
  }
  expect(seals(world)).toBe(1);
  expect(dump(world.store)).toEqual(world.model.dump());
});

test('an old log is sealed a step a ring, and what has come behind it is not old', () => {
  const clock = new FixedClock(0);
  const world = open(new NodeSql(), new StoreModel(), 0, clock);
  for (let i = 0; i < 10; i++) append(world);
  clock.advance(LIMITS.logAgeMsMax);
  world.store.maintain();
  expect([seals(world), world.store.nextDueMs()]).toEqual([0, LIMITS.logAgeMsMax]);
  clock.advance(5);
  append(world);
  for (let rings = 0; seals(world) === 0; rings++) {
    if (rings > 100) throw new Error('a seal that does not end');
    world.store.maintain();
  }
  expect(entries(world)).toBe(SERIES);
  expect(world.store.nextDueMs()).toBe(LIMITS.logAgeMsMax * 2);
  expect(new HotStore(new NodeSql(world.sql.database), LIMITS, { clock }).nextDueMs()).toBe(LIMITS.logAgeMsMax * 2);
});

describe.each([1, 2, 3])('behind batch %i of a seal', (count) => {
  const underWay = (): World => {
    const world = full();
    for (let i = 0; i < count; i++) append(world);
    expect(seals(world)).toBe(0);
    return world;
  };

  test('a crash: the log is whole, and what was filled goes with the next sweep', () => {
    const before = underWay();
    const world = open(new NodeSql(before.sql.database), before.model, before.batches);
    expect(dump(world.store)).toEqual(world.model.dump());
    for (let i = 0; i < 12; i++) append(world);
    expect(seals(world)).toBe(1);
    world.store.deleteSnapshot(world.store.createSnapshot());
    const { stored: rows, live } = stored(world.sql);
    expect(rows).toEqual([...live].sort((a, b) => a - b));
    expect(dump(world.store)).toEqual(world.model.dump());
  });

  test.each<[string, (store: HotStore) => void]>([
    ['a snapshot', (store) => void store.createSnapshot()],
    ['a snapshot that is restored', (store) => store.restoreSnapshot(store.createSnapshot())],
    ['a snapshot that is deleted', (store) => store.deleteSnapshot(store.createSnapshot())],
    ['prune', (store) => void store.prune(6)],
    ['prune of what is gone', (store) => void store.prune(-100)],
    ['keeping the newest', (store) => void store.compact({ maxVersionsPerKey: 3 })],
    ['pruning by series', (store) => void store.pruneSeries(() => 4)],
    ['series that are forgotten', (store) => void store.maintain()],
  ])('%s', (_, overtake) => {
    const world = underWay();
    const undisturbed = underWay();
    undisturbed.store.seal();
    overtake(undisturbed.store);
    overtake(world.store);
    expect(dump(world.store)).toEqual(dump(undisturbed.store));
    for (const each of [world, undisturbed]) for (let i = 0; i < 30; i++) write(each.store, batch(1000 + i));
    expect(dump(world.store)).toEqual(dump(undisturbed.store));
    expect(dump(open(new NodeSql(world.sql.database)).store)).toEqual(dump(undisturbed.store));
  });

  test('a snapshot that was there before is restored: what the seal has filled goes, and the log with it', () => {
    const world = open();
    append(world);
    const id = world.store.createSnapshot();
    const then = dump(world.store);
    while (entries(world) + SERIES <= LIMITS.logEntriesMax) append(world);
    for (let i = 0; i < count; i++) append(world);
    world.store.restoreSnapshot(id);
    expect(dump(world.store)).toEqual(then);
    expect(entries(world)).toBe(0);
    for (let i = 0; i < 30; i++) write(world.store, batch(1000 + i));
    const { stored: rows, live } = stored(world.sql);
    expect(rows.filter((segment) => !live.includes(segment)).length).toBeLessThan(rows.length / 2);
    expect(dump(open(new NodeSql(world.sql.database)).store)).toEqual(dump(world.store));
  });
});

test('series that are forgotten while a log is sealed leave one index in memory: a seal and a flush let go of the one from before', () => {
  const world = open();
  write(world.store, Array.from({ length: 15 }, (_, i) => ({ labels: named('old', { i: String(i) }), samples: [[0, i]] })));
  world.store.seal();
  const numbers = Array.from({ length: 60 }, (_, i) => 100 + i);
  const isSealing = (): boolean => stored(world.sql).stored.length > stored(world.sql).live.length;
  while (!isSealing()) write(world.store, batch(must(numbers.shift(), 'a seal')));
  world.store.archive.readGroup({ startMs: 0, endMs: 1, from: undefined, seriesMax: 10 });
  const before = indexes();
  world.store.prune(50);
  expect(world.store.stats().counters['series_removed_total']).toBe(15);
  expect(indexes()).toBeLessThanOrEqual(before);
  for (const number of numbers) write(world.store, batch(number));
  expect(seals(world)).toBeGreaterThan(1);
  expect(dump(open(new NodeSql(world.sql.database)).store)).toEqual(dump(world.store));
});

const indexes = (): number => queryObjects(SeriesIndex, { format: 'count' });

test.each(['before', 'after'] as const)('storage breaks %s each call while a log is sealed, and nothing that was acknowledged is lost', { timeout: 60_000 }, (when) => {
  const calls = { begin: 0, end: 0 };
  const life = (sql: FaultySql, acknowledged: StoreModel): number => {
    const store = new HotStore(sql, LIMITS, { clock: new FixedClock(0) });
    for (let i = 0; i < 30; i++) {
      if (i === 19) calls.begin = sql.calls;
      try {
        write(store, batch(i));
      } catch (error) {
        if (!(error instanceof InjectedFault)) throw error;
        return i;
      }
      acknowledged.apply(batch(i));
    }
    return -1;
  };
  const whole = new FaultySql(new NodeSql());
  expect(life(whole, new StoreModel())).toBe(-1);
  calls.end = whole.calls;
  expect(calls.end - calls.begin).toBeGreaterThan(40);
  for (const call of everyCall(whole).filter((position) => position >= calls.begin)) {
    const sql = new NodeSql();
    const model = new StoreModel();
    const broken = life(new FaultySql(sql, { call, when }), model);
    expect(broken, `call ${call}`).toBeGreaterThanOrEqual(19);
    const store = new HotStore(new NodeSql(sql.database), LIMITS, { clock: new FixedClock(0) });
    const withBatch = model.clone();
    withBatch.apply(batch(broken));
    expect([model.dump(), withBatch.dump()].map((each) => JSON.stringify(each)), `call ${call}`).toContain(JSON.stringify(dump(store)));
    for (let i = broken; i < 60; i++) {
      write(store, batch(i));
      model.apply(batch(i));
    }
    expect(dump(store), `call ${call}`).toEqual(model.dump());
    expect(dump(new HotStore(new NodeSql(sql.database), LIMITS, { clock: new FixedClock(0) })), `call ${call}`).toEqual(model.dump());
  }
});
