import { expect, test } from 'vitest';
import type { TimeSeriesStore } from '../../storage/index.ts';
import { FaultySql } from '../fakes/faulty-sql.ts';
import { StatesLeftBehind } from '../fakes/left-behind.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import '../fakes/remembered-zstd.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { copyOf, dieAtEachCall, emptyWorld, failAtEachCall, open, type World } from './archived-store.ts';

/*
 * Values that come when their window has moved, where every call of the database and of the bucket fails in turn, before and after its effect:
 * while they are written, rolled up and moved, and while the files of their day become one.
 */
const NOON = Date.UTC(2024, 0, 14, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LATE = [
  { key: 'n', value: 1000, timestamp: NOON - 4 * HOUR },
  { key: 'd', value: { late: 1 }, timestamp: NOON - 3 * HOUR + 1 },
  { key: 'n', value: { late: 2 }, timestamp: NOON - 30 * HOUR },
];
const NOW = { key: 'n', value: 'now', timestamp: NOON };

/** Three windows have moved, and nothing more is due. */
async function moved(): Promise<World> {
  const world = emptyWorld(NOON);
  const store = open(world);
  await store.putBatch(
    Array.from({ length: 8 }, (_, i) => [
      { key: 'n', value: i, timestamp: NOON - 4 * HOUR + i * 20 * MINUTE },
      { key: 'd', value: { i }, timestamp: NOON - 4 * HOUR + i * 20 * MINUTE },
    ]).flat(),
  );
  await store.maintain();
  return world;
}

/** Late values wait, and when they have moved, with a fourth window, the files of the day are to become one. */
async function withLate(): Promise<World> {
  const world = await moved();
  await open(world).putBatch([...LATE, NOW]);
  world.clock.advance(15 * HOUR);
  return world;
}

async function stateOf(store: TimeSeriesStore<unknown>): Promise<unknown> {
  const points: unknown[] = [];
  for (const key of ['d', 'n']) for await (const { timestamp, value } of store.range(key)) points.push([key, timestamp, value]);
  const buckets = await store.aggregate('n', { bucket: '1h', metrics: ['count', 'sum', 'p50'] });
  return { points, buckets, before: await store.getAsOf('d', NOON - 3 * HOUR + 2), last: await store.get('n') };
}

async function expectSettled(world: World, expected: unknown, where: string): Promise<void> {
  expect(await stateOf(open(world)), where).toEqual(expected);
  for (let i = 0; i < 2; i++) {
    world.clock.advance(10 * MINUTE);
    const store = open(world);
    await store.maintain();
    expect(await stateOf(store), where).toEqual(expected);
  }
  expect(world.sql.all("SELECT 1 AS one FROM timeseries_late_batch WHERE length(batch) > 0"), where).toEqual([]);
  expect(world.sql.all('SELECT 1 AS one FROM timeseries_flush_plan UNION ALL SELECT 1 FROM timeseries_catalog_merge_plan'), where).toEqual([]);
  const files = world.sql.all<{ key: string; gone: number }>("SELECT json_extract(description, '$.key') AS key, removed_change IS NOT NULL AS gone FROM timeseries_catalog_data_file");
  // The windows of the day are one file, with what came late for it unless that moved behind.
  const [merged, ...others] = files.filter(({ key, gone }) => gone === 0 && key.includes('2024-01-14')).sort((a, b) => Number(b.key.includes('-merged-')) - Number(a.key.includes('-merged-')));
  expect(merged!.key, where).toContain('-merged-');
  expect(others.length, where).toBeLessThanOrEqual(1);
  const keys = (await world.objects.list('')).objects.map(({ key }) => key).filter((key) => key.includes('/data/'));
  expect(keys, where).toEqual(files.map(({ key }) => key).sort());
  // What has moved is in the roll-ups too, which are all that is left when raw values are gone.
  const late = open({ ...world, clock: world.clock.copy() });
  const rolledUp = await late.aggregate('n', { start: NOON - 4 * HOUR, end: NOON - 3 * HOUR - 1, bucket: '1h', metrics: ['count', 'sum'] });
  expect(rolledUp, where).toMatchObject([{ count: 3, sum: 1003 }]);
}

test.each(['before', 'after'] as const)('the object dies %s each call of its database while they are written', async (when) => {
  const whole = await moved();
  const [without, having] = [await stateOf(open(copyOf(whole))), await stateOf(open(await withLate()))];
  const seen = new Set<unknown>();
  const states = new StatesLeftBehind();
  for (let call = 0; ; call++) {
    const world = copyOf(whole);
    const faulty = new FaultySql(new NodeSql(world.sql.database), { call, when });
    let isStored = false;
    try {
      await open(world, { sql: faulty, random: new SeededRandom(1) }).putBatch([...LATE, NOW]);
      isStored = true;
    } catch {
      // Whoever wrote does not know.
    }
    if (faulty.calls <= call) break;
    if (!states.isNew({ databases: [world.sql], objects: world.objects, clock: world.clock })) continue;
    const state = await stateOf(open(world));
    expect(isStored ? [having] : [without, having], `call ${call}`).toContainEqual(state);
    seen.add(JSON.stringify(state));
    // Written once more, it is there, and moves.
    await open(world).putBatch([...LATE, NOW]);
    // What waits may move beside the write, which has an end before the next instance begins.
    for (let turn = 0; turn < 40; turn++) await new Promise((done) => setImmediate(done));
    world.clock.advance(15 * HOUR);
    await expectSettled(world, having, `call ${call}, fault ${when} it`);
  }
  expect(seen.size).toBe(when === 'before' ? 1 : 2);
});

test.each(['before', 'after'] as const)('the object dies %s each call of its database while they move', { timeout: 240_000 }, async (when) => {
  await dieAtEachCall({ when, whole: await withLate(), stateOf, expectSettled });
});

test.each(['before', 'after'] as const)('each call of the bucket fails %s its effect', async (when) => {
  expect(await failAtEachCall({ when, whole: await withLate(), stateOf, expectSettled })).toBeGreaterThan(when === 'before' ? 12 : 4);
});
