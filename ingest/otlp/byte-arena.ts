import type { CacheShare } from '../../storage/runtime/cache-budget.ts';

/** In place of a position: there was no room. */
export const NOT_KEPT = 0xffffffff;
/** The longest piece. */
const PIECE_BYTES_MAX = 256 * 1024;

/** Positions count eights of bytes, so many to a chunk. */
const CHUNK_SHIFT = 15;
const CHUNK_EIGHTS = 2 ** CHUNK_SHIFT;

/**
 * Memory for pieces that are kept for long and let go all at once, each from a multiple of eight bytes on. It comes in chunks, so that it
 * grows without a copy and is hardly larger than what is in it.
 */
export class ByteArena {
  readonly #share: CacheShare;
  /** Three views of each chunk. */
  readonly #doubles: Float64Array[] = [];
  readonly #words: Uint32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  #used = 0;

  constructor(share: CacheShare) {
    this.#share = share;
  }

  /** The position of a piece of `length` bytes whose content is whatever was there before, or NOT_KEPT. */
  allocate(length: number): number {
    if (length > PIECE_BYTES_MAX) return NOT_KEPT;
    const eights = (length + 7) >>> 3;
    const left = CHUNK_EIGHTS - (this.#used & (CHUNK_EIGHTS - 1));
    const position = eights > left ? this.#used + left : this.#used;
    if (position + eights > this.#doubles.length * CHUNK_EIGHTS && !this.#addChunk()) return NOT_KEPT;
    this.#used = position + eights;
    return position;
  }

  /** The chunk of a position as doubles; `indexOf` says where in it. */
  doublesAt(position: number): Float64Array {
    return this.#doubles[position >>> CHUNK_SHIFT]!;
  }

  /** The same as words, of which there are two in a double. */
  wordsAt(position: number): Uint32Array {
    return this.#words[position >>> CHUNK_SHIFT]!;
  }

  /** The same as bytes. */
  bytesAt(position: number): Uint8Array {
    return this.#bytes[position >>> CHUNK_SHIFT]!;
  }

  /** Where a position is among the doubles of its chunk. */
  indexOf(position: number): number {
    return position & (CHUNK_EIGHTS - 1);
  }

  /** Lets all pieces go, and the memory. */
  empty(): void {
    this.#used = this.#doubles.length = this.#words.length = this.#bytes.length = 0;
  }

  #addChunk(): boolean {
    if (!this.#share.take(CHUNK_EIGHTS * 8)) return false;
    const doubles = new Float64Array(CHUNK_EIGHTS);
    this.#doubles.push(doubles);
    this.#words.push(new Uint32Array(doubles.buffer));
    this.#bytes.push(new Uint8Array(doubles.buffer));
    return true;
  }
}
