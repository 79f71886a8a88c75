import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { withDefinitions } from '../../../storage/shard/append/append-message.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION, type LabelsShardRequest } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { bareMessage, fullMessage, idOf, named, STALE, write, type SeriesId, type TestBatch, type TestValue } from './batches.ts';
import { dump, StoreModel } from './store-model.ts';

const UP = named('up', { job: 'a' });
const DOWN = named('down');

function open(limits = LIMITS, sql = new NodeSql()): { sql: NodeSql; store: HotStore; reopened: () => HotStore } {
  return { sql, store: new HotStore(sql, limits), reopened: () => new HotStore(new NodeSql(sql.database), limits) };
}

function modelOf(...batches: TestBatch[]): ReturnType<StoreModel['dump']> {
  const model = new StoreModel();
  for (const batch of batches) model.apply(batch);
  return model.dump();
}

/** Writes the batches, and expects the model's answer from memory, after waking, and both again after a seal. */
function expectModel(...batches: TestBatch[]): HotStore {
  const { store, reopened } = open();
  for (const batch of batches) expect(write(store, batch).status).toBe('stored');
  expect(dump(store)).toEqual(modelOf(...batches));
  expect(dump(reopened())).toEqual(modelOf(...batches));
  store.seal();
  expect(dump(store)).toEqual(modelOf(...batches));
  expect(dump(reopened())).toEqual(modelOf(...batches));
  return store;
}

function one(timestampMs: number, value: TestValue, labels = UP): TestBatch {
  return [{ labels, samples: [[timestampMs, value]] }];
}

const EVERYTHING: LabelsShardRequest = { version: SHARD_RPC_VERSION, selectors: [], startMs: -Infinity, endMs: Infinity, limit: 0 };

