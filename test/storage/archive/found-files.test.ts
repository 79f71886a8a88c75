import { expect, test } from 'vitest';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { COMMITTED_PROPERTY } from '../../../storage/catalog/recovery/committed-flushes.ts';
import { rollupDays } from '../../../storage/catalog/rollup-days.ts';
import { METRIC_NAME } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import type { NodeSql } from '../../fakes/node-sql.ts';
import '../../fakes/remembered-zstd.ts';
import { HOUR_MS, seriesOf, START_MS, times } from './flush/flush-world.ts';
import { RecoveryWorld } from './recovery-world.ts';

/* What a catalog does with files that it finds again: where they stand among those that come later, in which snapshot they are, and what follows for roll-ups. */

const DAY_MS = 24 * HOUR_MS;
/** Of late samples, in a partition of their own. */
const LATE_MS = START_MS - 60 * HOUR_MS;
const LATE_DAY = Math.floor(LATE_MS / DAY_MS);

async function lived(forMs: number): Promise<RecoveryWorld> {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  await world.live(forMs, () => world.writeHour());
  return world;
}

/** The same late samples with other values: what was sent before counts no more. */
async function overwrite(world: RecoveryWorld, by: number): Promise<void> {
  for (const line of world.expected()) if (line.startsWith('late_')) world.acknowledged.delete(line);
  world.writeLate(seriesOf(2, 'late'), times(LATE_MS, 10), (series, timeMs) => by + series + timeMs / 1e3);
  await world.settle();
}

/** Metadata as releases wrote it that did not say what shards have committed. */
async function forgetCommitted(world: RecoveryWorld): Promise<void> {
  for (const key of await world.keys('/samples/metadata/')) {
    if (!key.endsWith('.metadata.json')) continue;
    const metadata = JSON.parse(new TextDecoder().decode((await world.objects.get(key))!)) as { properties: Record<string, string> };
    delete metadata.properties[COMMITTED_PROPERTY];
    await world.objects.delete([key]);
    await world.objects.create(key, new TextEncoder().encode(JSON.stringify(metadata)));
  }
}

/** Back to an earlier state, of which nobody says so before it is looked anyway. */
function goBackTo(world: RecoveryWorld, earlier: NodeSql): void {
  world.clock.advance(LIMITS.archiveLookPeriodMs);
  world.goBackTo(earlier);
  expect(world.recovery.isDue).toBe(true);
}

async function publish(world: RecoveryWorld): Promise<void> {
  while (world.tables.isBehind) await world.tables.publish();
}

/** Queries find all, and whoever reads the Iceberg table the same files. */
async function expectWhole(world: RecoveryWorld): Promise<void> {
  expect(await world.query()).toEqual(world.expected());
  await publish(world);
  expect(await world.publishedKeys()).toEqual(world.liveKeys());
}

function isRolledUp(world: RecoveryWorld, day: number): boolean {
  return rollupDays(world.catalogSql, { version: CATALOG_RPC_VERSION, firstDay: day, lastDay: day }).days.some(({ table }) => table === 'rollup_1h');
}

test.each([0, 3])('what is committed behind an adoption counts more than all that it found, and than %i commits before it', async (commitsBefore) => {
  const world = await lived(34 * HOUR_MS);
  const earlier = world.catalogSql.copy();
  await overwrite(world, 1);
  await publish(world);
  goBackTo(world, earlier);
  for (let commit = 0; commit < commitsBefore; commit++) await overwrite(world, 2 + commit);
  await world.recover();
  expect(world.status().adopted!.fileCount).toBe(1);
  expect(await world.query()).toEqual(world.expected());
  await overwrite(world, 100);
  await expectWhole(world);
});

test('nor do the numbers count that another catalog has given: one that began anew gives less', async () => {
  const world = await lived(28 * HOUR_MS);
  // As behind many merges.
  world.catalogSql.run('UPDATE archive_state SET last_file = last_file + 1000 WHERE id = 1');
  await overwrite(world, 1);
  await publish(world);
  world.beginAnew();
  await world.recover();
  expect(await world.query()).toEqual(world.expected());
  await overwrite(world, 100);
  await expectWhole(world);
});

test('a snapshot that was being written as the storage went back is not gone on with', async () => {
  const world = await lived(28 * HOUR_MS);
  await overwrite(world, 1);
  const store = new FaultyObjectStore(world.objects);
  store.isDown = true;
  world.store = store;
  world.wakeCatalog();
  await expect(world.tables.publish()).rejects.toThrow('does not answer');
  const earlier = world.catalogSql.copy();
  world.store = world.objects;
  world.wakeCatalog();
  for (let commit = 0; commit < 2; commit++) {
    await publish(world);
    await overwrite(world, 2 + commit);
  }
  await publish(world);
  goBackTo(world, earlier);
  await world.recover();
  await expectWhole(world);
  await overwrite(world, 100);
  await expectWhole(world);
  // Each file once.
  expect(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!.summary['total-data-files']).toBe(String(world.liveKeys().length));
});

