import { expect, test } from 'vitest';
import type { Labels } from '../../../storage/model/labels.ts';
import { encodeListedMessage } from '../../../storage/shard/listed-message.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import type { AppendAnswer } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { bareMessage, columnsOf, fullMessage, named, type TestBatch } from './batches.ts';
import { dump } from './store-model.ts';

const LIMITS = limitsWith({ seriesListSeriesMin: 1, seriesListRefsMax: 30, logEntriesMax: 200, batchSamplesMax: 60, walSlotsMax: 16, activeSeriesMax: 40 });
const WANTS_LIST = { list: true };

function pods(count: number, generation = 0): Labels[] {
  return Array.from({ length: count }, (_, i) => named('m', { pod: `${generation}-${i}` }));
}

function batchOf(series: readonly Labels[], timestampMs: number, value = timestampMs): TestBatch {
  return series.map((labels, i) => ({ labels, samples: [[timestampMs, value + i]] }));
}

function listedMessage(name: Uint32Array, batch: TestBatch): ArrayBuffer {
  const { sampleCount, timestampsMs, valueBits } = columnsOf(batch);
  return encodeListedMessage(name, sampleCount, timestampsMs, valueBits);
}

function nameOf(answer: AppendAnswer): Uint32Array {
  if (answer.status !== 'stored' || answer.list === undefined) throw new Error(`no list: ${answer.status}`);
  return answer.list;
}

/** A store that has the series, and their list's name. */
function opened(series: readonly Labels[], sql = new NodeSql()): { store: HotStore; sql: NodeSql; name: Uint32Array } {
  const store = new HotStore(sql, LIMITS);
  store.append(fullMessage(batchOf(series, 1)));
  return { store, sql, name: nameOf(store.append(bareMessage(batchOf(series, 2)), WANTS_LIST)) };
}

test('what comes by a list is stored as what comes by ids, is there again behind a restart, and the change feed has it', () => {
  const series = pods(5);
  const [byList, byIds] = [opened(series), opened(series)];
  for (const timestampMs of [10, 20, 20, 15]) {
    const batch = batchOf(series, timestampMs);
    expect(byList.store.append(listedMessage(byList.name, batch))).toEqual(byIds.store.append(bareMessage(batch)));
  }
  expect(byList.store.stats().counters).toEqual(byIds.store.stats().counters);
  expect(dump(byList.store)).toEqual(dump(byIds.store));
  expect(dump(new HotStore(new NodeSql(byList.sql.database), LIMITS))).toEqual(dump(byIds.store));
  const changes = (store: HotStore): unknown => store.changes({ version: 1, cursor: 0, rowsMax: 100, selectors: [] });
  expect(changes(byList.store)).toEqual(changes(byIds.store));
});

test('no name is given but to those who want one, and for series that are all there', () => {
  const store = new HotStore(new NodeSql(), LIMITS);
  expect(store.append(fullMessage(batchOf(pods(5), 1)), WANTS_LIST)).not.toHaveProperty('list'); // they are just coming
  expect(store.append(bareMessage(batchOf(pods(5), 2)))).not.toHaveProperty('list');
  expect(store.append(fullMessage(batchOf(pods(45), 3)), WANTS_LIST)).not.toHaveProperty('list');
  expect(store.append(fullMessage(batchOf(pods(45), 4)), WANTS_LIST)).toMatchObject({ status: 'stored', samplesStored: 40, refusals: [{ kind: 'limit', samples: 5 }] });
  expect(store.append(fullMessage(batchOf(pods(45), 5)), WANTS_LIST)).not.toHaveProperty('list'); // five of them have no ref
  expect(store.append(bareMessage(batchOf(pods(5), 6)), WANTS_LIST)).toHaveProperty('list');
});

test('another instance does not know the list, and says so with nothing stored', () => {
  const { sql, name } = opened(pods(5));
  const successor = new HotStore(new NodeSql(sql.database), LIMITS);
  const before = dump(successor);
  expect(successor.append(listedMessage(name, batchOf(pods(5), 9)))).toEqual({ status: 'unknown-list' });
  expect(dump(successor)).toEqual(before);
  expect(nameOf(successor.append(bareMessage(batchOf(pods(5), 9)), WANTS_LIST))).not.toEqual(name);
});

