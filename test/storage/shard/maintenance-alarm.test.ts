import { describe, expect, test } from 'vitest';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { MaintenanceAlarm } from '../../../storage/shard/maintenance-alarm.ts';
import { FaultySql } from '../../fakes/faulty-sql.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { MemoryAlarm } from '../../fakes/memory-alarm.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named, write } from './batches.ts';
import { dump } from './store-model.ts';

const HOUR_MS = 3_600_000;
const RETENTION_MS = 25 * HOUR_MS;
const START_MS = 1_700_000_000_000;

interface World {
  readonly sql: NodeSql;
  readonly clock: FixedClock;
  readonly alarm: MemoryAlarm;
  store: HotStore;
  maintenance: MaintenanceAlarm;
}

async function wake(world: Pick<World, 'sql' | 'clock' | 'alarm'>): Promise<World> {
  const store = new HotStore(new NodeSql(world.sql.database), limitsWith({ mergeFanIn: 2 }), { clock: world.clock, retentionMs: RETENTION_MS });
  const maintenance = new MaintenanceAlarm(store, world.alarm, world.clock);
  await maintenance.arm();
  return { ...world, store, maintenance };
}

function create(): Promise<World> {
  return wake({ sql: new NodeSql(), clock: new FixedClock(START_MS), alarm: new MemoryAlarm() });
}

async function put({ store, maintenance, clock }: World, name = 'a'): Promise<void> {
  write(store, [{ labels: named(name), samples: [[clock.nowMs(), 1]] }]);
  await maintenance.arm();
}

/** Rings at the times for which it is set until nothing is due any more; returns how often it rang. */
async function ringUntilQuiet(world: World): Promise<number> {
  let rings = 0;
  for (; world.alarm.setForMs !== undefined; rings++) {
    if (rings > 50) throw new Error('an alarm that never rests');
    world.clock.advance(Math.max(0, world.alarm.setForMs - world.clock.nowMs()));
    world.alarm.setForMs = undefined;
    await world.maintenance.ring();
  }
  return rings;
}

test('a shard without data sets no alarm, nor after all of it is gone', async () => {
  const world = await create();
  expect(world.alarm.sets).toBe(0);
  await put(world);
  await ringUntilQuiet(world);
  expect(dump(world.store)).toEqual([]);
  expect(world.store.stats().gauges).toMatchObject({ series: 0, segments: 0, log_entries: 0 });
  const again = await wake({ ...world, alarm: new MemoryAlarm() });
  expect(again.alarm.sets).toBe(0);
});

test('no polling: a lone sample costs one ring to be sealed and one to expire, and writes in between set nothing', async () => {
  const world = await create();
  await put(world);
  expect(world.alarm.setForMs).toBe(START_MS + 2 * HOUR_MS);
  for (let i = 0; i < 100; i++) {
    world.clock.advance(1000);
    await put(world);
  }
  expect(world.alarm.sets).toBe(1);
  const lastMs = world.clock.nowMs();
  expect(await ringUntilQuiet(world)).toBe(2);
  expect(world.clock.nowMs()).toBe(lastMs + RETENTION_MS + 1);
});

test('an alarm that could not be set is set with the next write', async () => {
  const world = await create();
  world.alarm.isAway = true;
  await expect(put(world)).rejects.toThrow('no alarm');
  world.alarm.isAway = false;
  await put(world);
  expect(world.alarm.setForMs).toBe(START_MS + 2 * HOUR_MS);
});

describe('a ring', () => {
  test('that comes early does nothing but set the next', async () => {
    const world = await create();
    await put(world);
    const before = dump(world.store);
    world.alarm.setForMs = undefined;
    await world.maintenance.ring();
    expect(world.store.stats()).toMatchObject({ counters: { seals_total: 0 }, gauges: { log_entries: 1 } });
    expect(world.alarm.setForMs).toBe(START_MS + 2 * HOUR_MS);
    expect(dump(world.store)).toEqual(before);
  });

  test('that comes twice, or very late, does all that is due, once', async () => {
    const world = await create();
    await put(world);
    world.clock.advance(100 * HOUR_MS);
    await put(world, 'b');
    world.alarm.setForMs = undefined;
    await world.maintenance.ring();
    const rows = world.store.stats().counters['rows_written_total'];
    await world.maintenance.ring();
    expect(dump(world.store).map(([series]) => series)).toEqual(['b']);
    expect(world.store.stats().counters['rows_written_total']).toBe(rows);
  });

  test('that was lost is made up for by waking', async () => {
    const world = await create();
    await put(world);
    const again = await wake({ ...world, alarm: new MemoryAlarm() });
    expect(again.alarm.setForMs).toBe(START_MS + 2 * HOUR_MS);
  });

  test('that fails sets another, and lets the error out', async () => {
    const world = await create();
    await put(world);
    const sql = new FaultySql(new NodeSql(world.sql.database), { call: 30, when: 'before' });
    const store = new HotStore(sql, undefined, { clock: world.clock, retentionMs: RETENTION_MS });
    const alarm = new MemoryAlarm();
    world.clock.advance(3 * HOUR_MS);
    while (!sql.isBroken) try { sql.all('SELECT 1'); } catch { break; }
    await expect(new MaintenanceAlarm(store, alarm, world.clock).ring()).rejects.toThrow('storage fault');
    expect(alarm.setForMs).toBe(world.clock.nowMs() + 60_000);
  });
});

test('merges ring at once, step after step', async () => {
  const world = await create();
  for (let i = 0; i < 4; i++) {
    await put(world);
    world.clock.advance(1000);
    world.store.seal();
  }
  await world.maintenance.arm();
  const rings: number[] = [];
  while (world.alarm.setForMs! <= world.clock.nowMs()) {
    world.alarm.setForMs = undefined;
    await world.maintenance.ring();
    rings.push(world.store.stats().gauges['segments']!);
  }
  // A merge of two takes a step to find them, one to put their series in order, and one to move them.
  expect(rings).toEqual([4, 4, 3, 3, 3, 2, 2, 2, 1]);
});

test('a damaged segment keeps neither the others from being merged nor the alarm from resting', async () => {
  const world = await create();
  for (let i = 0; i < 8; i++) {
    await put(world);
    world.clock.advance(1000);
    world.store.seal();
  }
  world.sql.run('UPDATE segment SET samples = ? WHERE segment = 3', new Uint8Array(100));
  const again = await wake({ ...world, alarm: new MemoryAlarm() });
  for (let rings = 0; again.alarm.setForMs !== undefined && again.alarm.setForMs <= again.clock.nowMs(); rings++) {
    if (rings > 20) throw new Error('an alarm that never rests');
    again.alarm.setForMs = undefined;
    await again.maintenance.ring();
  }
  expect(again.store.stats().gauges['segments']).toBeLessThan(6);
  expect(() => dump(again.store)).toThrow('segment 3: version 0');
  await put(again, 'b');
  const [row] = again.sql.all('SELECT length(samples) AS bytes FROM segment WHERE segment = 3');
  expect(row).toEqual({ bytes: 100 });
});
