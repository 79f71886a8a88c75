import { ColumnWriter, encodeHistogram } from '../../../storage/chunk/index.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../../storage/model/sample.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { encodeAppendMessage, withDefinitions, type SampleColumns } from '../../../storage/shard/append/append-message.ts';
import { encodeExemplar } from '../../../storage/shard/append/batch-exemplars.ts';
import type { HotStore } from '../../../storage/shard/hot-store.ts';
import type { AppendAnswer } from '../../../storage/shard/shard-api.ts';

/** A stale marker among the values of a test. */
export const STALE = 'stale';
export type TestValue = number | typeof STALE | FloatHistogram;

export interface TestSeries {
  readonly labels: Labels;
  readonly samples: readonly (readonly [timestampMs: number, value: TestValue, startMs?: number])[];
  readonly isDelta?: boolean;
  readonly exemplars?: readonly (readonly [timestampMs: number, value: number, labels: Labels])[];
}

export type TestBatch = readonly TestSeries[];

const hasher = new SeriesHasher(new Uint8Array(16).fill(3));

/** `up{instance="1"}` and the like, without writing `__name__` every time. */
export function named(metric: string, labels: Readonly<Record<string, string>> = {}): Labels {
  return labelsFrom({ __name__: metric, ...labels });
}

export function bitsOf(value: number | typeof STALE): readonly [low: number, high: number] {
  if (value === STALE) return [2, 0x7ff00000];
  const words = new Uint32Array(Float64Array.of(value).buffer);
  return [words[0]!, words[1]!];
}

export type SeriesId = readonly [low: number, high: number, check: number];

const knownIds = new WeakMap<Labels, SeriesId>();

export function idOf(labels: Labels): SeriesId {
  let id = knownIds.get(labels);
  if (id === undefined) {
    hasher.hashLabels(labels);
    knownIds.set(labels, (id = [...hasher.words] as unknown as SeriesId));
  }
  return id;
}

export function columnsOf(batch: TestBatch, idOfLabels: (labels: Labels) => SeriesId = idOf): SampleColumns {
  const seriesCount = batch.length;
  const sampleCount = batch.reduce((sum, { samples }) => sum + samples.length, 0);
  const words = (count: number): Uint32Array<ArrayBuffer> => new Uint32Array(count);
  const [idLow, idHigh, idCheck, sampleEnd] = [words(seriesCount), words(seriesCount), words(seriesCount), words(seriesCount)];
  const timestampsMs = new Float64Array(sampleCount);
  const valueBits = words(sampleCount * 2);
  const values = new Float64Array(valueBits.buffer);
  const payloads: Uint8Array[] = [];
  const exemplars = new ColumnWriter(64);
  let startsMs: Float64Array | undefined;
  let end = 0;
  batch.forEach(({ labels, samples, exemplars: ofSeries = [] }, i) => {
    [idLow[i], idHigh[i], idCheck[i]] = idOfLabels(labels);
    for (const [timestampMs, value, startMs = 0] of samples) {
      timestampsMs[end] = timestampMs;
      if (typeof value === 'object') valueBits.set([payloads.push(encodeHistogram(value, false)) - 1, HISTOGRAM_BITS_HIGH], end * 2);
      else if (value === STALE) valueBits.set(bitsOf(STALE), end * 2);
      else values[end] = value;
      if (startMs !== 0) (startsMs ??= new Float64Array(sampleCount))[end] = startMs;
      end++;
    }
    for (const [timestampMs, value, own] of ofSeries) {
      const [bitsLow, bitsHigh] = bitsOf(value);
      encodeExemplar({ series: i, timestampMs, bitsLow, bitsHigh, labels: own }, exemplars);
    }
    sampleEnd[i] = end;
  });
  const columns = { seriesCount, sampleCount, idLow, idHigh, idCheck, sampleEnd, timestampsMs, valueBits };
  if (payloads.length === 0 && startsMs === undefined && exemplars.length === 0 && !batch.some(({ isDelta }) => isDelta === true)) return columns;
  const isDelta = batch.some((series) => series.isDelta === true) ? Uint32Array.from(batch, (series) => (series.isDelta === true ? 1 : 0)) : undefined;
  return { ...columns, payloads, startsMs, isDelta, exemplarBytes: exemplars.written() };
}

/** The message of a batch without labels. */
export function bareMessage(batch: TestBatch, idOfLabels = idOf): ArrayBuffer {
  return encodeAppendMessage(columnsOf(batch, idOfLabels), new Map());
}

/** The message of a batch with the labels of all its series. */
export function fullMessage(batch: TestBatch, idOfLabels = idOf): ArrayBuffer {
  return withDefinitions(bareMessage(batch, idOfLabels), new Map(batch.map(({ labels }, i) => [i, labels])));
}

/** As the Worker does it: without labels first, then with those that the store does not know. */
export function write(store: HotStore, batch: TestBatch): AppendAnswer {
  const message = bareMessage(batch);
  const answer = store.append(message);
  if (answer.status !== 'unknown-series') return answer;
  return store.append(withDefinitions(message, new Map([...answer.positions].map((position) => [position, batch[position]!.labels]))));
}
