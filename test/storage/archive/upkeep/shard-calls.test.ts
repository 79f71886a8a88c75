import { describe, expect, test } from 'vitest';
import { ShardCalls } from '../../../../storage/archive/upkeep/shard-calls.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { RecoveryState } from '../../../../storage/catalog/recovery/recovery-state.ts';
import { rollupDays } from '../../../../storage/catalog/rollup-days.ts';
import { ShardCallStore } from '../../../../storage/catalog/shard-call-store.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { FaultySql, InjectedFault } from '../../../fakes/faulty-sql.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import '../../../fakes/remembered-zstd.ts';
import { HOUR_MS, seriesOf, START_MS, times } from '../flush/flush-world.ts';
import { RecoveryWorld } from '../recovery-world.ts';

const DAY_MS = 24 * HOUR_MS;

/** A shard that has committed hours of which no snapshot knows, has dropped them, and is silent; and a catalog that has lost its storage. */
async function lostBesideSilentShard(): Promise<RecoveryWorld> {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  await world.live(3 * DAY_MS, () => world.writeHour());
  // The tables are not written any more.
  for (let hour = 0; hour < 5; hour++) {
    world.writeHour();
    world.clock.advance(HOUR_MS);
    await world.settle();
  }
  for (let hour = 0; hour < 80; hour++) {
    world.clock.advance(HOUR_MS);
    await world.settle();
  }
  expect(world.tables.isBehind).toBe(true);
  expect(world.hot.archive.oldestMs()).toBeUndefined();
  expect(await world.query()).toEqual(world.expected());
  world.beginAnew();
  return world;
}

describe('a shard of which files were found again', () => {
  test('is asked how far they go, and queries do not ask it for what it has dropped', async () => {
    const world = await lostBesideSilentShard();
    await world.ring();
    expect(await world.query()).toEqual(world.expected());
    expect(world.status().archivedUntilMs['1/0']).toBe(world.hot.archive.mark.archivedUntilMs);
    expect(world.upkeep.counters['archive_shard_calls_total']).toBe(1);
    await world.live(3 * DAY_MS);
    expect(world.upkeep.counters['archive_shard_calls_total']).toBe(1);
  });

  test('and again while it does not answer, others going on', async () => {
    const world = await lostBesideSilentShard();
    let calls = 0;
    const { flushStatusOf } = world;
    world.flushStatusOf = async (shard) => (calls++ < 3 ? Promise.reject(new Error('Network connection lost.')) : flushStatusOf(shard));
    await world.ring();
    expect(world.upkeep.status().find(({ task }) => task === 'ask silent shards')!.failure).toMatchObject({ count: 1, message: 'shard 1/0: Network connection lost.' });
    await world.live(4 * HOUR_MS);
    expect(calls).toBe(4);
    expect(await world.query()).toEqual(world.expected());
  });

  test('and one that never answers keeps no other from being asked', async () => {
    const sql = new NodeSql();
    const clock = new FixedClock(0);
    migrateCatalog(sql);
    const state = new RecoveryState(sql);
    const shards = ['1/0', '1/1', '1/2', '1/3'];
    for (const shard of shards) state.askShard(shard);
    const asked: string[] = [];
    const flushStatusOf = async (shard: string) => {
      asked.push(shard);
      return shard < '1/2' ? Promise.reject(new Error('broken')) : { archivedUntilMs: 1000 };
    };
    const task = new ShardCalls({ sql, clock, limits: LIMITS, flushStatusOf });
    for (let step = 0; step < 6; step++) {
      clock.advance(Math.max(0, task.nextDueMs()! - clock.nowMs()));
      await task.step();
    }
    expect(asked).toEqual([...shards, '1/0', '1/1']);
    expect(task.failure!.message).toBe('shard 1/1: broken');
  });

  test.each(['before', 'after'] as const)('and again where the catalog dies %s a call of its storage', async (when) => {
    const whole = await lostBesideSilentShard();
    await whole.recover();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const sql = new FaultySql(world.catalogSql, { call, when });
      const { limits, clock, flushStatusOf } = world;
      await new ShardCalls({ sql, limits, clock, flushStatusOf }).step().catch((error: unknown) => expect(error).toBeInstanceOf(InjectedFault));
      for (const task = new ShardCalls({ sql: world.catalogSql, limits, clock, flushStatusOf }); (task.nextDueMs() ?? Infinity) <= clock.nowMs(); ) await task.step();
      expect(await world.query()).toEqual(world.expected());
      if (!sql.isBroken) {
        expect(call).toBeGreaterThan(3);
        break;
      }
    }
  });
});

