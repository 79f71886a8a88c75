import { describe, expect, test } from 'vitest';
import { stretchesOutside } from '../../../storage/archive/deleted-samples.ts';
import type { ArchiveDeleteRequest } from '../../../storage/catalog/archive-api.ts';
import { rollupDays } from '../../../storage/catalog/rollup-days.ts';
import { METRIC_NAME, type Labels } from '../../../storage/model/labels.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import '../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, DAY_START_MS, HOUR_MS, samplesOf } from './archive-world.ts';
import { letDie } from './dying.ts';
import { randomSeries } from './random-series.ts';

const SMALL = { archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170, archiveMergeRowsTarget: 90, archiveRemovedCheckMs: 8 * HOUR_MS };

const metric = (name: string): Matcher => ({ name: METRIC_NAME, type: '=', value: name });

/** Deletes in the archive, after shards whose flushes up to the newest commit have begun. */
function remove(world: ArchiveWorld, matcher: Matcher, startMs: number, endMs: number, flushes: ArchiveDeleteRequest['flushes'] = { '1/0': world.sequence }): void {
  expect(world.tombstones.add({ version: 1, selectors: [[matcher]], startMs, endMs, flushes }, world.clock.nowMs())).toBeUndefined();
}

/** The catalog takes both days for rolled up, of all their files. */
function rollUp({ database }: ArchiveWorld): void {
  for (const day of [0, 1]) {
    database.run("INSERT INTO rollup_day (table_name, shard, day, through_file, policy) VALUES ('rollup_5m', '1/0', ?, 1000, 1)", DAY_START_MS / DAY_MS + day);
    database.run("INSERT OR REPLACE INTO rollup_source (shard, day, newest_file, changed_ms) VALUES ('1/0', ?, 900, 0)", DAY_START_MS / DAY_MS + day);
  }
  database.run('UPDATE archive_state SET last_file = 1000');
}

/** The first and last days of stretches whose roll-ups may be read. */
function upToDate({ database }: ArchiveWorld): number[] {
  const day = DAY_START_MS / DAY_MS;
  return rollupDays(database, { version: 1, firstDay: day - 1, lastDay: day + 2 }).days.flatMap(({ firstDay, lastDay }) => [firstDay, lastDay]);
}

/** What is left of lines of `readAll`. */
function without(lines: readonly string[], name: string, startMs: number, endMs: number): string[] {
  return lines.filter((line) => {
    const [, time] = /^.* (\d+) [0-9a-f:]+ \d+$/.exec(line)!;
    const isMetric = line.split(' ', 2)[1]!.startsWith(name) && !/[a-z0-9_]/i.test(line.split(' ')[1]!.charAt(name.length));
    return !(isMetric && Number(time) >= startMs && Number(time) <= endMs);
  });
}

async function filled(seed: number, hours = [0, 1, 2, 1, 24, 25]): Promise<{ world: ArchiveWorld; labels: Labels[]; random: SeededRandom }> {
  const world = new ArchiveWorld(SMALL);
  const random = new SeededRandom(seed);
  const labels = randomSeries(random, 12, 1).map((each) => each.labels);
  for (const hour of hours) await world.commit(samplesOf(labels, random, hour));
  return { world, labels, random };
}

