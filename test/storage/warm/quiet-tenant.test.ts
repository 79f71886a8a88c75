import { expect, test } from 'vitest';
import { SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { rollupDays } from '../../../storage/catalog/rollup-days.ts';
import { RollupBuilder } from '../../../storage/warm/rollup-builder.ts';
import { DEFAULT_WARM_POLICY } from '../../../storage/warm/tiering-policy.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { letDie } from '../archive/dying.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from '../archive/flush/flush-world.ts';

/* A tenant that sends nothing more: its last day is rolled up all the same. */

const DAY_MS = 24 * HOUR_MS;
const FIRST_DAY = START_MS / DAY_MS;
const value = (series: number, timeMs: number): number => series + (timeMs % 7);

/** A shard with samples up to the middle of its second day, and the roll-ups of its catalog. */
class QuietWorld {
  readonly shard: FlushWorld;
  readonly builder: RollupBuilder;

  constructor(from?: FlushWorld) {
    this.shard = from ?? new FlushWorld();
    const sql = new NodeSql(this.shard.catalogSql.database);
    const catalog = new CatalogStore(sql, new SeededRandom(3));
    const { files, store, clock, limits } = this.shard;
    this.shard.commitTimeMs = () => clock.nowMs();
    this.builder = new RollupBuilder({
      sql, files, store, clock, limits,
      random: new SeededRandom(4), prefix: 'default/archive', seriesHashKey: () => catalog.routing(1).seriesHashKey, policy: DEFAULT_WARM_POLICY, retentionOf: () => SeriesRetention.ofAll(365 * DAY_MS),
    });
  }

  write(fromMs: number): void {
    const { clock } = this.shard;
    if (fromMs > clock.nowMs()) clock.advance(fromMs - clock.nowMs());
    this.shard.write(seriesOf(3), times(fromMs, 4), value);
  }

  /** Shard and catalog do what falls due, for so long. Returns the steps that the shard took. */
  async live(forMs: number): Promise<number> {
    const { clock, flusher, hot } = this.shard;
    const endMs = clock.nowMs() + forMs;
    let flushSteps = 0;
    for (let step = 0; step < 3000; step++) {
      while ((hot.nextDueMs() ?? Infinity) <= clock.nowMs()) hot.maintain();
      const [flushMs, rollUpMs] = [flusher.nextDueMs() ?? Infinity, this.builder.nextDueMs() ?? Infinity];
      const dueMs = Math.min(flushMs, rollUpMs, hot.nextDueMs() ?? Infinity);
      if (dueMs > endMs) {
        clock.advance(endMs - clock.nowMs());
        return flushSteps;
      }
      if (dueMs > clock.nowMs()) clock.advance(dueMs - clock.nowMs());
      if (flushMs <= clock.nowMs()) {
        flushSteps++;
        await flusher.step();
      } else if (rollUpMs <= clock.nowMs()) await this.builder.step();
    }
    throw new Error('it does not come to an end');
  }

  /** Days that have roll-ups, counted from the first. */
  days(): number[] {
    const { days } = rollupDays(new NodeSql(this.shard.catalogSql.database), { version: CATALOG_RPC_VERSION, firstDay: 0, lastDay: 1e6 });
    return days.filter(({ table }) => table === 'rollup_5m').flatMap(({ firstDay, lastDay }) => Array.from({ length: lastDay - firstDay + 1 }, (_, i) => firstDay + i - FIRST_DAY));
  }
}

function filled(): FlushWorld {
  const world = new QuietWorld();
  for (const hour of [1, 13, 23.9, 24.5, 36]) world.write(START_MS + hour * HOUR_MS);
  return world.shard;
}

test('the last day of a tenant that sends nothing more is rolled up, and then nothing wakes its shard', async () => {
  const world = new QuietWorld(filled());
  await world.live(2.5 * DAY_MS);
  expect(world.days()).toEqual([0]);
  await world.live(1.5 * DAY_MS);
  expect(world.days()).toEqual([0, 1]);
  expect(world.shard.flusher.nextDueMs()).toBeUndefined();
  expect(await world.live(20 * DAY_MS)).toBe(0);
  expect(await world.shard.readAll()).toEqual([...world.shard.acknowledged].sort());
});

test('who comes back is taken up again, and the last day behind that is rolled up too', async () => {
  const world = new QuietWorld(filled());
  await world.live(10 * DAY_MS);
  const day = Math.floor((world.shard.clock.nowMs() - START_MS) / DAY_MS);
  // In the first window of a day: what ends the day before.
  world.write(START_MS + (day + 1) * DAY_MS + 60_000);
  await world.live(5 * DAY_MS);
  expect(world.days()).toEqual([0, 1, day + 1]);
  expect(world.shard.flusher.nextDueMs()).toBeUndefined();
  expect(await world.shard.readAll()).toEqual([...world.shard.acknowledged].sort());
});

test('samples that are late for the day that was closed go into files, and it is rolled up again', async () => {
  const world = new QuietWorld(filled());
  await world.live(5 * DAY_MS);
  const before = world.builder.counters.rollup_samples_total;
  world.shard.writeLate(seriesOf(2, 'late'), [START_MS + 40 * HOUR_MS], value);
  await world.live(DAY_MS);
  expect(world.days()).toEqual([0, 1]);
  expect(world.builder.counters.rollup_samples_total).toBeGreaterThan(before);
  expect(await world.shard.readAll()).toEqual([...world.shard.acknowledged].sort());
});

test.each(['before', 'after'] as const)('the shard dies %s each call of its storage while it closes the day', async (when) => {
  const whole = new QuietWorld(filled());
  await whole.live(2.5 * DAY_MS);
  const stateCount = await letDie(whole.shard, { when, work: (shard) => new QuietWorld(shard).live(1.5 * DAY_MS) }, async (shard) => {
    const world = new QuietWorld(shard);
    await world.live(2 * DAY_MS);
    expect(world.days()).toEqual([0, 1]);
    expect(shard.flusher.nextDueMs()).toBeUndefined();
    expect(await shard.readAll()).toEqual([...shard.acknowledged].sort());
  });
  expect(stateCount).toBeGreaterThan(2);
});
