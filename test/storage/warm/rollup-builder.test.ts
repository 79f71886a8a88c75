import { describe, expect, test } from 'vitest';
import { SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { ArchiveRetention } from '../../../storage/archive/upkeep/archive-retention.ts';
import { partitionDay } from '../../../storage/catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../../../storage/catalog/iceberg/table-definitions.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { readTieringPolicy } from '../../../storage/warm/read-tiering-policy.ts';
import { retentionOf } from '../../../storage/warm/tiering-policy.ts';
import { expectAllOrNothing } from '../../fakes/all-or-nothing.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import '../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { DAY_MS, HOUR_MS, DAY_START_MS, samplesOf } from '../archive/archive-world.ts';
import { letDie } from '../archive/dying.ts';
import type { TestSeries } from '../archive/random-series.ts';
import { RollupWorld } from './rollup-world.ts';

const LABELS: Labels[] = Array.from({ length: 10 }, (_, i) => ['__name__', `m${Math.floor(i / 4)}`, 'pod', `p${i}`]);
const ID = new Uint8Array(12);
/** Several row groups, files and steps. */
const SMALL = { archiveFileRowsMax: 60, archiveRowGroupRowsMax: 40, rollupRowGroupRowsMax: 25, archiveMergeRowsTarget: 40, rollupStepSamplesTarget: 150 };

/** One sample of each series at each time. */
function at(timesMs: readonly number[], value: (i: number) => number, labels: readonly Labels[] = LABELS.slice(0, 3)): TestSeries[] {
  const values = Float64Array.from(timesMs, (_, i) => value(i));
  return labels.map((each) => ({ labels: each, id: ID, source: { timestampsMs: Float64Array.from(timesMs), bits: new Uint32Array(values.slice().buffer), payloads: [], startsMs: undefined } }));
}

async function filled(world: RollupWorld, random: SeededRandom, hours: readonly number[]): Promise<RollupWorld> {
  for (const hour of hours) await world.commit(samplesOf(LABELS, random, hour));
  return world;
}

async function expectBuckets(world: RollupWorld, days: readonly number[]): Promise<void> {
  for (const table of ['rollup_5m', 'rollup_1h'] as const) {
    expect(world.freshDays(table), table).toEqual(days);
    expect(await world.bucketsOf(table), table).toEqual(world.expectedBuckets(table, days));
  }
}

describe('roll-ups', () => {
  test.each([1, 2, 3, 4, 5])('have of every day what its samples say: seed %i', async (seed) => {
    const world = new RollupWorld(seed % 2 === 0 ? {} : SMALL);
    await filled(world, new SeededRandom(seed), [0, 1, 2, 7, 12, 22, 23]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
    expect(world.builder.nextDueMs()).toBeUndefined();
    expect(await world.bucketsOf('rollup_1m')).toEqual([]);
  });

  test('have the sample on the edge of a day in the day before', async () => {
    const world = new RollupWorld();
    await world.commit(at([DAY_START_MS, DAY_START_MS + 1, DAY_START_MS + DAY_MS - 1], (i) => i));
    await world.commit(at([DAY_START_MS + DAY_MS, DAY_START_MS + DAY_MS + 1], (i) => 10 + i));
    await world.rollUpAll();
    // The first moment of all belongs to the day before the first.
    expect(world.freshDays('rollup_5m')).toEqual([-1, 0]);
    const buckets = await world.bucketsOf('rollup_5m');
    expect(buckets).toEqual(world.expectedBuckets('rollup_5m', [-1, 0]));
    expect(buckets.filter((line) => line.includes(` ${DAY_START_MS + DAY_MS - 300_000} 2 `)).length).toBe(3);
    expect(buckets.filter((line) => line.includes(` ${DAY_START_MS - 300_000} 1 `)).length).toBe(3);
  });

  test('wait until all of a day is archived, and for late samples to have come', async () => {
    const world = new RollupWorld();
    await world.commit(at([DAY_START_MS + 2 * DAY_MS - 1000], () => 1));
    await world.commit(at([DAY_START_MS + HOUR_MS], () => 1));
    const newest = world.clock.nowMs();
    await world.rollUpAll();
    // Shards have archived up to the end of the second day: the first window of the third is not there.
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    expect(world.builder.nextDueMs()).toBeUndefined();
    expect(newest).toBeLessThanOrEqual(world.clock.nowMs());
  });

  test.each([11, 12, 13])('are made again when late samples come, and only those of their days: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const world = await filled(new RollupWorld(SMALL), random, [0, 5, 23]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
    const before = world.liveFilesOf('rollup_5m');
    await world.commit(samplesOf(LABELS, random, 30 - 48));
    await world.commit(samplesOf(LABELS, random, 5));
    expect(world.freshDays('rollup_5m')).toEqual([]);
    await world.rollUpAll();
    await expectBuckets(world, [-1, 0]);
    expect(world.liveFilesOf('rollup_5m').filter((key) => before.includes(key))).toEqual([]);
    // One run, whatever came late: there is nothing to merge.
    for (const table of ['rollup_5m', 'rollup_1h'] as const) expect(world.files.runs({ table, day: partitionDay(tableDefinition(table), DAY_START_MS), shard: '1/0' }).length).toBe(1);
    // Another day of the same month: the table of hours keeps what it has of the others.
    await world.commit(samplesOf(LABELS, random, -40));
    await world.rollUpAll();
    await expectBuckets(world, [-2, -1, 0]);
  });

  test('are the same when files of samples were merged meanwhile, and are not made again for it', async () => {
    const random = new SeededRandom(3);
    const world = await filled(new RollupWorld({ ...SMALL, archiveMergeRunsMin: 2 }), random, [0, 1, 2, 3, 4, 5]);
    await world.mergeAll();
    await filled(world, random, [1, 2]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
    const before = world.liveFilesOf('rollup_5m');
    await world.mergeAll();
    await world.rollUpAll();
    expect(world.liveFilesOf('rollup_5m')).toEqual(before);
    await expectBuckets(world, [0]);
  });

  test('that have outlived the samples of their day are not made again of what comes late', async () => {
    const random = new SeededRandom(5);
    const world = await filled(new RollupWorld(SMALL), random, [0, 5, 23]);
    await world.rollUpAll();
    const before = await world.bucketsOf('rollup_1h');
    const remove = world.liveFiles().map(({ file }) => file);
    expect(world.files.replace({ id: 'expired', table: 'samples', remove, add: [], nowMs: 0 })).toBe('done');
    await world.commit(samplesOf(LABELS, random, 7));
    await world.rollUpAll();
    expect(world.freshDays('rollup_1h')).toEqual([0]);
    expect(await world.bucketsOf('rollup_1h')).toEqual(before);
  });

  test('of series whose samples have left are kept when late samples of others come, and leave by their own rules', async () => {
    const random = new SeededRandom(6);
    const world = await filled(new RollupWorld(SMALL), random, [0, 5, 23]);
    await world.rollUpAll();
    const policy = readTieringPolicy('{"a":{"rules":[{"match":{"__name__":"m0"},"warm":{"retention":{"5m":"20d","1h":"25d"}},"cold":{"retention":"4d"}}],"warm":{"retention":"300d"}}}')('a');
    world.retentionOf = retentionOf(policy);
    world.wake();
    world.clock.advance(7 * DAY_MS);
    expect(await world.expireAll()).toBeGreaterThan(0);
    const isOfM0 = (line: string): boolean => line.startsWith('m0{');
    const samples = (await world.readAll()).filter((line) => line.includes(' m0{'));
    expect(samples).toEqual([]);
    const before = (await world.bucketsOf('rollup_5m')).filter(isOfM0);
    expect(before.length).toBeGreaterThan(0);
    // Late ones of all series: those of m0 have left before they came.
    await world.commit(samplesOf(LABELS, random, 7));
    await world.expireAll();
    await world.rollUpAll();
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    const after = await world.bucketsOf('rollup_5m');
    expect(after.filter(isOfM0)).toEqual(before);
    expect(after.filter((line) => !isOfM0(line))).toEqual(world.expectedBuckets('rollup_5m', [0]).filter((line) => !isOfM0(line)));
    // Hours leave by month, fives by day.
    world.clock.advance(12 * DAY_MS);
    await world.expireAll();
    expect((await world.bucketsOf('rollup_5m')).filter(isOfM0)).toEqual([]);
    expect((await world.bucketsOf('rollup_5m')).length).toBeGreaterThan(0);
    expect((await world.bucketsOf('rollup_1h')).filter(isOfM0).length).toBeGreaterThan(0);
    world.clock.advance(31 * DAY_MS);
    await world.expireAll();
    expect((await world.bucketsOf('rollup_1h')).filter(isOfM0)).toEqual([]);
    expect((await world.bucketsOf('rollup_1h')).length).toBeGreaterThan(0);
  });

  test('that have left before the samples of their series are not made again of what comes late', async () => {
    const random = new SeededRandom(8);
    const world = await filled(new RollupWorld(SMALL), random, [0, 5, 23]);
    await world.rollUpAll();
    world.retentionOf = retentionOf(readTieringPolicy('{"a":{"rules":[{"match":{"__name__":"m0"},"warm":{"retention":{"5m":"4d"}}}],"warm":{"retention":"300d"}}}')('a'));
    world.wake();
    world.clock.advance(7 * DAY_MS);
    expect(await world.expireAll()).toBeGreaterThan(0);
    await world.commit(samplesOf(LABELS, random, 7));
    await world.rollUpAll();
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    expect(await world.bucketsOf('rollup_5m')).toEqual(world.expectedBuckets('rollup_5m', [0]).filter((line) => !line.startsWith('m0{')));
    expect(await world.bucketsOf('rollup_1h')).toEqual(world.expectedBuckets('rollup_1h', [0]));
  });

  test('of a day whose samples have all left stay to be read, whatever comes late', async () => {
    const random = new SeededRandom(7);
    const world = await filled(new RollupWorld(SMALL), random, [0, 5, 23]);
    await world.rollUpAll();
    const before = await world.bucketsOf('rollup_5m');
    world.retentionOf = retentionOf(readTieringPolicy('{"a":{"rules":[{"match":{"__name__":"=~m.*"},"cold":{"retention":"4d"}}],"warm":{"retention":"300d"}}}')('a'));
    world.wake();
    world.clock.advance(7 * DAY_MS);
    await world.commit(samplesOf(LABELS, random, 7));
    await world.expireAll();
    expect(world.liveFiles()).toEqual([]);
    await world.rollUpAll();
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    expect(await world.bucketsOf('rollup_5m')).toEqual(before);
  });

  test('that have left with their partition are not there any more, and are made again where the policy keeps them for longer', async () => {
    const world = await filled(new RollupWorld(SMALL), new SeededRandom(9), [0, 5]);
    await world.rollUpAll();
    const { files, clock, limits } = world;
    const retention = new ArchiveRetention({ files, clock, random: new SeededRandom(1), limits, retentionOf: (table) => SeriesRetention.ofAll((table === 'rollup_5m' ? 7 : 300) * DAY_MS) });
    clock.advance(10 * DAY_MS);
    while ((retention.nextDueMs() ?? Infinity) <= clock.nowMs()) await retention.step();
    expect([world.freshDays('rollup_5m'), world.freshDays('rollup_1h')]).toEqual([[], [0]]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
  });

  const POLICY_OF_M0 = (retention: string): string => `{"a":{"rules":[{"match":{"__name__":"m0"},"warm":{"retention":{"5m":"${retention}"}}}],"warm":{"retention":"300d"}}}`;

  /** Roll-ups of a day, those of m0 kept for four days, three days behind that. */
  async function withoutM0(): Promise<RollupWorld> {
    const world = await filled(new RollupWorld(SMALL), new SeededRandom(10), [0, 5, 23]);
    keepBy(world, POLICY_OF_M0('4d'));
    await world.rollUpAll();
    world.clock.advance(7 * DAY_MS);
    expect(await world.expireAll()).toBeGreaterThan(0);
    expect((await world.bucketsOf('rollup_5m')).some((line) => line.startsWith('m0{'))).toBe(false);
    return world;
  }

  function keepBy(world: RollupWorld, policy: string): void {
    world.retentionOf = retentionOf(readTieringPolicy(policy)('a'));
    world.wake();
    world.builder.nextDueMs();
  }

  test.each(['the same rule', 'no rule any more'])('of series that have left by a rule are made again when they are kept for longer: by %s', async (by) => {
    const world = await withoutM0();
    keepBy(world, by === 'the same rule' ? POLICY_OF_M0('200d') : '{"a":{"warm":{"retention":"300d"}}}');
    expect([world.freshDays('rollup_5m'), world.freshDays('rollup_1h')]).toEqual([[], [0]]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
    world.wake();
    expect(world.builder.nextDueMs()).toBeUndefined();
  });

  test('of series that come to be kept for longer are not read as they are, whatever breaks as that is noted', async () => {
    const world = await withoutM0();
    world.retentionOf = retentionOf(readTieringPolicy(POLICY_OF_M0('200d'))('a'));
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    expectAllOrNothing(world.database, (sql) => world.builderOver(sql).nextDueMs());
  });

  test('of series that have left stay as they are when none is kept for longer, or there are no samples to make them of', async () => {
    const world = await withoutM0();
    keepBy(world, POLICY_OF_M0('3d'));
    expect(world.freshDays('rollup_5m')).toEqual([0]);
    expect(world.files.replace({ id: 'expired', table: 'samples', remove: world.liveFiles().map(({ file }) => file), add: [], nowMs: 0 })).toBe('done');
    keepBy(world, POLICY_OF_M0('200d'));
    expect(world.freshDays('rollup_5m')).toEqual([0]);
  });

  describe('by a catalog that has not noted how long they were kept', () => {
    /** As a build leaves it that knew nothing of it. */
    function keepByUnnoted(world: RollupWorld, policy: string): void {
      world.database.database.exec('DELETE FROM rollup_retention');
      keepBy(world, policy);
    }

    test.each(['a longer rule', 'no rule any more'])('are made again where series have left that are kept for longer now: by %s', async (by) => {
      const world = await withoutM0();
      keepByUnnoted(world, by === 'a longer rule' ? POLICY_OF_M0('200d') : '{"a":{"warm":{"retention":"300d"}}}');
      expect([world.freshDays('rollup_5m'), world.freshDays('rollup_1h')]).toEqual([[], [0]]);
      await world.rollUpAll();
      await expectBuckets(world, [0]);
    });

    test('stay as they are where the rules of now let the same series leave', async () => {
      const world = await withoutM0();
      for (const retention of ['4d', '3d']) keepByUnnoted(world, POLICY_OF_M0(retention));
      expect([world.freshDays('rollup_5m'), world.freshDays('rollup_1h')]).toEqual([[0], [0]]);
    });

    test('are made again where all of them have left, and no file is there to say so', async () => {
      const world = new RollupWorld(SMALL);
      await world.commit(samplesOf(LABELS.slice(0, 4), new SeededRandom(10), 3));
      await world.commit(samplesOf(LABELS.slice(0, 4), new SeededRandom(11), 30));
      keepBy(world, POLICY_OF_M0('4d'));
      await world.rollUpAll();
      world.clock.advance(7 * DAY_MS);
      await world.expireAll();
      expect(world.liveFilesOf('rollup_5m')).toEqual([]);
      keepByUnnoted(world, POLICY_OF_M0('200d'));
      expect(world.freshDays('rollup_5m')).toEqual([]);
      await world.rollUpAll();
      await expectBuckets(world, [0]);
    });
  });

  test('that were being made without series which have left, when these come to be kept for longer, are begun anew', async () => {
    const world = await withoutM0();
    await world.commit(samplesOf(LABELS, new SeededRandom(11), 7));
    while (world.builder.begun()?.written.fileCount !== 1) {
      const dueMs = world.builder.nextDueMs()!;
      world.clock.advance(Math.max(0, dueMs - world.clock.nowMs()));
      await world.builder.step();
    }
    keepBy(world, POLICY_OF_M0('200d'));
    expect(world.builder.begun()).toBeUndefined();
    await world.rollUpAll();
    await expectBuckets(world, [0]);
  });

  test('leave nothing behind that is noted of them, or of samples that they were made of', async () => {
    const world = await filled(new RollupWorld(SMALL), new SeededRandom(9), [0, 24, 48]);
    await world.rollUpAll();
    const noted = (): number[] => ['rollup_day', 'rollup_source', 'changed_partition'].map((table) => world.database.all<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]!.n);
    expect(Math.min(...noted())).toBeGreaterThan(1);
    await world.live(80 * DAY_MS);
    expect(noted()).toEqual([0, 0, 0]);
  });

  test('follow the policy, series by series', async () => {
    const policy = readTieringPolicy('{"a":{"warm":{"aggregates":["max"],"rules":[{"match":{"pod":"=~p[0-3]"},"resolution":["1h"]},{"match":{"pod":"p4"},"resolution":[]}]}}}')('a').warm;
    const world = await filled(new RollupWorld(SMALL, policy), new SeededRandom(4), [0, 1, 2, 3]);
    await world.rollUpAll();
    await expectBuckets(world, [0]);
    const podsOf = async (table: 'rollup_5m' | 'rollup_1h'): Promise<string[]> => [...new Set((await world.bucketsOf(table)).map((line) => /p\d/.exec(line)![0]))].sort();
    expect(await podsOf('rollup_1h')).not.toContain('p4');
    expect((await podsOf('rollup_5m')).every((pod) => pod > 'p4')).toBe(true);
  });

  test('a series with more samples than are held at a time', async () => {
    const world = new RollupWorld({ archiveMergeRowsTarget: 50, archiveFileRowsMax: 80 });
    for (let hour = 0; hour < 4; hour++) await world.commit(at(Array.from({ length: 60 }, (_, i) => DAY_START_MS + hour * HOUR_MS + 1000 + i * 50_000), (i) => i));
    await world.commit(at(Array.from({ length: 30 }, (_, i) => DAY_START_MS + 30_000 + i * 370_000), (i) => -i));
    await world.rollUpAll();
    await expectBuckets(world, [0]);
  });
});

describe('faults', () => {
  const build = (): Promise<RollupWorld> => filled(new RollupWorld(SMALL), new SeededRandom(9), [0, 1, 23]);

  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', { timeout: 120_000 }, async (when) => {
    const whole = await build();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      await world.rollUpAll();
      await expectBuckets(world, [0]);
      await world.expectNoOrphans();
      if (store.calls <= call) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s each call of its storage', { timeout: 240_000 }, async (when) => {
    const stateCount = await letDie(await build(), { when, work: (world) => world.rollUpAll() }, async (world) => {
      await world.rollUpAll();
      await expectBuckets(world, [0]);
      await world.expectNoOrphans();
    });
    expect(stateCount).toBeGreaterThan(when === 'before' ? 20 : 10);
  });

  test('the object store is away for long: it is tried again, later each time, and the plan is made anew', async () => {
    const world = await build();
    const store = new FaultyObjectStore(world.objects);
    world.store = store;
    world.wake();
    store.isDown = true;
    for (let minute = 0; minute < 12 * 60; minute++) {
      world.clock.advance(60_000);
      await world.builder.step();
    }
    // Once in ten minutes when nothing has answered for long, a few files at a time.
    expect(store.calls).toBeLessThan(12 * 6 * 4);
    expect(world.builder.counters.rollups_given_up_total).toBeGreaterThan(0);
    store.isDown = false;
    await world.rollUpAll();
    await expectBuckets(world, [0]);
  });
});
