import { evictAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import { collect } from '../fakes/collect.ts';

/*
 * The store inside a real Durable Object: its SQLite, its clock that stands still within an event, its eviction. What the store does in
 * detail is tested without the runtime, in test/storage.
 */
const NOON = Date.UTC(2024, 0, 15, 12);

function inObject<R>(name: string, body: (storage: DurableObjectStorage) => Promise<R>): Promise<R> {
  return runInDurableObject(env.CATALOG.get(env.CATALOG.idFromName(name)), (_instance, state) => body(state.storage));
}

test('values, time travel, roll-ups and snapshots outlive the object', async () => {
  const snapshotId = await inObject('store', async (storage) => {
    const store = new TimeSeriesStore<unknown>(storage);
    await store.putBatch(Array.from({ length: 5000 }, (_, i) => ({ key: 'n', value: i, timestamp: NOON + i * 1000 })));
    await store.put('odd', NaN, NOON);
    await store.put('odd', -Infinity, NOON + 1);
    await store.put('audit', { who: 'ü', what: [1, null] }, NOON);
    expect(await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['min', 'max', 'avg', 'sum'] })).toMatchObject({ keys: 3, buckets: 86 });
    const id = store.createSnapshot();
    await store.put('audit', { who: 'nobody' }, NOON);
    await store.prune({ before: NOON + 2_000_000 });
    return id;
  });
  await evictAllDurableObjects();
  await inObject('store', async (storage) => {
    const store = new TimeSeriesStore<unknown>({ storage });
    expect(await store.get('audit')).toBeUndefined();
    expect(await store.get('n')).toBe(4999);
    const [bucket] = await store.aggregate('n', { bucket: '1h', metrics: ['count', 'sum', 'max'] });
    expect(bucket).toEqual({ timestamp: NOON, source: 'mixed', count: 3600, sum: (3599 * 3600) / 2, max: 3599 });
    await store.restoreSnapshot(snapshotId);
  });
  await evictAllDurableObjects();
  await inObject('store', async (storage) => {
    const store = new TimeSeriesStore<unknown>(storage);
    expect(await store.get('audit')).toEqual({ who: 'ü', what: [1, null] });
    expect(await store.getAsOf('odd', NOON)).toBeNaN();
    expect(await store.get('odd')).toBe(-Infinity);
    expect(await store.getAsOf('n', '2024-01-15T12:10:00.999Z')).toBe(600);
    const points = await collect(store.range('n', { start: NOON + 1000, end: NOON + 3_000_000 }));
    expect(points.map(({ value }) => value)).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1));
  });
});

test('within one event the clock stands still, and no value is lost for it', async () => {
  await inObject('audit', async (storage) => {
    const store = new TimeSeriesStore<string>(storage);
    for (const value of ['a', 'b', 'c']) void store.put('log', value);
    expect((await collect(store.range('log'))).map(({ value }) => value)).toEqual(['a', 'b', 'c']);
  });
});

test('the change feed goes on from its cursor in the next instance', async () => {
  const cursor = await inObject('feed', async (storage) => {
    const store = new TimeSeriesStore(storage);
    for (let i = 0; i < 10; i++) await store.put('k', i, NOON + i);
    const events = await collect(store.cdc());
    expect(events).toHaveLength(10);
    expect(events[0]).toEqual({
      type: 'cdc.insert', op: 'c', store: 'timeseries', table: 'metrics', key: 'k', timestamp: '2024-01-15T12:00:00Z', after: { value: 0 }, cursor: '1',
    });
    return events[6]!.cursor;
  });
  await evictAllDurableObjects();
  await inObject('feed', async (storage) => {
    const events = await collect(new TimeSeriesStore(storage).cdc({ cursor }));
    expect(events.map((event) => event.type === 'cdc.insert' && event.after.value)).toEqual([7, 8, 9]);
  });
});

test('it takes the storage or the whole state, and answers over one database agree', async () => {
  await runInDurableObject(env.CATALOG.get(env.CATALOG.idFromName('state')), async (_instance, state) => {
    const byState = new TimeSeriesStore(state, { retention: { hot: '1h' } });
    const byStorage = new TimeSeriesStore(state.storage, { retentionMs: 3_600_000 });
    await byState.put('k', 1, Date.now() - 7_200_000);
    expect(await byStorage.get('k')).toBe(1);
    expect(await byState.prune()).toBe(1);
    expect(await byStorage.get('k')).toBeUndefined();
    expect(() => new TimeSeriesStore(state.storage.sql as unknown as DurableObjectStorage)).toThrow('pass a Durable Object');
  });
});

test('a refused value leaves the object working', async () => {
  await inObject('refused', async (storage) => {
    const store = new TimeSeriesStore<unknown>(storage);
    await store.put('k', 1, NOON);
    await expect(store.putBatch([{ key: 'k', value: 2 }, { key: 'k', value: undefined }])).rejects.toThrow('it is undefined');
    await expect(store.put('k', 'x'.repeat(2_000_000))).rejects.toThrow('sqlRowBytesMax');
    await store.put('k', 'x'.repeat(1_000_000), NOON + 1);
    expect(await store.get('k')).toHaveLength(1_000_000);
  });
});

test('a store goes on behind the object’s deleteAll(), with nothing of before', async () => {
  await inObject('emptied', async (storage) => {
    const store = new TimeSeriesStore<unknown>(storage);
    await store.put('k', 1, 1000);
    await storage.deleteAll();
    await store.put('k', 2, 2000);
    expect(await collect(store.range('k'))).toEqual([{ key: 'k', timestamp: 2000, value: 2 }]);
  });
});

test('an object may drop tables beside a store whose feed was read, and open one with an archive', async () => {
  await inObject('beside', async (storage) => {
    const store = new TimeSeriesStore(storage);
    for (let i = 0; i < 5; i++) await store.put('k', i);
    await store.restoreSnapshot(store.createSnapshot());
    await store.put('k', 5);
    expect(await collect(store.cdc())).toHaveLength(1);
    storage.sql.exec('CREATE TABLE own (x INTEGER)');
    storage.sql.exec('DROP TABLE own');
    const archived = new TimeSeriesStore(storage, { name: 'archived', retention: { hot: '1h' }, archive: env.ARCHIVE });
    await archived.put('k', 1);
    expect(await archived.get('k')).toBe(1);
  });
});
