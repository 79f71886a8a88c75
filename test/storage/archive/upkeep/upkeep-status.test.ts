import { expect, test } from 'vitest';
import { SnapshotPublisher } from '../../../../storage/archive/upkeep/snapshot-publisher.ts';
import { archiveStatus } from '../../../../storage/catalog/archive-status.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, DAY_START_MS, HOUR_MS, samplesOf } from '../archive-world.ts';
import { randomSeries } from '../random-series.ts';

const DAY = DAY_START_MS / DAY_MS;

/** Hours of a day and of the next. */
async function filled(): Promise<ArchiveWorld> {
  const world = new ArchiveWorld({ archiveFileRowsMax: 100, archiveRowGroupRowsMax: 50 });
  const labels = randomSeries(new SeededRandom(4), 8, 1).map((each) => each.labels);
  for (const hour of [0, 1, 2, 3, 24, 25, 26, 27]) await world.commit(samplesOf(labels, new SeededRandom(hour), hour));
  return world;
}

const of = (world: ArchiveWorld, task: string) => world.upkeep.status().find((each) => each.task === task)!;

test('a merge tells what it reads and what it has written, and which day is next', async () => {
  const world = await filled();
  const fileCount = world.liveFiles().filter(({ minTimeMs }) => minTimeMs < DAY_START_MS + DAY_MS).length;
  expect(of(world, 'merge')).toMatchObject({ begun: undefined, next: { table: 'samples', day: DAY, shard: '1/0' }, failure: undefined });
  expect(of(world, 'merge').dueMs).toBeLessThanOrEqual(world.clock.nowMs());
  const written: number[] = [];
  for (let step = 0; step < 300 && of(world, 'merge').next?.day !== DAY + 1; step++) {
    await world.upkeep.step();
    const { begun } = of(world, 'merge');
    if (begun === undefined) continue;
    expect(begun).toMatchObject({ table: 'samples', day: DAY, shard: '1/0', fileCount });
    if (begun.written.fileCount !== written.at(-1)) written.push(begun.written.fileCount);
  }
  expect(written.length).toBeGreaterThan(2);
  expect(written).toEqual([...written].sort((a, b) => a - b));
  expect(of(world, 'expire partitions')).toMatchObject({ next: { table: 'samples', day: DAY }, dueMs: DAY_START_MS + 31 * DAY_MS });
});

test('deletions tell how many files are left of them', async () => {
  const world = await filled();
  world.tombstones.add({ version: 1, selectors: [[]], startMs: DAY_START_MS, endMs: DAY_START_MS + DAY_MS - 1, flushes: {} }, world.clock.nowMs());
  const { deletions } = archiveStatus(world.database);
  expect(deletions).toEqual({ waiting: 1, fileCount: world.liveFiles().filter(({ minTimeMs }) => minTimeMs < DAY_START_MS + DAY_MS).length });
  await world.upkeep.cleanTombstones();
  expect(archiveStatus(world.database).deletions!.fileCount).toBe(deletions!.fileCount - 1);
  while (await world.upkeep.cleanTombstones());
  expect(archiveStatus(world.database).deletions).toEqual({ waiting: 0, fileCount: 0 });
});

test('what has failed says why, and when it is tried again', async () => {
  const world = await filled();
  const store = new FaultyObjectStore(world.objects);
  store.isDown = true;
  world.store = store;
  world.wake();
  const publisher = new SnapshotPublisher(world.tables, world.clock, world.failures);
  for (let step = 0; step < 20; step++) await world.upkeep.step();
  await publisher.step();
  const failure = { count: 1, message: 'the object store does not answer', retryAtMs: world.clock.nowMs() + 5_000 };
  expect(of(world, 'merge')).toMatchObject({ dueMs: failure.retryAtMs, failure });
  expect(publisher.status()).toEqual([{ task: 'publish samples', dueMs: failure.retryAtMs, begun: undefined, next: undefined, failure }]);
  store.isDown = false;
  await world.live(2 * HOUR_MS);
  expect(world.upkeep.status().every((each) => each.failure === undefined)).toBe(true);
});
