import { crc32 } from 'node:zlib';
import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter } from './column-writer.ts';

/*
 * Small stored lists: u8 version │ u32 CRC-32 of all that follows │ the list
 */
const CRC_AT = 1;
const HEADER_BYTES = 5;

/** What `write` puts behind the header. */
export function writeChecked(version: number, write: (out: ColumnWriter) => void): Uint8Array {
  const out = new ColumnWriter(256);
  out.byte(version);
  out.uint32(0);
  write(out);
  const bytes = out.written().slice();
  new DataView(bytes.buffer).setUint32(CRC_AT, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/** A reader behind the header. Throws on another version and on damage; `where` names the bytes. */
export function readChecked(buffer: ArrayBuffer, version: number, where: string): ByteReader {
  const bytes = new Uint8Array(buffer);
  const reader = new ByteReader(bytes);
  const gotVersion = reader.byte();
  if (gotVersion !== version) throw new Error(`${where}: version ${gotVersion}, this build knows ${version}`);
  const wantCrc = reader.uint32();
  const crc = crc32(bytes.subarray(HEADER_BYTES));
  if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  return reader;
}
