import { expect, test } from 'vitest';
import { unwatched } from '../../../storage/archive/archive-watch.ts';
import { SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import { openUpkeep } from '../../../storage/archive/upkeep/open-upkeep.ts';
import { ArchiveTables } from '../../../storage/catalog/iceberg/archive-tables.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { readTable } from '../catalog/iceberg-read.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from './flush/flush-world.ts';

const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;

/*
 * The object store is wholly down for a day, under shard, catalog and queries at once: samples are taken, what is in files is said to be
 * missing, what is not is answered, and afterwards everything that has piled up drains to nothing.
 */
test('the object store is down for 24 hours', { timeout: 60_000 }, async () => {
  const world = new FlushWorld({ archiveRowGroupRowsMax: 50, archiveFileRowsMax: 130 });
  const store = new FaultyObjectStore(world.objects);
  world.store = store;
  world.wake();
  const { clock, limits, catalogSql: sql, files } = world;
  const random = new SeededRandom(9);
  const ports = { sql, store, clock, random, limits, prefix: 'default/archive' };
  const tables = new ArchiveTables({ ...ports, baseUri: 's3://b' });
  const upkeep = openUpkeep({ ...ports, files, tables, tombstones: new Tombstones(sql, limits), retentionOf: () => SeriesRetention.ofAll(365 * 24 * HOUR_MS), seriesHashKey: () => new Uint8Array(16) });
  /** What the alarms of shard and catalog do in an hour of which a minute is a try; a table that cannot be written rings again. */
  const anHour = async (): Promise<void> => {
    for (let minute = 0; minute < 60; minute += 5) {
      clock.advance(5 * 60_000);
      world.hot.maintain();
      for (let step = 0; step < 12; step++) {
        if ((world.flusher.nextDueMs() ?? Infinity) <= clock.nowMs()) await world.flusher.step();
        if (tables.isBehind) await tables.publish().catch(() => undefined);
        if ((upkeep.nextDueMs() ?? Infinity) <= clock.nowMs()) await upkeep.step();
      }
    }
  };
  const aDayOfWriting = async (during: () => Promise<void>): Promise<void> => {
    for (let hour = 0; hour < 24; hour++) {
      world.write(seriesOf(4), times(clock.nowMs(), 4, 15 * 60_000), value);
      await anHour();
      await during();
    }
  };
  const archive = new TenantArchive({ store, cache: new LruCache(0), limits, files: async (request) => files.files(request) });
  /** How many samples of the first day queries read, and what they are told to be missing. */
  const query = async (allowsPartial: boolean): Promise<{ readonly samples: number; readonly missing: string[] }> => {
    const missing: string[] = [];
    const plan = await archive.plan(START_MS, START_MS + 24 * HOUR_MS - 1);
    let samples = 0;
    for (const list of plan.files.values()) {
      const watch = { ...unwatched(), allowsPartial, missed: (what: string) => void missing.push(what) };
      for await (const { part } of archive.select(list, { matchers: [], startMs: START_MS, endMs: START_MS + 24 * HOUR_MS - 1, samplesMax: 1e9 }, watch)) samples += part.to - part.from;
    }
    return { samples, missing };
  };

  await aDayOfWriting(async () => undefined);
  await aDayOfWriting(async () => undefined);
  const before = await query(false);
  expect(before.samples).toBeGreaterThan(100);
  expect(before.missing).toEqual([]);

  store.isDown = true;
  world.writeLate(seriesOf(2, 'late'), times(START_MS - 40 * HOUR_MS, 30, 20 * 60_000), value);
  await aDayOfWriting(async () => {
    await expect(query(false)).rejects.toThrow(/archive: the object store does not answer/);
    const partial = await query(true);
    expect(partial.samples).toBe(0);
    expect(partial.missing[0]).toMatch(/^samples of shard 1\/0 from .* to .* \(file default\/archive\/samples\/data\//);
  });
  expect(world.hot.late.sampleCount).toBeGreaterThan(0);
  // A day's rest between tries, not a storm: a few tries in ten minutes of each who has something to do, and queries.
  expect(store.calls).toBeLessThan(40_000);

  store.isDown = false;
  for (let hour = 0; hour < 30; hour++) await anHour();
  expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  expect(world.hot.late.sampleCount).toBe(0);
  expect(world.flusher.nextDueMs() ?? Infinity).toBeGreaterThan(clock.nowMs());
  expect(world.hot.archive.oldestMs() ?? Infinity).toBeGreaterThanOrEqual(clock.nowMs() - LIMITS.archiveGraceMs - 2 * HOUR_MS);
  expect(tables.isBehind).toBe(false);
  expect(upkeep.nextDueMs() ?? Infinity).toBeGreaterThan(clock.nowMs());
  const live = files.files({ version: 1, startMs: 0, endMs: 1e15, after: undefined }).files;
  // The merge of the first day had begun when the store went away. Beside its files is what was archived behind that, fewer than are worth another one.
  const firstDay = live.filter(({ minTimeMs }) => minTimeMs < START_MS + 24 * HOUR_MS && minTimeMs >= START_MS);
  expect(firstDay.filter(({ key }) => key.includes('merged')).length).toBeGreaterThan(1);
  expect(firstDay.filter(({ key }) => !key.includes('merged')).length).toBeLessThan(LIMITS.archiveMergeRunsMin - 1);
  const view = await readTable(world.objects, 's3://b', tables.get('samples')!);
  expect([...view.live.keys()].sort()).toEqual(live.map(({ key }) => key).sort());
});
