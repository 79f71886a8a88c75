import { describe, expect, test } from 'vitest';
import { openUpkeep } from '../../../../storage/archive/upkeep/open-upkeep.ts';
import { archiveStatus } from '../../../../storage/catalog/archive-status.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { CatalogStore } from '../../../../storage/catalog/catalog-store.ts';
import { ArchiveTables } from '../../../../storage/catalog/iceberg/archive-tables.ts';
import { Tombstones } from '../../../../storage/catalog/tombstones.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from './flush-world.ts';

/* A shard whose storage begins anew, or goes back to an earlier state, under a catalog that knows its flushes. */
const { archiveGraceMs } = LIMITS;
const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;
const later = (series: number, timeMs: number): number => value(series, timeMs) + 0.5;

/** Windows of three hours and late samples, all of them archived. */
async function archived(): Promise<FlushWorld> {
  const world = new FlushWorld();
  world.write(seriesOf(4), times(START_MS, 180), value);
  world.writeLate(seriesOf(2, 'late'), times(START_MS - 30 * HOUR_MS, 10), value);
  world.clock.advance(3 * HOUR_MS + archiveGraceMs);
  await world.settle();
  expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + 3 * HOUR_MS);
  return world;
}

describe('the storage of a shard begins anew', () => {
  test.each([undefined, 'lose-request', 'lose-answer'] as const)('what it takes then is archived behind what the catalog has: %s', async (fault) => {
    for (let failing = 0; ; failing++) {
      const world = await archived();
      const commitsBefore = world.commits;
      world.commitFault = (commit) => (commit === commitsBefore + failing ? fault : undefined);
      world.database = new NodeSql();
      world.wake();
      // A sample before the catalog's watermark, of a series and a time that files have too: the one that came last counts.
      world.write(seriesOf(6, 'other'), times(START_MS + 2 * HOUR_MS, 30), value);
      world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 120), later);
      world.writeLate(seriesOf(2, 'late'), times(START_MS - 50 * HOUR_MS, 10), value);
      world.clock.advance(2 * HOUR_MS);
      await world.settle();
      expect(await world.readAll()).toEqual([...world.acknowledged].sort());
      // One refusal is enough: from then on the numbers are right.
      expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(1);
      // The hot tier forgets what is archived, and only that.
      world.clock.advance(40 * HOUR_MS);
      await world.settle();
      expect(await world.readAll()).toEqual([...world.acknowledged].sort());
      if (fault === undefined || world.commits <= commitsBefore + failing) break;
    }
  });

  test('a window that the catalog has, and that is not the last: until which time all is in files stays', async () => {
    const world = await archived();
    world.database = new NodeSql();
    world.wake();
    world.write(seriesOf(2, 'other'), times(START_MS, 30), value);
    world.clock.advance(HOUR_MS);
    await world.settle();
    expect(world.hot.archive.mark.archivedUntilMs).toBeLessThan(START_MS + 3 * HOUR_MS);
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  });

  test('late samples alone, of times that the catalog knows nothing of: its watermark goes on to behind them', async () => {
    const world = await archived();
    world.database = new NodeSql();
    world.wake();
    world.clock.advance(40 * HOUR_MS);
    world.writeLate(seriesOf(2, 'late'), times(START_MS + 10 * HOUR_MS, 10), value);
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(1);
  });

  test('what is behind the watermark is read from the hot tier meanwhile', async () => {
    const world = await archived();
    world.database = new NodeSql();
    world.wake();
    world.write(seriesOf(4), times(world.clock.nowMs(), 20), later);
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  });
});

describe('the storage of a shard goes back', () => {
  test('to a state in which less was archived', async () => {
    const world = await archived();
    world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 120), value);
    const earlier = world.database.copy();
    world.clock.advance(HOUR_MS);
    await world.settle();
    world.database = earlier;
    world.wake();
    // Other samples of the same window, under the same number.
    world.write(seriesOf(3, 'other'), times(START_MS + 3 * HOUR_MS, 60), value);
    await world.settle();
    expect([...new Set(await world.readAll())].sort()).toEqual([...world.acknowledged].sort());
    expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(1);
    world.clock.advance(40 * HOUR_MS);
    await world.settle();
    expect([...new Set(await world.readAll())].sort()).toEqual([...world.acknowledged].sort());
  });

  test('to a plan that is committed: it is the same, and done', async () => {
    const world = await archived();
    world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 60), value);
    world.clock.advance(HOUR_MS);
    await world.flusher.step();
    const planned = world.database.copy();
    await world.settle();
    world.database = planned;
    world.wake();
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(0);
  });
});

