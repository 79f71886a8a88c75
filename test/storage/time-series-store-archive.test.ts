import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ArchiveFiles } from '../../storage/catalog/archive-files.ts';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { FaultyObjectStore } from '../fakes/faulty-object-store.ts';
import type { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { emptyWorld, values } from './archived-store.ts';

/* A TimeSeriesStore with a bucket: what has moved there reads as before, bit by bit. */
const NOON = Date.UTC(2024, 0, 14, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let clock: FixedClock;
let sql: NodeSql;
let objects: MemoryObjectStore;

beforeEach(() => {
  ({ clock, sql, objects } = emptyWorld(NOON));
});

function open<T = number>(options: TimeSeriesStoreOptions = {}): TimeSeriesStore<T> {
  return new TimeSeriesStore<T>({ sql, clock, archive: objects, ...options });
}

function reopen<T = number>(options: TimeSeriesStoreOptions = {}): TimeSeriesStore<T> {
  sql = new NodeSql(sql.database);
  return open<T>(options);
}

/** How often a reader asked the bucket. */
function gets(): number {
  return objects.counts.get;
}

/** Files in the bucket. */
async function dataFiles(): Promise<string[]> {
  return (await objects.list('')).objects.map(({ key }) => key).filter((key) => key.includes('/data/'));
}

const hotSamples = (): number => sql.all<{ samples: number | null }>('SELECT sum(sample_count) AS samples FROM timeseries_segment')[0]!.samples ?? 0;

const ODD: readonly unknown[] = [0, -0, NaN, Infinity, -Infinity, 5e-324, 0.1 + 0.2, { a: [1, null, 'ü'] }, '', 'text', null, true, [], 'x'.repeat(100_000)];

async function fillOdd(store: TimeSeriesStore<unknown>, startMs: number, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, i) => [
    { key: 'odd', value: ODD[i % ODD.length], timestamp: startMs + i * 97_000 },
    { key: 'n', value: i / 8, timestamp: startMs + i * 97_000 + (i % 7) },
  ]);
  await store.putBatch(entries.flat());
}

/** 0, 1, 2, … */
async function count(store: TimeSeriesStore, length: number, startMs: number, stepMs: number): Promise<void> {
  await store.putBatch(Array.from({ length }, (_, i) => ({ key: 'k', value: i, timestamp: startMs + i * stepMs })));
}

async function everything(store: TimeSeriesStore<unknown>): Promise<unknown> {
  const times = [NOON - DAY, NOON - 6 * HOUR, NOON - 5 * HOUR - 1, NOON - 3 * HOUR + 17, NOON - HOUR, NOON, NOON + 9 * HOUR];
  const metrics = ['min', 'max', 'avg', 'sum', 'count', 'first', 'last', 'p50', 'p99.9'] as const;
  const answers: unknown[] = [store.keys()];
  for (const key of [...store.keys(), 'nothing']) {
    answers.push(await store.get(key), await Promise.all(times.map((time) => store.getAsOf(key, time))));
    answers.push(await values(store, key), await values(store, key, { start: times[1], end: times[4] }));
    for (const bucket of ['7m', '1h', '1d']) {
      answers.push(await store.aggregate(key, { bucket, metrics }), await store.aggregate(key, { start: times[2], end: times[3], bucket, metrics }));
    }
  }
  return answers;
}