describe('append', () => {
  test('asks for labels that it does not know, by position, and stores nothing before it has them', () => {
    const { store, sql } = open();
    const batch: TestBatch = [...one(1, 1), ...one(1, 2, DOWN)];
    expect(write(store, one(0, 0, DOWN)).status).toBe('stored');
    expect(store.append(bareMessage(batch))).toEqual({ status: 'unknown-series', positions: Uint32Array.of(0) });
    expect(dump(store)).toEqual(modelOf(one(0, 0, DOWN)));
    expect(store.append(withDefinitions(bareMessage(batch), new Map([[0, UP]])))).toMatchObject({ status: 'stored', samplesStored: 2 });
    expect(dump(store)).toEqual(modelOf(one(0, 0, DOWN), batch));
    const before = sql.rowsWritten();
    expect(store.append(bareMessage(one(2, 2)))).toMatchObject({ status: 'stored', samplesStored: 1 });
    expect(sql.rowsWritten() - before, 'rows for a batch of known series').toBe(1);
  });

  test('every value, bit for bit, and every timestamp', () => {
    const values: TestValue[] = [0, -0, 1.5, NaN, STALE, Infinity, -Infinity, 5e-324, 2 ** 53, STALE];
    expectModel([{ labels: UP, samples: values.map((value, i) => [i * 1000 - 4000, value]) }]);
  });

  test('samples in any order', () => {
    expectModel([{ labels: UP, samples: [[30, 3], [10, 1], [20, 2]] }], one(5, 5), one(25, STALE));
  });

  test('of several samples with one timestamp the last accepted stays: in one batch, across batches, across seals', () => {
    expectModel([{ labels: UP, samples: [[10, 1], [10, 2], [10, 3]] }]);
    expectModel(one(10, 1), one(10, 2), one(10, 1));
    const { store } = open();
    const batches = [one(10, 1), one(20, 1), one(10, 2), one(20, STALE), one(10, 3)];
    for (const batch of batches) {
      write(store, batch);
      store.seal();
    }
    expect(dump(store)).toEqual(modelOf(...batches));
  });

  test('a value that was replaced within the batch does not come back when the batch is sent again', () => {
    const batch: TestBatch = [{ labels: UP, samples: [[10, 1], [10, 2]] }];
    expectModel(batch, batch);
    const twoRuns: TestBatch = [...one(10, 1), ...one(20, 9, DOWN), ...one(10, 2)];
    expectModel(twoRuns, twoRuns);
    expectModel(one(10, 2), twoRuns);
  });

  test('the same new series twice in one batch is one series', () => {
    const store = expectModel([...one(10, 1), ...one(20, 2)]);
    expect(store.stats().gauges['series']).toBe(1);
  });

  test('a request that is sent again changes nothing, and what it repeats at the end is not stored twice', () => {
    const batch: TestBatch = [...one(10, 1), ...one(10, 2, DOWN), { labels: named('many'), samples: [[1, 1], [2, 2], [3, STALE]] }];
    const { store, reopened } = open();
    write(store, batch);
    const before = dump(store);
    for (let i = 0; i < 3; i++) {
      expect(write(store, batch)).toMatchObject({ status: 'stored', samplesStored: 5 });
      expect(dump(store)).toEqual(before);
    }
    expect(dump(reopened())).toEqual(before);
    write(store, one(99, 1));
    const entries = store.stats().gauges['log_entries'];
    write(store, one(99, 1));
    expect(store.stats().gauges['log_entries']).toBe(entries);
    expect(store.stats().counters['samples_duplicate_total']).toBeGreaterThan(0);
  });

  test('what cannot be decoded or is too large is refused, and the store goes on', () => {
    const { store } = open(limitsWith({ batchSamplesMax: 3 }));
    expect(store.append(new ArrayBuffer(3))).toMatchObject({ status: 'refused' });
    expect(store.append(fullMessage([{ labels: UP, samples: [[1, 1], [2, 2], [3, 3], [4, 4]] }]))).toEqual({
      status: 'refused',
      message: 'the batch has 4 samples, the limit batchSamplesMax is 3',
    });
    const damaged = fullMessage(one(1, 1));
    new Uint8Array(damaged)[damaged.byteLength - 1] = 0xff;
    expect(store.append(damaged)).toMatchObject({ status: 'refused' });
    expect(dump(store)).toEqual([]);
    expect(write(store, one(1, 1)).status).toBe('stored');
  });
});

describe('ids that collide are refused, never merged', () => {
  const colliding = (labels: readonly string[]): SeriesId => [1, 2, labels === UP ? 3 : 4];

  test('with a series that is there', () => {
    const { store, reopened } = open();
    expect(store.append(fullMessage(one(1, 1), colliding)).status).toBe('stored');
    for (const each of [store, reopened()]) {
      for (const message of [bareMessage(one(2, 2, DOWN), colliding), fullMessage(one(2, 2, DOWN), colliding)]) {
        expect(each.append(message)).toMatchObject({ status: 'refused', message: expect.stringContaining('collides') as unknown });
      }
      expect(dump(each)).toEqual(modelOf(one(1, 1)));
    }
  });

  test('within one batch: nothing of it is stored', () => {
    const { store } = open();
    expect(store.append(fullMessage([...one(1, 1), ...one(2, 2, DOWN)], colliding))).toMatchObject({ status: 'refused' });
    expect(dump(store)).toEqual([]);
    expect(store.append(fullMessage(one(1, 1), colliding)).status).toBe('stored');
  });

  test('ids that share one word only are two series', () => {
    const [low, high, check] = idOf(UP);
    for (const other of [[low, high ^ 1, check], [low ^ 1, high, check]] as unknown as SeriesId[]) {
      const { store } = open();
      const ids = (labels: readonly string[]): SeriesId => (labels === UP ? idOf(UP) : other);
      expect(store.append(fullMessage([...one(1, 1), ...one(2, 2, DOWN)], ids)).status).toBe('stored');
      expect(dump(store)).toEqual(modelOf([...one(1, 1), ...one(2, 2, DOWN)]));
    }
  });
});

