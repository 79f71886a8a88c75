import { expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { RemovedObjectsStore } from '../../../storage/catalog/removed-objects.ts';
import { HOUR_MS } from './flush-world.ts';
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
