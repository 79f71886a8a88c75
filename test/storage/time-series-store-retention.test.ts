import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/* What a store removes unasked: by writes, and by an alarm where nobody writes; however short the lives of the object are. */
const NOON = Date.UTC(2024, 0, 15, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let clock: FixedClock;
let sql: NodeSql;

beforeEach(() => {
  clock = new FixedClock(NOON);
  sql = new NodeSql();
});

/** The database under a new instance: as after an eviction, which for an object that is seldom called comes before each call. */
function wake(options: TimeSeriesStoreOptions): TimeSeriesStore<unknown> {
  sql = new NodeSql(sql.database);
  return new TimeSeriesStore<unknown>({ sql, clock, ...options });
}

async function times(store: TimeSeriesStore<unknown>, key: string): Promise<number[]> {
  const all: number[] = [];
  for await (const { timestamp } of store.range(key)) all.push(timestamp);
  return all;
}

/** Alarms until none is set any more, as an object has them; returns how many there were. */
async function runAlarms(options: TimeSeriesStoreOptions): Promise<number> {
  let alarms = 0;
  for (let nextMs = await wake(options).maintain(); nextMs !== undefined; nextMs = await wake(options).maintain()) {
    expect(++alarms).toBeLessThan(200);
    expect(nextMs).toBeGreaterThanOrEqual(clock.nowMs());
    clock.advance(nextMs - clock.nowMs());
  }
  return alarms;
}

describe('an object that lives for one call at a time', () => {
  test.each<[string, TimeSeriesStoreOptions]>([
    ['retention', { retention: { hot: '1h' } }],
    ['retentionMs', { retentionMs: HOUR }],
    ['a cold tier without an archive', { retention: { hot: '1m', cold: '1h' } }],
  ])('keeps to its retention: %s', async (_, options) => {
    for (let i = 0; i < 40; i++) {
      await wake(options).put('k', i);
      clock.advance(HOUR / 4);
    }
    const kept = await times(wake(options), 'k');
    expect(kept.length).toBeLessThanOrEqual(5);
    expect(kept.at(-1)).toBe(NOON + 39 * (HOUR / 4));
  });

  test('keeps to maxVersionsPerKey', async () => {
    const options = { maxVersionsPerKey: 10 };
    for (let i = 0; i < 40; i++) {
      await wake(options).putBatch(Array.from({ length: 1000 }, (_, j) => ({ key: 'k', value: i * 1000 + j, timestamp: NOON + i * 1000 + j })));
    }
    expect((await times(wake(options), 'k')).length).toBeLessThan(16_384 + 1000);
    expect(await wake(options).get('k')).toBe(39_999);
  });

  test('a compaction that was asked for counts as one', async () => {
    const options = { maxVersionsPerKey: 10_000 };
    const batch = (from: number) => Array.from({ length: 10_000 }, (_, i) => ({ key: 'k', value: from + i, timestamp: NOON + from + i }));
    await wake(options).putBatch(batch(0));
    await wake(options).putBatch(batch(10_000));
    expect(await wake(options).compact()).toBe(10_000);
    await wake(options).putBatch(batch(20_000).slice(0, 5000));
    await wake(options).put('k', 1);
    expect((await times(wake(options), 'k')).length).toBeGreaterThan(15_000);
  });
});

describe('alarms', () => {
  test('a silent store lets its values go, and is woken no more', async () => {
    const options = { retention: { hot: '1h' } };
    for (let i = 0; i < 60; i++) await wake(options).put('k', i % 2 === 0 ? i : { i }, NOON + i * 60_000 - HOUR);
    expect(await runAlarms(options)).toBeLessThan(40);
    expect(clock.nowMs()).toBeLessThan(NOON + 2 * HOUR);
    expect(await times(wake(options), 'k')).toEqual([]);
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toEqual([]);
    expect(sql.all('SELECT 1 AS one FROM timeseries_segment')).toEqual([]);
  });

  test('raw values are rolled up as they go, and the roll-ups go in their turn', async () => {
    const options = { retention: { hot: '1h', warm: '2d' } };
    for (let i = 0; i < 60; i++) await wake(options).put('k', i, NOON + i * 60_000 - HOUR);
    const wholeDay = async (): Promise<unknown> => wake(options).aggregate('k', { start: NOON - DAY, end: NOON + DAY, bucket: '1d', metrics: ['count', 'max'] });
    const nextMs = (await wake(options).maintain())!;
    clock.advance(nextMs - NOON + 3 * HOUR);
    await wake(options).maintain();
    expect(await times(wake(options), 'k')).toEqual([]);
    expect(await wholeDay()).toEqual([{ timestamp: NOON - DAY / 2, source: 'rollup', count: 60, max: 59 }]);
    expect(await runAlarms(options)).toBeLessThan(80);
    expect(clock.nowMs()).toBeLessThan(NOON + 2 * DAY + 4 * HOUR);
    expect(await wholeDay()).toEqual([]);
  });

  test('what is promised to a cold tier stays for as long as that says, and no roll-up is made that would be past its own retention', async () => {
    const options = { retention: { hot: '1h', warm: '7d', cold: '365d' } };
    await wake(options).put('k', 1, NOON);
    await wake(options).maintain();
    clock.advance(364 * DAY);
    await wake(options).maintain();
    expect(await times(wake(options), 'k')).toEqual([NOON]);
    expect(await runAlarms(options)).toBeLessThan(20);
    expect(clock.nowMs()).toBeLessThan(NOON + 366 * DAY);
    expect(await times(wake(options), 'k')).toEqual([]);
    expect(sql.all('SELECT 1 AS one FROM timeseries_segment')).toEqual([]);
  });

  test('a store that keeps all it has, or has nothing, has no use for one', async () => {
    const store = wake({ retention: { hot: '1h' } });
    expect(await store.maintain()).toBeUndefined();
    for (const options of [{}, { retentionMs: Infinity }, { retention: { hot: '1h', cold: Infinity } }]) {
      sql = new NodeSql();
      await wake(options).put('k', 1);
      // One seals the log.
      expect(await runAlarms(options)).toBe(1);
      expect(await times(wake(options), 'k')).toHaveLength(1);
    }
  });

  test('a prune of one’s own does not put off what the retention asks for', async () => {
    const options = { retention: { hot: '1h' } };
    await wake(options).put('k', 1);
    for (let i = 0; i < 30; i++) {
      clock.advance(HOUR / 20);
      expect(await wake(options).prune({ olderThan: '1d' })).toBe(0);
    }
    await wake(options).put('k', 2);
    expect(await times(wake(options), 'k')).toEqual([clock.nowMs()]);
  });
});

test('keys whose values are gone make room for others, also where their segment has one that stays', { timeout: 60_000 }, async () => {
  const store = wake({ retention: { hot: '1h' } });
  const write = (prefix: string, count: number) => store.putBatch(Array.from({ length: count }, (_, i) => ({ key: `${prefix}${i}`, value: i })));
  await write('a', 100_000);
  clock.advance(HOUR / 2);
  await write('stays', 1);
  clock.advance((HOUR * 3) / 4);
  await write('b', 60_000);
  expect([await store.get('a7'), await store.get('stays0'), await store.get('b59999')]).toEqual([undefined, 0, 59_999]);
});

describe('a prune of times to come', () => {
  test('removes what is there, and takes what comes', async () => {
    const store = wake({});
    await store.put('k', 1);
    await store.put('k', { far: true }, NOON + DAY);
    expect(await store.prune({ before: '9999-12-31' })).toBe(2);
    expect(await times(store, 'k')).toEqual([]);
    await store.put('k', 3);
    await store.put('k', 4, NOON + 2 * DAY);
    expect(await times(wake({}), 'k')).toEqual([NOON + 1, NOON + 2 * DAY]);
    await expect(store.put('k', 5, NOON - 1)).rejects.toThrow('before which everything was pruned');
  });

  test('leaves a bucket that still fills to the next one: what comes is counted', async () => {
    const options = { retention: { hot: '1h', warm: '7d' } };
    const store = wake(options);
    clock.advance(30_000);
    await store.putBatch([{ key: 'k', value: 1, timestamp: NOON - 1 }, { key: 'k', value: 2, timestamp: NOON }, { key: 'k', value: 3 }]);
    expect(await store.prune({ before: NOON + DAY })).toBe(1);
    await store.put('k', 4, NOON + 40_000);
    const counts = await wake(options).aggregate('k', { bucket: '1m', metrics: ['count', 'sum'] });
    expect(counts).toEqual([{ timestamp: NOON - 60_000, source: 'rollup', count: 1, sum: 1 }, { timestamp: NOON, source: 'raw', count: 3, sum: 9 }]);
  });
});