describe('limits', () => {
  test('over activeSeriesMax new series are refused with true counts; old ones go on', () => {
    const { store, reopened } = open(limitsWith({ activeSeriesMax: 2 }));
    write(store, one(1, 1));
    const many: TestBatch = [...one(2, 2), ...one(2, 2, DOWN), { labels: named('third'), samples: [[2, 2], [3, 3]] }, { labels: named('fourth'), samples: [[2, 2]] }];
    for (const each of [() => store, reopened]) {
      expect(write(each(), many)).toEqual({
        status: 'stored',
        samplesStored: 2,
        histogramsStored: 0,
        exemplarsStored: 0,
        refusals: [{ kind: 'limit', samples: 3, histograms: 0, message: '2 new series refused: the shard holds 2 series, the limit activeSeriesMax is 2' }],
        refusedSeries: Uint32Array.of(2, 3),
      });
    }
    expect(dump(reopened())).toEqual(modelOf(one(1, 1), one(2, 2), one(2, 2, DOWN)));
    expect(reopened().append(bareMessage(one(5, 5)))).toMatchObject({ status: 'stored', refusals: [] });
  });

  test('a full log and a full WAL are sealed by themselves', () => {
    for (const limits of [limitsWith({ logEntriesMax: 10, batchSamplesMax: 5, walRingSlots: 0 }), limitsWith({ walSlotsMax: 3, walRingSlots: 0 })]) {
      const { store, sql, reopened } = open(limits);
      const batches = Array.from({ length: 20 }, (_, i): TestBatch => [{ labels: UP, samples: [[i * 10, i], [i * 10 + 5, STALE], [500 - i, i]] }]);
      for (const batch of batches) expect(write(store, batch).status).toBe('stored');
      expect(store.stats().counters['seals_total']).toBeGreaterThan(4);
      expect(sql.all<{ n: number }>('SELECT count(*) AS n FROM wal')[0]!.n).toBeLessThanOrEqual(3 + 1);
      expect(dump(store)).toEqual(modelOf(...batches));
      expect(dump(reopened())).toEqual(modelOf(...batches));
    }
  });

  test('batches of which no sample is stored leave no rows in the log, however many come', () => {
    const { store, sql, reopened } = open(limitsWith({ walSlotsMax: 3, walRingSlots: 0 }));
    store.prune(100);
    for (let i = 0; i < 20; i++) write(store, [{ labels: named('late', { i: String(i) }), samples: [[i, i]], exemplars: [[200, i, UP]] }]);
    expect(sql.all('SELECT slot FROM wal')).toEqual([]);
    write(store, one(200, 1));
    for (const each of [store, reopened()]) {
      expect(each.stats().gauges).toMatchObject({ series: 21, log_entries: 1, wal_rows: 1 });
      expect(each.selectExemplars({ ...EVERYTHING, selectors: [[]] }).series.length).toBe(20);
    }
  });

  test('a log of noise in one series, or with timestamps of its own for each, is sealed into rows that storage takes', { timeout: 120_000 }, () => {
    const random = new SeededRandom(1);
    const noise = (): number => random.uint32() * 2 ** -40 + random.uint32();
    const shapes: [seriesCount: number, value: () => number][] = [[1, noise], [1000, () => 1], [60_000, noise]];
    for (const [seriesCount, value] of shapes) {
      const { store, sql } = open();
      const labels = Array.from({ length: seriesCount }, (_, i) => named('noise', { i: String(i) }));
      let written = 0;
      for (let filled = 0; filled < LIMITS.logEntriesMax; filled += LIMITS.batchSamplesMax) {
        const perSeries = Math.floor(LIMITS.batchSamplesMax / seriesCount);
        const batch = labels.map((each) => ({
          labels: each,
          samples: Array.from({ length: perSeries }, () => [random.below(2 ** 32) * 1000 + random.below(1000), value()] as const),
        }));
        expect(write(store, batch).status).toBe('stored');
        written += seriesCount * perSeries;
      }
      store.seal();
      const [sum] = sql.all<{ samples: number; largest: number }>('SELECT sum(sample_count) AS samples, max(length(samples)) AS largest FROM segment');
      // Two random samples may share a timestamp.
      expect(sum!.samples).toBeGreaterThan(written * 0.99);
      expect(sum!.largest).toBeLessThan(LIMITS.sqlRowBytesMax);
    }
  });

  test('many long label sets in one batch go into blocks that storage takes', () => {
    const { store, reopened } = open();
    const batch = Array.from({ length: 2000 }, (_, i) => ({ labels: named('m', { i: String(i), long: 'é'.repeat(1000) }), samples: [[i, i] as const] }));
    expect(write(store, batch).status).toBe('stored');
    expect(dump(reopened())).toEqual(modelOf(batch));
  });
});

