import { describe, expect, test } from 'vitest';
import { SamplesFileReader } from '../../../../storage/archive/files/samples-file-reader.ts';
import { planMerge } from '../../../../storage/archive/rewrite/merge-plan.ts';
import type { Labels } from '../../../../storage/model/labels.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { compareSeries } from '../../../../storage/shard/select/read-window.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import '../../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, HOUR_MS, samplesOf } from '../archive-world.ts';
import { letDie } from '../dying.ts';
import { randomSeries } from '../random-series.ts';

/** A day's commits are several files each, and series are cut. */
const SMALL = { archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170, archiveMergeRowsTarget: 40 };

const labelsOf = (random: SeededRandom, count: number): Labels[] => randomSeries(random, count, 1).map(({ labels }) => labels);

/** A day of hours, two of which bring samples of the same times again, and late ones behind them. */
async function filled(seed: number, { hours = [0, 1, 2, 2, 5, 1], series = 14, limits = SMALL as Partial<typeof SMALL> } = {}): Promise<ArchiveWorld> {
  const world = new ArchiveWorld(limits);
  const random = new SeededRandom(seed);
  const labels = labelsOf(random, series);
  for (const hour of hours) await world.commit(samplesOf(labels, random, hour));
  return world;
}

describe('a merge', () => {
  test('many files become few that are sorted all through, and a query reads the same, to the bit', async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const world = await filled(seed);
      const before = await world.readAll();
      const filesBefore = world.liveFiles().length;
      await world.mergeAll();
      expect(await world.readAll()).toEqual(before);
      const files = world.liveFiles();
      expect(files.length).toBeLessThan(filesBefore);
      // As few as the rows fit in, none twice, and one after another in the order of series.
      expect(files.length).toBe(Math.ceil(before.length / SMALL.archiveFileRowsMax));
      let last: Labels | undefined;
      for (const file of files) {
        for (const { labels } of (await SamplesFileReader.open(world.objects, file)).series()) {
          if (last !== undefined) expect(compareSeries(last, labels)).toBeLessThanOrEqual(0);
          last = labels;
        }
      }
      expect(world.merger.nextDueMs()).toBeUndefined();
    }
  });

  test('what comes while it runs, and behind it, still counts more', async () => {
    const world = await filled(3);
    const random = new SeededRandom(77);
    const labels = labelsOf(new SeededRandom(3), 14);
    await world.merger.step();
    await world.merger.step();
    await world.commit(samplesOf(labels, random, 1));
    const before = await world.readAll();
    await world.mergeAll();
    expect(await world.readAll()).toEqual(before);
    // One run of late samples is left beside the merged one: too few to write the day again.
    const runs = world.files.runs({ table: 'samples', day: Math.floor(world.liveFiles()[0]!.minTimeMs / DAY_MS), shard: '1/0' });
    expect(runs.length).toBe(2);
    for (let i = 0; i < 3; i++) await world.commit(samplesOf(labels, random, 2));
    const later = await world.readAll();
    await world.mergeAll();
    expect(await world.readAll()).toEqual(later);
  });

  test('a day that is not over waits, shards and days stay apart', async () => {
    const world = await filled(5);
    const random = new SeededRandom(5);
    const labels = labelsOf(random, 5);
    for (let i = 0; i < 4; i++) {
      await world.commit(samplesOf(labels, random, i), '1/1');
      await world.commit(samplesOf(labels, random, 24 + i));
      // Over for less than the delay.
      await world.commit(samplesOf(labels, random, 48 + i));
    }
    world.clock.advance(2 * HOUR_MS);
    const before = await world.readAll();
    await world.mergeAll();
    expect(await world.readAll()).toEqual(before);
    const open = world.liveFiles().filter(({ key }) => !key.includes('merged'));
    expect(new Set(open.map(({ minTimeMs }) => Math.floor(minTimeMs / DAY_MS))).size).toBe(1);
    expect(world.merger.nextDueMs()).toBeGreaterThan(world.clock.nowMs() + HOUR_MS);
    world.clock.advance(2 * DAY_MS);
    await world.mergeAll();
    expect(await world.readAll()).toEqual(before);
    expect(world.liveFiles().filter(({ key }) => !key.includes('merged'))).toEqual([]);
  });

  test('files that are taken away meanwhile: it is planned anew', async () => {
    const world = await filled(6);
    await world.merger.step();
    const [first] = world.liveFiles();
    expect(world.files.replace({ id: 'other', table: 'samples', remove: [first!.file], add: [], nowMs: 0 })).toBe('done');
    const before = await world.readAll();
    await world.mergeAll();
    expect(await world.readAll()).toEqual(before);
    expect(world.merger.counters).toMatchObject({ archive_merges_given_up_total: 1, archive_merges_total: 1 });
  });

  test('while the object store is away for long, no merge is given up', async () => {
    const world = await filled(7);
    const store = new FaultyObjectStore(world.objects);
    world.store = store;
    world.wake();
    const { merger } = world;
    await merger.step();
    store.isDown = true;
    for (let i = 0; i < 30; i++) {
      world.clock.advance(10 * 60_000);
      await merger.step();
    }
    expect(merger.failure?.count).toBe(30);
    store.isDown = false;
    world.clock.advance(10 * 60_000);
    await world.mergeAll();
    expect(merger.counters).toMatchObject({ archive_merges_given_up_total: 0, archive_merges_total: 1 });
  });

  test('an object that another build has written under the key is left alone, and the merge is planned anew', async () => {
    const world = await filled(7);
    const before = await world.readAll();
    let taken = 0;
    const { objects } = world;
    world.store = {
      head: (key) => objects.head(key),
      get: (key, range) => objects.get(key, range),
      delete: (keys) => objects.delete(keys),
      list: (prefix, cursor) => objects.list(prefix, cursor),
      async create(key, body) {
        if (taken++ === 1) await objects.create(key, Uint8Array.of(1, 2, 3));
        return objects.create(key, body);
      },
    };
    world.wake();
    await world.mergeAll();
    expect(await world.readAll()).toEqual(before);
    expect(world.merger.counters).toMatchObject({ archive_merges_given_up_total: 1, archive_merges_total: 1 });
    expect(world.liveKeys().every((key) => key.includes('merged'))).toBe(true);
  });

  test('a file that is damaged: the merge is given up in time, and others go on', async () => {
    const world = await filled(7);
    const [first] = world.liveFiles();
    await world.objects.delete([first!.key]);
    const random = new SeededRandom(5);
    const labels = labelsOf(random, 5);
    for (let i = 0; i < 4; i++) await world.commit(samplesOf(labels, random, i), '1/1');
    await world.mergeAll();
    expect(world.merger.counters).toMatchObject({ archive_merges_given_up_total: 1, archive_merges_total: 1 });
    expect(world.liveFiles().filter(({ shard }) => shard === '1/1').every(({ key }) => key.includes('merged'))).toBe(true);
  });
});

