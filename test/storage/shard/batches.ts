import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { encodeAppendMessage, withDefinitions, type SampleColumns } from '../../../storage/shard/append-message.ts';
import type { HotStore } from '../../../storage/shard/hot-store.ts';
import type { AppendAnswer } from '../../../storage/shard/shard-api.ts';

/** A stale marker among the values of a test. */
export const STALE = 'stale';
export type TestValue = number | typeof STALE;

export interface TestSeries {
  readonly labels: Labels;
  readonly samples: readonly (readonly [timestampMs: number, value: TestValue])[];
}

export type TestBatch = readonly TestSeries[];

const hasher = new SeriesHasher(new Uint8Array(16).fill(3));

/** `up{instance="1"}` and the like, without writing `__name__` every time. */
export function named(metric: string, labels: Readonly<Record<string, string>> = {}): Labels {
  return labelsFrom({ __name__: metric, ...labels });
}

export function bitsOf(value: TestValue): readonly [low: number, high: number] {
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
  let end = 0;
  batch.forEach(({ labels, samples }, i) => {
    [idLow[i], idHigh[i], idCheck[i]] = idOfLabels(labels);
    for (const [timestampMs, value] of samples) {
      timestampsMs[end] = timestampMs;
      if (value === STALE) valueBits.set(bitsOf(STALE), end * 2);
      else values[end] = value;
      end++;
    }
    sampleEnd[i] = end;
  });
  return { seriesCount, sampleCount, idLow, idHigh, idCheck, sampleEnd, timestampsMs, valueBits };
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