test('an instance that has been replaced takes nothing by a list either', () => {
  const { store, sql, name } = opened(pods(5));
  new HotStore(new NodeSql(sql.database), LIMITS).append(bareMessage(batchOf(pods(5), 9)));
  expect(() => store.append(listedMessage(name, batchOf(pods(5), 10)))).toThrow('this instance of the shard has been replaced');
});

test('with another number of samples than the list has series nothing is stored', () => {
  const { store, name } = opened(pods(5));
  const before = dump(store);
  for (const count of [0, 4, 6]) expect(store.append(listedMessage(name, batchOf(pods(count), 9)))).toMatchObject({ status: 'refused' });
  expect(dump(store)).toEqual(before);
});

test('series whose refs others have by now are not written to: the list is gone with them', () => {
  const clock = new FixedClock(0);
  const limits = { ...LIMITS, logAgeMsMax: 1000 as typeof LIMITS.logAgeMsMax };
  const store = new HotStore(new NodeSql(), limits, { clock, retentionMs: 10_000 });
  const [old, others] = [pods(5, 1), pods(5, 2)];
  const at = (nowMs: number): void => {
    clock.advance(nowMs - clock.nowMs());
    while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) store.maintain();
  };
  store.append(fullMessage(batchOf(old, 1)));
  const name = nameOf(store.append(bareMessage(batchOf(old, 2)), WANTS_LIST));
  at(2000);
  expect(store.append(listedMessage(name, batchOf(old, 3)))).toMatchObject({ status: 'stored' }); // a seal changes nothing
  at(60_000); // all of it has expired
  store.append(fullMessage(batchOf(others, 60_000)));
  expect(store.stats().gauges['series']).toBe(5); // in the places of the old ones
  expect(store.append(listedMessage(name, batchOf(old, 60_001)))).toEqual({ status: 'unknown-list' });
  expect(store.append(bareMessage(batchOf(old, 60_001)))).toMatchObject({ status: 'unknown-series' });
  store.append(fullMessage(batchOf(old, 60_001)));
  const fresh = new HotStore(new NodeSql(), limits);
  fresh.append(fullMessage([...batchOf(old, 60_001), ...batchOf(others, 60_000)]));
  expect(dump(store)).toEqual(dump(fresh));
});

test('whatever happens between, lists change nothing but how much is sent', () => {
  let listed = 0;
  for (let round = 0; round < 40; round++) {
    const random = new SeededRandom(round);
    const databases = [new NodeSql(), new NodeSql()] as const;
    let stores = databases.map((sql) => new HotStore(sql, LIMITS)) as [HotStore, HotStore];
    const senders = Array.from({ length: 5 }, (_, i) => ({ series: pods(12).slice(random.below(6), 7 + i), name: undefined as Uint32Array | undefined }));
    for (let step = 0; step < 40; step++) {
      const sender = random.pick(senders);
      const batch: TestBatch = sender.series.map((labels) => ({ labels, samples: [[random.below(50), random.below(3)]] }));
      let answer = sender.name === undefined ? undefined : stores[1].append(listedMessage(sender.name, batch));
      if (answer?.status === 'stored') listed++;
      if (answer === undefined || answer.status === 'unknown-list') {
        answer = stores[1].append(fullMessage(batch), WANTS_LIST);
        sender.name = answer.status === 'stored' ? answer.list : undefined;
      }
      const { list, ...rest } = { list: undefined, ...answer };
      expect(rest, `round ${round}, step ${step}`).toEqual(stores[0].append(fullMessage(batch)));
      const act = random.below(12);
      const all = { version: 1, selectors: [[{ name: 'pod', type: '=', value: `0-${random.below(12)}` } as const]], startMs: 0, endMs: random.below(50), limit: 0 };
      const floorMs = random.below(20);
      for (const store of stores) {
        if (act === 0) store.deleteSeries(all);
        else if (act === 1) store.prune(floorMs);
        else if (act === 2) store.seal();
        else if (act === 3) store.maintain();
      }
      if (act === 4) stores = databases.map((sql) => new HotStore(new NodeSql(sql.database), LIMITS)) as [HotStore, HotStore];
      expect(dump(stores[1])).toEqual(dump(stores[0]));
    }
  }
  expect(listed).toBeGreaterThan(400);
});
