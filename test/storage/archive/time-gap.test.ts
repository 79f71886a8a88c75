import { describe, expect, test } from 'vitest';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from './flush/flush-world.ts';

const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;
const LONG_AGO_MS = START_MS - 2000 * HOUR_MS;
const RECENTLY_MS = START_MS - 100 * HOUR_MS;

/** Samples of long ago and of lately under the same series, in the log or in rows that span both. */
function filled(isSealed: boolean, limits: ConstructorParameters<typeof FlushWorld>[0] = {}): FlushWorld {
  const world = new FlushWorld(limits);
  world.write(seriesOf(3), times(LONG_AGO_MS, 5), value);
  world.write(seriesOf(3), times(RECENTLY_MS, 5), value);
  if (isSealed) world.hot.seal();
  return world;
}

async function expectAll(world: FlushWorld): Promise<void> {
  expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  expect(world.hot.archive.mark.archivedUntilMs).toBeGreaterThan(RECENTLY_MS);
}

describe.each([['in the log', false], ['in rows', true]] as const)('a time without samples, between some that are %s', (_name, isSealed) => {
  test('is not archived window by window', async () => {
    const world = filled(isSealed);
    await world.settle();
    await expectAll(world);
    expect(world.commits).toBeLessThan(6);
    expect(world.flusher.nextDueMs() ?? Infinity).toBeGreaterThan(world.clock.nowMs());
  });

  test('nor is the time behind the last one', async () => {
    const world = new FlushWorld();
    world.write(seriesOf(3), times(LONG_AGO_MS, 5), value);
    if (isSealed) world.hot.seal();
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    expect(world.commits).toBeLessThan(4);
    world.write(seriesOf(3), times(RECENTLY_MS, 5), value);
    await world.settle();
    await expectAll(world);
  });

  test.each([
    ['', () => undefined],
    [' and is sealed', (world: FlushWorld) => world.hot.seal()],
    [' before the object goes', (world: FlushWorld) => world.wake()],
  ] as const)('what comes into it when it is known is archived too%s', async (_when, afterwards) => {
    const world = filled(isSealed);
    while ((world.hot.archive.oldestMs() ?? 0) < RECENTLY_MS) await world.flusher.step();
    const { archivedUntilMs } = world.hot.archive.mark;
    expect(archivedUntilMs).toBeLessThan(RECENTLY_MS - 1000 * HOUR_MS);
    world.write(seriesOf(4), times(RECENTLY_MS - 500 * HOUR_MS, 5), value);
    afterwards(world);
    expect(world.hot.archive.oldestMs()).toBe(archivedUntilMs);
    await world.settle();
    await expectAll(world);
    expect(world.commits).toBeLessThan(12);
  });

  test('is archived window by window where it would take too many samples to know', async () => {
    const world = filled(isSealed, { archiveGapSamplesMax: 0 });
    await world.settle(10_000);
    await expectAll(world);
    if (isSealed) expect(world.commits).toBeGreaterThan(1000);
  });
});