describe('label names, label values and series', () => {
  const store = expectModel([...one(1, 1), ...one(1, 1, named('up', { job: 'b', '\u{1f600}': '\ue000' })), ...one(1, 1, named('x', { '\ue000': '\u{1f600}' }))]);
  const up: LabelsShardRequest = { ...EVERYTHING, selectors: [[{ name: '__name__', type: '=', value: 'up' }]] };

  test('in code point order, of all series or of those selected', () => {
    expect(store.labelNames(EVERYTHING)).toEqual({ status: 'values', values: ['__name__', 'job', '\ue000', '\u{1f600}'], truncated: false });
    expect(store.labelNames(up)).toMatchObject({ values: ['__name__', 'job', '\u{1f600}'] });
    expect(store.labelValues('job', EVERYTHING)).toMatchObject({ values: ['a', 'b'] });
    expect(store.labelValues('absent', EVERYTHING)).toMatchObject({ values: [] });
    expect(store.series(up)).toMatchObject({ series: [named('up', { job: 'a' }), named('up', { job: 'b', '\u{1f600}': '\ue000' })] });
  });

  test('selectors are joined by or, each series once', () => {
    const both = { ...up, selectors: [...up.selectors, [{ name: 'job', type: '=~', value: 'a|c' } as const], [{ name: '__name__', type: '=', value: 'x' } as const]] };
    expect(store.series(both)).toMatchObject({ series: [{ length: 4 }, { length: 6 }, { length: 4 }] });
  });

  test('a limit cuts and says so', () => {
    expect(store.labelNames({ ...EVERYTHING, limit: 2 })).toMatchObject({ values: ['__name__', 'job'], truncated: true });
    expect(store.labelValues('job', { ...EVERYTHING, limit: 2 })).toMatchObject({ truncated: false });
    expect(store.series({ ...EVERYTHING, limit: 1 })).toMatchObject({ series: [UP], truncated: true });
  });
});

