import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { collect } from '../fakes/collect.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';

const NOON = Date.UTC(2024, 0, 15, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let clock: FixedClock;
let sql: NodeSql;

beforeEach(() => {
  clock = new FixedClock(NOON);
  sql = new NodeSql();
});

function open<T = number>(options: TimeSeriesStoreOptions = {}): TimeSeriesStore<T> {
  return new TimeSeriesStore<T>({ sql, clock, ...options });
}

/** The same database under a new instance, as after an eviction. */
function reopen<T = number>(options: TimeSeriesStoreOptions = {}): TimeSeriesStore<T> {
  sql = new NodeSql(sql.database);
  return open<T>(options);
}

async function values<T>(store: TimeSeriesStore<T>, key: string): Promise<[number, T][]> {
  return (await collect(store.range(key))).map(({ timestamp, value }) => [timestamp, value]);
}

describe('put and get', () => {
  test('as in the seed', async () => {
    const metrics = open({ retention: { hot: '1h', warm: '7d', cold: '365d' } });
    await metrics.put('cpu_usage', 0.75, NOON);
    await metrics.put('cpu_usage', 0.82, NOON + 1000);
    await metrics.putBatch([
      { key: 'memory_mb', value: 1024, timestamp: NOON },
      { key: 'disk_io', value: 150, timestamp: NOON },
    ]);
    expect(await metrics.get('cpu_usage')).toBe(0.82);
    expect(await metrics.get('memory_mb')).toBe(1024);
    expect(await metrics.getAsOf('cpu_usage', '2024-01-15T12:00:00Z')).toBe(0.75);
    expect(await metrics.getAsOf('cpu_usage', new Date(NOON + 999))).toBe(0.75);
    expect(await metrics.getAsOf('cpu_usage', NOON - 1)).toBeUndefined();
    expect(await metrics.get('nothing')).toBeUndefined();
    expect(metrics.keys()).toEqual(['cpu_usage', 'disk_io', 'memory_mb']);
  });

  test('a get in the same turn sees a put that nobody awaited', async () => {
    const store = open();
    void store.put('k', 1);
    const got = store.get('k');
    void store.put('k', 2);
    expect(await got).toBe(1);
    expect(await store.get('k')).toBe(2);
  });

  test('what is stored is there for the next instance', async () => {
    const store = open<unknown>();
    await store.put('n', 0.1, NOON);
    await store.put('d', { a: [1, null, 'ü'] }, NOON);
    const next = reopen<unknown>();
    expect(await next.get('n')).toBe(0.1);
    expect(await next.get('d')).toEqual({ a: [1, null, 'ü'] });
  });

  test('numbers come back exactly', async () => {
    const store = open();
    const numbers = [0, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, 5e-324, 0.1 + 0.2, 2 ** 53 + 2, -1e-9];
    numbers.forEach((number, i) => void store.put('n', number, NOON + i));
    const check = async (opened: TimeSeriesStore): Promise<void> => {
      const back = (await values(opened, 'n')).map(([, value]) => value);
      expect(back.length).toBe(numbers.length);
      numbers.forEach((number, i) => expect(Object.is(back[i], number), `${number}`).toBe(true));
    };
    await check(store);
    await check(reopen());
    open().createSnapshot(); // seals
    await check(reopen());
  });

  test('NaN of any payload is a number and no document', async () => {
    const store = open();
    const odd = new Float64Array(new Uint32Array([1, 0xfffc0000]).buffer);
    await store.put('n', odd[0]!, NOON);
    expect(await store.get('n')).toBeNaN();
  });

  test('the value written last stays, number or not', async () => {
    const store = open<unknown>();
    await store.put('k', 1, NOON);
    await store.put('k', 2, NOON);
    expect(await values(store, 'k')).toEqual([[NOON, 2]]);
    await store.put('k', { x: 1 }, NOON);
    expect(await values(store, 'k')).toEqual([[NOON, { x: 1 }]]);
    await store.put('k', 'text', NOON);
    await store.put('k', 3, NOON);
    expect(await values(reopen<unknown>(), 'k')).toEqual([[NOON, 3]]);
  });

  test('values without a timestamp never overwrite, also while the clock stands still', async () => {
    const store = open<string>();
    await store.put('audit', 'first');
    await store.putBatch([{ key: 'audit', value: 'second' }, { key: 'audit', value: 'third' }, { key: 'other', value: 'x' }]);
    expect(await values(store, 'audit')).toEqual([[NOON, 'first'], [NOON + 1, 'second'], [NOON + 2, 'third']]);
    await reopen<string>().put('audit', 'fourth');
    expect((await values(open<string>(), 'audit')).map(([, value]) => value)).toEqual(['first', 'second', 'third', 'fourth']);
    clock.advance(10);
    await open<string>().put('audit', 'fifth');
    expect((await values(open<string>(), 'audit')).at(-1)).toEqual([NOON + 10, 'fifth']);
  });

  test('of documents under one timestamp in a batch the last one stays, also where that one was there before', async () => {
    const store = open<unknown>();
    await store.put('k', { v: 1 }, NOON);
    await store.putBatch([{ v: 2 }, { v: 1 }].map((value) => ({ key: 'k', value, timestamp: NOON })));
    expect(await store.get('k')).toEqual({ v: 1 });
    expect(await reopen<unknown>().get('k')).toEqual({ v: 1 });
  });

  test('a document sent again takes no room', async () => {
    const store = open<unknown>();
    for (let i = 0; i < 3; i++) await store.put('d', { a: 1 }, NOON);
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toHaveLength(1);
  });

  test('it lies beside tables of any name', async () => {
    const names = ['schema_version', 'shard_state', 'wal', 'series_block', 'segment', 'segment_refs', 'snapshot', 'document', 'document_ids'];
    for (const name of names) sql.run(`CREATE TABLE ${name} (mine TEXT)`);
    const store = open<unknown>({ retention: { hot: '1h', warm: '1d' } });
    await store.putBatch(Array.from({ length: 300 }, (_, i) => ({ key: 'k', value: i % 2 === 0 ? i : { i }, timestamp: NOON - 7_000_000 + i * 20_000 })));
    await store.restoreSnapshot(store.createSnapshot());
    await store.prune();
    await store.compact({ maxVersionsPerKey: 10 });
    expect(await values(reopen<unknown>(), 'k')).toHaveLength(10);
    for (const name of names) expect(sql.all(`SELECT * FROM ${name}`)).toEqual([]);
    const tables = sql.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => name);
    expect(tables.filter((name) => !names.includes(name) && !name.startsWith('timeseries_'))).toEqual([]);
  });

  test('stores over one database are one store', async () => {
    const [a, b] = [open(), open()];
    await a.put('k', 1, NOON);
    expect(await b.get('k')).toBe(1);
    await b.put('k', 2, NOON + 1);
    expect(await a.get('k')).toBe(2);
  });
});

