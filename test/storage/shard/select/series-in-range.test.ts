import { expect, test } from 'vitest';
import { labelValue } from '../../../../storage/model/labels.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { named, write } from '../batches.ts';
import { dump } from '../store-model.ts';

const request = (startMs: number, endMs: number) => ({ version: SHARD_RPC_VERSION, selectors: [], startMs, endMs, limit: 0 });

/** `pattern` selects by the label `i`; without it nothing is selected, which is all series. */
function seriesOf(store: HotStore, startMs: number, endMs: number, pattern?: string): string[] {
  const selectors = pattern === undefined ? [] : [[{ name: 'i', type: '=~', value: pattern } as const]];
  const answer = store.series({ ...request(startMs, endMs), selectors });
  if (answer.status !== 'series') throw new Error(answer.status);
  return answer.series.map((labels) => labelValue(labels, 'i'));
}

function valuesOf(store: HotStore, startMs: number, endMs: number): readonly string[] {
  const answer = store.labelValues('i', request(startMs, endMs));
  if (answer.status !== 'values') throw new Error(answer.status);
  return answer.values;
}

test('a series is shown for the times that it has samples of', () => {
  const store = new HotStore(new NodeSql());
  const at = (i: string, ...times: number[]) => write(store, [{ labels: named('m', { i }), samples: times.map((time) => [time, 1] as const) }]);
  at('old', 10, 20);
  store.seal();
  at('both', 15);
  at('new', 100, 110);
  at('both', 105);
  const f = (startMs: number, endMs: number, ...wanted: string[]): void => {
    expect(seriesOf(store, startMs, endMs)).toEqual([...wanted].sort());
    expect(valuesOf(store, startMs, endMs)).toEqual([...wanted].sort());
    for (const i of ['old', 'both', 'new']) expect(seriesOf(store, startMs, endMs, i)).toEqual(wanted.includes(i) ? [i] : []);
  };
  f(-Infinity, Infinity, 'old', 'both', 'new');
  f(10, 110, 'old', 'both', 'new');
  f(0, 9);
  f(20, 20, 'old');
  f(21, 99);
  f(15, 15, 'both', 'old'); // the row of old has the time, and is not read
  f(105, 105, 'both');
  f(110, 500, 'new');
  const names = store.labelNames(request(200, 300));
  expect(names).toMatchObject({ values: [] });
});

test('the first series of all is one like the others, in the log and in segments', () => {
  for (const order of [['first', 'second'], ['second', 'first']]) {
    const store = new HotStore(new NodeSql());
    const at = (i: string, time: number) => write(store, [{ labels: named('m', { i }), samples: [[time, 1]] }]);
    at(order[0]!, 10);
    store.seal();
    at(order[1]!, 20);
    store.seal();
    at(order[0]!, 100);
    // The log lies within the time as a whole, and the segments beside it.
    expect(seriesOf(store, 50, 150)).toEqual([order[0]]);
    expect(valuesOf(store, 50, 150)).toEqual([order[0]]);
    expect(store.labelNames(request(50, 150))).toMatchObject({ values: ['__name__', 'i'] });
    expect(seriesOf(store, 5, 15)).toEqual([order[0]]);
    expect(seriesOf(store, 15, 25)).toEqual([order[1]]);
  }
});

test('of series that are gone none is shown, also while they are too few to be forgotten', () => {
  const store = new HotStore(new NodeSql());
  const at = (time: number, from: number): void => void write(store, Array.from({ length: 100 - from }, (_, i) => ({ labels: named('m', { i: String(from + i), [`l${from}`]: 'x' }), samples: [[time, 1]] as const })));
  at(10, 95);
  store.seal();
  at(1000, 0);
  store.prune(500);
  expect(store.stats().gauges['series']).toBe(105);
  expect(seriesOf(store, -Infinity, Infinity).length).toBe(100);
  expect(new Set(valuesOf(store, -Infinity, Infinity)).size).toBe(100);
  expect(store.labelNames(request(-Infinity, Infinity))).toMatchObject({ values: ['__name__', 'i', 'l0'] });
  expect(store.cardinality(request(-Infinity, Infinity))).toMatchObject({ seriesCount: 100 });
});

test('never one too few, whatever is sealed, merged, deleted and expired', () => {
  const limits = limitsWith({ logEntriesMax: 40, batchSamplesMax: 20, segmentRowBytesTarget: 150, refRunsInMemoryMax: 2, mergeFanIn: 2, mergeSamplesMax: 300 });
  for (let seed = 1; seed <= 15; seed++) {
    const random = new SeededRandom(seed);
    const store = new HotStore(new NodeSql(), limits);
    for (let operation = 0; operation < 40; operation++) {
      if (random.oneIn(5)) store.maintain();
      else if (random.oneIn(12)) store.prune(random.below(300));
      else if (random.oneIn(8)) store.deleteSeries({ ...request(random.below(500), 700), selectors: [[{ name: 'i', type: '=', value: String(random.below(30)) }]] });
      else write(store, [{ labels: named('m', { i: String(random.below(30)) }), samples: Array.from({ length: random.between(1, 6) }, () => [random.below(1000), 1] as const) }]);
      const startMs = random.below(1000);
      const endMs = startMs + random.below(200);
      const wanted = dump(store, { startMs, endMs }).map(([series]) => /i="(\d+)"/.exec(series)![1]!);
      const shown = seriesOf(store, startMs, endMs);
      const where = `seed ${seed}, operation ${operation}`;
      expect(wanted.filter((i) => !shown.includes(i)), where).toEqual([]);
      expect(seriesOf(store, startMs, endMs, '.+'), where).toEqual(shown);
      // A few are looked at one by one.
      const few = seriesOf(store, startMs, endMs, '[0-7]');
      expect(wanted.filter((i) => i.length === 1 && i <= '7' && !few.includes(i)), where).toEqual([]);
      expect(few.filter((i) => !shown.includes(i)), where).toEqual([]);
    }
  }
});
