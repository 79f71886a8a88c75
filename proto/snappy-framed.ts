import { concatBytes } from './concat-bytes.ts';
import { crc32c } from './crc32c.ts';
import { DecodeError } from './decode-error.ts';
import { snappyPlainLength, type SnappyDecode } from './snappy.ts';

/*
 * Snappy's framing format (google/snappy `framing_format.txt`): chunks of one byte of type, three of length (little-endian) and content.
 *
 *   0xff  stream identifier "sNaPpY"     0x00  compressed: masked CRC-32C of the plain bytes, block format
 *   0xfe, 0x80–0xfd  skipped             0x01  the same CRC, plain bytes
 *   anything else must not be skipped, says the format
 */
const STREAM_START = [0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];
const HEADER_BYTES = 4;
const CRC_BYTES = 4;
const CHUNK_PLAIN_BYTES_MAX = 65_536;
const MASK = 0xa282ead8;

/** Whether bytes begin as a framed stream must. No block could: it would begin a 12 MB literal with bytes that it cannot have. */
export function isSnappyFramed(bytes: Uint8Array): boolean {
  return STREAM_START.every((byte, i) => bytes[i] === byte);
}

/** The plain bytes of a framed stream, at most `bytesMax`; `undefined` when they are more. */
export function decodeSnappyFramed(bytes: Uint8Array, decodeBlock: SnappyDecode, bytesMax: number): Uint8Array | undefined {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let position = 0;
  while (position < bytes.length) {
    const type = bytes[position]!;
    const contentStart = position + HEADER_BYTES;
    const contentEnd = contentStart + (bytes[position + 1]! | (bytes[position + 2]! << 8) | (bytes[position + 3]! << 16));
    if (!(contentEnd <= bytes.length)) throw new DecodeError(`framed snappy: the chunk at byte ${position} reaches beyond the end`);
    if (type <= 0x01) {
      if (contentEnd - contentStart < CRC_BYTES) throw new DecodeError(`framed snappy: no checksum in the chunk at byte ${position}`);
      const content = bytes.subarray(contentStart + CRC_BYTES, contentEnd);
      const plainLength = type === 0x00 ? snappyPlainLength(content, CHUNK_PLAIN_BYTES_MAX) : content.length;
      length += plainLength;
      if (length > bytesMax) return undefined;
      // The decoder's answer may be overwritten by its next one.
      const plain = type === 0x00 ? decodeBlock(content).slice() : content;
      const wanted = new DataView(bytes.buffer, bytes.byteOffset).getUint32(contentStart, true);
      if (maskedCrc32c(plain) !== wanted) throw new DecodeError(`framed snappy: wrong checksum in the chunk at byte ${position}`);
      chunks.push(plain);
    } else if (type < 0x80) throw new DecodeError(`framed snappy: chunk type ${type} at byte ${position}`);
    else if (type === 0xff && !isSnappyFramed(bytes.subarray(position))) throw new DecodeError(`framed snappy: a bad stream identifier at byte ${position}`);
    position = contentEnd;
  }
  return concatBytes(chunks, length);
}

/** CRC-32C, rotated and shifted by a constant as the format wants it. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;
}
