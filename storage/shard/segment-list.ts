import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter } from '../chunk/index.ts';

/*
 * Ids of segment rows in the order of precedence, as shard_state and snapshots hold them:
 *
 *   u8 version │ varint ids │ per id the signed varint of its difference to the one before
 */
const VERSION = 1;

export function encodeSegmentList(segments: readonly number[]): Uint8Array {
  const out = new ColumnWriter(16 + segments.length * 4);
  out.byte(VERSION);
  out.unsigned(segments.length);
  let previous = 0;
  for (const segment of segments) {
    out.signed(segment - previous);
    previous = segment;
  }
  return out.written().slice();
}

/** `where` names the list in errors. */
export function decodeSegmentList(buffer: ArrayBuffer, where: string): number[] {
  const reader = new ByteReader(new Uint8Array(buffer));
  const version = reader.byte();
  if (version !== VERSION) throw new Error(`${where}: version ${version}, this build knows ${VERSION}`);
  const segments: number[] = [];
  let previous = 0;
  for (let count = reader.varint(); count > 0; count--) {
    const zigzag = reader.varint();
    previous += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    segments.push(previous);
  }
  if (!reader.done) throw new Error(`${where}: ${reader.end - reader.position} bytes too many`);
  return segments;
}
