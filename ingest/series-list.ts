import { encodeAppendMessage } from '../storage/shard/append-message.ts';
import { decodeListedMessage } from '../storage/shard/listed-message.ts';

/** Series that a sender's requests have again and again, in one order, one sample each; all of them are their tenant's only shard's. */
export interface SeriesList {
  readonly idLow: Uint32Array;
  readonly idHigh: Uint32Array;
  readonly idCheck: Uint32Array;
  /** What the shard calls the list; `undefined` where it has not said, or has forgotten it. */
  name: Uint32Array | undefined;
}

/** A message for the list (listed-message.ts) as one that says all of it, for a shard that does not know the list. */
export function wholeMessage(listed: ArrayBuffer, { idLow, idHigh, idCheck }: SeriesList): ArrayBuffer {
  return encodeAppendMessage({ ...decodeListedMessage(listed).batch, idLow, idHigh, idCheck }, new Map());
}

/** Bytes of that message, but for its header. */
export function wholeBytes({ idLow }: SeriesList): number {
  return idLow.length * 32;
}
