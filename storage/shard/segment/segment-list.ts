import { signedVarint } from '../../../proto/varint.ts';
import { readChecked, writeChecked } from '../../chunk/checked-bytes.ts';

/*
 * Ids of segment rows in the order of precedence, as shard_state and snapshots hold them:
 *
 *   u8 version │ u32 CRC-32 of all that follows │ varint ids │ per id the signed varint of its difference to the one before
 */
const VERSION = 2;

export function encodeSegmentList(segments: readonly number[]): Uint8Array {
  return writeChecked(VERSION, (out) => {
    out.unsigned(segments.length);
    let previous = 0;
    for (const segment of segments) {
      out.signed(segment - previous);
      previous = segment;
    }
  });
}

/** `where` names the list in errors. */
export function decodeSegmentList(buffer: ArrayBuffer, where: string): number[] {
  const reader = readChecked(buffer, VERSION, where);
  const segments: number[] = [];
  let previous = 0;
  for (let count = reader.varint(); count > 0; count--) {
    previous += signedVarint(reader);
    segments.push(previous);
  }
  if (!reader.done) throw new Error(`${where}: ${reader.end - reader.position} bytes too many`);
  return segments;
}