describe('the fence', () => {
  const reads: Record<string, (store: HotStore) => unknown> = {
    select: (store) => dump(store),
    labelNames: (store) => store.labelNames(EVERYTHING),
    labelValues: (store) => store.labelValues('job', EVERYTHING),
    series: (store) => store.series(EVERYTHING),
    cardinality: (store) => store.cardinality(EVERYTHING),
    selectExemplars: (store) => store.selectExemplars(EVERYTHING),
    segmentSummaries: (store) => store.segmentSummaries(),
    changes: (store) => store.changes({ version: SHARD_RPC_VERSION, cursor: 0, rowsMax: 10, selectors: [] }),
    changeCursors: (store) => store.changeCursors(),
    readSeries: (store) => store.readSeries(0, 0, 10, 10),
    lastSampleAt: (store) => store.lastSampleAt(0, 10),
  };
  const writes: Record<string, (store: HotStore) => unknown> = {
    'a batch': (store) => write(store, one(2, 2)),
    'exemplars and a new series': (store) => write(store, [{ labels: DOWN, samples: [], exemplars: [[2, 2, UP]] }]),
    'a seal': (store) => store.seal(),
    'a seal and a batch': (store) => (store.seal(), write(store, one(2, 2))),
  };
  test.each(Object.keys(writes))('%s by a successor makes every read of the first instance fail', (what) => {
    for (const read of Object.values(reads)) {
      const { store, reopened } = open();
      write(store, one(1, 1));
      const successor = reopened();
      expect(() => read(store)).not.toThrow();
      writes[what]!(successor);
      expect(() => read(store)).toThrow('has been replaced');
      expect(() => read(successor)).not.toThrow();
    }
  });

  const changes: Record<string, (store: HotStore, timeMs: number) => unknown> = {
    'a batch': (store, timeMs) => write(store, one(timeMs, timeMs)),
    'a new series': (store, timeMs) => write(store, one(timeMs, timeMs, DOWN)),
    'a new series without samples': (store) => write(store, [{ labels: named('empty'), samples: [] }]),
    'a seal': (store) => store.seal(),
    'a seal and a batch': (store, timeMs) => (store.seal(), write(store, one(timeMs, timeMs))),
    'a snapshot': (store) => store.createSnapshot(),
    'a prune': (store) => store.prune(2),
    'a compaction': (store) => store.compact({ maxVersionsPerKey: 1 }),
  };
  const samplesOf = (store: HotStore): string[] => dump(store).flatMap(([series, samples]) => samples.map((sample) => `${series} ${sample}`));
  test.each(Object.keys(changes))('after %s by a successor, the first instance takes away nothing that was acknowledged', (what) => {
    let refused = 0;
    for (const [name, change] of Object.entries(changes)) {
      const { store, reopened } = open();
      for (const timeMs of [1, 2, 3]) write(store, one(timeMs, timeMs));
      changes[what]!(reopened(), 4);
      const acknowledged = samplesOf(reopened());
      try {
        change(store, 5);
      } catch (error) {
        refused++;
        expect(String(error), name).toMatch(/has been replaced|UNIQUE/);
      }
      expect(samplesOf(reopened()), `${name} after ${what}`).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(refused).toBeGreaterThan(3);
  });

  test('what was pruned before a snapshot is not back with it, whoever restores it', () => {
    const { store, reopened } = open();
    for (const timeMs of [1, 2, 3]) write(store, one(timeMs, timeMs));
    store.seal();
    store.prune(2);
    const kept = samplesOf(store);
    expect(kept).toHaveLength(2);
    const snapshot = store.createSnapshot();
    store.prune(4);
    for (let waking = 0; waking < 2; waking++) {
      const each = reopened();
      each.restoreSnapshot(snapshot);
      expect([samplesOf(each), each.floorMs]).toEqual([kept, 2]);
    }
  });

  test('of a snapshot that a successor has made or deleted, the first instance neither sweeps what it holds nor restores what is gone', () => {
    const { store, reopened } = open();
    write(store, one(1, 1));
    store.seal();
    const kept = reopened().createSnapshot();
    expect(() => store.prune(2)).toThrow('has been replaced');
    reopened().prune(2);
    expect(samplesOf(reopened())).toEqual([]);
    const restored = reopened();
    restored.restoreSnapshot(kept);
    expect(samplesOf(restored)).toHaveLength(1);
    restored.prune(2);
    const knowing = reopened();
    reopened().deleteSnapshot(kept);
    expect(() => knowing.restoreSnapshot(kept)).toThrow('has been replaced');
    expect(samplesOf(reopened())).toEqual([]);
  });
});

test('a log is sealed by its age, however often its store wakes', () => {
  const [sql, clock] = [new NodeSql(), new FixedClock(0)];
  const wake = (): HotStore => new HotStore(new NodeSql(sql.database), LIMITS, { clock });
  clock.advance(1000);
  write(wake(), one(1, 1));
  for (let i = 0; i < 3; i++) {
    clock.advance(LIMITS.logAgeMsMax / 4);
    expect(wake().nextDueMs()).toBe(1000 + LIMITS.logAgeMsMax);
  }
});
