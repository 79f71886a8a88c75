import { DecodeError } from '../../../proto/decode-error.ts';
import type { AppendAnswer } from '../shard-api.ts';
import { decodeAppendMessage, type AppendMessage } from './append-message.ts';
import type { BatchColumns } from './batch-columns.ts';
import { decodeRefMessage, isRefMessage, type RefBatch } from './ref-message.ts';

/** A message as a batch, good until the columns are used again, or the answer that has to be given instead. */
export function readBatch(message: ArrayBuffer, columns: BatchColumns): AppendMessage | RefBatch | AppendAnswer {
  try {
    return isRefMessage(message) ? decodeRefMessage(message, columns) : decodeAppendMessage(message);
  } catch (error) {
    // Of another version, or damaged: the caller's affair.
    if (error instanceof DecodeError) return { status: 'refused', message: error.message };
    throw error;
  }
}