describe('the storage of a catalog', () => {
  let seed = 100;

  /** Cleans up by the catalog as it is, for so many days. */
  async function cleanUp(world: FlushWorld, days: number): Promise<void> {
    const { clock, objects, catalogSql: sql, files } = world;
    // No merges, so that a file is there for as long as its samples are.
    const limits = limitsWith({ archiveMergeRunsMin: 1000 });
    const ports = { sql, store: objects, clock, random: new SeededRandom(seed++), limits, prefix: 'default/archive' };
    const tables = new ArchiveTables({ ...ports, baseUri: 's3://b' });
    const seriesHashKey = (): Uint8Array => new CatalogStore(sql, ports.random).routing(1).seriesHashKey;
    const upkeep = openUpkeep({ ...ports, files, tables, seriesHashKey, tombstones: new Tombstones(sql, limits), retentionOf: () => undefined });
    for (const endMs = clock.nowMs() + days * 24 * HOUR_MS; clock.nowMs() < endMs; clock.advance(HOUR_MS)) {
      while (tables.isBehind) await tables.publish();
      while ((upkeep.nextDueMs() ?? Infinity) <= clock.nowMs()) await upkeep.step();
    }
  }

  const dataKeys = async ({ objects }: FlushWorld): Promise<string[]> => (await objects.list('')).objects.map(({ key }) => key).filter((key) => key.includes('/data/'));

  async function cleaned(): Promise<FlushWorld> {
    const world = await archived();
    world.commitTimeMs = () => world.clock.nowMs();
    await cleanUp(world, 5);
    return world;
  }

  /** An hour of now, which is archived when its time has come. */
  async function archiveMore(world: FlushWorld): Promise<void> {
    world.write(seriesOf(4), times(world.clock.nowMs(), 60), value);
    world.clock.advance(2 * HOUR_MS + archiveGraceMs);
    await world.settle();
  }

  test('begins anew: files that it has never heard of are no orphans', async () => {
    const world = await cleaned();
    const before = await dataKeys(world);
    world.catalogSql = new NodeSql();
    migrateCatalog(world.catalogSql);
    await archiveMore(world);
    await cleanUp(world, 10);
    expect(await dataKeys(world)).toEqual(expect.arrayContaining(before));
    expect(archiveStatus(world.catalogSql).commitsLostMs).toBeGreaterThan(START_MS);
  });

  test('goes back, and is searched before a shard commits again', async () => {
    const world = await cleaned();
    const earlier = world.catalogSql.copy();
    await archiveMore(world);
    // As what a merge has made, all of whose sources are gone.
    await world.objects.create(`default/archive/samples/data/timestamp_day=2026-01-01/1-0-merged-0000-${'a'.repeat(32)}.parquet`, Uint8Array.of(1));
    const before = await dataKeys(world);
    world.clock.advance(5 * 24 * HOUR_MS);
    world.catalogSql = earlier;
    await cleanUp(world, 0.5);
    expect(await dataKeys(world)).toEqual(before);
    world.write(seriesOf(4), times(world.clock.nowMs() - archiveGraceMs - 3 * HOUR_MS, 60), value);
    await world.settle();
    await cleanUp(world, 10);
    expect(await dataKeys(world)).toEqual(expect.arrayContaining(before));
  });

  test('has all: what was left behind goes, and nothing else', async () => {
    const world = await cleaned();
    const before = await dataKeys(world);
    const orphan = `default/archive/samples/data/timestamp_day=2026-01-01/1-0-00000001-0009-${'a'.repeat(32)}.parquet`;
    await world.objects.create(orphan, Uint8Array.of(1));
    await cleanUp(world, 2.9);
    expect(await dataKeys(world)).toContain(orphan);
    await cleanUp(world, 1.2);
    expect(await dataKeys(world)).toEqual(before);
    expect(archiveStatus(world.catalogSql).commitsLostMs).toBeUndefined();
  });
});