describe('samples of the archive that are deleted', () => {
  test('no query reads them from then on, and files lose them by and by, whatever else is done to those', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { world, labels, random } = await filled(seed);
      for (let round = 0; round < 4; round++) {
        const name = `m${random.below(8)}`;
        const startMs = DAY_START_MS + random.below(26) * HOUR_MS + random.below(600_000);
        const endMs = startMs + random.below(2 * HOUR_MS);
        const before = await world.readAll();
        remove(world, metric(name), startMs, endMs);
        const left = without(before, name, startMs, endMs);
        expect(await world.readAll()).toEqual(left);
        if (random.oneIn(2)) await world.mergeAll();
        for (let i = random.below(3); i > 0; i--) await world.upkeep.step();
        expect(await world.readAll()).toEqual(left);
        // What comes again behind the deletion stays.
        if (random.oneIn(2)) await world.commit(samplesOf(labels, random, 1));
      }
      const left = await world.readAll();
      await world.live(5 * DAY_MS);
      expect(await world.readAll()).toEqual(left);
      expect(world.tombstones.pending()).toEqual([]);
      const rows = world.liveFiles().reduce((sum, { rowCount }) => sum + rowCount, 0);
      expect(rows).toBeGreaterThanOrEqual(left.length);
      expect(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!.summary['total-records']).toBe(String(rows));
      expect(await world.upkeep.cleanTombstones()).toBe(false);
    }
  });

  test('what comes again behind a deletion stays, also when it is merged with files that still have what was deleted', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const { world, labels, random } = await filled(seed, [1, 1, 1, 1]);
      remove(world, { name: 'nobody', type: '=', value: '' }, DAY_START_MS, DAY_START_MS + DAY_MS);
      expect(await world.readAll()).toEqual([]);
      await world.commit(samplesOf(labels, random, 1));
      const again = await world.readAll();
      expect(again.length).toBeGreaterThan(0);
      await world.mergeAll();
      expect(await world.readAll()).toEqual(again);
      await world.live(HOUR_MS);
      expect(await world.readAll()).toEqual(again);
      expect(world.tombstones.pending()).toEqual([]);
      // Files that nothing waits for any more are merged as ever.
      for (let i = 0; i < 4; i++) await world.commit(samplesOf(labels, random, 1));
      const all = await world.readAll();
      await world.live(HOUR_MS);
      expect(await world.readAll()).toEqual(all);
      expect(world.files.runs({ table: 'samples', day: DAY_START_MS / DAY_MS, shard: '1/0' }).length).toBe(1);
    }
  });

  test('a flush that had begun before, and is committed behind it, brings nothing back; one that began behind it does', async () => {
    const { world, labels, random } = await filled(3);
    const everything: Matcher = { name: 'nobody', type: '=', value: '' };
    // The next flush had begun, the one behind it not.
    remove(world, everything, 0, 1e15, { '1/0': world.sequence + 1 });
    expect(await world.readAll()).toEqual([]);
    await world.live(HOUR_MS);
    expect(world.liveFiles()).toEqual([]);
    expect(world.tombstones.pending().length).toBe(1);
    await world.commit(samplesOf(labels, random, 3));
    expect(world.liveFiles().length).toBeGreaterThan(0);
    expect(await world.readAll()).toEqual([]);
    await world.commit(samplesOf(labels, random, 4));
    const left = await world.readAll();
    expect(left.length).toBeGreaterThan(0);
    await world.live(HOUR_MS);
    expect(await world.readAll()).toEqual(left);
    expect(world.tombstones.pending()).toEqual([]);
    expect(world.liveFiles().reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(left.length);
  });

  test('roll-ups that were made with them are not read', async () => {
    const { world } = await filled(5, [0, 24]);
    rollUp(world);
    const day = DAY_START_MS / DAY_MS;
    expect(upToDate(world)).toEqual([day, day + 1]);
    // Of the first day alone. While it waits, and when files have lost samples, roll-ups are to be made again.
    remove(world, { name: 'nobody', type: '=', value: '' }, DAY_START_MS + 1, DAY_START_MS + 12 * HOUR_MS);
    expect(upToDate(world)).toEqual([day + 1, day + 1]);
    await world.live(HOUR_MS);
    expect(world.tombstones.pending()).toEqual([]);
    expect(upToDate(world)).toEqual([day + 1, day + 1]);
  });

  test('too many that wait, and selectors that are too long, are refused', () => {
    const world = new ArchiveWorld({ archiveTombstonesMax: 1, archiveTombstoneCharactersMax: 100 });
    const request = { version: 1, selectors: [[metric('a')]], startMs: 0, endMs: 1, flushes: { '1/0': 5 } };
    expect(world.tombstones.add({ ...request, selectors: [[metric('x'.repeat(100))]] }, 0)).toContain('archiveTombstoneCharactersMax is 100');
    expect(world.tombstones.add(request, 0)).toBeUndefined();
    expect(world.tombstones.add(request, 0)).toContain('archiveTombstonesMax is 1');
  });

  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', async (when) => {
    const { world: whole } = await filled(5, [0, 1, 24]);
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      const left = without(await world.readAll(), 'm1', 0, 1e15);
      remove(world, metric('m1'), 0, 1e15);
      await world.live(HOUR_MS).catch(() => world.live(HOUR_MS));
      expect(await world.readAll()).toEqual(left);
      expect(world.tombstones.pending()).toEqual([]);
      if (store.calls <= call) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s some calls of its storage', { timeout: 60_000 }, async (when) => {
    const { world: whole } = await filled(5, [0, 1, 24]);
    rollUp(whole);
    const left = without(await whole.readAll(), 'm1', 0, 1e15);
    remove(whole, metric('m1'), 0, 1e15);
    await letDie(whole, { when, stride: 13, work: (world) => world.live(HOUR_MS) }, async (world) => {
      expect(await world.readAll()).toEqual(left);
      await world.live(HOUR_MS);
      expect(await world.readAll()).toEqual(left);
      expect(world.tombstones.pending()).toEqual([]);
      // Both days had some of it, and nobody has made their roll-ups again.
      expect(upToDate(world)).toEqual([]);
    });
  });
});

