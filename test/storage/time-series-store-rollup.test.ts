import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore, type ChangeEvent, type ChangeOptions, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
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

/** A value every 15 s: 0, 1, 2, … */
async function fill(store: TimeSeriesStore<number>, key: string, startMs: number, count: number): Promise<void> {
  await store.putBatch(Array.from({ length: count }, (_, i) => ({ key, value: i, timestamp: startMs + i * 15_000 })));
}

const SEED_AGGREGATES = ['min', 'max', 'avg', 'count'] as const;

describe('rollup', () => {
  test('answers where the raw values are gone, and only there', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    expect(await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: [...SEED_AGGREGATES] })).toEqual({ keys: 1, buckets: 60, points: 240 });
    const query = { bucket: '30m', metrics: ['min', 'max', 'avg', 'sum', 'count'] } as const;
    const before = await store.aggregate('k', query);
    expect(before.map(({ source }) => source)).toEqual(['raw', 'raw', 'raw', 'raw']);
    expect(await store.prune({ before: NOON - 1.25 * HOUR })).toBe(180);
    const after = await store.aggregate('k', query);
    expect(after.map(({ source }) => source)).toEqual(['rollup', 'mixed', 'raw', 'raw']);
    expect(after.map(({ source: _, ...rest }) => rest)).toEqual(before.map(({ source: _, ...rest }) => rest));
    expect(await store.get('k')).toBe(479);
    expect(store.keys()).toEqual(['k']);
  });

  test('a bucket that is made anew has no figure of what it was before, whatever is asked for then', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 240);
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['max', 'p50'] });
    await store.putBatch([1, 2, 3, 4, 5].map((i) => ({ key: 'k', value: 1000 + i, timestamp: NOON - 2 * HOUR + i })));
    expect(await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['min'] })).toMatchObject({ buckets: 60 });
    await store.prune({ before: NOON - HOUR });
    const [first] = await store.aggregate('k', { bucket: '1m', metrics: ['min', 'max', 'p50', 'count'] });
    expect(first).toEqual({ timestamp: NOON - 2 * HOUR, source: 'rollup', min: 0, max: 1005, p50: 1001, count: 9 });
  });

  test('run again it adds nothing, unless something has changed', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 240);
    const request = { olderThan: '1h', bucket: '1m', aggregates: ['avg', 'max'] } as const;
    const again = () => store.rollup({ ...request, aggregates: [...request.aggregates] });
    expect(await again()).toMatchObject({ buckets: 60 });
    expect(await again()).toEqual({ keys: 0, buckets: 0, points: 0 });
    await store.put('k', 1000, NOON - 2 * HOUR + 1);
    await store.put('k', 2000, NOON - 1.5 * HOUR);
    expect(await again()).toEqual({ keys: 1, buckets: 2, points: 9 });
    await store.prune({ before: NOON - HOUR });
    const [first] = await store.aggregate('k', { bucket: '1m', metrics: ['max', 'count'], end: NOON - 2 * HOUR });
    expect(first).toEqual({ timestamp: NOON - 2 * HOUR, source: 'rollup', max: 1000, count: 5 });
    // What is gone cannot be rolled up any more, and is not taken for something new.
    expect(await again()).toMatchObject({ buckets: 0 });
  });

  test('narrower ones are not older than wide ones, which they count before', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 240);
    await store.rollup({ olderThan: '90m', bucket: '1m', aggregates: ['max', 'p50'] });
    await store.put('k', 5000, NOON - 2 * HOUR);
    expect(await store.rollup({ olderThan: '1h', bucket: '1h', aggregates: ['max', 'p50'] })).toEqual({ keys: 1, buckets: 1, points: 240 });
    const rolledUp: [string, number][] = [];
    for await (const event of store.cdc()) if (event.type === 'cdc.rollup') rolledUp.push([event.bucket, event.count]);
    // The one bucket that a value was overwritten in, and none that was not there.
    expect(rolledUp).toEqual([['1m', 120], ['1m', 4], ['1h', 240]]);
    await store.prune({ before: NOON - HOUR });
    const [hour] = await store.aggregate('k', { bucket: '1h', metrics: ['max', 'count'] });
    expect(hour).toEqual({ timestamp: NOON - 2 * HOUR, source: 'rollup', max: 5000, count: 240 });
  });

  test('what is late for the values that were rolled up and removed is refused, also by the next instance', async () => {
    const store = open({ retention: { hot: '1h', warm: '7d' } });
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    expect(await store.prune()).toBe(240);
    sql = new NodeSql(sql.database);
    for (const opened of [store, open()]) await expect(opened.put('k', 5000, NOON - 90 * MINUTE + 1)).rejects.toThrow('is older than 2024-01-14T11:00:00Z');
    await open().rollup({ olderThan: '1h', bucket: '1m', aggregates: ['max'] });
    const [bucket] = await open().aggregate('k', { start: NOON - 90 * MINUTE, end: NOON - 90 * MINUTE, bucket: '1m', metrics: ['max', 'count'] });
    expect(bucket).toMatchObject({ source: 'rollup', max: 123, count: 4 });
  });

  test('with a warm retention raw values are rolled up before they go, and roll-ups go in their turn', async () => {
    const store = open({ retention: { hot: '1h', warm: '3h' } });
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    await store.put('k', 7);
    clock.advance(HOUR / 16);
    await store.put('k', 8); // retention works along with writes
    const hourly = () => store.aggregate('k', { bucket: '1h', metrics: ['count', 'sum'] });
    expect((await hourly()).map(({ source, count }) => [source, count])).toEqual([['rollup', 240], ['mixed', 240], ['raw', 2]]);
    expect(await store.getAsOf('k', NOON - 61 * MINUTE)).toBeUndefined();
    clock.advance(2 * HOUR);
    await store.prune();
    const left = await hourly();
    expect(left.map(({ timestamp, source, count }) => [timestamp, source, count])).toEqual([
      [NOON - HOUR, 'rollup', 224],
      [NOON, 'rollup', 2],
    ]);
  });

  test('wide buckets are made of several widths; percentiles are exact where a roll-up has them, and near where they are put together', async () => {
    const store = open();
    await fill(store, 'k', NOON - 4 * HOUR, 960);
    await store.rollup({ olderThan: '2h', bucket: '1h', aggregates: ['sum', 'p50'] });
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['sum'] });
    const exact = await store.aggregate('k', { bucket: '1h', metrics: ['p50', 'sum'] });
    await store.prune({ before: NOON - 1.5 * HOUR });
    const sums = await store.aggregate('k', { bucket: '4h', metrics: ['sum', 'count'] });
    expect(sums).toEqual([{ timestamp: NOON - 4 * HOUR, source: 'mixed', sum: (959 * 960) / 2, count: 960 }]);
    const old = { start: NOON - 4 * HOUR, end: NOON - 2 * HOUR - 1 };
    const percentiles = await store.aggregate('k', { ...old, bucket: '1h', metrics: ['p50'] });
    expect(percentiles.map(({ p50 }) => p50)).toEqual(exact.slice(0, 2).map(({ p50 }) => p50));
    expect(await store.aggregate('k', { ...old, bucket: '2h', metrics: ['p50', 'p75'] })).toEqual([
      { timestamp: NOON - 4 * HOUR, source: 'rollup', p50: expect.closeTo(239.5, -0.7), p75: expect.closeTo(359.25, -0.9) },
    ]);
    await expect(store.aggregate('k', { ...old, bucket: '2m', metrics: ['p50'] })).rejects.toThrow('p50 is not known: the raw samples are gone, and a roll-up of theirs does not have it');
    await expect(store.aggregate('k', { ...old, bucket: '2h', metrics: ['max'] })).rejects.toThrow('max is not known');
  });

  test('where only roll-ups are left of which the buckets asked for cannot be made, the answer is an error and not one without them', async () => {
    const store = open();
    await fill(store, 'both', NOON - 2 * HOUR, 240);
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['max'] });
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    await store.rollup({ olderThan: '1h', bucket: '5m', aggregates: ['max'] });
    const counts = async (bucket: string, start = NOON - 2 * HOUR): Promise<number[]> =>
      (await store.aggregate('k', { bucket, start, metrics: ['count'] })).map(({ count }) => count);
    expect(await counts('1m')).toHaveLength(120);
    await store.prune({ before: NOON - HOUR });
    for (const bucket of ['1m', '7m']) {
      await expect(counts(bucket)).rejects.toThrow(`of 2024-01-14T10:00:00.000Z there is only a roll-up of 5m, from which no buckets of ${bucket} can be made; ask for a multiple of 5m, or for a later start`);
    }
    expect(await counts('1m', NOON - HOUR)).toEqual(Array.from({ length: 60 }, () => 4));
    expect(await counts('10m')).toEqual(Array.from({ length: 12 }, () => 40));
    // The same time in narrower ones: nothing is missing.
    expect(await store.aggregate('both', { bucket: '1m', metrics: ['count'] })).toHaveLength(60);
  });

  test('JSON values are counted in roll-ups', async () => {
    const store = open<unknown>();
    const at = NOON - 2 * HOUR;
    await store.put('k', { event: 1 }, at);
    await store.put('k', 6, at + 1);
    await store.put('events', 'x', at);
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['avg'] });
    await store.prune({ olderThan: '1h' });
    expect(await store.aggregate('k', { bucket: '1h', metrics: ['count', 'avg', 'sum'] })).toEqual([{ timestamp: at, source: 'rollup', count: 2, avg: 6, sum: 6 }]);
    expect(await store.aggregate('events', { bucket: '1h', metrics: ['count', 'avg'] })).toEqual([{ timestamp: at, source: 'rollup', count: 1, avg: NaN }]);
  });

  test('compact removes raw values and no roll-ups', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['sum'] });
    expect(await store.compact({ maxVersionsPerKey: 10 })).toBe(470);
    expect(await store.aggregate('k', { end: NOON - HOUR - 1, bucket: '1h', metrics: ['count', 'sum'] })).toEqual([
      { timestamp: NOON - 2 * HOUR, source: 'rollup', count: 240, sum: (239 * 240) / 2 },
    ]);
  });

  test('a snapshot covers roll-ups', async () => {
    const store = open();
    await fill(store, 'k', NOON - 2 * HOUR, 480);
    const snapshotId = store.createSnapshot();
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['sum'] });
    await store.prune({ olderThan: '1h' });
    await store.restoreSnapshot(snapshotId);
    expect((await store.aggregate('k', { bucket: '1d', metrics: ['count'] }))[0]).toMatchObject({ count: 480, source: 'raw' });
  });
});

