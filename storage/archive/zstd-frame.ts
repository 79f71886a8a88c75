import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { DecodeError } from '../../proto/decode-error.ts';

/*
 * One zstd frame for each page of a Parquet file.
 *
 * workerd's one-shot compressor fails when its output is larger than 40,960 bytes (see chunk/zstd.ts), and a page that is two frames one
 * after the other is not read by every reader. So pages are kept small, and the rare one that is not (a long dictionary, one very large
 * histogram) becomes a frame whose blocks are not compressed, which anybody can write.
 */
/** Plain bytes that a page should have at the most. */
export const PAGE_BYTES_TARGET = 32 * 1024;
/** Plain bytes that surely compress in one shot. */
const ONE_SHOT_BYTES_MAX = 36 * 1024;
const RAW_BLOCK_BYTES = 128 * 1024;
const MAGIC = 0xfd2fb528;
/** Frame header: one segment, content size in 4 bytes. */
const RAW_DESCRIPTOR = 0xa0;
const RAW_HEADER_BYTES = 9;

/** Level 3 costs twice level 1 and saves some 3 % of what is kept for a year. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

export function zstdFrame(plain: Uint8Array): Uint8Array {
  return plain.length <= ONE_SHOT_BYTES_MAX ? zstdCompressSync(plain, OPTIONS) : rawFrame(plain);
}

/** The plain bytes of a frame, exactly `plainLength` of them. `where` names the page in errors. */
export function unpackFrame(frame: Uint8Array, plainLength: number, where: string): Uint8Array {
  let plain: Uint8Array;
  try {
    plain = isRawFrame(frame) ? unpackRawFrame(frame, plainLength, where) : zstdDecompressSync(frame, { maxOutputLength: 2 * plainLength + 1024 });
  } catch (error) {
    throw error instanceof DecodeError ? error : new DecodeError(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (plain.length !== plainLength) throw new DecodeError(`${where}: ${plain.length} bytes, want ${plainLength}`);
  return plain;
}

function rawFrame(plain: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(plain.length / RAW_BLOCK_BYTES);
  const frame = new Uint8Array(RAW_HEADER_BYTES + blockCount * 3 + plain.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame[4] = RAW_DESCRIPTOR;
  view.setUint32(5, plain.length, true);
  let position = RAW_HEADER_BYTES;
  for (let start = 0; start < plain.length; start += RAW_BLOCK_BYTES) {
    const block = plain.subarray(start, start + RAW_BLOCK_BYTES);
    const isLast = start + block.length === plain.length;
    // Block header: 1 bit last, 2 bits type (0: raw), 21 bits size.
    const header = (block.length << 3) | (isLast ? 1 : 0);
    frame[position] = header;
    frame[position + 1] = header >>> 8;
    frame[position + 2] = header >>> 16;
    frame.set(block, position + 3);
    position += 3 + block.length;
  }
  return frame;
}

/** Whether `rawFrame` made it: no compressor of small pages chooses this header for so many bytes and a first block that is raw. */
function isRawFrame(frame: Uint8Array): boolean {
  return frame.length > ONE_SHOT_BYTES_MAX && frame[4] === RAW_DESCRIPTOR && (frame[RAW_HEADER_BYTES]! & 0x06) === 0;
}

function unpackRawFrame(frame: Uint8Array, plainLength: number, where: string): Uint8Array {
  const plain = new Uint8Array(plainLength);
  let length = 0;
  for (let position = RAW_HEADER_BYTES; position + 3 <= frame.length; ) {
    const header = frame[position]! | (frame[position + 1]! << 8) | (frame[position + 2]! << 16);
    const block = frame.subarray(position + 3, position + 3 + (header >>> 3));
    if ((header & 0x06) !== 0 || length + block.length > plainLength) throw new DecodeError(`${where}: damaged at byte ${position}`);
    plain.set(block, length);
    length += block.length;
    position += 3 + block.length;
    if ((header & 1) === 1) return plain.subarray(0, length);
  }
  throw new DecodeError(`${where}: cut off`);
}
