import { expect, test } from 'vitest';
import { RemovedObjectsStore } from '../../../storage/catalog/removed-objects.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ArchiveWorld, samplesOf } from './archive-world.ts';
import { HOUR_MS } from './flush/flush-world.ts';
import { randomSeries } from './random-series.ts';
import { RecoveryWorld } from './recovery-world.ts';

const DAY_MS = 24 * HOUR_MS;

test('clean-up goes on when a clock that was a year ahead is set back', { timeout: 60_000 }, async () => {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  await world.live(5 * DAY_MS, () => world.writeHour());
  // As that clock would have left it: what has left did so in a year, and the next search is behind that.
  const aheadMs = world.clock.nowMs() + 365 * DAY_MS;
  world.catalogSql.run('UPDATE data_file SET removed_ms = ? WHERE removed_change IS NOT NULL', aheadMs);
  const waiting = (): number => world.catalogSql.all<{ n: number }>('SELECT count(*) AS n FROM data_file WHERE removed_ms > ?', world.clock.nowMs())[0]!.n;
  const removed = new RemovedObjectsStore(world.catalogSql);
  removed.nextSweepMs = aheadMs;
  expect(waiting()).toBeGreaterThan(0);
  world.wakeCatalog();
  await world.live(3 * DAY_MS);
  expect(waiting()).toBe(0);
  expect(removed.nextSweepMs).toBeLessThanOrEqual(world.clock.nowMs() + LIMITS.archiveOrphanAgeMs);
  expect(await world.query()).toEqual(world.expected());
});

test.each([['a second', 1000], ['a year', 365 * DAY_MS]])('no orphan is searched for earlier behind an adoption, whose clock is set back by %s', { timeout: 60_000 }, async (_, backMs) => {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  await world.live(2 * DAY_MS, () => world.writeHour());
  world.beginAnew();
  world.clock.advance(backMs);
  await world.recover();
  world.clock.advance(-backMs);
  const setBackMs = world.clock.nowMs();
  await world.ring();
  await world.live(1.5 * DAY_MS);
  const { nextSweepMs } = new RemovedObjectsStore(world.catalogSql);
  expect(nextSweepMs).toBeGreaterThanOrEqual(setBackMs + LIMITS.archiveOrphanAgeMs);
  expect(nextSweepMs).toBeLessThan(setBackMs + LIMITS.archiveOrphanAgeMs + HOUR_MS);
});

test('snapshots that a clock dated a year ahead leave a table that is not written any more, a day behind the time when it was set right', async () => {
  const world = new ArchiveWorld({ archiveRemovedCheckMs: HOUR_MS });
  const labels = randomSeries(new SeededRandom(4), 4, 1).map((each) => each.labels);
  const table = world.tables.get('samples')!;
  const dates = (): number[] => table.current()!.metadata.snapshots.map((each) => each['timestamp-ms'] - world.clock.nowMs());
  const publish = async (hour: number): Promise<void> => {
    await world.commit(samplesOf(labels, new SeededRandom(hour), hour));
    while (table.isBehind) await table.publish();
  };
  await publish(0);
  world.clock.advance(365 * DAY_MS);
  await publish(1);
  world.clock.advance(-365 * DAY_MS);
  // Behind one whose date is ahead, others are as well.
  await publish(2);
  expect(dates().every((ms) => ms > 364 * DAY_MS)).toBe(true);
  expect(dates().length).toBe(2);
  const ageMs = world.limits.archiveSnapshotAgeMs;
  await world.live(ageMs - HOUR_MS);
  const expected = await world.readAll();
  expect(dates().length).toBe(2);
  await world.live(2 * HOUR_MS);
  expect(table.current()!.metadata.snapshots.length).toBe(1);
  expect(await world.readAll()).toEqual(expected);
  // What only those had goes with them: what is left are the newest snapshot's files.
  await world.live(DAY_MS);
  expect(await world.readAll()).toEqual(expected);
  const { objects } = await world.objects.list('t/archive/samples/data/');
  expect(objects.map(({ key }) => key).sort()).toEqual(world.liveKeys().filter((key) => key.includes('/samples/')).sort());
  expect(world.upkeep.nextDueMs() ?? Infinity).toBeGreaterThan(world.clock.nowMs());
});
