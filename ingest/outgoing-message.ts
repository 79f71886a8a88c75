import type { Labels } from '../storage/model/labels.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import { encodeAppendMessage, type SampleColumns } from '../storage/shard/append/append-message.ts';
import { decodeRefMessage, encodeRefMessage } from '../storage/shard/append/ref-message.ts';
import { SeriesIdColumns } from './series-id-columns.ts';
import type { ShardRefs } from './series-refs.ts';
import type { OutgoingBatch } from './shard-send.ts';

type Encoded = Pick<OutgoingBatch, 'message' | 'sampleCount' | 'refs' | 'space' | 'wantsRefs'>;

/**
 * Hands on the labels of series, given by their positions in the request, each with its place among `sources`, which names none twice. A call
 * decodes the request's body anew, once for however many series. Labels are a kilobyte or two a series: `take` keeps no more of them than it needs.
 */
export type LabelsOf = (sources: ArrayLike<number>, take: (labels: Labels, place: number) => void) => void;

/** Of a message that is sent first. */
const NO_DEFINITIONS: ReadonlyMap<number, Labels> = new Map();

/** A batch as it crosses RPC. With `refs`, for one float a series and nothing else, series are named as their shard is known to call them. */
export function encodeBatch(batch: SampleColumns, refs?: ShardRefs): Encoded {
  const { sampleCount } = batch;
  if (refs === undefined) return { sampleCount, message: encodeAppendMessage(batch, NO_DEFINITIONS), wantsRefs: false };
  const names = refs.name(batch);
  const wantsRefs = names?.hasAll !== true && refs.wants();
  if (names === undefined) return { sampleCount, message: encodeAppendMessage(batch, NO_DEFINITIONS), refs, wantsRefs };
  return { sampleCount, message: encodeRefMessage(names, batch), refs, space: names.space, wantsRefs };
}

/**
 * A message by refs as one by ids, for a shard that does not know them. Ids are hashed anew from the labels: hardly any message is ever made whole, and
 * keeping the ids of each until it is answered was a quarter of the memory that a request takes beside V8's heap.
 */
export function wholeMessage(byRef: ArrayBuffer, hasher: SeriesHasher, sources: Uint32Array, labelsOf: LabelsOf): ArrayBuffer {
  const batch = decodeRefMessage(byRef);
  const ids = new SeriesIdColumns();
  ids.reserve(batch.seriesCount);
  labelsOf(sources, (labels, i) => {
    hasher.hashLabels(labels);
    ids.set(i, hasher.words);
  });
  return encodeAppendMessage({ ...batch, idLow: ids.low, idHigh: ids.high, idCheck: ids.check }, NO_DEFINITIONS);
}

/** Bytes that making it takes: the ids, and the message but for its header. Labels are there of one series at a time. */
export function bytesToBeWhole(sampleCount: number): number {
  return sampleCount * (12 + 32);
}