test('files of one flush that are found one after the other are in a snapshot each', async () => {
  const world = await lived(28 * HOUR_MS);
  const known = new Set(world.liveKeys());
  world.writeLate(seriesOf(3, 'late'), times(LATE_MS, 90), (series, timeMs) => series + timeMs / 1e3);
  const written = async (): Promise<number> => (await world.keys('/samples/data/')).filter((key) => !known.has(key)).length;
  const writeFile = async (count: number): Promise<void> => {
    for (let step = 0; (await written()) < count; step++) {
      expect(step).toBeLessThan(10);
      await world.flusher.step();
    }
  };
  await writeFile(1);
  world.beginAnew();
  await world.recover();
  // Looked at for merges.
  expect(world.catalogSql.all('SELECT table_name, day, shard FROM data_file EXCEPT SELECT table_name, day, shard FROM changed_partition')).toEqual([]);
  await publish(world);
  expect(await world.publishedKeys()).toHaveLength(known.size + 1);
  await writeFile(2);
  // Another shard says that flushes are missing: files of all are looked for.
  expect(world.files.commit({ version: CATALOG_RPC_VERSION, shard: '1/1', sequence: 5, files: [], archivedUntilMs: undefined }, world.clock.nowMs())).toEqual({ status: 'committed' });
  await world.recover();
  await publish(world);
  expect(await world.publishedKeys()).toHaveLength(known.size + 2);
  expect(await world.publishedKeys()).toEqual(world.liveKeys());
  await world.settle();
  await expectWhole(world);
});

test('a file that has left by a merge which no snapshot has is read again where the newest snapshot has it', async () => {
  const world = await lived(DAY_MS);
  const countMerged = (): number => world.liveKeys().filter((key) => key.includes('merged')).length;
  const before = countMerged();
  for (let hour = 0; countMerged() === before; hour++) {
    expect(hour).toBeLessThan(30);
    world.writeHour();
    world.clock.advance(HOUR_MS);
    await world.settle();
    while (countMerged() === before && (world.upkeep.nextDueMs() ?? Infinity) <= world.clock.nowMs()) await world.upkeep.step();
  }
  const earlier = world.catalogSql.copy();
  // What came before the merge, alone.
  await world.tables.publish();
  goBackTo(world, earlier);
  await world.recover();
  expect(world.recovery.counters.archive_adoptions_total).toBe(1);
  await expectWhole(world);
  await world.live(2 * DAY_MS);
  await expectWhole(world);
});

test('a deletion is of a flush that had begun before it, though its files were written behind it', async () => {
  const world = await lived(28 * HOUR_MS);
  const earlier = world.catalogSql.copy();
  world.writeLate(seriesOf(2, 'late'), times(LATE_MS, 10), (series, timeMs) => series + timeMs / 1e3);
  // The plan, and nothing of it.
  await world.flusher.step();
  world.clock.advance(1000);
  const flushes = { '1/0': world.hot.archive.mark.flushesBegun };
  const deletion = { version: CATALOG_RPC_VERSION, selectors: [[{ name: METRIC_NAME, type: '=' as const, value: 'late_0' }]], startMs: 0, endMs: 1e15, flushes };
  world.goBackTo(earlier);
  expect(world.tombstones.add(deletion, world.clock.nowMs())).toBeUndefined();
  for (const line of world.expected()) if (line.startsWith('late_0{')) world.acknowledged.delete(line);
  const known = world.catalogSql.copy();
  world.clock.advance(1000);
  await world.settle();
  expect(await world.query()).toEqual(world.expected());
  // The catalog forgets the commit, and hears of it by the next one.
  world.goBackTo(known);
  world.writeLate(seriesOf(1, 'other'), times(LATE_MS, 10), (series, timeMs) => series + timeMs / 1e3);
  await world.settle();
  await world.recover();
  expect(world.status().adopted!.fileCount).toBe(1);
  expect(await world.query()).toEqual(world.expected());
});