describe('what is refused', () => {
  test('bad input, with nothing stored', async () => {
    const store = open<unknown>();
    const refused = async (put: Promise<void>, message: string): Promise<void> => {
      await expect(put).rejects.toMatchObject({ name: 'VarveError', kind: 'bad-data', message: expect.stringContaining(message) });
    };
    await refused(store.put('k', undefined), 'it is undefined');
    await refused(store.put('', 1), 'a key is a text that is not empty');
    await refused(store.put('k', 1, 'soon'), 'the timestamp is "soon"');
    await refused(store.put('k', 1, NOON / 7), 'want whole milliseconds');
    await refused(store.put('k', 'x'.repeat(2_000_000)), 'the limit sqlRowBytesMax is 1900000');
    await refused(store.putBatch([{ key: 'k', value: 1 }, { key: 'k', value: () => 1 }]), 'it is a function');
    expect(store.keys()).toEqual([]);
    expect(() => store.range('k', { start: 'x' })).toThrow('start is "x"');
    expect(() => store.range('')).toThrow('a key is');
    expect(() => open({ retention: { hot: 'soon' } })).toThrow('the hot retention is "soon"');
    expect(() => open({ maxVersionsPerKey: 0 })).toThrow('maxVersionsPerKey is 0');
    expect(() => new TimeSeriesStore({ retentionMs: 5 })).toThrow(`pass a Durable Object's ctx.storage`);
    await expect(store.compact()).rejects.toThrow('compact wants maxVersionsPerKey');
    await expect(store.aggregate('k', { bucket: 0, metrics: ['avg'] })).rejects.toThrow('the bucket is 0');
    await expect(store.restoreSnapshot('7')).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('the store works on after each of them', async () => {
    const store = open<unknown>();
    await store.put('k', 1, NOON);
    await expect(store.put('k', 'x'.repeat(2_000_000), NOON + 1)).rejects.toThrow();
    await expect(store.restoreSnapshot('7')).rejects.toThrow();
    await store.put('k', 2, NOON + 2);
    expect(await values(store, 'k')).toEqual([[NOON, 1], [NOON + 2, 2]]);
  });

  test('what is older than everything that was pruned', async () => {
    const store = open({ retentionMs: HOUR });
    expect(await store.prune()).toBe(0);
    await expect(store.put('k', 1, NOON / 1000)).rejects.toThrow(
      'the value of "k" at 1970-01-20T17:42:00Z is older than 2024-01-15T11:00:00Z, before which everything was pruned (a time in seconds has to be multiplied by 1000)',
    );
  });
});

describe('range', () => {
  test('both ends are inclusive, pages are invisible', async () => {
    const store = open();
    await store.putBatch(Array.from({ length: 5000 }, (_, i) => ({ key: 'k', value: i, timestamp: NOON + i * 1000 })));
    const all = await collect(store.range('k', { start: NOON + 1000, end: NOON + 4_000_000 }));
    expect(all.length).toBe(4000);
    expect(all[0]).toEqual({ key: 'k', timestamp: NOON + 1000, value: 1 });
    expect(all.at(-1)).toEqual({ key: 'k', timestamp: NOON + 4_000_000, value: 4000 });
    expect(await collect(store.range('none'))).toEqual([]);
    expect(await collect(store.range('k', { end: NOON - 1 }))).toEqual([]);
  });

  test('a consumer that stops reads no more', async () => {
    const store = open();
    await store.putBatch(Array.from({ length: 5000 }, (_, i) => ({ key: 'k', value: i, timestamp: NOON + i })));
    for await (const point of store.range('k')) {
      if (point.value === 10) break;
    }
    expect(await store.get('k')).toBe(4999);
  });

  test('the store may change between pages: seal, prune, write, restore', async () => {
    const store = open();
    await store.putBatch(Array.from({ length: 5000 }, (_, i) => ({ key: 'k', value: i, timestamp: NOON + i })));
    const seen: number[] = [];
    for await (const { value } of store.range('k')) {
      seen.push(value);
      if (seen.length === 500) store.createSnapshot(); // seals
      if (seen.length === 600) await store.put('k', 5000, NOON + 5000);
      if (seen.length === 700) await store.prune({ before: NOON + 3000 });
    }
    const upToPage = seen.findIndex((value, i) => value !== i);
    expect(upToPage).toBeGreaterThanOrEqual(700);
    expect(seen.slice(upToPage)).toEqual(Array.from({ length: 2001 }, (_, i) => i + 3000));
  });

  test('documents removed while they are walked over are left out', async () => {
    const store = open<unknown>();
    await store.putBatch(Array.from({ length: 10 }, (_, i) => ({ key: 'd', value: { i }, timestamp: NOON + i })));
    const seen: unknown[] = [];
    for await (const { value } of store.range('d')) {
      seen.push(value);
      if (seen.length === 2) await store.prune({ before: NOON + 6 });
    }
    expect(seen).toEqual([0, 1, 6, 7, 8, 9].map((i) => ({ i })));
  });
});

describe('aggregate', () => {
  test('aligned buckets of a day, dates as in the seed', async () => {
    const store = open();
    const day = (d: number, h: number): number => Date.UTC(2024, 0, d, h);
    await store.putBatch([1, 2, 3, 4].map((value) => ({ key: 'k', value, timestamp: day(1, value * 5) })));
    await store.put('k', 9, day(31, 23));
    await store.put('k', 100, Date.UTC(2024, 1, 1));
    const stats = await store.aggregate('k', { start: '2024-01-01', end: '2024-01-31', bucket: '1d', metrics: ['avg', 'max', 'p99', 'count'] });
    expect(stats).toEqual([
      { timestamp: day(1, 0), source: 'raw', avg: 2.5, max: 4, p99: expect.closeTo(3.97, 10), count: 4 },
      { timestamp: day(31, 0), source: 'raw', avg: 9, max: 9, p99: 9, count: 1 },
    ]);
    const first: number = stats[0]!.avg;
    expect(first).toBe(2.5);
  });

  test('negative times fall into aligned buckets too', async () => {
    const store = open();
    await store.put('k', 1, -1);
    await store.put('k', 2, 0);
    expect(await store.aggregate('k', { bucket: 1000, metrics: ['sum'] })).toEqual([
      { timestamp: -1000, source: 'raw', sum: 1 },
      { timestamp: 0, source: 'raw', sum: 2 },
    ]);
  });

  test('JSON values are counted', async () => {
    const store = open<unknown>();
    await store.put('k', { event: 'x' }, NOON);
    await store.put('k', 5, NOON + 1);
    expect(await store.aggregate('k', { bucket: '1h', metrics: ['count', 'avg'] })).toEqual([{ timestamp: NOON, source: 'raw', count: 2, avg: 5 }]);
  });
});

describe('retention and compaction', () => {
  test('prune removes what is past the hot retention, and says how much', async () => {
    const store = open<unknown>({ retention: { hot: '1h' } });
    await store.put('k', 1, NOON - 2 * HOUR);
    await store.put('k', 'doc', NOON - HOUR - 1);
    await store.put('k', 3, NOON - HOUR);
    expect(await store.prune()).toBe(2);
    expect(await values(store, 'k')).toEqual([[NOON - HOUR, 3]]);
    expect(await store.getAsOf('k', NOON - HOUR - 1)).toBeUndefined();
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toEqual([]);
    expect(await store.prune()).toBe(0);
  });

  test('without a retention prune removes nothing unless told what', async () => {
    const store = open();
    await store.put('k', 1, 1);
    expect(await store.prune()).toBe(0);
    expect(await store.prune({ olderThan: '1d' })).toBe(1);
  });

  test('writes prune by themselves, but nothing that was promised for longer', async () => {
    const check = async (options: TimeSeriesStoreOptions, left: number): Promise<void> => {
      sql = new NodeSql();
      clock = new FixedClock(NOON);
      const store = open(options);
      await store.put('k', 1);
      clock.advance(2 * HOUR);
      await store.put('k', 2);
      expect(await values(store, 'k')).toHaveLength(left);
    };
    await check({ retentionMs: HOUR }, 1);
    await check({ retention: { hot: '3h' } }, 2);
    await check({ retention: { hot: '1h', cold: '365d' } }, 2);
    await check({}, 2);
    await check({ tieringPolicy: { hot: { retention: '1h', resolution: 'raw' } } }, 1);
  });

  test.each([
    ['retention', { retention: { hot: Infinity } }],
    ['retentionMs', { retentionMs: Infinity }],
    ['tieringPolicy', { tieringPolicy: { hot: { retention: Infinity, resolution: 'raw' } } }],
  ])('Infinity is for ever: %s', async (_, options) => {
    const store = open(options);
    await store.put('a', 1, NOON - 1000 * 365 * 24 * HOUR);
    await store.put('a', 2, NOON);
    clock.advance(1000 * 365 * 24 * HOUR);
    await store.put('a', 3);
    expect(await store.prune()).toBe(0);
    expect((await values(store, 'a')).map(([, value]) => value)).toEqual([1, 2, 3]);
  });

  test('Infinity for what comes behind the hot tier: roll-ups, and raw values that are promised', async () => {
    const promised = open({ retention: { hot: '1h', cold: Infinity } });
    await promised.put('a', 1, NOON);
    clock.advance(100 * 24 * HOUR);
    for (let i = 0; i < 100; i++) await promised.put('b', i);
    expect(await promised.get('a')).toBe(1);
    const rolledUp = reopen({ retention: { hot: '1h', warm: Infinity } });
    clock.advance(10 * 365 * 24 * HOUR);
    expect(await rolledUp.prune()).toBeGreaterThan(0);
    expect(await rolledUp.aggregate('a', { start: NOON, end: NOON + HOUR, bucket: '1h', metrics: ['max'] })).toMatchObject([{ max: 1 }]);
  });

  test('nothing would ever move to an archive behind a hot tier for ever, which is said', () => {
    const archive = new MemoryObjectStore();
    expect(() => open({ retention: { hot: Infinity }, archive })).toThrow('the hot retention is Infinity; with an archive it has an end');
    expect(() => open({ retention: { hot: '1h', warm: Infinity, cold: Infinity }, archive })).not.toThrow();
    expect(() => open({ retention: { hot: -Infinity } })).toThrow('the hot retention is -Infinity; want a whole number');
  });

  test('compact keeps the newest values of each key', async () => {
    const store = open<unknown>();
    for (let i = 0; i < 20; i++) {
      await store.put('n', i, NOON + i);
      if (i < 12) await store.put('d', { i }, NOON + i);
    }
    await store.put('few', 1, NOON);
    expect(await store.compact({ maxVersionsPerKey: 10 })).toBe(12);
    expect((await values(store, 'n')).map(([, value]) => value)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(await values(store, 'd')).toHaveLength(10);
    expect(await values(store, 'few')).toHaveLength(1);
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toHaveLength(10);
    expect(await values(reopen<unknown>(), 'd')).toHaveLength(10);
    expect(await open().compact({ maxVersionsPerKey: 10 })).toBe(0);
  });

  test('maxVersionsPerKey is kept to along with writes', async () => {
    const store = open({ maxVersionsPerKey: 100 });
    const batch = (from: number) => Array.from({ length: 10_000 }, (_, i) => ({ key: 'k', value: from + i, timestamp: NOON + from + i }));
    await store.putBatch(batch(0));
    await store.putBatch(batch(10_000));
    await store.put('k', 1, NOON + 20_000);
    expect((await values(store, 'k')).length).toBeLessThan(20_001);
  });
});

describe('snapshots', () => {
  test('as in the seed', async () => {
    const store = open<unknown>();
    await store.put('key1', 'before', NOON);
    await store.put('n', 1, NOON);
    const snapshotId = store.createSnapshot();
    expect(typeof snapshotId).toBe('string');
    expect(await snapshotId).toBe(snapshotId);
    await store.put('key1', 'after', NOON);
    await store.put('key2', 2, NOON);
    await store.put('n', 2, NOON + 1);
    await store.compact({ maxVersionsPerKey: 1 });
    await store.prune({ before: NOON + 5 });
    expect(await store.get('key1')).toBeUndefined();
    await store.restoreSnapshot(snapshotId);
    const check = async (opened: TimeSeriesStore<unknown>): Promise<void> => {
      expect(await values(opened, 'key1')).toEqual([[NOON, 'before']]);
      expect(await values(opened, 'n')).toEqual([[NOON, 1]]);
      expect(await opened.get('key2')).toBeUndefined();
    };
    await check(store);
    await check(reopen<unknown>());
  });

  test('getAsOf remembers nothing across a restore', async () => {
    const store = open();
    await store.put('k', 1, NOON);
    const snapshotId = await store.createSnapshot();
    await store.put('k', 2, NOON);
    expect(await store.getAsOf('k', NOON)).toBe(2);
    await store.restoreSnapshot(snapshotId);
    expect(await store.getAsOf('k', NOON)).toBe(1);
  });

  test('documents go when nothing holds them any more', async () => {
    const store = open<unknown>();
    await store.put('d', 'a', NOON);
    const snapshotId = store.createSnapshot();
    await store.prune({ before: NOON + 1 });
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toHaveLength(1);
    expect(store.listSnapshots()).toEqual([snapshotId]);
    await store.deleteSnapshot(snapshotId);
    await store.prune({ before: NOON + 2 });
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toEqual([]);
  });
});
