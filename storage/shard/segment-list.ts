import { crc32 } from 'node:zlib';
import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter } from '../chunk/index.ts';
import { signedVarint } from '../chunk/timestamps.ts';

/*
 * Ids of segment rows in the order of precedence, as shard_state and snapshots hold them:
 *
 *   u8 version │ u32 CRC-32 of all that follows │ varint ids │ per id the signed varint of its difference to the one before
 */
const VERSION = 2;
const HEADER_BYTES = 5;

export function encodeSegmentList(segments: readonly number[]): Uint8Array {
  const out = new ColumnWriter(16 + segments.length * 4);
  out.byte(VERSION);
  out.uint32(0);
  out.unsigned(segments.length);
  let previous = 0;
  for (const segment of segments) {
    out.signed(segment - previous);
    previous = segment;
  }
  const bytes = out.written().slice();
  new DataView(bytes.buffer).setUint32(1, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/** `where` names the list in errors. */
export function decodeSegmentList(buffer: ArrayBuffer, where: string): number[] {
  const bytes = new Uint8Array(buffer);
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== VERSION) throw new Error(`${where}: version ${version}, this build knows ${VERSION}`);
  const wantCrc = reader.uint32();
  const crc = crc32(bytes.subarray(HEADER_BYTES));
  if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  const segments: number[] = [];
  let previous = 0;
  for (let count = reader.varint(); count > 0; count--) {
    previous += signedVarint(reader);
    segments.push(previous);
  }
  if (!reader.done) throw new Error(`${where}: ${reader.end - reader.position} bytes too many`);
  return segments;
}
