import { describe, expect, test } from 'vitest';
import type { Sql } from '../../../../storage/runtime/sql.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { decodeSegmentList } from '../../../../storage/shard/segment/segment-list.ts';
import { faultsOf, FaultySql, InjectedFault } from '../../../fakes/faulty-sql.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { named, write, type TestSeries } from '../batches.ts';
import { dump } from '../store-model.ts';

/*
 * A merge goes in steps, with everything else between them: what is read stays the same at each, what is written stays, and a merge that
 * is overtaken or that a crash ends leaves nothing behind.
 */
const RUNS = 4;
const SERIES = 6;
const SAMPLES = 5;
/** Less than the pieces of one series count, which overlap and go together. */
const STEP_SAMPLES = SAMPLES;
const LIMITS = limitsWith({ mergeFanIn: RUNS, mergeStepSamples: STEP_SAMPLES, segmentRowBytesTarget: 60, segmentFrameBytesTarget: 40 });
/** One to look, one to put the series in order, one for the first row of each run, one for each series, and the last. */
const STEPS = 2 + RUNS + SERIES + 1;

interface World {
  readonly sql: NodeSql;
  readonly store: HotStore;
}

function open(sql = new NodeSql(), port: Sql = sql): World {
  return { sql, store: new HotStore(port, LIMITS, { clock: new FixedClock(0) }) };
}

function series(run: number): TestSeries[] {
  return Array.from({ length: SERIES }, (_, i) => ({
    labels: named('m', { i: String(i) }),
    // Each run overlaps the one before, and overrides its last sample.
    samples: Array.from({ length: SAMPLES }, (_, k) => [run * (SAMPLES - 1) + k, run * 100 + i] as const),
  }));
}

function mergeable(): World {
  const world = open();
  for (let run = 0; run < RUNS; run++) {
    write(world.store, series(run));
    world.store.seal();
  }
  return world;
}

const merges = ({ store }: World): number => store.stats().counters['merges_total']!;

function maintainToTheEnd({ store }: World): number {
  let steps = 0;
  for (; store.nextDueMs() === -Infinity; steps++) {
    if (steps > 100) throw new Error('maintenance that never rests');
    store.maintain();
  }
  return steps;
}

/** No row is stored that is not live; for worlds without snapshots. */
function expectNothingLeftOver({ sql }: World): void {
  const [state] = sql.all<{ live_segments: ArrayBuffer }>('SELECT live_segments FROM shard_state');
  const stored = sql.all<{ segment: number }>('SELECT segment FROM segment ORDER BY segment').map(({ segment }) => segment);
  expect(stored).toEqual(decodeSegmentList(state!.live_segments, 'live').sort((a, b) => a - b));
  expect(sql.all<{ segment: number }>('SELECT segment FROM segment_refs ORDER BY segment').map(({ segment }) => segment)).toEqual(stored);
}

test('each step moves no more than the limit says, and changes nothing that is read', () => {
  const world = mergeable();
  const before = dump(world.store);
  for (let step = 1; step < STEPS; step++) {
    world.store.maintain();
    expect(merges(world)).toBe(0);
    expect(dump(world.store)).toEqual(before);
  }
  expect(maintainToTheEnd(world)).toBe(1);
  expect(merges(world)).toBe(1);
  expect(dump(world.store)).toEqual(before);
  expectNothingLeftOver(world);
  expect(dump(open(world.sql).store)).toEqual(before);
});

test('what is written, and sealed, between the steps stays', () => {
  const world = mergeable();
  for (let step = 1; step < STEPS; step++) {
    world.store.maintain();
    write(world.store, [{ labels: named('m', { i: '0' }), samples: [[1, 1_000 + step]] }, { labels: named('new', { i: String(step) }), samples: [[step, step]] }]);
    if (step % 2 === 0) world.store.seal();
  }
  const before = dump(world.store);
  maintainToTheEnd(world);
  expect(merges(world)).toBeGreaterThan(0);
  expect(dump(world.store)).toEqual(before);
  expectNothingLeftOver(world);
});

describe.each(Array.from({ length: STEPS - 1 }, (_, i) => i + 1))('behind step %i', (steps) => {
  const underWay = (): World => {
    const world = mergeable();
    for (let step = 0; step < steps; step++) world.store.maintain();
    expect(merges(world)).toBe(0);
    return world;
  };

  test('a crash: the rows that were filled go, and the merge is made', () => {
    const world = underWay();
    const before = dump(world.store);
    const next = open(new NodeSql(world.sql.database));
    expect(dump(next.store)).toEqual(before);
    // Ids that are taken are not given again, whatever comes first.
    next.store.seal();
    write(next.store, [{ labels: named('behind'), samples: [[1, 1]] }]);
    next.store.seal();
    const then = dump(next.store);
    maintainToTheEnd(next);
    expect(merges(next)).toBe(1);
    expect(dump(next.store)).toEqual(then);
    expectNothingLeftOver(next);
  });

  test.each<[string, (store: HotStore) => void]>([
    ['prune', (store) => void store.prune(6)],
    ['keeping the newest', (store) => void store.compact({ maxVersionsPerKey: 3 })],
    ['pruning by series', (store) => void store.pruneSeries(() => 4)],
    ['a snapshot that is restored', (store) => store.restoreSnapshot(store.createSnapshot())],
    ['a snapshot that is deleted', (store) => store.deleteSnapshot(store.createSnapshot())],
  ])('%s', (_, overtake) => {
    const world = underWay();
    const undisturbed = mergeable();
    overtake(undisturbed.store);
    overtake(world.store);
    expect(dump(world.store)).toEqual(dump(undisturbed.store));
    maintainToTheEnd(world);
    for (const id of world.store.listSnapshots()) world.store.deleteSnapshot(id);
    expect(dump(world.store)).toEqual(dump(undisturbed.store));
    expectNothingLeftOver(world);
    expect(dump(open(world.sql).store)).toEqual(dump(undisturbed.store));
  });
});

