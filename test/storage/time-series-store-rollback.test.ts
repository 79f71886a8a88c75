import { beforeEach, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/*
 * An object calls the store within a transaction of its own, beside changes to its own tables, and rolls that back. The store is then what it
 * was before, at once and in the next instance, and goes on.
 */
const NOON = Date.UTC(2024, 0, 15, 12);
const HOUR = 3_600_000;

let clock: FixedClock;
let sql: NodeSql;
let bucket: MemoryObjectStore;

beforeEach(() => {
  clock = new FixedClock(NOON);
  sql = new NodeSql();
  bucket = new MemoryObjectStore();
});

type Store = TimeSeriesStore<unknown>;

function open(options: TimeSeriesStoreOptions = {}): Store {
  return new TimeSeriesStore<unknown>({ sql, clock, ...options });
}

/** As `ctx.storage.transactionSync` with a body that throws: what was called is done when it returns. */
function rolledBack(body: () => void): void {
  expect(() =>
    sql.transaction(() => {
      body();
      throw new Error('the owner’s own');
    }),
  ).toThrow('the owner’s own');
}

/** All that can be read, also of the next instance. */
async function contents(store: Store): Promise<unknown> {
  const values: Record<string, unknown[]> = {};
  for (const key of store.keys()) {
    const points: unknown[] = [];
    for await (const { timestamp, value } of store.range(key)) points.push([timestamp, value]);
    if (points.length > 0) values[key] = [points, await store.get(key), await store.getAsOf(key, NOON - 2 * HOUR)];
  }
  return { values, snapshots: store.listSnapshots(), days: await store.aggregate('k', { bucket: '1h', metrics: ['count', 'sum'] }) };
}

const CHANGES: Readonly<Record<string, (store: Store) => unknown>> = {
  'a put': (store) => store.put('k', 99, NOON + 5),
  'a put over a value': (store) => store.put('k', 99, NOON),
  'a new key': (store) => store.put('new', 99, NOON),
  'a document': (store) => store.put('k', { new: true }, NOON + 5),
  'several': (store) => [store.put('new', 1, NOON), store.put('new', { n: 2 }, NOON + 1), store.get('new'), store.getAsOf('k', NOON + 9)],
  'a batch': (store) => store.putBatch(Array.from({ length: 1000 }, (_, i) => ({ key: `k${i % 7}`, value: i, timestamp: NOON + i }))),
  'a prune': (store) => store.prune({ before: NOON - HOUR }),
  'a compaction': (store) => store.compact({ maxVersionsPerKey: 1 }),
  'a roll-up': (store) => store.rollup({ olderThan: '1m', bucket: '1m', aggregates: ['max', 'p50'] }),
  'a snapshot': (store) => store.createSnapshot(),
  'a snapshot of what is there': (store) => [store.createSnapshot(), store.createSnapshot(), store.put('k', 7, NOON + 7)],
  'a restore': (store) => store.restoreSnapshot('1'),
  'a snapshot deleted': (store) => store.deleteSnapshot('1'),
};

/** What comes behind. */
const BEHIND = ['a put', 'several', 'a prune', 'a restore'] as const;

test.each(Object.keys(CHANGES))('%s', async (what) => {
  for (const other of BEHIND) {
    sql = new NodeSql();
    const store = open();
    await store.putBatch([-3, -2, -1, 0].flatMap((hour) => [{ key: 'k', value: hour, timestamp: NOON + hour * HOUR }, { key: 'd', value: { hour }, timestamp: NOON + hour * HOUR }]));
    store.createSnapshot();
    await store.put('k', 5, NOON + 1);
    await store.put('gone', 5, NOON + 1);
    const before = await contents(store);
    rolledBack(() => void CHANGES[what]!(store));
    expect(await contents(store), 'read').toEqual(before);
    rolledBack(() => void CHANGES[what]!(store));
    // What comes behind is there, exactly as without the transaction.
    const twin = sql.copy();
    await CHANGES[other]!(store);
    await CHANGES[other]!(open({ sql: twin }));
    const after = await contents(store);
    expect(after, other).toEqual(await contents(open({ sql: twin })));
    sql = new NodeSql(sql.database);
    expect(await contents(open()), `${other}, next instance`).toEqual(after);
  }
});

test('late values', async () => {
  const store = open({ archive: { bucket, prefix: 'p' }, retention: { hot: '1h', cold: '365d' } });
  await store.put('k', 1, NOON - 5 * HOUR);
  clock.advance(HOUR);
  await store.maintain();
  rolledBack(() => void store.putBatch([{ key: 'k', value: { late: 1 }, timestamp: NOON - 4 * HOUR }, { key: 'other', value: 2, timestamp: NOON - 4 * HOUR }]));
  expect([await store.get('k'), await store.get('other'), store.keys()]).toEqual([1, undefined, ['k']]);
  await store.put('k', { late: 2 }, NOON - 3 * HOUR);
  expect(await store.get('k')).toEqual({ late: 2 });
  sql = new NodeSql(sql.database);
  expect(await open({ archive: { bucket, prefix: 'p' }, retention: { hot: '1h', cold: '365d' } }).get('k')).toEqual({ late: 2 });
});

test('a store whose database was emptied under it begins anew with the next write', async () => {
  const store = open();
  await store.put('k', 1, NOON - HOUR);
  await store.put('json', { a: 1 }, NOON - HOUR);
  for (const { name } of sql.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")) sql.database.exec(`DROP TABLE ${name}`);
  await store.put('k', 2, NOON);
  expect(await contents(store)).toMatchObject({ values: { k: [[[NOON, 2]], 2, undefined] }, snapshots: [] });
  expect(await contents(open({ sql: new NodeSql(sql.database) }))).toEqual(await contents(store));
});

test('a look into an empty store that is rolled back does not keep the key of its series', async () => {
  const store = open();
  let looked: Promise<unknown> | undefined;
  rolledBack(() => void (looked = store.get('k')));
  expect(await looked).toBeUndefined();
  await store.put('k', 1, NOON);
  expect(await store.get('k')).toBe(1);
  sql = new NodeSql(sql.database);
  expect(await open().get('k')).toBe(1);
});