test('what metadata of earlier releases does not say of shards is in the names and times of files, and the shard is asked for the rest', async () => {
  const world = await lived(51 * HOUR_MS);
  const before = world.liveKeys();
  // What has been merged is there yet.
  expect((await world.keys('/samples/data/')).length).toBeGreaterThan(before.length + 20);
  const { archivedUntilMs } = world.status();
  await forgetCommitted(world);
  world.beginAnew();
  await world.recover();
  expect(world.liveKeys()).toEqual(before);
  expect(world.status().archivedUntilMs).toEqual(archivedUntilMs);
  expect(await world.query()).toEqual(world.expected());
  await world.live(6 * HOUR_MS, () => world.writeHour());
  expect(world.upkeep.counters['archive_shard_calls_total']).toBe(1);
  // Flushes of before are not missing: the next one is the next.
  expect(world.status().commitsLostMs).toBeUndefined();
  await expectWhole(world);
});

test('beside metadata of earlier releases what was merged is not found again though it is there', async () => {
  const world = await lived(DAY_MS);
  await world.live(26 * HOUR_MS);
  const before = world.liveKeys();
  expect(before.every((key) => key.includes('merged'))).toBe(true);
  expect((await world.keys('/samples/data/')).length).toBeGreaterThan(before.length + 20);
  await forgetCommitted(world);
  world.beginAnew();
  await world.recover();
  expect(world.liveKeys()).toEqual(before);
});

test('what is said to be missing while it looks is looked for behind that', async () => {
  const world = await lived(28 * HOUR_MS);
  const earlier = world.catalogSql.copy();
  await overwrite(world, 1);
  goBackTo(world, earlier);
  // Of samples, of which nobody says that some are missing.
  await world.recovery.step();
  world.writeLate(seriesOf(1, 'other'), times(LATE_MS, 10), (series, timeMs) => series + timeMs / 1e3);
  await world.settle();
  await world.recover();
  expect(world.status().adopted!.fileCount).toBe(1);
  await expectWhole(world);
});

test('a deletion that is done while it looks stays until the next look', async () => {
  const world = await lived(28 * HOUR_MS);
  goBackTo(world, world.catalogSql);
  await world.recovery.step();
  world.clock.advance(1000);
  expect(world.tombstones.add({ version: CATALOG_RPC_VERSION, selectors: [], startMs: 0, endMs: 1, flushes: {} }, world.clock.nowMs())).toBeUndefined();
  expect(world.tombstones.finish(world.clock.nowMs())).toBe(false);
  world.clock.advance(1000);
  const count = (): number => world.catalogSql.all('SELECT 1 FROM tombstone').length;
  await world.recover();
  expect(count()).toBe(1);
  world.clock.advance(LIMITS.archiveLookPeriodMs);
  await world.recover();
  expect(count()).toBe(0);
});

test('days of which nothing was rolled up yet are rolled up of files that are found, though nothing is written any more', async () => {
  const world = await lived(DAY_MS);
  // The day is closed, and the catalog has not come to it.
  for (let hour = 0; hour < 60; hour++) {
    world.clock.advance(HOUR_MS);
    await world.settle();
  }
  await publish(world);
  expect(isRolledUp(world, START_MS / DAY_MS)).toBe(false);
  world.beginAnew();
  await world.live(12 * HOUR_MS);
  expect(isRolledUp(world, START_MS / DAY_MS)).toBe(true);
});

test('days of which a file has left meanwhile are rolled up again before their roll-ups are read', async () => {
  const world = await lived(28 * HOUR_MS);
  for (const metric of ['late', 'other']) {
    world.writeLate(seriesOf(1, metric), times(LATE_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
  }
  await world.live(12 * HOUR_MS);
  expect(isRolledUp(world, LATE_DAY)).toBe(true);
  const earlier = world.catalogSql.copy();
  const deletion = { version: CATALOG_RPC_VERSION, selectors: [[{ name: METRIC_NAME, type: '=' as const, value: 'late_0' }]], startMs: 0, endMs: 1e15, flushes: {} };
  expect(world.tombstones.add(deletion, world.clock.nowMs())).toBeUndefined();
  for (const line of world.expected()) if (line.startsWith('late_0{')) world.acknowledged.delete(line);
  const count = world.liveKeys().length;
  for (let calls = 0; await world.upkeep.cleanTombstones(); calls++) expect(calls).toBeLessThan(50);
  // No file takes its place.
  expect(world.liveKeys()).toHaveLength(count - 1);
  await publish(world);
  goBackTo(world, earlier);
  await world.recover();
  expect(await world.query()).toEqual(world.expected());
  expect(isRolledUp(world, LATE_DAY)).toBe(false);
  await world.live(12 * HOUR_MS);
  expect(isRolledUp(world, LATE_DAY)).toBe(true);
  await expectWhole(world);
});
