import { expect, test } from 'vitest';
import type { TimeSeriesStore } from '../../storage/index.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import '../fakes/remembered-zstd.ts';
import { dieAtEachCall, emptyWorld, failAtEachCall, open, type World } from './archived-store.ts';

/*
 * A store that moves its values into a bucket, where every call of its database and of the bucket fails in turn, before and after its
 * effect: every value is read exactly once all the while, by the same instance and by the next one, and no object is left over.
 */
const NOON = Date.UTC(2024, 0, 14, 12);
const HOUR = 3_600_000;

async function filled(): Promise<World> {
  const world = emptyWorld(NOON);
  const store = open(world);
  await store.putBatch(
    Array.from({ length: 24 }, (_, i) => [
      { key: 'n', value: i, timestamp: NOON - 2.5 * HOUR + i * 260_000 },
      { key: 'd', value: { i }, timestamp: NOON - 2.5 * HOUR + i * 261_000 },
    ]).flat(),
  );
  return world;
}

async function stateOf(store: TimeSeriesStore<unknown>): Promise<unknown> {
  const points: unknown[] = [];
  for (const key of store.keys()) for await (const { timestamp, value } of store.range(key)) points.push([key, timestamp, value]);
  const buckets = await store.aggregate('n', { bucket: '1h', metrics: ['count', 'sum', 'p50'] });
  return { points, buckets, before: await store.getAsOf('d', NOON - 2 * HOUR), last: await store.get('d') };
}

async function expectSettled(world: World, expected: unknown, where: string): Promise<void> {
  const store = open(world);
  expect(await stateOf(store), where).toEqual(expected);
  world.clock.advance(HOUR / 6);
  await store.maintain();
  expect(await stateOf(store), where).toEqual(expected);
  expect(await stateOf(open(world)), where).toEqual(expected);
  const keys = (await world.objects.list('')).objects.map(({ key }) => key);
  const known = world.sql.all<{ description: string }>('SELECT description FROM timeseries_catalog_data_file').map(({ description }) => (JSON.parse(description) as { key: string }).key);
  expect(keys.filter((key) => key.includes('/data/')), where).toEqual(known.sort());
  // Manifest, manifest list and metadata of one snapshot, or of two when a fault came between windows.
  expect(keys.length - known.length, where).toBeGreaterThanOrEqual(3);
  expect(world.sql.all("SELECT 1 AS one FROM timeseries_catalog_archive_table WHERE name = 'points' AND snapshot_plan IS NULL AND metadata_version > 0"), where).toHaveLength(1);
  expect(world.sql.all('SELECT 1 AS one FROM timeseries_flush_plan'), where).toEqual([]);
  expect(world.sql.all<{ n: number }>('SELECT count(*) AS n FROM timeseries_document')[0]!.n, where).toBeLessThan(13);
  // What has moved went with its roll-ups, as none are made of a window that is closed: 42 values, and the aggregates of two hours.
  const [moved] = world.sql.all<{ rows: number }>("SELECT sum(json_extract(description, '$.rowCount')) AS rows FROM timeseries_catalog_data_file WHERE removed_change IS NULL AND json_extract(description, '$.minTimeMs') < ?", NOON - HOUR);
  expect(moved!.rows, where).toBe(189);
}

test.each(['before', 'after'] as const)('the object dies %s each call of its database', { timeout: 120_000 }, async (when) => {
  expect(await dieAtEachCall({ when, whole: await filled(), stateOf, expectSettled })).toBeGreaterThan(100);
});

test.each(['before', 'after'] as const)('each call of the bucket fails %s its effect', async (when) => {
  expect(await failAtEachCall({ when, whole: await filled(), stateOf, expectSettled })).toBeGreaterThan(3);
});

test('an error of the database in the middle costs the store its memory and nothing else', async () => {
  const world = await filled();
  const inner = new NodeSql(world.sql.database);
  let failing = -1;
  let runs = 0;
  const flaky = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...parameters: unknown[]) => {
        if (name === 'run' && runs++ === failing) throw new Error('storage is away');
        return (member as (...all: unknown[]) => unknown).apply(target, parameters);
      };
    },
  });
  const store = open(world, { sql: flaky });
  const expected = await stateOf(store);
  let failures = 0;
  for (let step = 0; step < 12; step++) {
    failing = runs + step;
    await store.maintain().catch((error: unknown) => {
      expect(String(error)).toContain('storage is away');
      failures++;
    });
    failing = -1;
    expect(await stateOf(store)).toEqual(expected);
    world.clock.advance(HOUR / 6);
  }
  expect(failures).toBeGreaterThan(5);
  await store.maintain();
  await expectSettled(world, expected, 'at the end');
});
