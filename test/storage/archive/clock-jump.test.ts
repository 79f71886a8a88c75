import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from './flush/flush-world.ts';

/* The clock of a shard jumps a day ahead, and back. */
const { archiveGraceMs } = LIMITS;
const DAY_MS = 24 * HOUR_MS;
const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;

async function jump(world: FlushWorld, during: () => Promise<unknown>): Promise<void> {
  world.clock.advance(DAY_MS);
  await during();
  world.clock.advance(START_MS + 6 * HOUR_MS - world.clock.nowMs());
}

/** Five hours and a half of samples up to now, and half an hour until the next hour begins. */
function filled(): FlushWorld {
  const world = new FlushWorld();
  world.clock.advance(5.5 * HOUR_MS);
  world.write(seriesOf(4), times(START_MS, 330), value);
  return world;
}

describe('a clock that jumps a day ahead and back', () => {
  test('closes the hours that samples are of, and no later ones: everything is read once, before, during and after', async () => {
    const world = filled();
    await jump(world, async () => {
      await world.settle();
      expect(world.hot.archive.mark.closedUntilMs).toBe(START_MS + 5 * HOUR_MS);
      // Senders do not know of it: their samples are of now.
      world.write(seriesOf(4), times(START_MS + 5.5 * HOUR_MS, 30), value);
      await world.settle();
      expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    });
    // The next hour is taken as ever, and moves when its day has come.
    world.write(seriesOf(4), times(START_MS + 6 * HOUR_MS, 60), value);
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    world.clock.advance(HOUR_MS + archiveGraceMs);
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + 7 * HOUR_MS);
  });

  test('late samples close no hour of which samples may still come in time', async () => {
    const world = new FlushWorld();
    world.clock.advance(5.5 * HOUR_MS);
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 40 * HOUR_MS, 30), value);
    await jump(world, () => world.settle());
    // By the clock ahead 24 hours 15 minutes are over up to START + 5 h; a grace before that is older than what comes in time by the true one.
    expect(world.hot.archive.mark.closedUntilMs).toBe(START_MS - 20 * HOUR_MS);
    expect(START_MS - 20 * HOUR_MS).toBeLessThan(world.clock.nowMs() - DAY_MS);
    world.write(seriesOf(4), times(START_MS + 5 * HOUR_MS, 60), value);
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  });

  test('a failure while it is ahead is tried again soon after it is back, not a day later', async () => {
    const world = filled();
    const store = new FaultyObjectStore(world.objects);
    world.store = store;
    world.wake();
    store.isDown = true;
    await jump(world, async () => {
      for (let tries = 0; tries < 4; tries++) {
        await world.flusher.step();
        world.clock.advance(HOUR_MS);
      }
    });
    store.isDown = false;
    expect(world.flusher.nextDueMs()).toBeLessThanOrEqual(world.clock.nowMs());
    await world.settle();
    expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + HOUR_MS);
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  });
});