test('a deletion that waits for a flush is over soon behind it, also where the clock was a year ahead before', async () => {
  const { world } = await filled(3);
  remove(world, metric('m1'), DAY_START_MS, DAY_START_MS + 2 * DAY_MS, { '1/0': world.sequence + 1 });
  await world.live(HOUR_MS);
  world.clock.advance(365 * DAY_MS);
  for (let step = 0; step < 50; step++) await world.upkeep.step();
  world.clock.advance(-365 * DAY_MS);
  expect(world.tombstones.pending().length).toBe(1);
  // Without a file, which would be looked at at once.
  await world.commit([]);
  await world.live(HOUR_MS);
  expect(world.tombstones.pending()).toEqual([]);
});

test('who asks while a file is being rewritten is told when that is done, and not to ask at once again', async () => {
  const { world } = await filled(3);
  remove(world, metric('m1'), DAY_START_MS, DAY_START_MS + 2 * DAY_MS);
  let ended = 0;
  const first = world.upkeep.cleanTombstones().then(() => ended++);
  const [endedBefore, more] = await world.upkeep.cleanTombstones().then((isMore) => [ended, isMore]);
  expect([endedBefore, more]).toEqual([1, true]);
  await first;
});

test('a rewrite that ends between its object and its commit leaves the object for no longer than the clean-up takes', async () => {
  const { world } = await filled(5, [0, 1, 2]);
  const left = without(await world.readAll(), 'm1', 0, 1e15);
  remove(world, metric('m1'), 0, 1e15);
  const { objects } = world;
  const abandoned: string[] = [];
  for (let crash = 0; crash < 3; crash++) {
    const hasWritten = new Promise<void>((resolve) => {
      world.store = {
        head: (key) => objects.head(key),
        get: (key, range) => objects.get(key, range),
        create: async (key, body) => {
          await objects.create(key, body);
          abandoned.push(key);
          resolve();
          // The object is gone before it hears of it.
          return new Promise(() => undefined);
        },
        delete: (keys) => objects.delete(keys),
        list: (prefix, cursor) => objects.list(prefix, cursor),
      };
    });
    world.wake();
    void world.upkeep.cleanTombstones();
    await hasWritten;
  }
  world.store = objects;
  world.wake();
  const there = async (): Promise<string[]> => (await objects.list('')).objects.map(({ key }) => key);
  expect(await there()).toEqual(expect.arrayContaining(abandoned));
  expect(await world.readAll()).toEqual(left);
  // A restart, or none: the deletion is carried out with other objects, and those are of nobody.
  await world.live(HOUR_MS);
  expect(world.tombstones.pending()).toEqual([]);
  expect(world.liveKeys().filter((key) => abandoned.includes(key))).toEqual([]);
  await world.live(world.limits.archiveOrphanAgeMs + world.limits.archiveSweepPeriodMs);
  expect((await there()).filter((key) => key.includes('/data/'))).toEqual(world.liveKeys().sort());
  expect(await world.readAll()).toEqual(left);
});

test('what is left outside of ranges', () => {
  const f = (...ranges: [number, number][]): string =>
    stretchesOutside(Float64Array.of(10, 20, 30, 40, 50), 0, 5, ranges.map(([startMs, endMs]) => ({ startMs, endMs }))).map(({ from, to }) => `${from}-${to}`).join(' ');
  expect(f()).toBe('0-5');
  expect(f([0, 100])).toBe('');
  expect(f([0, 9])).toBe('0-5');
  expect(f([20, 20])).toBe('0-1 2-5');
  expect(f([10, 20], [15, 35])).toBe('3-5');
  expect(f([15, 35], [20, 25], [50, 60])).toBe('0-1 3-4');
});
