import { expect, test } from 'vitest';
import { SeriesIdColumns } from '../../ingest/series-id-columns.ts';
import { BatchMemory, ShardBatches } from '../../ingest/shard-batches.ts';
import { HISTOGRAM_BITS_HIGH } from '../../storage/model/sample.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { decodeAppendMessage } from '../../storage/shard/append/append-message.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { oneMap } from '../fakes/one-map.ts';

const ID = Uint32Array.of(9, 7, 5, 3);

/** Of a tenant with three shards: the id at 1 of `ID` is that of shard 2. */
function open(limits = limitsWith({ batchSamplesMax: 2 }), memory = new BatchMemory()): ShardBatches {
  return new ShardBatches({} as TenantShards, oneMap(3)[0]!, limits, memory);
}

test('a series that is longer than a batch is the same series in the next one: its id, its place in the request, and whether its samples are differences', () => {
  const batches = open();
  const batch = batches.of(ID[2]!);
  batch.beginSeriesOf(4, ID, 1);
  batch.markDelta();
  for (let i = 0; i < 3; i++) {
    batch.addSample(1000 + i, i, 0);
    batches.cutWhenFull(batch);
  }
  batch.endSeries();
  batch.beginSeriesOf(5, ID, 0);
  batch.addSample(2000, 9, 0);
  batch.endSeries();
  const outgoing = batches.finish();
  expect(outgoing.map(({ shard, sources, sampleCount }) => [shard, [...sources], sampleCount])).toEqual([[2, [4], 2], [2, [4, 5], 2]]);
  const messages = outgoing.map(({ message }) => decodeAppendMessage(message));
  expect(messages.map(({ idLow, idHigh, idCheck }) => [[...idLow], [...idHigh], [...idCheck]])).toEqual([[[7], [5], [3]], [[7, 9], [5, 7], [3, 5]]]);
  expect(messages.map(({ isDelta }) => [...(isDelta ?? [])])).toEqual([[1], [1, 0]]);
  expect(messages.map(({ timestampsMs }) => [...timestampsMs])).toEqual([[1000, 1001], [1002, 2000]]);
  expect(batches.fullBytes).toBe(outgoing.reduce((sum, { message }) => sum + message.byteLength, 0));
});

test('a series that a batch had just room for leaves no trace in the next one', () => {
  const batches = open();
  const batch = batches.of(ID[2]!);
  batch.beginSeriesOf(0, ID, 1);
  for (let i = 0; i < 2; i++) batch.addSample(1000 + i, i, 0);
  batches.cutWhenFull(batch);
  batch.endSeries();
  expect(batches.hasFull).toBe(true);
  expect(batches.finish().length).toBe(1);
});

test('what one has collected and not finished is not in the next one of the same memory, nor what a tenant with more shards had', () => {
  const memory = new BatchMemory();
  const first = open(limitsWith({}), memory).of(ID[2]!);
  first.beginSeriesOf(0, ID, 1);
  first.addSample(1000, 1, 0);
  first.endSeries();
  const next = new ShardBatches({} as TenantShards, oneMap(1)[0]!, limitsWith({}), memory);
  expect(next.of(ID[2]!).shard).toBe(0);
  expect(next.finish()).toEqual([]);
});

test('a whole request of one float a series is shared out as if series by series', () => {
  const seriesCount = 5000;
  const ids = new SeriesIdColumns();
  ids.reserve(seriesCount);
  for (let i = 0; i < seriesCount; i++) ids.set(i, Uint32Array.of(i * 3, Math.imul(i, 0x9e3779b1), i * 5));
  const timestampsMs = Float64Array.from({ length: seriesCount }, (_, i) => 1000 + (i % 7));
  const valueBits = Uint32Array.from({ length: seriesCount * 2 }, (_, i) => (i === 11 ? HISTOGRAM_BITS_HIGH : i));
  const [one, whole] = [open(limitsWith({})), open(limitsWith({}))];
  for (let series = 0; series < seriesCount; series++) {
    const batch = one.of(ids.high[series]!);
    batch.beginSeries(series, ids);
    batch.addSample(timestampsMs[series]!, valueBits[series * 2]!, valueBits[series * 2 + 1]!);
    batch.endSeries();
  }
  whole.addSingles({ seriesCount, timestampsMs, valueBits }, ids);
  const outgoing = whole.finish();
  expect(outgoing.map(({ shard }) => shard)).toEqual([0, 1, 2]);
  expect(outgoing).toEqual(one.finish());
});