async function events<T>(store: TimeSeriesStore<T>, options: ChangeOptions = {}): Promise<ChangeEvent<T>[]> {
  const all: ChangeEvent<T>[] = [];
  for await (const event of store.cdc(options)) all.push(event);
  return all;
}

describe('cdc', () => {
  test('inserts look as in the seed', async () => {
    const store = open<unknown>();
    await store.put('cpu_usage', 0.75, NOON);
    await store.put('audit', { who: 'me' }, NOON + 1);
    expect(await events(store)).toEqual([
      { type: 'cdc.insert', op: 'c', store: 'timeseries', table: 'metrics', key: 'cpu_usage', timestamp: '2024-01-14T12:00:00Z', after: { value: 0.75 }, cursor: '1' },
      { type: 'cdc.insert', op: 'c', store: 'timeseries', table: 'metrics', key: 'audit', timestamp: '2024-01-14T12:00:00.001Z', after: { value: { who: 'me' } }, cursor: '2' },
    ]);
  });

  test('roll-ups look as in the seed, an hour of a key each', async () => {
    const store = open({ table: 'machines' });
    await fill(store, 'k', NOON - 3 * HOUR, 480);
    await store.rollup({ olderThan: '1h', bucket: '1m', aggregates: [...SEED_AGGREGATES] });
    const rollups = (await events(store)).filter((event) => event.type === 'cdc.rollup');
    expect(rollups).toEqual([
      { type: 'cdc.rollup', op: 'r', store: 'timeseries', table: 'machines', key: 'k', bucket: '1m', partition: 'dt=2024-01-14/hour=09', count: 240, aggregates: { min: 0, max: 239, avg: 119.5 }, cursor: '1.1' },
      { type: 'cdc.rollup', op: 'r', store: 'timeseries', table: 'machines', key: 'k', bucket: '1m', partition: 'dt=2024-01-14/hour=10', count: 240, aggregates: { min: 240, max: 479, avg: 359.5 }, cursor: '2' },
    ]);
  });

  test('one event a batch and key, or one a value', async () => {
    const store = open();
    await store.putBatch([
      { key: 'a', value: 1, timestamp: NOON },
      { key: 'b', value: 2, timestamp: NOON },
      { key: 'a', value: 3, timestamp: NOON + 1000 },
    ]);
    const batched = await events(store);
    expect(batched).toMatchObject([
      { key: 'a', after: { value: 3 }, timestamp: '2024-01-14T12:00:01Z', points: [{ value: 1 }, { value: 3 }], cursor: '0.1' },
      { key: 'b', after: { value: 2 }, cursor: '1' },
    ]);
    const single = await events(store, { perSample: true });
    expect(single.map((event) => [event.type === 'cdc.insert' && event.after.value, event.cursor])).toEqual([[1, '0.1s'], [3, '0.2s'], [2, '1']]);
    // From every cursor on comes what is behind it, and with a cursor of the other kind at least that.
    for (const [i, { cursor }] of batched.entries()) expect(await events(store, { cursor })).toEqual(batched.slice(i + 1));
    for (const [i, { cursor }] of single.entries()) expect(await events(store, { cursor, perSample: true })).toEqual(single.slice(i + 1));
    expect(await events(store, { cursor: '0.2s' })).toEqual(batched);
    expect(await events(store, { cursor: 'latest' })).toEqual([]);
    await expect(events(store, { cursor: 'x' })).rejects.toThrow('the cursor "x" is not one that an event had');
  });

  test('it goes on behind a seal, and in the next instance', async () => {
    const store = open();
    await store.put('k', 1, NOON);
    store.createSnapshot(); // seals
    await store.put('k', 2, NOON + 1);
    sql = new NodeSql(sql.database);
    expect((await events(open())).map(({ cursor }) => cursor)).toEqual(['1', '2']);
    expect((await events(open(), { cursor: '1' })).map(({ cursor }) => cursor)).toEqual(['2']);
  });

  test('who is too far behind is told so, and goes on from there', async () => {
    const store = open();
    const slow = store.cdc();
    await store.put('k', 0, NOON);
    expect((await slow.next()).value).toMatchObject({ after: { value: 0 } });
    for (let i = 1; i < 5000; i++) void store.put('k', i, NOON + i);
    expect(await slow.next()).toEqual({ done: false, value: { type: 'cdc.resync', op: 's', store: 'timeseries', table: 'metrics', cursor: '5000' } });
    expect(await slow.next()).toEqual({ done: true, value: undefined });
    expect(await events(store, { cursor: '10000' })).toMatchObject([{ type: 'cdc.resync', cursor: '5000' }]);
    // Who begins, begins where nothing is missing.
    const all = await events(store);
    expect(all.length).toBeGreaterThan(4000);
    expect(all.map(({ cursor }) => Number(cursor))).toEqual(Array.from({ length: all.length }, (_, i) => 5000 - all.length + i + 1));
  });

  test('small logs that are sealed often cost the feed nothing', async () => {
    const store = open();
    for (let i = 0; i < 200; i++) {
      await store.put('k', i, NOON + i);
      if (i % 3 === 0) await store.compact({ maxVersionsPerKey: 1000 }); // seals
      if (i % 50 === 49) sql = new NodeSql(sql.database);
    }
    const seen = await events(open());
    expect(seen.map((event) => event.type === 'cdc.insert' && event.after.value)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    for (let i = 200; i < 1000; i++) {
      await open().put('k', i, NOON + i);
      if (i % 3 === 0) await open().compact({ maxVersionsPerKey: 2000 });
    }
    const later = await events(open());
    expect(later.length).toBeGreaterThanOrEqual(255);
    expect(later.at(-1)).toMatchObject({ after: { value: 999 } });
    expect(sql.all<{ n: number }>('SELECT count(*) AS n FROM timeseries_wal')[0]!.n).toBeLessThan(260);
  });

  test('a restore is told to everybody', async () => {
    const store = open();
    await store.put('k', 1, NOON);
    const snapshotId = store.createSnapshot();
    await store.put('k', 2, NOON);
    await store.restoreSnapshot(snapshotId);
    expect((await events(store, { cursor: '1' })).map(({ type }) => type)).toEqual(['cdc.resync']);
    const [resync] = await events(store, { cursor: '2' });
    expect(resync?.type).toBe('cdc.resync');
    await store.put('k', 3, NOON + 1);
    expect(await events(store, { cursor: resync!.cursor })).toMatchObject([{ type: 'cdc.insert', after: { value: 3 } }]);
    expect(await events(store)).toMatchObject([{ type: 'cdc.insert', after: { value: 3 } }]);
  });

  test('a live stream waits for what comes, and ends when it is told to', async () => {
    const store = open();
    const controller = new AbortController();
    const seen: unknown[] = [];
    const reader = (async () => {
      for await (const event of store.cdc({ live: true, signal: controller.signal })) {
        if (event.type === 'cdc.insert') seen.push(event.after.value);
      }
    })();
    for (let i = 0; i < 3; i++) {
      await store.put('k', i);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toEqual([0, 1, 2]);
    controller.abort();
    await reader;
    const stopped = store.cdc({ live: true, cursor: 'latest' });
    const waiting = stopped.next();
    await store.put('k', 9);
    expect((await waiting).value).toMatchObject({ after: { value: 9 } });
    await stopped.return();
  });

  test('a live stream that waits for nothing can be given up', async () => {
    const store = open();
    await store.put('k', 1);
    for (const signal of [undefined, new AbortController().signal]) {
      const stream = store.cdc({ live: true, cursor: 'latest', signal });
      const waiting = stream.next();
      expect(await stream.return()).toEqual({ done: true, value: undefined });
      expect(await waiting).toEqual({ done: true, value: undefined });
      await store.put('k', 2);
      expect((await stream.next()).done).toBe(true);
    }
  });
});
