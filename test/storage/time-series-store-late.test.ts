import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore, type ChangeEvent, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../fakes/faulty-object-store.ts';
import type { FixedClock } from '../fakes/fixed-clock.ts';
import type { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { emptyWorld, values } from './archived-store.ts';

/* Values that come when their window has moved into the bucket: taken, readable at once, and in files of their own soon. */
const NOON = Date.UTC(2024, 0, 14, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Store = TimeSeriesStore<unknown>;

let clock: FixedClock;
let sql: NodeSql;
let objects: MemoryObjectStore;

beforeEach(() => {
  ({ clock, sql, objects } = emptyWorld(NOON));
});

function open(options: TimeSeriesStoreOptions = {}): Store {
  return new TimeSeriesStore<unknown>({ sql, clock, archive: objects, ...options });
}

function reopen(options: TimeSeriesStoreOptions = {}): Store {
  sql = new NodeSql(sql.database);
  return open(options);
}

/** One value a minute for six hours, of which those up to 11 o'clock have moved. */
async function moved(options: TimeSeriesStoreOptions = {}): Promise<Store> {
  const store = open(options);
  await store.putBatch(Array.from({ length: 360 }, (_, i) => ({ key: 'k', value: i, timestamp: NOON - 6 * HOUR + i * MINUTE })));
  await store.maintain();
  return store;
}

const waiting = (): number => sql.all<{ n: number }>('SELECT coalesce(sum(sample_count), 0) AS n FROM timeseries_late_batch')[0]!.n;
const fileCount = (): number => sql.all('SELECT 1 AS one FROM timeseries_catalog_data_file WHERE removed_change IS NULL').length;

/** Lets what has come late move. */
async function settle(store: Store): Promise<void> {
  clock.advance(2 * MINUTE);
  await store.maintain();
}

describe('values of windows that have moved', () => {
  test('are taken, and read at once and in order, by this instance and the next, before and behind their move', async () => {
    const store = await moved();
    await store.put('k', 'over', NOON - 5 * HOUR);
    await store.put('k', { between: 1 }, NOON - 5 * HOUR + 1);
    await store.put('k', -1, NOON - 20 * DAY);
    await store.put('new', 7, NOON - 3 * HOUR);
    await store.putBatch([{ key: 'k', value: 'both', timestamp: NOON - 4 * HOUR }, { key: 'k', value: 'now', timestamp: NOON }]);
    const check = async (by: Store): Promise<void> => {
      expect(by.keys()).toEqual(['k', 'new']);
      expect(await values(by, 'k', { end: NOON - 6 * HOUR })).toEqual([[NOON - 20 * DAY, -1], [NOON - 6 * HOUR, 0]]);
      expect(await values(by, 'k', { start: NOON - 5 * HOUR - MINUTE, end: NOON - 5 * HOUR + MINUTE })).toEqual([
        [NOON - 5 * HOUR - MINUTE, 59],
        [NOON - 5 * HOUR, 'over'],
        [NOON - 5 * HOUR + 1, { between: 1 }],
        [NOON - 5 * HOUR + MINUTE, 61],
      ]);
      expect(await values(by, 'k')).toHaveLength(363);
      expect(await by.getAsOf('k', NOON - DAY)).toBe(-1);
      expect(await by.getAsOf('k', NOON - 30 * DAY)).toBeUndefined();
      expect(await by.getAsOf('k', NOON - 5 * HOUR + 2)).toEqual({ between: 1 });
      expect(await by.getAsOf('k', NOON - 4 * HOUR)).toBe('both');
      expect(await by.get('k')).toBe('now');
      expect(await by.get('new')).toBe(7);
      const [hour] = await by.aggregate('k', { start: NOON - 5 * HOUR, end: NOON - 4 * HOUR - 1, bucket: '1h', metrics: ['count', 'min', 'max'] });
      expect(hour).toMatchObject({ source: 'raw', count: 61, min: 61, max: 119 });
    };
    await check(store);
    expect(waiting()).toBe(5);
    await check(reopen());
    const files = fileCount();
    const again = reopen();
    await settle(again);
    expect(waiting()).toBe(0);
    // One of today and one of twenty days ago.
    expect(fileCount()).toBe(files + 2);
    expect(sql.all('SELECT 1 AS one FROM timeseries_late_document')).toEqual([]);
    await check(again);
    await check(reopen());
  });

  test('the one written last stays, whatever moved in between', async () => {
    const store = await moved();
    const at = NOON - 5 * HOUR;
    for (const value of ['a', 1, { b: 1 }, 1, NaN, 'a']) {
      await store.put('k', value, at);
      await store.put('k', 0, at + 1);
      expect(await store.getAsOf('k', at)).toEqual(value);
    }
    for (const value of [5, 'x', 6]) {
      await store.put('k', value, at);
      await settle(store);
      expect(await store.getAsOf('k', at)).toEqual(value);
    }
    await store.putBatch([8, 9, 6].map((value) => ({ key: 'k', value, timestamp: at })));
    expect(await reopen().getAsOf('k', at)).toBe(6);
  });

  test('one that waits already takes no room', async () => {
    const store = await moved();
    for (let i = 0; i < 3; i++) await store.putBatch([{ key: 'k', value: { a: 1 }, timestamp: NOON - 5 * HOUR }, { key: 'k', value: 2, timestamp: NOON - 4 * HOUR }]);
    expect(waiting()).toBe(2);
    expect(sql.all('SELECT 1 AS one FROM timeseries_late_document')).toHaveLength(1);
  });

  test('go along with writes, without a call of the owner', async () => {
    const store = await moved();
    await store.put('k', 'late', NOON - 5 * HOUR);
    clock.advance(2 * MINUTE);
    await store.put('k', 'now');
    for (let i = 0; i < 50; i++) await new Promise((done) => setImmediate(done));
    expect(waiting()).toBe(0);
    expect(await store.getAsOf('k', NOON - 5 * HOUR)).toBe('late');
  });

  test('a put without a time is never one of them, wherever the clock is', async () => {
    const store = await moved();
    clock.advance(-5 * HOUR);
    await store.put('k', 'first');
    await store.put('k', 'second');
    expect(waiting()).toBe(0);
    expect((await values(store, 'k', { start: NOON - HOUR, end: NOON - HOUR + 2 })).map(([, value]) => value)).toEqual([300, 'first', 'second']);
  });

  test('a history of years is taken, in files by day', async () => {
    const store = await moved();
    const history = Array.from({ length: 30_000 }, (_, i) => ({ key: `h${i % 3}`, value: i, timestamp: NOON - 300 * DAY + i * 15 * MINUTE }));
    for (let i = 0; i < history.length; i += 5000) await store.putBatch(history.slice(i, i + 5000));
    expect(await values(store, 'h1')).toHaveLength(10_000);
    await settle(store);
    expect(waiting()).toBe(0);
    const read = await values(reopen(), 'h1', { start: NOON - 200 * DAY, end: NOON - 199 * DAY - 1 });
    expect(read.map(([timestamp, value]) => [timestamp, value])).toEqual(history.filter(({ key, timestamp }) => key === 'h1' && timestamp >= NOON - 200 * DAY && timestamp < NOON - 199 * DAY).map(({ timestamp, value }) => [timestamp, value]));
  });
});

describe('what is refused', () => {
  test('a value that is past its retention, or older than a compaction has left of its key', async () => {
    const store = await moved({ retention: { hot: '1h', cold: '30d' } });
    await expect(store.put('k', 1, NOON - 40 * DAY)).rejects.toThrow('is older than 2023-12-15T00:00:00Z, before which nothing is kept: the cold retention');
    await store.compact({ maxVersionsPerKey: 5 });
    await expect(store.put('k', 1, NOON - 5 * HOUR)).rejects.toThrow('is older than 2024-01-14T11:00:00Z, before which a compaction has removed the values of this key');
    await store.put('other', 1, NOON - 5 * HOUR);
    // What came late and waits is of the past as well, where its key loses something newer.
    await store.putBatch(Array.from({ length: 9 }, (_, i) => ({ key: 'other', value: i, timestamp: NOON - i })));
    await store.compact({ maxVersionsPerKey: 5 });
    expect(await values(store, 'other')).toHaveLength(5);
    await settle(store);
    expect(await values(store, 'other')).toHaveLength(5);
  });

  test('what a compaction has left stays when it moves, also where it was written behind it', async () => {
    const store = await moved();
    await store.compact({ maxVersionsPerKey: 5 });
    // Older than the newest five, of a window that is open.
    await store.put('k', 'added', NOON - 30 * MINUTE);
    expect(await values(store, 'k')).toHaveLength(6);
    clock.advance(5 * HOUR);
    await store.maintain();
    expect((await values(store, 'k')).map(([, value]) => value)).toEqual(['added', 355, 356, 357, 358, 359]);
  });

  test('more than may wait: nothing of it is there, and all of it fits when some have moved', async () => {
    const away = new FaultyObjectStore(objects);
    const store = await moved({ archive: away });
    const half = Array.from({ length: LIMITS.storeLateSamplesMax / 2 + 1 }, (_, i) => ({ key: 'h', value: i, timestamp: NOON - 30 * DAY + i * 1000 }));
    await store.putBatch(half);
    away.isDown = true;
    const more = half.map(({ key, value, timestamp }) => ({ key, value, timestamp: timestamp + 1 }));
    await expect(store.putBatch(more)).rejects.toMatchObject({ kind: 'overloaded', retryAfterSeconds: 60, message: expect.stringContaining('storeLateSamplesMax') });
    expect(await store.maintain()).toBeGreaterThan(NOON);
    expect(waiting()).toBe(half.length);
    await expect(store.putBatch([...more, ...more.map((entry) => ({ ...entry, key: 'i' }))])).rejects.toMatchObject({ kind: 'limit' });
    const keys = Array.from({ length: LIMITS.storeLateKeysMax + 1 }, (_, i) => ({ key: `key ${i}`, value: i, timestamp: NOON - 5 * HOUR }));
    await expect(store.putBatch(keys)).rejects.toMatchObject({ kind: 'limit', message: expect.stringContaining('storeLateKeysMax') });
    await expect(store.putBatch(keys.slice(1))).rejects.toMatchObject({ kind: 'overloaded' });
    await store.putBatch(keys.slice(2));
    away.isDown = false;
    clock.advance(10 * MINUTE);
    // Half of what may wait does not wait for more.
    await store.put('key 5', 1, NOON - 5 * HOUR);
    await store.maintain();
    expect(waiting()).toBe(0);
    await store.putBatch(more);
    expect(await store.get('h')).toBe(half.length - 1);
  });
});

describe('roll-ups', () => {
  const retention = { hot: '1h', warm: '300d', cold: '30d' };
  const query = { start: NOON - 6 * HOUR, end: NOON - 4 * HOUR - 1, bucket: '1h', metrics: ['count', 'sum', 'max'] } as const;

  test('have late values in them when raw values are gone', async () => {
    const store = await moved({ retention });
    await store.putBatch([{ key: 'k', value: 1e6, timestamp: NOON - 6 * HOUR + 1 }, { key: 'k', value: 2e6, timestamp: NOON - 5 * HOUR }, { key: 'only', value: 3, timestamp: NOON - 5 * HOUR }]);
    await settle(store);
    await store.put('k', 3e6, NOON - 6 * HOUR + 2);
    await settle(store);
    expect(waiting()).toBe(0);
    const raw = await store.aggregate('k', query);
    expect(raw).toMatchObject([{ source: 'raw', count: 62, sum: 1770 + 4e6, max: 3e6 }, { source: 'raw', count: 60, sum: 5370 - 60 + 2e6, max: 2e6 }]);
    clock.advance(40 * DAY);
    await store.maintain();
    const last = reopen({ retention });
    expect(await values(last, 'k')).toEqual([]);
    expect(await last.aggregate('k', query)).toEqual(raw.map((bucket) => ({ ...bucket, source: 'rollup' })));
    expect(await last.aggregate('only', query)).toEqual([{ timestamp: NOON - 5 * HOUR, source: 'rollup', count: 1, sum: 3, max: 3 }]);
  });

  test('are done without when a file can no longer be read, but not at once', async () => {
    const store = await moved({ retention });
    await store.put('k', 1e6, NOON - 5 * HOUR);
    for (const { key } of (await objects.list('')).objects) if (key.includes('/data/')) await objects.delete([key]);
    let tries = 0;
    for (; waiting() > 0 && tries < 20; tries++) await settle(reopen({ retention }));
    // A new instance each time begins anew, so it waits for ever; one that lives on does not.
    expect(tries).toBe(20);
    const living = reopen({ retention });
    for (tries = 0; waiting() > 0 && tries < 20; tries++) await settle(living);
    expect(tries).toBe(LIMITS.storeLateRollupTriesMax);
  });
});

describe('the feed of changes', () => {
  const read = async (store: Store, cursor?: string): Promise<ChangeEvent<unknown>[]> => {
    const events: ChangeEvent<unknown>[] = [];
    for await (const event of store.cdc({ cursor })) events.push(event);
    return events;
  };

  test('has late values behind the others, once each, and goes on behind every event', async () => {
    const store = await moved();
    const from = (await read(store, 'latest')).at(-1)?.cursor ?? (await read(store)).at(-1)!.cursor;
    await store.putBatch([{ key: 'k', value: 'now', timestamp: NOON }, { key: 'k', value: { late: 1 }, timestamp: NOON - 5 * HOUR }, { key: 'z', value: 2, timestamp: NOON - 5 * HOUR }]);
    await store.put('k', 'later', NOON - 4 * HOUR);
    const events = await read(store, from);
    const after = events.map((event) => (event.type === 'cdc.insert' ? [event.key, event.timestamp, event.after.value] : event.type));
    expect(after).toEqual([['k', '2024-01-14T12:00:00Z', 'now'], ['k', '2024-01-14T07:00:00Z', { late: 1 }], ['z', '2024-01-14T07:00:00Z', 2], ['k', '2024-01-14T08:00:00Z', 'later']]);
    for (const [i, { cursor }] of events.entries()) expect(await read(store, cursor)).toEqual(events.slice(i + 1));
    expect(await read(reopen(), events[1]!.cursor)).toEqual(events.slice(2));
    expect(events.map(({ cursor }) => /@/.test(cursor))).toEqual([false, true, true, true]);
    await expect(read(store, `${from}@1@2`)).rejects.toThrow('is not one that an event had');
  });

  test('reaches back to the oldest late values that wait, and no further where they have moved', async () => {
    const store = await moved();
    for (const value of [1, 2]) await store.put('k', value, NOON - 5 * HOUR + value);
    const inserted = async (): Promise<unknown[]> => (await read(store, 'oldest')).flatMap((event) => (event.type === 'cdc.insert' ? [event.after.value] : [event.type]));
    expect((await inserted()).slice(-2)).toEqual([1, 2]);
    await settle(store);
    expect(waiting()).toBe(0);
    const moves = await inserted();
    expect(moves).not.toContain('cdc.resync');
    await store.put('k', 3, NOON - 5 * HOUR + 3);
    expect(await inserted()).toEqual([...moves, 3]);
  });

  test('says so too where others wait behind those that have moved', async () => {
    const store = await moved();
    const from = (await read(store)).at(-1)!.cursor;
    await store.put('k', 1, NOON - 5 * HOUR);
    await settle(store);
    await store.put('k', 2, NOON - 5 * HOUR);
    expect((await read(store, from)).map(({ type }) => type)).toEqual(['cdc.resync']);
  });

  test('says when late values have moved before they were read', async () => {
    const store = await moved();
    const from = (await read(store)).at(-1)!.cursor;
    await store.put('k', 1, NOON - 5 * HOUR);
    await settle(store);
    const [resync, ...more] = await read(store, from);
    expect(resync).toMatchObject({ type: 'cdc.resync' });
    expect(more).toEqual([]);
    expect(await read(store, resync!.cursor)).toEqual([]);
    await store.put('k', 2, NOON - 5 * HOUR);
    expect(await read(store, resync!.cursor)).toMatchObject([{ type: 'cdc.insert', after: { value: 2 } }]);
  });
});

describe('snapshots', () => {
  test('leave nothing behind when they are deleted', async () => {
    const store = await moved();
    await store.put('k', 'before', NOON - 5 * HOUR);
    const [id, kept] = [store.createSnapshot(), store.createSnapshot()];
    await store.deleteSnapshot(id);
    for (const table of ['place', 'late']) expect(sql.all(`SELECT snapshot FROM timeseries_snapshot_${table}`)).toEqual([{ snapshot: kept }]);
  });

  test('what came late behind one is forgotten with it, and what came before stays', async () => {
    const store = await moved();
    await store.put('k', 'before', NOON - 5 * HOUR);
    const id = store.createSnapshot();
    const before = await values(store, 'k');
    await store.put('k', { after: 1 }, NOON - 5 * HOUR);
    const between = store.createSnapshot();
    await store.put('n', { after: 2 }, NOON - 4 * HOUR);
    await store.restoreSnapshot(id);
    expect(await values(store, 'k')).toEqual(before);
    expect(await store.get('n')).toBeUndefined();
    await expect(store.restoreSnapshot(between)).rejects.toThrow('values of it that came late were forgotten when an earlier snapshot was restored');
    await store.put('k', 'anew', NOON - 4 * HOUR);
    await store.restoreSnapshot(id);
    await settle(store);
    expect(await values(reopen(), 'k')).toEqual(before);
    // What the snapshot has may move; what came behind it may not.
    await store.restoreSnapshot(id);
    expect(await values(store, 'k')).toEqual(before);
    await store.put('k', 'moves', NOON - 4 * HOUR);
    await settle(store);
    await expect(store.restoreSnapshot(id)).rejects.toThrow('values that came late have moved into the archive since');
  });
});

test('a call of `maintain` has an end, and the next goes on', async () => {
  const store = await moved();
  for (let day = 1; day <= 20; day++) await store.put('k', -day, NOON - day * DAY);
  clock.advance(2 * MINUTE);
  let elapsedMs = 0;
  const slow = reopen({ clock: { nowMs: () => clock.nowMs(), sleep: (ms) => clock.sleep(ms), elapsedMs: () => (elapsedMs += LIMITS.storeMaintainMs / 4) } });
  let calls = 1;
  for (; (await slow.maintain())! <= clock.nowMs(); calls++) expect(calls).toBeLessThan(30);
  expect(calls).toBeGreaterThan(5);
  expect(waiting()).toBe(0);
  expect((await values(slow, 'k', { end: NOON - 12 * HOUR })).map(([, value]) => value)).toEqual(Array.from({ length: 20 }, (_, i) => i - 20));
});

describe('files of a day', () => {
  test('become one when the day is over, and read the same', async () => {
    const store = await moved();
    await store.putBatch(Array.from({ length: 40 }, (_, i) => ({ key: 'd', value: { i }, timestamp: NOON - 6 * HOUR + i * 7 * MINUTE })));
    await settle(store);
    clock.advance(12 * HOUR);
    await store.put('k', 'over', NOON - 5 * HOUR);
    await store.maintain();
    const before = [await values(store, 'k'), await values(store, 'd')];
    expect(fileCount()).toBeGreaterThan(5);
    clock.advance(4 * HOUR);
    await store.maintain();
    expect(fileCount()).toBe(1);
    expect([await values(store, 'k'), await values(store, 'd')]).toEqual(before);
    expect([await values(reopen(), 'k'), await values(reopen(), 'd')]).toEqual(before);
    // Objects of the small ones go when no snapshot of the table has them any more.
    const dataFiles = async (): Promise<number> => (await objects.list('')).objects.filter(({ key }) => key.includes('/data/')).length;
    expect(await dataFiles()).toBeGreaterThan(5);
    for (let i = 0; i < 30; i++) {
      clock.advance(2 * HOUR);
      await store.maintain();
    }
    expect(await dataFiles()).toBe(1);
    // A few late values do not have the whole day written again.
    await store.put('k', 'latest', NOON - 4 * HOUR);
    await settle(store);
    await store.maintain();
    expect(fileCount()).toBe(2);
    expect(await reopen().getAsOf('k', NOON - 4 * HOUR)).toBe('latest');
  });

  test('a merge that does not get through is tried again, and hides nothing', async () => {
    const away = new FaultyObjectStore(objects);
    const store = await moved({ archive: away });
    const before = await values(store, 'k');
    clock.advance(16 * HOUR);
    await store.maintain();
    for (let i = 0; i < 3; i++) {
      away.isDown = true;
      clock.advance(HOUR);
      await store.maintain();
      away.isDown = false;
      expect(await values(store, 'k')).toEqual(before);
    }
    clock.advance(HOUR);
    await store.maintain();
    expect(fileCount()).toBe(1);
    expect(await values(store, 'k')).toEqual(before);
  });
});
