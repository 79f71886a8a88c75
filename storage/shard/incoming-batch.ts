import { DecodeError } from '../../proto/decode-error.ts';
import { decodeAppendMessage, type AppendMessage, type BatchSamples } from './append-message.ts';
import { decodeListedMessage, isListedMessage } from './listed-message.ts';
import type { SeriesLists } from './series-lists.ts';
import type { AppendAnswer } from './shard-api.ts';

/** A batch whose series came as a list that the shard has: their refs are known. */
export interface ListedBatch extends BatchSamples {
  readonly listRefs: Uint32Array;
}

/** A message as a batch, or the answer that has to be given instead. Nothing is touched. */
export function readBatch(message: ArrayBuffer, lists: SeriesLists, generation: number): AppendMessage | ListedBatch | AppendAnswer {
  try {
    if (!isListedMessage(message)) return decodeAppendMessage(message);
    const { name, batch } = decodeListedMessage(message);
    const listRefs = lists.find(name, generation);
    if (listRefs === undefined) return { status: 'unknown-list' };
    if (listRefs.length !== batch.seriesCount) throw new DecodeError(`listed message: ${batch.seriesCount} samples for a list of ${listRefs.length} series`);
    return { ...batch, listRefs };
  } catch (error) {
    // Of another version, or damaged: the caller's affair.
    if (error instanceof DecodeError) return { status: 'refused', message: error.message };
    throw error;
  }
}