test('of shards that have not closed their last day the one comes first whose day is the oldest, whatever days they had before', () => {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const calls = new ShardCallStore(sql);
  const next = (except: string[] = []) => calls.next(LIMITS, except);
  expect(next()).toBeUndefined();
  const lastDays = { '1/0': 12, '1/1': 11, '1/10': 14, '2/0': 13, '2/1': 10 };
  for (const [shard, lastDay] of Object.entries(lastDays)) for (let day = 3; day <= lastDay; day++) sql.run('INSERT INTO rollup_source (shard, day, newest_file, changed_ms) VALUES (?, ?, 1, 0)', shard, day);
  // One has closed it, but for the first window of the next, and one has.
  const closedMs = (day: number): number => (day + 1) * DAY_MS + LIMITS.archiveWindowMs;
  for (const [shard, untilMs] of [['1/1', closedMs(11) - 1], ['2/1', closedMs(10)]] as const) sql.run('INSERT INTO archive_shard (shard, sequence, archived_until_ms) VALUES (?, 1, ?)', shard, untilMs);
  const order: unknown[] = [];
  for (let call = next(); call !== undefined; call = next()) {
    order.push([call.shard, call.unclosedDay]);
    expect(call.dueMs).toBe((call.unclosedDay! + 1) * DAY_MS + LIMITS.archiveSilentShardMs);
    calls.asked(call);
  }
  expect(order).toEqual([['1/1', 11], ['1/0', 12], ['2/0', 13], ['1/10', 14]]);
  // A later day is another one.
  sql.run('INSERT INTO rollup_source (shard, day, newest_file, changed_ms) VALUES (?, 20, 1, 0)', '1/0');
  expect(next()).toMatchObject({ shard: '1/0', unclosedDay: 20 });
  expect(next(['1/0'])).toBeUndefined();
});

describe('a shard that has not closed its last day', () => {
  const days = (world: RecoveryWorld): number => rollupDays(world.catalogSql, { version: 1, firstDay: 0, lastDay: 1e6 }).days.find(({ table }) => table === 'rollup_1h')!.lastDay - START_MS / DAY_MS;

  /** Its last window is archived, and then it has no alarm. */
  async function withoutAlarm(): Promise<RecoveryWorld> {
    const world = new RecoveryWorld();
    world.wakeCatalog();
    await world.live(1.5 * DAY_MS, () => world.writeHour());
    await world.live(26 * HOUR_MS);
    return world;
  }

  /** The catalog alone, for so long. */
  async function ringFor(world: RecoveryWorld, forMs: number): Promise<void> {
    for (const endMs = world.clock.nowMs() + forMs; world.clock.nowMs() < endMs; world.clock.advance(HOUR_MS)) await world.ring();
  }

  test('is woken once, which closes it', async () => {
    const world = await withoutAlarm();
    const { flushStatusOf } = world;
    let wokenMs: number | undefined;
    world.flushStatusOf = async (shard) => {
      wokenMs = world.clock.nowMs();
      return flushStatusOf(shard);
    };
    await ringFor(world, 5 * DAY_MS);
    expect(wokenMs).toBeGreaterThanOrEqual(START_MS + 2 * DAY_MS + LIMITS.archiveSilentShardMs);
    expect(days(world)).toBe(0);
    // What the object does on waking.
    await world.live(DAY_MS);
    expect(days(world)).toBe(1);
    await world.live(10 * DAY_MS);
    expect(world.upkeep.counters['archive_shard_calls_total']).toBe(1);
  });

  test('is asked no more where that does not help, and then the catalog sets no alarm for it', async () => {
    const world = await withoutAlarm();
    let calls = 0;
    world.flushStatusOf = async () => {
      calls++;
      return undefined;
    };
    await ringFor(world, 20 * DAY_MS);
    expect(calls).toBe(1);
    expect(world.upkeep.status().find(({ task }) => task === 'ask silent shards')!.dueMs).toBeUndefined();
    // A later day is another one.
    world.writeHour();
    await world.live(30 * HOUR_MS);
    await ringFor(world, 5 * DAY_MS);
    expect(calls).toBe(2);
  });

  test('and says more than the catalog knows: its storage has gone back, and it looks at once', async () => {
    const world = await withoutAlarm();
    const earlier = world.catalogSql.copy();
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    world.writeHour();
    for (let hour = 0; hour < 80; hour++) {
      world.clock.advance(HOUR_MS);
      await world.settle();
    }
    world.goBackTo(earlier);
    world.catalogSql.run('UPDATE archive_state SET next_look_ms = ? WHERE id = 1', world.clock.nowMs() + LIMITS.archiveLookPeriodMs);
    expect(world.recovery.isDue).toBe(false);
    await ringFor(world, 5 * HOUR_MS);
    expect(await world.query()).toEqual(world.expected());
    expect(world.status().archivedUntilMs['1/0']).toBe(world.hot.archive.mark.archivedUntilMs);
  });
});
