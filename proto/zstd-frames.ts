import { DecodeError } from './decode-error.ts';

const MAGIC = 0xfd2fb528;
/** The last of its digits is any: content for somebody else, which decoders pass over. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** By the two bits that say so. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** What is read next, and in how many bytes. */
const PART_BYTES = { magic: 4, descriptor: 1, block: 3, 'skippable-size': 4 } as const;

/**
 * Finds where the frames of zstd data end (RFC 8878, 3.1), by their headers alone and as the data comes in pieces. Decompressors take one
 * frame and leave what stands behind it in the same piece, without a word: pzstd writes many frames, and files can be put one after another.
 */
export class ZstdFrames {
  /** Frames that have begun. */
  count = 0;
  #part: keyof typeof PART_BYTES = 'magic';
  /** What has been read of the part, little-endian, and its length. */
  #value = 0;
  #valueBytes = 0;
  /** Bytes to be passed over before the next part, or before the end of the frame. */
  #skip = 0;
  #isLast = false;
  #hasChecksum = false;

  /**
   * Passes over `bytes` from `start` to `end`, but not beyond the end of the frame, and answers where it stopped. Throws DecodeError where no
   * frame can begin or go on.
   */
  advance(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    while (position < end) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - position);
        position += skipped;
        this.#skip -= skipped;
      } else {
        this.#value += bytes[position++]! * 2 ** (8 * this.#valueBytes++);
        if (this.#valueBytes < PART_BYTES[this.#part]) continue;
        const value = this.#value;
        this.#value = this.#valueBytes = 0;
        this.#read(value);
      }
      if (this.#skip > 0 || !this.#isLast) continue;
      this.#isLast = false;
      this.#part = 'magic';
      return position;
    }
    return position;
  }

  #read(value: number): void {
    switch (this.#part) {
      case 'magic':
        if (value === MAGIC) this.#part = 'descriptor';
        else if (value - (value % 16) === SKIPPABLE_MAGIC) this.#part = 'skippable-size';
        else throw new DecodeError(this.count === 0 ? 'zstd: no frame at the beginning' : `zstd: no frame behind frame ${this.count}`);
        this.count++;
        return;
      case 'descriptor': {
        const isSingleSegment = (value & 0x20) !== 0;
        const contentSize = value >>> 6;
        this.#hasChecksum = (value & 0x04) !== 0;
        this.#skip = (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[value & 3]! + (contentSize === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[contentSize]!);
        this.#part = 'block';
        return;
      }
      case 'block': {
        const type = (value >>> 1) & 3;
        if (type === RESERVED_BLOCK) throw new DecodeError('zstd: a block of the reserved type');
        this.#isLast = (value & 1) !== 0;
        this.#skip = (type === RLE_BLOCK ? 1 : value >>> 3) + (this.#isLast && this.#hasChecksum ? CHECKSUM_BYTES : 0);
        return;
      }
      case 'skippable-size':
        this.#skip = value;
        this.#isLast = true;
    }
  }
}
