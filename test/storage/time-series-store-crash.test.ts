import { describe, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { everyCall, FaultySql } from '../fakes/faulty-sql.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/*
 * Each change of a store, with storage that breaks before or after each of its calls in turn. I1, I6: the next instance finds all of the change
 * if it was acknowledged. I2, I3: and otherwise all of it or nothing. I8: what a snapshot, a restore or a roll-up does not change reads the same.
 */
const NOON = Date.UTC(2024, 0, 15, 12);
const OPTIONS: TimeSeriesStoreOptions = { clock: new FixedClock(NOON) };

type Store = TimeSeriesStore<unknown>;

async function prepare(): Promise<NodeSql> {
  const sql = new NodeSql();
  const store: Store = new TimeSeriesStore<unknown>({ sql, ...OPTIONS });
  for (let i = 0; i < 5; i++) {
    await store.put('n', i, NOON - 7_200_000 + i * 1000);
    await store.put('d', { i }, NOON - 7_200_000 + i * 1000);
  }
  store.createSnapshot();
  await store.put('n', 100, NOON);
  await store.put('d', 'hundred', NOON);
  return sql;
}

async function stateOf(sql: NodeSql): Promise<unknown> {
  const store: Store = new TimeSeriesStore<unknown>({ sql: new NodeSql(sql.database), ...OPTIONS });
  const points: unknown[] = [];
  for (const key of store.keys()) for await (const { timestamp, value } of store.range(key)) points.push([key, timestamp, value]);
  const rolledUp = await store.aggregate('n', { bucket: '1m', metrics: ['count'] });
  // A document for every sample that stands for one: not one is missing, also where a snapshot needs it.
  return { points, rolledUp, snapshots: store.listSnapshots().length };
}

const CHANGES: Readonly<Record<string, (store: Store) => Promise<unknown> | unknown>> = {
  'a put': (store) => store.put('n', 5, NOON + 1),
  'a put of a new key': (store) => store.put('new', 5, NOON + 1),
  'a put of a document': (store) => store.put('d', { late: true }, NOON - 7_200_000),
  'a batch': (store) => store.putBatch([{ key: 'n', value: { now: 'a document' }, timestamp: NOON }, { key: 'new', value: 1 }, { key: 'd', value: 2, timestamp: NOON }]),
  'a prune': (store) => store.prune({ before: NOON - 7_198_000 }),
  'a compaction': (store) => store.compact({ maxVersionsPerKey: 2 }),
  'a roll-up': (store) => store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['sum'] }),
  'a snapshot': (store) => store.createSnapshot(),
  'a restore': (store) => store.restoreSnapshot('1'),
  'a deleted snapshot': (store) => store.deleteSnapshot('1'),
};

describe.each(Object.entries(CHANGES))('%s', (_name, change) => {
  test('is done or not, whatever call fails', { timeout: 60_000 }, async () => {
    const prepared = await prepare();
    const before = await stateOf(prepared.copy());
    const whole = prepared.copy();
    const counting = new FaultySql(new NodeSql(whole.database));
    const store = new TimeSeriesStore<unknown>({ sql: counting, ...OPTIONS });
    const opened = counting.calls;
    await change(store);
    const after = await stateOf(whole);
    expect(counting.calls - opened).toBeGreaterThan(3);
    for (const when of ['before', 'after'] as const) {
      for (const call of everyCall(counting).filter((position) => position >= opened)) {
        const sql = prepared.copy();
        const faulty = new FaultySql(new NodeSql(sql.database), { call, when });
        const broken = new TimeSeriesStore<unknown>({ sql: faulty, ...OPTIONS });
        let isAcknowledged = true;
        try {
          await change(broken);
        } catch {
          isAcknowledged = false;
        }
        const found = await stateOf(sql);
        const where = `call ${call - opened}, fault ${when} it`;
        if (isAcknowledged) expect(found, where).toEqual(after);
        else expect([JSON.stringify(before), JSON.stringify(after)], where).toContain(JSON.stringify(found));
      }
    }
  });

  test('the same store goes on after a fault that passed', async () => {
    const sql = await prepare();
    let isBroken = false;
    const inner = new NodeSql(sql.database);
    const flaky = new Proxy(inner, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...parameters: unknown[]) => {
          if (isBroken && name === 'run') throw new Error('storage is away');
          return (member as (...all: unknown[]) => unknown).apply(target, parameters);
        };
      },
    });
    const store = new TimeSeriesStore<unknown>({ sql: flaky, ...OPTIONS });
    const before = await stateOf(sql);
    isBroken = true;
    await expect((async () => change(store))()).rejects.toThrow('storage is away');
    isBroken = false;
    expect(await stateOf(sql)).toEqual(before);
    await store.put('n', 7, NOON + 5);
    expect(await store.get('n')).toBe(7);
    await change(store);
  });
});
