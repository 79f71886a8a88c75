import { expect, test } from 'vitest';
import { OrphanSweep, type OpenPlan } from '../../../../storage/archive/upkeep/orphan-sweep.ts';
import { RemovedObjectsStore } from '../../../../storage/catalog/removed-objects.ts';
import type { ObjectStore } from '../../../../storage/object-store.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import '../../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, samplesOf } from '../archive-world.ts';
import { randomSeries } from '../random-series.ts';

/** Some hours of a day, which are merged into several files. */
async function filled(): Promise<ArchiveWorld> {
  const world = new ArchiveWorld({ archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170 });
  const random = new SeededRandom(4);
  const labels = randomSeries(random, 8, 1).map((each) => each.labels);
  for (let hour = 0; hour < 6; hour++) await world.commit(samplesOf(labels, random, hour));
  return world;
}

function sweepOf({ database: sql, tables, clock, limits, objects }: ArchiveWorld, openPlans: () => readonly OpenPlan[], store: ObjectStore = objects): OrphanSweep {
  return new OrphanSweep({ removed: new RemovedObjectsStore(sql), tables, store, clock, limits, prefix: 't/archive', openPlans });
}

/** All that is there for so many days is searched each day. */
async function search(world: ArchiveWorld, sweep: OrphanSweep, days: number): Promise<void> {
  for (const endMs = world.clock.nowMs() + days * DAY_MS; world.clock.nowMs() < endMs; world.clock.advance(DAY_MS)) {
    for (let step = 0; (sweep.nextDueMs() ?? Infinity) <= world.clock.nowMs(); step++) {
      expect(step).toBeLessThan(50);
      await sweep.step();
    }
  }
}

const keysOf = async ({ objects }: ArchiveWorld, part: string): Promise<string[]> => (await objects.list('')).objects.map(({ key }) => key).filter((key) => key.includes(part));

test('what a merge has written that stands still for days is not removed, and is when it is given up', async () => {
  const world = await filled();
  for (let step = 0; (await keysOf(world, 'merged')).length === 0; step++) {
    expect(step).toBeLessThan(20);
    await world.merger.step();
  }
  const plan = world.merger.openPlan()!;
  await search(world, sweepOf(world, () => [plan]), 8);
  expect(await keysOf(world, 'merged')).toHaveLength(1);
  await search(world, sweepOf(world, () => []), 8);
  expect(await keysOf(world, 'merged')).toEqual([]);
});

test('nor what a snapshot has that is being written', async () => {
  const world = await filled();
  world.store = new FaultyObjectStore(world.objects, { call: 1, when: 'before' });
  world.wake();
  await expect(world.tables.publish()).rejects.toThrow('does not answer');
  const before = await keysOf(world, '/metadata/');
  expect(before).toHaveLength(1);
  await search(world, sweepOf(world, () => []), 8);
  expect(await keysOf(world, '/metadata/')).toEqual(before);
});

test('a table whose page is not to be had is begun anew: the place in it may be what is refused', async () => {
  const world = await filled();
  while (world.tables.isBehind) await world.tables.publish();
  const pages: (string | undefined)[] = [];
  let isFirst = true;
  const store = new FaultyObjectStore(world.objects);
  store.list = async (prefix, cursor) => {
    if (prefix !== 't/archive/samples/') return world.objects.list(prefix, cursor);
    pages.push(cursor);
    if (cursor === 'refused') throw new Error('the cursor is not known');
    const cursorOfNext = isFirst ? 'refused' : undefined;
    isFirst = false;
    return { ...(await world.objects.list(prefix)), cursor: cursorOfNext };
  };
  const sweep = sweepOf(world, () => [], store);
  for (let step = 0; step < 3; step++) {
    await sweep.step();
    world.clock.advance(DAY_MS / 24);
  }
  expect(pages).toEqual([undefined, 'refused', undefined]);
});
