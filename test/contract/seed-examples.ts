import { expect, test } from 'vitest';
import { TimeSeriesStore, type Point } from '../../storage/index.ts';
import { collect } from '../fakes/collect.ts';

type Metric = number;

/** Runs `body` with the storage of an object of that name: the same object again for the same name. */
export type InObject = (name: string, body: (db: DurableObjectStorage) => Promise<void>) => Promise<void>;

const HOUR_MS = 3_600_000;

/**
 * The library as its document shows it, call by call: what compiles there compiles here, and gives what the text beside it says. Where a value
 * of the document has no name of its own (`value1`, `processDataPoint`), it has one here. Run in workerd and over the fakes.
 */
export function seedExamples(inObject: InObject): void {
  test('writing, reading back, time travel, a range and buckets of days', () =>
    inObject('api', async (db) => {
      const processed: Point<Metric>[] = [];
      const processDataPoint = async (point: Point<Metric>): Promise<void> => void processed.push(point);

      const metrics = new TimeSeriesStore<Metric>(db, {
        retention: { hot: '1h', warm: '7d', cold: '365d' },
      });
      await metrics.put('cpu_usage', 0.75, Date.now());
      // The document has this further down. Here it ends before the value that follows, however long what lies between takes.
      const lastHour = {
        start: Date.now() - 3600000,
        end: Date.now() + 1,
      };
      await metrics.put('cpu_usage', 0.82, Date.now() + 1000);
      await metrics.putBatch([
        { key: 'memory_mb', value: 1024, timestamp: Date.now() },
        { key: 'disk_io', value: 150, timestamp: Date.now() },
      ]);
      const current = await metrics.get('cpu_usage');
      expect(current).toBe(0.82);
      expect(await metrics.getAsOf('cpu_usage', '2024-01-15T12:00:00Z')).toBeUndefined();
      await metrics.putBatch([1, 2, 3].map((value) => ({ key: 'cpu_usage', value, timestamp: `2024-01-15T1${value}:00:00Z` })));
      const historical = await metrics.getAsOf('cpu_usage', '2024-01-15T12:00:00Z');
      expect(historical).toBe(2);

      for await (const point of metrics.range('cpu_usage', lastHour)) {
        await processDataPoint(point);
      }
      expect(processed).toEqual([{ key: 'cpu_usage', timestamp: expect.any(Number), value: 0.75 }]);

      const dailyStats = await metrics.aggregate('cpu_usage', {
        start: '2024-01-01',
        end: '2024-01-31',
        bucket: '1d',
        metrics: ['avg', 'max', 'p99'],
      });
      expect(dailyStats).toEqual([{ timestamp: Date.UTC(2024, 0, 15), source: 'raw', avg: 2, max: 3, p99: expect.closeTo(2.98, 10) }]);
    }));

  test('figures of days from the warm tier alone, when the raw values are gone', () =>
    inObject('warm', async (db) => {
      const metrics = new TimeSeriesStore<Metric>(db, { retention: { hot: '1h', warm: '7d' } });
      const dayMs = Math.floor(Date.now() / 86_400_000 - 2) * 86_400_000;
      await metrics.putBatch(Array.from({ length: 1440 }, (_, i) => ({ key: 'cpu_usage', value: i, timestamp: dayMs + i * 60_000 + (i % 7) })));
      expect(await metrics.prune()).toBe(1440);
      expect(await metrics.get('cpu_usage')).toBeUndefined();
      const [day, ...others] = await metrics.aggregate('cpu_usage', { start: new Date(dayMs), bucket: '1d', metrics: ['avg', 'max', 'p99'] });
      expect([day, others]).toEqual([{ timestamp: dayMs, source: 'rollup', avg: 719.5, max: 1439, p99: expect.any(Number) }, []]);
      expect(Math.abs(day!.p99 - 1424.61)).toBeLessThan(14.25);
    }));

  test('the tiering policy, as an object of its own', () =>
    inObject('policy', async (db) => {
      const tieringPolicy = {
        hot: {
          retention: '1h',
          resolution: 'raw',
        },
        warm: {
          retention: '7d',
          resolution: '1m',
          aggregates: ['min', 'max', 'avg', 'count', 'sum'],
        },
        cold: {
          retention: '365d',
          resolution: 'raw',
          compression: 'delta+zstd',
        },
      };
      const metrics = new TimeSeriesStore<Metric>(db, { tieringPolicy });
      const hourAgoMs = Math.floor(Date.now() / 60_000) * 60_000 - 2 * HOUR_MS;
      await metrics.putBatch([0.5, 0.7, 0.9].map((value, i) => ({ key: 'cpu_usage', value, timestamp: hourAgoMs + i * 20_000 })));
      await metrics.put('cpu_usage', 0.1);
      expect(await metrics.prune()).toBe(3);
      const warm = await metrics.aggregate('cpu_usage', { end: hourAgoMs + 59_999, bucket: '1m', metrics: ['min', 'max', 'avg', 'count', 'sum'] });
      expect(warm).toEqual([{ timestamp: hourAgoMs, source: 'rollup', min: 0.5, max: 0.9, avg: expect.closeTo(0.7), count: 3, sum: expect.closeTo(2.1) }]);
      expect(await metrics.get('cpu_usage')).toBe(0.1);
    }));

  test('retention in milliseconds, a manual prune, a compaction and a roll-up', () =>
    inObject('retention', async (db) => {
      const store = new TimeSeriesStore({
        storage: db, // the one thing that the document leaves out
        retentionMs: 7 * 24 * 60 * 60 * 1000,
        maxVersionsPerKey: 100,
      });
      const nowMs = Date.now();
      const hourMs = Math.floor((nowMs - 2 * HOUR_MS) / HOUR_MS) * HOUR_MS;
      await store.putBatch(Array.from({ length: 60 }, (_, i) => ({ key: 'k', value: i, timestamp: hourMs + i * 60_000 })));
      await store.putBatch([8, 9].map((days) => ({ key: 'old', value: days, timestamp: nowMs - days * 24 * HOUR_MS })));
      const lines: string[] = [];

      const pruned = await store.prune();
      lines.push(`Removed ${pruned} old entries from hot tier`);
      expect(lines).toEqual(['Removed 2 old entries from hot tier']);

      await store.rollup({
        olderThan: '1h',
        bucket: '1m',
        aggregates: ['min', 'max', 'avg', 'count'],
      });
      await store.compact({ maxVersionsPerKey: 10 });
      expect((await collect(store.range('k'))).map(({ value }) => value)).toEqual([50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
      const hour = { start: hourMs, end: hourMs + HOUR_MS - 1, bucket: '1h', metrics: ['min', 'max', 'avg', 'count'] } as const;
      expect(await store.aggregate('k', hour)).toEqual([{ timestamp: hourMs, source: 'mixed', min: 0, max: 59, avg: 29.5, count: 60 }]);
    }));

  test('a snapshot before a risky operation, and back to it, with values of any kind', () =>
    inObject('snapshots', async (db) => {
      const [value1, value2] = [{ user: 'ü', roles: ['admin', null] }, 'text'];
      const store = new TimeSeriesStore<unknown>(db);
      await store.put('key1', 1);

      const snapshotId = store.createSnapshot();

      await store.put('key1', value1);
      await store.put('key2', value2);
      expect([await store.get('key1'), await store.get('key2')]).toEqual([value1, value2]);

      await store.restoreSnapshot(snapshotId);
      expect([await store.get('key1'), await store.get('key2')]).toEqual([1, undefined]);
      await store.put('key2', 2);
      await store.restoreSnapshot(await store.createSnapshot());
      await store.restoreSnapshot(snapshotId);
      expect([await store.get('key1'), await store.get('key2')]).toEqual([1, undefined]);
    }));

  test('change events of a write and of a roll-up', () =>
    inObject('events', async (db) => {
      const store = new TimeSeriesStore(db);
      await store.put('cpu_usage', 0.75, '2024-01-14T12:00:00Z');
      const [written] = await collect(store.cdc());
      expect(written).toEqual({
        type: 'cdc.insert',
        op: 'c',
        store: 'timeseries',
        table: 'metrics',
        key: 'cpu_usage',
        timestamp: '2024-01-14T12:00:00Z',
        after: { value: 0.75 },
        cursor: expect.any(String),
      });
      const noonMs = Date.UTC(2024, 0, 14, 12);
      // Whose mean is 0.72, as all the others are.
      const values = Array.from({ length: 3600 }, (_, i) => (i === 0 ? 0.5 : i === 1 ? 0.95 : (0.72 * 3600 - 0.5 - 0.95) / 3598));
      await store.putBatch(values.map((value, i) => ({ key: 'cpu_usage', value, timestamp: noonMs + i * 1000 })));
      await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['min', 'max', 'avg', 'count'] });
      const rolledUp = (await collect(store.cdc({ cursor: written!.cursor }))).filter((event) => event.type === 'cdc.rollup');
      expect(rolledUp).toEqual([
        {
          type: 'cdc.rollup',
          op: 'r',
          store: 'timeseries',
          table: 'metrics',
          partition: 'dt=2024-01-14/hour=12',
          count: 3600,
          aggregates: { min: 0.5, max: 0.95, avg: expect.closeTo(0.72, 10) },
          key: 'cpu_usage',
          bucket: '1m',
          cursor: expect.any(String),
        },
      ]);
    }));

  test('the same without a single await before the end', () =>
    inObject('at once', async (db) => {
      const store = new TimeSeriesStore<unknown>(db, { retention: { hot: '1h', warm: '7d' } });
      const nowMs = Date.now();
      void store.put('k', 1, nowMs);
      void store.putBatch([{ key: 'k', value: 2, timestamp: nowMs + 1 }, { key: 'old', value: 3, timestamp: nowMs - 2 * HOUR_MS }]);
      const first = store.get('k');
      const asOf = store.getAsOf('k', new Date(nowMs));
      const rolledUp = store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['avg'] });
      const pruned = store.prune();
      const snapshotId = store.createSnapshot();
      void store.put('k', { risky: true }, nowMs + 2);
      const compacted = store.compact({ maxVersionsPerKey: 1 });
      const range = store.range('k');
      const risky = store.get('k');
      void store.restoreSnapshot(snapshotId);
      const last = store.get('k');
      expect(await Promise.all([first, asOf, rolledUp, pruned, compacted, risky, last])).toEqual([2, 1, { keys: 1, buckets: 1, points: 1 }, 1, 2, { risky: true }, 2]);
      expect((await collect(range)).map(({ value }) => value)).toEqual([1, 2]);
    }));

  test('a store of somebody’s own, which is one', () =>
    inObject('subclass', async (db) => {
      class Counters extends TimeSeriesStore<number> {
        async increment(key: string): Promise<number> {
          const value = ((await this.get(key)) ?? 0) + 1;
          await this.put(key, value);
          return value;
        }
      }
      const counters = new Counters(db, { maxVersionsPerKey: 5 });
      for (let i = 1; i <= 7; i++) expect(await counters.increment('visits')).toBe(i);
      expect(await counters.compact()).toBe(2);
      expect(await new TimeSeriesStore(db).get('visits')).toBe(7);
    }));
}
