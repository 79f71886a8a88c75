import { evictAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import { systemClock } from '../../storage/runtime/clock.ts';

/*
 * The store inside a real Durable Object with an R2 bucket: what older code reads of it is the same, wherever the values are. What the store
 * does in detail is tested without the runtime, in test/storage.
 */
const HOUR_MS = 3_600_000;

function inObject<R>(name: string, body: (db: DurableObjectState) => Promise<R>): Promise<R> {
  return runInDurableObject(env.CATALOG.get(env.CATALOG.idFromName(name)), (_instance, state) => body(state));
}

const keysIn = async (prefix: string): Promise<string[]> => (await env.ARCHIVE.list({ prefix })).objects.map(({ key }) => key);

test('the document’s example, word for word but for the bucket', async () => {
  const processed: unknown[] = [];
  const processDataPoint = async (point: unknown): Promise<void> => void processed.push(point);
  await inObject('example', async (db) => {
    type Metric = number;
    const archive = { bucket: env.ARCHIVE, prefix: 'example' };

    const metrics = new TimeSeriesStore<Metric>(db, {
      retention: { hot: '1h', warm: '7d', cold: '365d' },
      archive,
    });

    // Write data points
    await metrics.put('cpu_usage', 0.75, Date.now());
    await metrics.put('cpu_usage', 0.82, Date.now() + 1000);

    // Batch write
    await metrics.putBatch([
      { key: 'memory_mb', value: 1024, timestamp: Date.now() },
      { key: 'disk_io', value: 150, timestamp: Date.now() },
    ]);

    // Get current value
    const current = await metrics.get('cpu_usage');
    expect(current).toBe(0.82);

    // Time travel: what was the value at specific time?
    const historical = await metrics.getAsOf('cpu_usage', '2024-01-15T12:00:00Z');
    expect(historical).toBeUndefined();

    // Range query (streaming with backpressure)
    const lastHour = {
      start: Date.now() - 3600000,
      end: Date.now(),
    };
    for await (const point of metrics.range('cpu_usage', lastHour)) {
      await processDataPoint(point);
    }
    expect(processed).toMatchObject([{ key: 'cpu_usage', value: 0.75 }]);

    // Aggregated range query (uses warm tier)
    const dailyStats = await metrics.aggregate('cpu_usage', {
      start: '2024-01-01',
      end: '2024-01-31',
      bucket: '1d',
      metrics: ['avg', 'max', 'p99'],
    });
    expect(dailyStats).toEqual([]);

    const store = metrics;
    // Manual prune (usually automatic)
    const pruned = await store.prune();
    expect(pruned).toBe(0);

    // Compact to keep only latest N versions per key
    await store.compact({ maxVersionsPerKey: 10 });

    // Roll up to warm tier
    await store.rollup({
      olderThan: '1h',
      bucket: '1m',
      aggregates: ['min', 'max', 'avg', 'count'],
    });

    // Create snapshot before risky operation
    const snapshotId = store.createSnapshot();

    // Perform operations...
    await store.put('key1', 1);
    await store.put('key2', 2);

    // Oops, something went wrong - restore!
    await store.restoreSnapshot(snapshotId);
    expect(await store.get('key1')).toBeUndefined();
    expect(await store.get('disk_io')).toBe(150);
  });
});

test('values move into R2 when their time is over, and read as before, also by the next instance', async () => {
  const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 30 * HOUR_MS;
  const options = { retention: { hot: '1h', warm: '7d', cold: '365d' }, archive: { bucket: env.ARCHIVE, prefix: 'moving', uri: 's3://archive' } };
  const read = async (store: TimeSeriesStore<unknown>): Promise<unknown> => {
    const points: unknown[] = [];
    for (const key of store.keys()) for await (const point of store.range(key)) points.push(point);
    const query = { start: startMs, bucket: '6h', metrics: ['min', 'max', 'avg', 'count', 'p50'] } as const;
    return [points, await store.aggregate('n', query), await store.getAsOf('n', startMs + 1_000_000), await store.get('audit'), await store.getAsOf('odd', startMs + 1)];
  };
  const before = await inObject('moving', async (db) => {
    // What is in the object before it has a bucket moves too.
    const store = new TimeSeriesStore<unknown>(db);
    await store.putBatch(Array.from({ length: 7000 }, (_, i) => ({ key: 'n', value: i / 3, timestamp: startMs + i * 15_000 })));
    await store.putBatch([-0, NaN, Infinity].map((value, i) => ({ key: 'odd', value, timestamp: startMs + i })));
    await store.put('audit', { who: 'ü', what: [1, null] }, startMs);
    return read(store);
  });
  await evictAllDurableObjects();
  await inObject('moving', async (db) => {
    const store = new TimeSeriesStore<unknown>(db, options);
    const nextMs = await store.maintain();
    expect(nextMs).toBeGreaterThan(Date.now());
    expect(await read(store)).toEqual(before);
  });
  const files = await keysIn('moving/points/data/');
  expect(files.length).toBeGreaterThanOrEqual(24);
  expect((await keysIn('moving/points/metadata/')).filter((key) => key.endsWith('.metadata.json')).length).toBeGreaterThan(0);
  await evictAllDurableObjects();
  await inObject('moving', async (db) => {
    const store = new TimeSeriesStore<unknown>(db, options);
    expect(await read(store)).toEqual(before);
    expect([...db.storage.sql.exec('SELECT count(*) AS documents FROM timeseries_document')]).toEqual([{ documents: 0 }]);
    await store.put('n', 1e9);
    expect(await store.get('n')).toBe(1e9);
    expect(await keysIn('moving/points/data/')).toEqual(files);
    // Of windows that have moved.
    await store.putBatch([{ key: 'n', value: -1, timestamp: startMs }, { key: 'late', value: { a: 'ü' }, timestamp: startMs + 1 }]);
    expect(await store.getAsOf('n', startMs)).toBe(-1);
  });
  await evictAllDurableObjects();
  const late = await inObject('moving', async (db) => {
    const store = new TimeSeriesStore<unknown>(db, options);
    expect([await store.getAsOf('n', startMs), await store.get('late')]).toEqual([-1, { a: 'ü' }]);
    const state = await read(store);
    await store.maintain();
    expect([...db.storage.sql.exec('SELECT sum(sample_count) AS waiting FROM timeseries_late_batch')]).toEqual([{ waiting: 0 }]);
    expect(await read(store)).toEqual(state);
    return state;
  });
  await evictAllDurableObjects();
  await inObject('moving', async (db) => {
    // When both days are long over, the files of each are one.
    const store = new TimeSeriesStore<unknown>(db, { ...options, clock: { ...systemClock, nowMs: () => Date.now() + 50 * HOUR_MS } });
    await store.maintain();
    expect((await keysIn('moving/points/data/')).filter((key) => key.includes('-merged-')).length).toBeGreaterThan(0);
    expect(await read(store)).toEqual(late);
  });
  await evictAllDurableObjects();
  await inObject('moving', async (db) => {
    expect(await read(new TimeSeriesStore<unknown>(db, options))).toEqual(late);
  });
});
