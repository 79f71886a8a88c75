import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { DecodeError } from '../../../proto/decode-error.ts';
import { messageOf } from '../../runtime/errors.ts';

/*
 * One zstd frame for each page of a Parquet file.
 *
 * workerd's one-shot compressor fails when its output is larger than 40,960 bytes (see chunk/zstd.ts), and a page that is two frames one
 * after the other is not read by every reader. So a page that does not compress to less is cut into smaller ones by whoever can, and the rare
 * one that cannot be cut (a long dictionary, one very large histogram) becomes a frame whose blocks are not compressed, which anybody can write.
 */
/** Plain bytes that a page should have at the most, where nothing is known of how it compresses. */
export const PAGE_BYTES_TARGET = 32 * 1024;
/** Below what workerd can: the same in every runtime, so that the same samples are the same bytes. */
const FRAME_BYTES_MAX = 40_000;
const RAW_BLOCK_BYTES = 128 * 1024;
const MAGIC = 0xfd2fb528;
/** Frame header: one segment, content size in 4 bytes. */
const RAW_DESCRIPTOR = 0xa0;
const RAW_HEADER_BYTES = 9;

/** Level 7 takes a sixth more of the CPU that a file takes in all than level 3, and saves 3.5 % of what is kept for a year; from there on less is saved for more. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 7 } };

/** One frame, of uncompressed blocks where a compressed one would be too large for workerd. */
export function zstdFrame(plain: Uint8Array): Uint8Array {
  return tryZstdFrame(plain) ?? rawFrame(plain);
}

/** `undefined` when the frame would be too large for workerd. */
export function tryZstdFrame(plain: Uint8Array): Uint8Array | undefined {
  try {
    const frame = zstdCompressSync(plain, OPTIONS);
    return frame.length <= FRAME_BYTES_MAX ? frame : undefined;
  } catch (error) {
    // Nothing else fails in compressing; what can be that large is not an error of ours.
    if (plain.length <= PAGE_BYTES_TARGET) throw error;
    return undefined;
  }
}

/** The plain bytes of a frame, exactly `plainLength` of them. `where` names the page in errors. */
export function unpackFrame(frame: Uint8Array, plainLength: number, where: string): Uint8Array {
  let plain: Uint8Array;
  try {
    plain = isRawFrame(frame) ? unpackRawFrame(frame, plainLength, where) : zstdDecompressSync(frame, { maxOutputLength: 2 * plainLength + 1024 });
  } catch (error) {
    throw error instanceof DecodeError ? error : new DecodeError(`${where}: ${messageOf(error)}`, { cause: error });
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

/**
 * Whether `rawFrame` made it. A compressor has this header for 65,792 plain bytes and more: a first block that is raw would make the frame
 * as large, and larger than it may be.
 */
function isRawFrame(frame: Uint8Array): boolean {
  return frame.length > RAW_HEADER_BYTES && frame[4] === RAW_DESCRIPTOR && (frame[RAW_HEADER_BYTES]! & 0x06) === 0;
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