describe('faults', () => {
  const few = { hours: [0, 1, 1, 2], series: 5, limits: { ...SMALL, archiveFileRowsMax: 120 } };

  /** Every object is one that the catalog knows, or was merged into others. */
  async function expectNoneLeft(world: ArchiveWorld): Promise<void> {
    const keys = (await world.objects.list('')).objects.map(({ key }) => key);
    expect(keys.filter((key) => key.includes('merged'))).toEqual(world.liveKeys().sort());
  }

  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', async (when) => {
    const whole = await filled(11, few);
    const before = await whole.readAll();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      await world.mergeAll();
      expect(await world.readAll()).toEqual(before);
      await expectNoneLeft(world);
      if (store.calls <= call) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s each call of its storage', { timeout: 120_000 }, async (when) => {
    const whole = await filled(11, few);
    const before = await whole.readAll();
    const stateCount = await letDie(whole, { when, work: (world) => world.mergeAll() }, async (world) => {
      expect(await world.readAll()).toEqual(before);
      await world.mergeAll();
      expect(await world.readAll()).toEqual(before);
      await expectNoneLeft(world);
    });
    expect(stateCount).toBeGreaterThanOrEqual(8);
  });
});

test('which runs are merged', () => {
  const f = (rows: readonly number[], files = rows.map(() => 1), limits: Partial<Record<keyof typeof LIMITS, number>> = {}, tailBytes = 1): string | undefined => {
    const runs = rows.map((rowCount, i) => ({ run: i, rank: i, rowCount, tailBytes, files: Array.from({ length: files[i]! }, (_, file) => file) }));
    const plan = planMerge(runs, { ...LIMITS, ...limits });
    return plan && `${plan[0]!.run}-${plan.at(-1)!.run}`;
  };
  expect(f([])).toBeUndefined();
  expect(f([10, 10, 10])).toBeUndefined();
  expect(f([10, 10, 10, 10])).toBe('0-3');
  // The last hour had an outage.
  expect(f([10, 10, 10, 1])).toBe('0-3');
  // A day that is merged stays until what has come behind it is worth it.
  expect(f([1000, 1, 1])).toBeUndefined();
  expect(f([1000, 1, 1, 1, 1])).toBe('1-4');
  expect(f([1000, 60, 70, 70, 60])).toBe('0-4');
  expect(f([10, 10, 10, 10, 10, 10], [2, 2, 2, 2, 2, 2], { archiveMergeFilesMax: 9 })).toBe('0-3');
  expect(f([10, 10, 10, 10], [5, 5, 5, 5], { archiveMergeFilesMax: 9 })).toBeUndefined();
  // No more than may be open at a time, and of these the least; a run that has grown waits until the others have.
  const equal = Array.from({ length: 100 }, () => 10);
  expect(f(equal)).toBe('0-47');
  expect(f([480, ...equal.slice(48)])).toBe('1-48');
  expect(f([480, 480, ...equal.slice(96)])).toBe('0-5');
  expect(f([10, 10, 10, 1, 1], undefined, { archiveOpenTailBytesTarget: 10 }, 4)).toBe('3-4');
  expect(f([10, 10, 10, 10], undefined, { archiveOpenTailBytesTarget: 10 }, 6)).toBeUndefined();
});
