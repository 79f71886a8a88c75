import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { encodeAppendMessage } from '../../../storage/shard/append/append-message.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { bareMessage, columnsOf, fullMessage, named, type TestBatch } from './batches.ts';
import { dump } from './store-model.ts';

const SMALL = limitsWith({ logEntriesMax: 100, batchSamplesMax: 30, walSlotsMax: 8, activeSeriesMax: 12 });

function randomMessage(random: SeededRandom): ArrayBuffer {
  const batch: TestBatch = Array.from({ length: random.between(1, 4) }, () => ({
    labels: named('m', { i: String(random.below(15)) }),
    samples: Array.from({ length: random.oneIn(2) ? 1 : random.between(1, 10) }, () => [random.below(20), random.below(3), random.oneIn(8) ? random.below(20) : 0] as const),
  }));
  // Some without labels, some too large, some damaged.
  return random.oneIn(4) ? bareMessage(batch) : random.oneIn(20) ? new ArrayBuffer(random.below(40)) : fullMessage(batch);
}

test('batches written together end as batches written one by one, answer for answer', () => {
  let rowsSaved = 0;
  for (let round = 0; round < 60; round++) {
    const random = new SeededRandom(round);
    const [single, together] = [new NodeSql(), new NodeSql()];
    const stores = [new HotStore(single, SMALL), new HotStore(together, SMALL)] as const;
    for (let step = 0; step < 12; step++) {
      const group = Array.from({ length: random.between(1, 8) }, () => randomMessage(random));
      if (random.oneIn(3)) group.push(group.at(-1)!); // sent again while it waits
      expect(stores[1].appendAll(group), `round ${round}, step ${step}`).toEqual(group.map((message) => stores[0].append(message)));
      expect(dump(stores[1])).toEqual(dump(stores[0]));
    }
    expect(dump(new HotStore(new NodeSql(together.database), SMALL))).toEqual(dump(stores[0]));
    rowsSaved += single.rowsWritten() - together.rowsWritten();
  }
  expect(rowsSaved).toBeGreaterThan(1000);
});

test('series that come with batches of one group are stored in one row, and their samples in another', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS);
  const batch = (from: number): ArrayBuffer => fullMessage(Array.from({ length: 20 }, (_, i) => ({ labels: named('m', { i: String(from + i) }), samples: [[from, i]] as const })));
  store.append(batch(0));
  const before = sql.rowsWritten();
  // Of the second batch's series ten have come with the first one.
  for (const answer of store.appendAll([batch(20), batch(30), batch(60)])) expect(answer).toMatchObject({ status: 'stored', samplesStored: 20 });
  expect(sql.rowsWritten() - before).toBe(2);
  expect(store.stats().gauges).toMatchObject({ series: 70 });
  expect(dump(new HotStore(new NodeSql(sql.database), LIMITS))).toEqual(dump(store));
});

describe('rows written per million samples, at 2,000 a request', () => {
  const requests = 500;
  const samples = 2000;

  const columns = columnsOf(Array.from({ length: samples }, (_, i) => ({ labels: named('m', { i: String(i) }), samples: [[0, i]] as const })));
  const first = encodeAppendMessage(columns, new Map(Array.from({ length: samples }, (_, i) => [i, named('m', { i: String(i) })])));

  function rowsOf(groupSize: number): number {
    const sql = new NodeSql();
    const store = new HotStore(sql, LIMITS);
    store.append(first); // the series are known
    const before = sql.rowsWritten();
    for (let request = 1; request <= requests; request += groupSize) {
      const group = Array.from({ length: groupSize }, (_, i) => {
        return encodeAppendMessage({ ...columns, timestampsMs: columns.timestampsMs.map(() => (request + i) * 15_000) }, new Map());
      });
      for (const answer of store.appendAll(group)) expect(answer).toMatchObject({ status: 'stored', samplesStored: samples });
    }
    return sql.rowsWritten() - before;
  }

  test('one by one, and in groups of four', () => {
    expect(rowsOf(1)).toBeLessThan(520);
    expect(rowsOf(4)).toBeLessThan(145);
  });
});