test('runs that two instances have sealed are two', () => {
  const { sql, store } = open();
  write(store, series(0));
  store.seal();
  const next = open(new NodeSql(sql.database)).store;
  write(next, series(1));
  next.seal();
  expect(sql.all('SELECT DISTINCT seal FROM segment')).toHaveLength(2);
});

test('storage breaks behind each write of a merge, and of one that begins with what a crash has left of another', () => {
  const abandoned = mergeable();
  for (let step = 0; step < STEPS - 2; step++) abandoned.store.maintain();
  const whole = abandoned.sql;
  const undisturbed = whole.copy();
  const counting = new FaultySql(undisturbed);
  const { store } = open(undisturbed, counting);
  counting.arm();
  maintainToTheEnd({ sql: undisturbed, store });
  const calls = faultsOf(counting, 'after');
  expect(calls.length).toBeGreaterThan(STEPS / 2);
  for (const call of calls) {
    const sql = whole.copy();
    const faulty = new FaultySql(sql);
    const broken = open(sql, faulty);
    faulty.arm({ call, when: 'after' });
    expect(() => maintainToTheEnd(broken), `call ${call}`).toThrow(InjectedFault);
    const next = open(sql, new NodeSql(sql.database));
    expect(dump(next.store), `call ${call}`).toEqual(dump(mergeable().store));
    // Where a merge begins, what was left is gone first.
    if (next.store.nextDueMs() === -Infinity) {
      const begun = open(sql.copy());
      begun.store.maintain();
      expectNothingLeftOver(begun);
    }
    // Whatever comes first.
    write(next.store, [{ labels: named('behind'), samples: [[1, 1]] }]);
    next.store.seal();
    const then = dump(next.store);
    maintainToTheEnd(next);
    expect(dump(next.store), `call ${call}`).toEqual(then);
    expectNothingLeftOver(next);
  }
});

test('series that a deleted snapshot leaves without samples end the merge under way, and it is begun anew', () => {
  const world = open();
  write(world.store, Array.from({ length: SERIES }, (_, i) => ({ labels: named('gone', { i: String(i) }), samples: [[-1, i]] as const })));
  const snapshot = world.store.createSnapshot();
  world.store.prune(0);
  for (let run = 0; run < RUNS; run++) {
    write(world.store, series(run));
    world.store.seal();
  }
  for (let step = 1; step < STEPS; step++) world.store.maintain();
  const before = dump(world.store);
  world.store.deleteSnapshot(snapshot);
  world.store.maintain();
  expect(world.store.stats().counters).toMatchObject({ series_removed_total: SERIES, merges_total: 0 });
  maintainToTheEnd(world);
  expect(merges(world)).toBe(1);
  expect(dump(world.store)).toEqual(before);
  expectNothingLeftOver(world);
});

test('a row that cannot be read ends the merge that comes to it, and stays; other runs are merged', () => {
  const world = mergeable();
  const before = dump(world.store);
  // The last row of the second run, which a merge comes to when it has filled rows of its own.
  const [row] = world.sql.all<{ segment: number; samples: ArrayBuffer }>('SELECT segment, samples FROM segment WHERE seal = (SELECT min(seal) + 1 FROM segment) ORDER BY segment DESC LIMIT 1');
  const damaged = new Uint8Array(row!.samples.slice(0));
  damaged[damaged.length - 1]! ^= 1;
  world.sql.run('UPDATE segment SET samples = ? WHERE segment = ?', damaged, row!.segment);
  const { store } = open(new NodeSql(world.sql.database));
  maintainToTheEnd({ sql: world.sql, store });
  expect(merges({ sql: world.sql, store })).toBe(0);
  expect(() => dump(store)).toThrow(`segment ${row!.segment}: damaged`);
  const later = { sql: world.sql, store };
  for (let run = 0; run < RUNS; run++) {
    write(store, [{ labels: named('later'), samples: [[run, run]] }]);
    store.seal();
  }
  maintainToTheEnd(later);
  expect(merges(later)).toBeGreaterThan(0);
  expectNothingLeftOver(later);
  world.sql.run('UPDATE segment SET samples = ? WHERE segment = ?', row!.samples, row!.segment);
  const mended = open(new NodeSql(world.sql.database));
  expect(dump(mended.store).filter(([name]) => !name.includes('later'))).toEqual(before);
  maintainToTheEnd(mended);
  expect(merges(mended)).toBeGreaterThan(0);
});

test('a series with far more samples than a piece is merged piece by piece, out of order or not', () => {
  const labels = named('long');
  for (const spread of [1, RUNS]) {
    const world = open(new NodeSql());
    for (let run = 0; run < RUNS; run++) {
      const times = Array.from({ length: 10_000 }, (_, k) => (spread === 1 ? run * 9_900 + k : k * RUNS + run));
      world.store.appendLocal([{ labels, timestampsMs: times, values: times.map((timeMs) => timeMs * 10 + run) }]);
      world.store.seal();
    }
    const before = dump(world.store);
    maintainToTheEnd(world);
    expect(merges(world)).toBe(1);
    expect(dump(world.store)).toEqual(before);
    const pieces = world.sql.all<{ sample_count: number }>('SELECT sample_count FROM segment').map(({ sample_count }) => sample_count);
    // Full pieces, but for the last of the series.
    expect(pieces.slice(0, -1).every((count) => count % 4096 === 0)).toBe(true);
  }
});