describe('values that have moved', () => {
  test('read as before, bit by bit, also by the next instance', async () => {
    const store = open<unknown>();
    await fillOdd(store, NOON - 6 * HOUR, 220);
    const before = await everything(store);
    expect(objects.counts.create).toBe(0);
    expect(await store.maintain()).toBe(NOON + HOUR);
    expect(await dataFiles()).toHaveLength(5);
    expect(await everything(store)).toStrictEqual(before);
    // The hot tier has only what is younger than its retention, and a part of an hour; segments go when all of them is older.
    expect(sql.all('SELECT 1 AS one FROM timeseries_document').length).toBeLessThan(60);
    expect(await everything(reopen<unknown>())).toStrictEqual(before);
    clock.advance(30 * DAY);
    // Nothing is left to move, and the files of the day are one; the small ones' objects go later.
    await store.maintain();
    expect(await dataFiles()).toHaveLength(7);
    clock.advance(2 * DAY);
    // The bucket is looked through once a day.
    expect(await store.maintain()).toBe(clock.nowMs() + DAY);
    expect(await dataFiles()).toHaveLength(1);
    expect(await everything(reopen<unknown>())).toStrictEqual(before);
    expect(hotSamples()).toBe(0);
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toHaveLength(0);
  });

  test('move along with writes, without a call of the owner', async () => {
    const store = open();
    for (let i = 0; i < 200; i++) {
      await store.put('k', i);
      clock.advance(2 * MINUTE);
      // Everything else that waits has its turn, as behind any request.
      await new Promise((done) => setImmediate(done));
    }
    expect(await dataFiles()).toHaveLength(5);
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('are loaded value by value in any order, and move when no more come', async () => {
    const store = open();
    const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
    for (let i = 0; i < 100; i++) {
      await store.put('k', i, NOON - 5 * HOUR - i * MINUTE);
      await turn();
    }
    expect(await dataFiles()).toEqual([]);
    clock.advance(2 * MINUTE);
    await store.put('k', -1);
    for (let i = 0; i < 50; i++) await turn();
    expect(await dataFiles()).toHaveLength(3);
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual([...Array.from({ length: 100 }, (_, i) => 99 - i), -1]);
  });

  test('cost what they must: nothing for recent times, one file for a time', async () => {
    const store = open();
    await count(store, 600, NOON - 10 * HOUR, MINUTE);
    await store.maintain();
    const before = gets();
    await store.get('k');
    await values(store, 'k', { start: NOON - HOUR });
    expect(gets()).toBe(before);
    expect(await store.getAsOf('k', NOON - 7.5 * HOUR)).toBe(150);
    // The tail of the file, and its pages.
    expect(gets() - before).toBeLessThanOrEqual(3);
    const once = gets();
    expect(await store.getAsOf('k', NOON - 7.5 * HOUR)).toBe(150);
    expect(gets()).toBe(once);
  });

  test('a key that was quiet for a year is found at once', async () => {
    const store = open();
    await store.put('quiet', 1);
    for (let i = 1; i <= 60; i++) {
      clock.advance(6 * DAY);
      await store.put('k', i);
      await store.maintain();
    }
    const before = gets();
    expect(await store.get('quiet')).toBe(1);
    expect(await values(store, 'quiet')).toEqual([[NOON, 1]]);
    expect(gets() - before).toBeLessThanOrEqual(6);
  });

  test('are not read as if they were none when the bucket is away, or the store is opened without it', async () => {
    const store = open();
    await store.put('k', 1, NOON - 3 * HOUR);
    clock.advance(2 * HOUR);
    await store.put('k', 2);
    await store.maintain();
    const away = new FaultyObjectStore(objects);
    const broken = reopen({ archive: away });
    away.isDown = true;
    expect(await broken.get('k')).toBe(2);
    for (const read of [() => broken.getAsOf('k', NOON - HOUR), () => values(broken, 'k'), () => broken.aggregate('k', { bucket: '1h', metrics: ['count'] })]) {
      await expect(read()).rejects.toThrow(/cannot be read: the object store does not answer; ask again later/);
    }
    away.isDown = false;
    clock.advance(1);
    expect(await broken.getAsOf('k', NOON - HOUR)).toBe(1);
    sql = new NodeSql(sql.database);
    expect(() => new TimeSeriesStore({ sql, clock })).toThrow('it has to be opened with the option `archive`');
  });

  test('wait in the hot tier while the bucket is away', async () => {
    const away = new FaultyObjectStore(objects);
    const store = open({ archive: away });
    away.isDown = true;
    for (let i = 0; i < 48; i++) {
      await store.put('k', i);
      clock.advance(HOUR);
    }
    const nextMs = await store.maintain();
    expect(nextMs).toBeGreaterThan(clock.nowMs());
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual(Array.from({ length: 48 }, (_, i) => i));
    expect(await store.prune()).toBe(0);
    away.isDown = false;
    clock.advance(HOUR);
    await store.maintain();
    expect(hotSamples()).toBe(0);
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual(Array.from({ length: 48 }, (_, i) => i));
  });
});

describe('retention', () => {
  test('raw values and roll-ups go when their time is over, each in its turn', async () => {
    const options: TimeSeriesStoreOptions = { retention: { hot: '1h', warm: '7d', cold: '30d' } };
    const store = open(options);
    await count(store, 240, NOON - HOUR, 15_000);
    clock.advance(3 * HOUR);
    await store.maintain();
    const query = { bucket: '1h', metrics: ['count', 'sum', 'max'] } as const;
    expect(await store.aggregate('k', query)).toEqual([{ timestamp: NOON - HOUR, source: 'raw', count: 240, sum: 28_680, max: 239 }]);
    clock.advance(31 * DAY);
    expect(await values(store, 'k')).toEqual([]);
    expect(await store.get('k')).toBeUndefined();
    expect(await store.aggregate('k', query)).toEqual([]);
    // The objects go when no snapshot of the Iceberg table has them any more.
    expect(await dataFiles()).toHaveLength(1);
    for (let day = 0; day < 10; day++) {
      await store.maintain();
      clock.advance(DAY);
    }
    expect(await dataFiles()).toEqual([]);
    expect(sql.all('SELECT key FROM timeseries_archived_key')).toEqual([]);
  });

  test('roll-ups that outlive raw values answer for them', async () => {
    const store = open({ retention: { hot: '1h', warm: '30d', cold: '2d' } });
    await count(store, 240, NOON - HOUR, 15_000);
    clock.advance(3 * HOUR);
    await store.maintain();
    clock.advance(5 * DAY);
    await store.maintain();
    expect(await values(store, 'k')).toEqual([]);
    expect(await store.aggregate('k', { bucket: '30m', metrics: ['count', 'min', 'max', 'avg'] })).toEqual([
      { timestamp: NOON - HOUR, source: 'rollup', count: 120, min: 0, max: 119, avg: 59.5 },
      { timestamp: NOON - HOUR / 2, source: 'rollup', count: 120, min: 120, max: 239, avg: 179.5 },
    ]);
    expect(store.keys()).toEqual(['k']);
  });

  test('prune moves what is due, and removes from the hot tier what the archive has', async () => {
    const store = open({ retention: { hot: '1h', warm: '7d', cold: '365d' } });
    await count(store, 240, NOON - 2 * HOUR, 15_000);
    expect(await store.prune()).toBe(240 + 60 * 5);
    expect(await values(store, 'k')).toHaveLength(240);
    await store.put('k', 240, NOON - HOUR);
    // Not archived yet, so it stays.
    expect(await store.prune({ before: NOON + HOUR })).toBe(0);
    expect(await store.get('k')).toBe(240);
  });

  test('wrong settings are refused', () => {
    expect(() => open({ retention: { hot: '2h', cold: '1h' } })).toThrow('the cold retention of 3600000 ms is shorter than the hot one');
    expect(() => open({ retention: { hot: '1h', warm: '7d' }, tieringPolicy: { warm: { resolution: '7m' } } })).toThrow('it has to divide a day');
    expect(() => open({ archive: { bucket: objects, prefix: 'a/' } })).toThrow('without a slash at the end');
    for (const uri of ['my-bucket', 's3://my-bucket/', 's3://my bucket', 's3://']) expect(() => open({ archive: { bucket: objects, uri } }), uri).toThrow("want one such as 's3://my-bucket', without a slash at the end");
    open({ archive: { bucket: objects, prefix: 'a' } });
    expect(() => reopen({ archive: { bucket: objects, prefix: 'b' } })).toThrow(`the store's archive is under "a"`);
  });
});

describe('compaction', () => {
  test('what a key loses in the hot tier hides what is older in the archive', async () => {
    const store = open<unknown>();
    const versions = Array.from({ length: 8 }, (_, i) => ({ key: 'k', value: { version: i }, timestamp: i < 4 ? NOON - (6 - i) * HOUR : NOON + i }));
    await store.putBatch([...versions, { key: 'other', value: 1, timestamp: NOON - 4 * HOUR }]);
    expect(await store.prune()).toBe(5);
    expect(await store.compact({ maxVersionsPerKey: 2 })).toBe(2);
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual([{ version: 6 }, { version: 7 }]);
    expect(await store.getAsOf('k', NOON + 5)).toBeUndefined();
    expect(await values(store, 'other')).toHaveLength(1);
    clock.advance(5 * HOUR);
    await store.maintain();
    expect((await values(reopen<unknown>(), 'k')).map(([, value]) => value)).toEqual([{ version: 6 }, { version: 7 }]);
  });

  test('waits for a window that is on its way', async () => {
    const away = new FaultyObjectStore(objects);
    const store = open({ archive: away });
    await count(store, 10, NOON - 3 * HOUR, 1);
    away.isDown = true;
    await store.maintain();
    await expect(store.compact({ maxVersionsPerKey: 2 })).rejects.toThrow('on their way into the archive');
    away.isDown = false;
    clock.advance(MINUTE);
    expect(await store.compact({ maxVersionsPerKey: 2 })).toBe(0);
    expect(await values(store, 'k')).toHaveLength(10);
  });
});

describe('snapshots', () => {
  test('are exact when nothing has moved since, or only what could not change any more', async () => {
    const store = open<unknown>();
    await fillOdd(store, NOON - 6 * HOUR, 220);
    await store.maintain();
    const before = await everything(store);
    const id = store.createSnapshot();
    await store.put('n', 1e9, NOON - HOUR);
    await store.put('odd', 'changed');
    await store.compact({ maxVersionsPerKey: 1_000 });
    await store.restoreSnapshot(id);
    expect(await everything(store)).toStrictEqual(before);
    // The hot tier of the snapshot goes on into the archive as if nothing had happened.
    clock.advance(5 * HOUR);
    await store.maintain();
    expect(await everything(reopen<unknown>())).toStrictEqual(before);
  });

  test('are refused when values that were open have moved', async () => {
    const store = open();
    await store.put('k', 1);
    const id = store.createSnapshot();
    clock.advance(MINUTE);
    await store.put('k', 2);
    clock.advance(3 * HOUR);
    await store.maintain();
    await expect(store.restoreSnapshot(id)).rejects.toThrow('values up to 2024-01-14T13:00:00Z have moved into the archive since');
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual([1, 2]);
    await store.deleteSnapshot(id);
    await expect(store.restoreSnapshot(id)).rejects.toThrow('there is no snapshot');
  });

  test('are refused when a compaction has hidden archived values', async () => {
    const store = open();
    await count(store, 10, NOON - 3 * HOUR, HOUR / 2);
    expect(await store.prune()).toBe(4);
    const id = store.createSnapshot();
    await store.compact({ maxVersionsPerKey: 2 });
    await expect(store.restoreSnapshot(id)).rejects.toThrow('a compaction has removed archived values since');
    await store.restoreSnapshot(store.createSnapshot());
    expect(await values(store, 'k')).toHaveLength(2);
  });
});

test('a store that had none goes on with an archive', async () => {
  const plain = new TimeSeriesStore<unknown>({ sql, clock });
  await fillOdd(plain, NOON - 6 * HOUR, 220);
  const before = await everything(plain);
  const store = reopen<unknown>();
  await store.maintain();
  expect(await dataFiles()).toHaveLength(5);
  expect(await everything(store)).toStrictEqual(before);
  // All stores over one database are one.
  expect(await everything(new TimeSeriesStore<unknown>({ sql, clock }))).toStrictEqual(before);
});

test('the archive’s keys begin with the prefix, and two stores share a bucket', async () => {
  const store = open({ archive: { bucket: objects, prefix: 'tenant/machine-7' } });
  await store.put('k', 1, NOON - 3 * HOUR);
  await store.maintain();
  sql = new NodeSql();
  const other = open();
  await other.put('k', 2, NOON - 3 * HOUR);
  await other.maintain();
  expect((await dataFiles()).map((key) => key.replace(/[0-9a-f]{32}/g, 'ID'))).toEqual([
    'tenant/machine-7/points/data/timestamp_day=2024-01-14/0-0-00000001-0000-ID.parquet',
    'timeseries/ID/points/data/timestamp_day=2024-01-14/0-0-00000001-0000-ID.parquet',
  ]);
  expect(await values(other, 'k')).toEqual([[NOON - 3 * HOUR, 2]]);
});

describe('two stores under one prefix', () => {
  const place = (): TimeSeriesStoreOptions => ({ archive: { bucket: objects, prefix: 'shared' } });

  test('the second is refused, keeps its values, and touches nothing of the first', async () => {
    const first = open(place());
    await count(first, 60, NOON - 3 * HOUR, MINUTE);
    await first.maintain();
    const [firstSql, keys] = [sql, await dataFiles()];
    sql = new NodeSql();
    const second = open(place());
    await count(second, 60, NOON - 3 * HOUR, MINUTE);
    for (let i = 0; i < 3; i++) await expect(second.maintain()).rejects.toThrow('the archive\'s prefix "shared" is another store\'s, as the object "shared/owner" says');
    // It is the bucket that says so, and it is not asked each time.
    const { create } = objects.counts;
    await second.put('k', 1, NOON - 3 * HOUR + 1);
    await expect(second.maintain()).rejects.toThrow('another store');
    expect(objects.counts.create).toBe(create);
    clock.advance(5 * DAY);
    await expect(second.maintain()).rejects.toThrow('another store');
    expect(await values(second, 'k')).toHaveLength(61);
    expect(await dataFiles()).toEqual(keys);
    sql = firstSql;
    const again = reopen(place());
    await again.maintain();
    expect(await values(again, 'k')).toHaveLength(60);
  });

  test('the refused one goes on from memory: a write does not have all of it read again', async () => {
    await count(open(place()), 60, NOON - 3 * HOUR, MINUTE);
    await objects.create('shared/owner', new TextEncoder().encode('of another store'));
    const store = open(place());
    clock.advance(DAY);
    await expect(store.maintain()).rejects.toThrow('another store');
    await store.put('k', 0, NOON + DAY);
    const reads = vi.spyOn(sql, 'each');
    for (let i = 1; i <= 10; i++) {
      await store.put('k', i, NOON + DAY + i);
      await Promise.resolve();
    }
    expect(reads.mock.calls.filter(([statement]) => statement.includes('segment_refs'))).toEqual([]);
  });

  test('the first is known to be so again, after a crash and while the bucket is away', async () => {
    for (const when of ['before', 'after'] as const) {
      objects = new MemoryObjectStore();
      sql = new NodeSql();
      const faulty = new FaultyObjectStore(objects, { call: 0, when });
      const store = open({ archive: { bucket: faulty, prefix: 'shared' } });
      await count(store, 60, NOON - 3 * HOUR, MINUTE);
      const nextMs = await store.maintain();
      // The answer is lost, and the object is there: it is looked at.
      expect(await dataFiles()).toHaveLength(when === 'before' ? 0 : 1);
      if (when === 'before') expect(nextMs).toBe(clock.nowMs() + MINUTE);
      clock.advance(MINUTE);
      await reopen(place()).maintain();
      expect(await dataFiles()).toHaveLength(1);
      expect(await values(reopen(place()), 'k')).toHaveLength(60);
    }
  });
});

test('days without files are not looked at one by one', async () => {
  const store = open();
  await store.put('k', 1, NOON - 20 * DAY);
  await store.put('k', 2, NOON - 3 * DAY);
  clock.advance(DAY);
  await store.maintain();
  const lists = vi.spyOn(ArchiveFiles.prototype, 'files');
  try {
    expect(await values(store, 'k', { start: 0 })).toEqual([[NOON - 20 * DAY, 1], [NOON - 3 * DAY, 2]]);
    expect(await store.getAsOf('k', NOON - 4 * DAY)).toBe(1);
    expect(await store.getAsOf('k', 0)).toBeUndefined();
    expect(lists.mock.calls.length).toBeLessThan(10);
  } finally {
    lists.mockRestore();
  }
});

test('a value of long ago does not make the store move every hour since', async () => {
  const store = open();
  // Seconds where milliseconds were meant, the most common of mistakes.
  await store.put('k', 1, NOON / 1000);
  await store.put('k', 2, NOON - 3 * DAY);
  clock.advance(DAY);
  await store.maintain();
  const flushes = sql.all<{ next_flush: number }>('SELECT next_flush FROM timeseries_shard_state')[0]!.next_flush - 1;
  expect(flushes).toBeLessThan(5);
  expect(await dataFiles()).toHaveLength(2);
  expect(await values(reopen(), 'k', { start: 0 })).toEqual([[NOON / 1000, 1], [NOON - 3 * DAY, 2]]);
});
