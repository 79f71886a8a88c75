import type { Labels } from './labels.ts';

/**
 * The identity of a series: 96 bits as three 32-bit lanes. `low` and `high` look it up; `check` is compared after the look-up, so that
 * two series whose first 64 bits agree are refused instead of merged.
 *
 * A keyed hash, one key a tenant: whoever controls a label value cannot search for collisions without the key, and ids are never shown.
 * The function is HalfSipHash-1-3 (Aumasson and Bernstein, SipHash, 2012: the variant on 32-bit words) with all four state words taken
 * from the key and three words squeezed out instead of two. The id of a series is folded over its sorted labels from the hash of each
 * name's and value's UTF-8 bytes, so that every protocol gives the same id whatever its encoding.
 */
export const SERIES_ID_WORDS = 3;
export const SERIES_HASH_KEY_BYTES = 16;

const utf8 = new TextEncoder();

/** Names and values of a series, and so many bytes of the fold for each: its hash. */
const TEXTS_MAX = 512;
const TEXT_HASH_BYTES = SERIES_ID_WORDS * 4;

/**
 * What a hash is made in, of all hashers: an isolate remembers those of thousands of tenants, and eight KiB for each would be most of its memory.
 * Nothing is in use here between two calls but the fold of `foldedBy`, for its `rehashLabels`.
 */
const fold = new DataView(new ArrayBuffer(TEXT_HASH_BYTES * TEXTS_MAX));
let foldedBy: SeriesHasher | undefined;
/** A text's bytes, twice. */
let textBytes = new Uint8Array(1024);
let textView = new DataView(textBytes.buffer);

export class SeriesHasher {
  readonly #key0: number;
  readonly #key1: number;
  readonly #key2: number;
  readonly #key3: number;
  /** The result of the last call: low, high, check. */
  readonly words = new Uint32Array(SERIES_ID_WORDS);
  /** How much of the fold the last labels took. */
  #foldEnd = 0;

  /** `key` is 16 random bytes, kept by the catalog for as long as the tenant exists. */
  constructor(key: Uint8Array) {
    if (key.length !== SERIES_HASH_KEY_BYTES) throw new Error(`BUG: a series hash key has ${SERIES_HASH_KEY_BYTES} bytes, not ${key.length}`);
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#key0 = view.getUint32(0, true) | 0;
    this.#key1 = view.getUint32(4, true) | 0;
    this.#key2 = view.getUint32(8, true) ^ 0x6c796765;
    this.#key3 = view.getUint32(12, true) ^ 0x74656462;
  }

  /** Hashes `view`'s bytes from `start` to `end` into `words`. */
  hashSpan(view: DataView, start: number, end: number): void {
    let v0 = this.#key0 | 0;
    let v1 = this.#key1 | 0;
    let v2 = this.#key2 | 0;
    let v3 = this.#key3 | 0;
    // All that the loop touches is made an int32 first, or V8 counts and mixes in doubles (four times slower).
    start |= 0;
    end |= 0;
    const length = end - start;
    const wordsEnd = start + (length & ~3);
    for (let position = start; position < wordsEnd; position += 4) {
      const word = view.getUint32(position, true) | 0;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let last = (length & 0xff) << 24;
    for (let position = wordsEnd; position < end; position++) last |= view.getUint8(position) << ((position - wordsEnd) * 8);
    finish(v0, v1, v2, v3, last, this.words);
  }

  /** The id of a label set into `words`. `labels` are sorted, unique and without empty values. At most 256 labels. */
  hashLabels(labels: Labels): void {
    if (labels.length > TEXTS_MAX) throw new Error(`BUG: ${labels.length / 2} labels to hash`);
    for (let i = 0; i < labels.length; i++) this.#foldText(i, labels[i]!);
    this.#foldEnd = labels.length * TEXT_HASH_BYTES;
    foldedBy = this;
    this.hashSpan(fold, 0, this.#foldEnd);
  }

  /** The id into `words` of the labels that were hashed last, by this hasher and no other, with `text` in place of the one at `index`. */
  rehashLabels(index: number, text: string): void {
    if (foldedBy !== this) throw new Error('BUG: another hasher has hashed labels since');
    this.#foldText(index, text);
    this.hashSpan(fold, 0, this.#foldEnd);
  }

  #foldText(index: number, text: string): void {
    const length = writeText(text);
    this.hashSpan(textView, 0, length);
    for (let word = 0; word < SERIES_ID_WORDS; word++) fold.setUint32(index * TEXT_HASH_BYTES + word * 4, this.words[word]!, true);
  }
}

/** Puts a text's UTF-8 where it is hashed, and answers with its length. */
function writeText(text: string): number {
  const { length } = text;
  if (textBytes.length < length * 3) {
    textBytes = new Uint8Array(length * 3);
    textView = new DataView(textBytes.buffer);
  }
  const bytes = textBytes;
  // Nearly all are short and ASCII: a call of the encoder costs more than this loop.
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return utf8.encodeInto(text, bytes).written;
    bytes[i] = unit;
  }
  return length;
}

/** The last word and the finish: one compression round, then three rounds for the first word squeezed out and two for each further one. */
function finish(v0: number, v1: number, v2: number, v3: number, last: number, words: Uint32Array): void {
  v3 ^= last;
  for (let round = 0; round < 8; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= last;
      v2 ^= 0xee;
    } else if (round === 3) {
      words[0] = v1 ^ v3;
      v1 ^= 0xdd;
    } else if (round === 5) {
      words[1] = v1 ^ v3;
      v1 ^= 0xbb;
    }
  }
  words[2] = v1 ^ v3;
}
