import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named } from './batches.ts';
import { dump } from './store-model.ts';

const CPU = named('cpu');

describe('what cannot be stored', () => {
  test.each([1.5, NaN, Infinity, -Infinity, 2 ** 50, -(2 ** 50)])('timestamp %d: refused before anything of the call is stored', (timestampMs) => {
    const store = new HotStore(new NodeSql());
    const good = { labels: CPU, timestampsMs: [1], values: [1] };
    expect(() => store.appendLocal([good, { labels: CPU, timestampsMs: [2, timestampMs], values: [1, 2] }])).toThrow('is not a whole number of milliseconds');
    expect(dump(store)).toEqual([]);
  });

  test('columns of unequal length', () => {
    expect(() => new HotStore(new NodeSql()).appendLocal([{ labels: CPU, timestampsMs: [1, 2], values: [1] }])).toThrow('2 timestamps and 1 values');
  });

  test('samples below the floor are counted and named, the others stored', () => {
    const store = new HotStore(new NodeSql());
    store.prune(100);
    expect(store.appendLocal([{ labels: CPU, timestampsMs: [99, 100, 50], values: [1, 2, 3] }])).toEqual({
      samplesStored: 1,
      samplesRefused: 2,
      refusal: '2 samples older than 100 ms, before which everything was pruned',
    });
    expect(store.lastSampleAt(store.refOf(CPU)!, 1000)).toMatchObject({ timestampMs: 100, value: 2 });
  });

  test('series over the limit, by the limit’s name', () => {
    const store = new HotStore(new NodeSql(), limitsWith({ activeSeriesMax: 1 }));
    const one = (name: string) => ({ labels: named(name), timestampsMs: [1], values: [1] });
    expect(store.appendLocal([one('a'), one('b')])).toMatchObject({ samplesStored: 1, samplesRefused: 1, refusal: expect.stringContaining('activeSeriesMax is 1') as unknown });
  });
});

test('more samples than a batch takes are several batches', () => {
  const store = new HotStore(new NodeSql(), limitsWith({ batchSamplesMax: 10, logEntriesMax: 30 }));
  const length = 95;
  const timestampsMs = Array.from({ length }, (_, i) => i);
  expect(store.appendLocal([{ labels: CPU, timestampsMs, values: timestampsMs }])).toEqual({ samplesStored: length, samplesRefused: 0, refusal: undefined });
  const page = store.readSeries(store.refOf(CPU)!, 0, 1000, 1000);
  expect([...page.timestampsMs]).toEqual(timestampsMs);
  expect([...page.values]).toEqual(timestampsMs);
  expect(page.nextStartMs).toBe(undefined);
});

test('ids are the same after waking, and of a store’s own making', () => {
  const sql = new NodeSql();
  new HotStore(sql).appendLocal([{ labels: CPU, timestampsMs: [1], values: [1] }]);
  const again = new HotStore(new NodeSql(sql.database));
  again.appendLocal([{ labels: CPU, timestampsMs: [2], values: [2] }]);
  expect(dump(again).length).toBe(1);
  expect(again.refOf(named('other'))).toBe(undefined);
});

test('one key with a million points, irregular and noisy: any one of them is found by reading a few rows', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS);
  const count = 1_000_000;
  const timestampsMs = Float64Array.from({ length: count }, (_, i) => 1.7e12 + i * 1000 + ((i * 7919) % 997));
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i) * 100);
  store.appendLocal([{ labels: CPU, timestampsMs, values }]);
  store.seal();
  const rows = sql.all<{ bytes: number }>('SELECT length(samples) AS bytes FROM segment').map((row) => row.bytes);
  expect(Math.max(...rows)).toBeLessThan(LIMITS.sqlRowBytesMax);
  const awake = new HotStore(new NodeSql(sql.database));
  const ref = awake.refOf(CPU)!;
  for (const i of [0, 1, 4095, 4096, 500_000, 999_999, 123_456]) {
    expect(awake.lastSampleAt(ref, timestampsMs[i]!)).toMatchObject({ timestampMs: timestampsMs[i], value: values[i] });
    expect(awake.lastSampleAt(ref, timestampsMs[i]! - 1)?.timestampMs).toBe(timestampsMs[i - 1]);
  }
  const page = awake.readSeries(ref, timestampsMs[300_000]!, Infinity, 5000);
  expect([...page.timestampsMs]).toEqual([...timestampsMs.subarray(300_000, 305_000)]);
  expect([...page.values]).toEqual([...values.subarray(300_000, 305_000)]);
});

describe('a successor that changes what is stored makes every read of the first instance fail', () => {
  const changes: Record<string, (store: HotStore) => void> = {
    prune: (store) => void store.prune(15),
    compact: (store) => void store.compact({ maxVersionsPerKey: 1 }),
    restore: (store) => store.restoreSnapshot(store.listSnapshots()[0]!),
    merge: (store) => {
      // It takes a few steps.
      for (let step = 0; step < 3; step++) store.maintain();
    },
  };
  test.each(Object.keys(changes))('%s', (change) => {
    const sql = new NodeSql();
    const limits = limitsWith({ mergeFanIn: 2 });
    const store = new HotStore(sql, limits);
    for (const timestampMs of [10, 20]) {
      store.appendLocal([{ labels: CPU, timestampsMs: [timestampMs], values: [1] }]);
      store.seal();
    }
    store.createSnapshot();
    const ref = store.refOf(CPU)!;
    expect(dump(store).length).toBe(1);
    changes[change]!(new HotStore(new NodeSql(sql.database), limits));
    for (const read of [() => dump(store), () => store.readSeries(ref, 0, 100, 10), () => store.lastSampleAt(ref, 100)]) expect(read).toThrow('replaced: ask again');
  });
});

describe('snapshots', () => {
  test('there is a limit to them, with its name', () => {
    const store = new HotStore(new NodeSql(), limitsWith({ snapshotsMax: 2 }));
    expect([store.createSnapshot(), store.createSnapshot()]).toEqual(['1', '2']);
    expect(() => store.createSnapshot()).toThrow('the limit snapshotsMax is 2');
    store.deleteSnapshot('1');
    expect(store.createSnapshot()).toBe('3');
    expect(store.listSnapshots()).toEqual(['2', '3']);
  });

  test.each(['', '0', '2', 'x', '1 ', '__proto__'])('%j is none', (id) => {
    const store = new HotStore(new NodeSql());
    store.createSnapshot();
    expect(() => store.restoreSnapshot(id)).toThrow('there is no snapshot');
    expect(() => store.deleteSnapshot(id)).toThrow('there is no snapshot');
  });

  test('ten thousand keys are quickly held and quickly back', () => {
    const store = new HotStore(new NodeSql());
    store.appendLocal(Array.from({ length: 10_000 }, (_, i) => ({ labels: named('k', { i: String(i) }), timestampsMs: [i], values: [i] })));
    const before = dump(store);
    const id = store.createSnapshot();
    store.appendLocal([{ labels: named('k', { i: '5' }), timestampsMs: [5, 99_999], values: [-1, -1] }]);
    expect(dump(store)).not.toEqual(before);
    store.restoreSnapshot(id);
    expect(dump(store)).toEqual(before);
  });
});
