import type { Labels } from '../storage/model/labels.ts';
import { encodeAppendMessage, type SampleColumns } from '../storage/shard/append-message.ts';
import { decodeRefMessage, encodeRefMessage } from '../storage/shard/ref-message.ts';
import type { ShardRefs } from './series-refs.ts';
import type { OutgoingBatch } from './shard-send.ts';

type Encoded = Pick<OutgoingBatch, 'message' | 'sampleCount' | 'refs' | 'byRef' | 'wantsRefs'>;

/** Of a message that is sent first. */
const NO_DEFINITIONS: ReadonlyMap<number, Labels> = new Map();

/** A batch as it crosses RPC. With `refs`, for one float a series and nothing else, series are named as their shard is known to call them. */
export function encodeBatch(batch: SampleColumns, refs?: ShardRefs): Encoded {
  const { sampleCount } = batch;
  if (refs === undefined) return { sampleCount, message: encodeAppendMessage(batch, NO_DEFINITIONS), wantsRefs: false };
  const names = refs.name(batch);
  const wantsRefs = names?.hasAll !== true && refs.wants();
  if (names === undefined) return { sampleCount, message: encodeAppendMessage(batch, NO_DEFINITIONS), refs, wantsRefs };
  const ids = new Uint32Array(sampleCount * 3);
  ids.set(batch.idLow.subarray(0, sampleCount));
  ids.set(batch.idHigh.subarray(0, sampleCount), sampleCount);
  ids.set(batch.idCheck.subarray(0, sampleCount), sampleCount * 2);
  return { sampleCount, message: encodeRefMessage(names, batch), refs, byRef: { space: names.space, ids }, wantsRefs };
}

/** A message by refs as one by ids, of which `ids` has three columns, for a shard that does not know them. */
export function wholeMessage(byRef: ArrayBuffer, ids: Uint32Array): ArrayBuffer {
  const batch = decodeRefMessage(byRef);
  const [idLow, idHigh, idCheck] = [0, 1, 2].map((column) => ids.subarray(batch.seriesCount * column, batch.seriesCount * (column + 1))) as [Uint32Array, Uint32Array, Uint32Array];
  return encodeAppendMessage({ ...batch, idLow, idHigh, idCheck }, NO_DEFINITIONS);
}

/** Bytes that making it takes: the ids, and the message but for its header. */
export function bytesToBeWhole(sampleCount: number): number {
  return sampleCount * (12 + 32);
}
