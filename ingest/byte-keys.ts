import { grown } from '../proto/grown.ts';
import { must } from '../storage/runtime/assert.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';

/** No such entry. */
export const UNKNOWN = -1;

/** Entries count from 1: 0 is what comes before the first run of all, and holds the first guess. */
const START = 0;
const INITIAL_ENTRIES = 4096;
const INITIAL_BYTES = 256 * 1024;
/** Words of an entry beside its bytes: hash, position and length of the bytes, the entry that followed it last time, its parent. */
const ENTRY_WORDS = 7;
const HASH_AT = 0;
const BYTES_AT = 3;
const LENGTH_AT = 4;
const NEXT_AT = 5;
const PARENT_AT = 6;
/** Tenants as parents are numbered from here on, entries below. */
const FIRST_ROOT = 0x80000000;
/** In BYTES_AT, where the bytes are not kept. */
const NO_BYTES = 0xffffffff;
/** In LENGTH_AT beside the length, where the bytes must not be compared as doubles. */
const NOT_AS_DOUBLES = 0x80000000;

/**
 * Numbers for runs of bytes that come again and again: an entry a run, recognised in the steady state without hashing. Whoever keeps more of
 * a run keeps it by its number.
 *
 * Senders send the same things in the same order again and again. So each entry remembers which one followed it, and the first thing tried
 * is to compare the next run's bytes with those of that entry: exact, in the order of memory, and three times cheaper than hashing them.
 * Where the guess is wrong, or the bytes are not kept, the bytes' hash decides; it is keyed, 96 bits long, and compared in full. An entry
 * belongs to one tenant: the same bytes of another are another entry.
 *
 * What is told apart by more than one run is an entry under another one, its parent.
 *
 * Bounded: when it is full nothing is added, until so many runs have been missed that the old ones must be gone (`isExhausted`); then its
 * owner clears it. (Replacing one by one would lose every entry just before its turn comes, when there are more runs than entries.)
 */
export class ByteKeys {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  #entries = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);
  #count = 1;
  /** Entry number in a bucket, 0 where it is free; at most half full, a power of two. */
  #buckets = new Uint32Array(INITIAL_ENTRIES * 2);
  /** Bytes of the entries, each from a multiple of eight on; three views. */
  #doubles = new Float64Array(INITIAL_BYTES / 8);
  #words = new Uint32Array(this.#doubles.buffer);
  #bytes = new Uint8Array(this.#doubles.buffer);
  #bytesLength = 0;
  #previous = START;
  #missesWhileFull = 0;
  /** Tenants by the hasher that holds their key. */
  readonly #tenants = new WeakMap<SeriesHasher, number>();
  #tenantCount = 0;
  #root = FIRST_ROOT;
  #hasher: SeriesHasher | undefined;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  /** Begins a request of the tenant whose key `hasher` holds. */
  begin(hasher: SeriesHasher): void {
    let root = this.#tenants.get(hasher);
    if (root === undefined) this.#tenants.set(hasher, (root = FIRST_ROOT + this.#tenantCount++));
    this.beginGroup(hasher, root);
  }

  /** The same with a number of the caller's for whatever the entries belong to: an owner uses either this or `begin`. */
  beginGroup(hasher: SeriesHasher, group: number): void {
    this.#root = group;
    this.#hasher = hasher;
  }

  /** The entry of the bytes from `start` to `end`, or UNKNOWN, and then the hasher's words are their hash. Asked for in request order. */
  find(view: DataView, start: number, end: number, parent = this.#root): number {
    const guess = this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    if (guess !== START && this.#isSame(guess, view, start, end, parent)) {
      this.#previous = guess;
      return guess;
    }
    const hasher = must(this.#hasher, 'find before begin');
    hasher.hashSpan(view, start, end);
    const entry = this.#findHash(hasher.words, parent);
    if (entry !== UNKNOWN) this.follow(entry);
    return entry;
  }

  /**
   * The entry that followed the last one, when its bytes are kept: for an owner who can tell by its words, which begin at `wordAt`, whether
   * the next run is the same, and says so by `follow`. UNKNOWN when there is none.
   */
  guess(parent = this.#root): number {
    const guess = this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    const at = guess * ENTRY_WORDS;
    return guess !== START && this.#entries[at + PARENT_AT] === parent && this.#entries[at + BYTES_AT] !== NO_BYTES ? guess : UNKNOWN;
  }

  /** The kept bytes of all entries, four at a time. */
  get words(): Uint32Array {
    return this.#words;
  }

  wordAt(entry: number): number {
    return this.#entries[entry * ENTRY_WORDS + BYTES_AT]! >>> 2;
  }

  wordCount(entry: number): number {
    return (this.#entries[entry * ENTRY_WORDS + LENGTH_AT]! & ~NOT_AS_DOUBLES) >>> 2;
  }

  /** So much was missed while it was full that what it holds is of no use any more. */
  get isExhausted(): boolean {
    return this.#missesWhileFull >= this.#entriesMax * 2;
  }

  /** An entry for bytes that have none and whose hash is `hash`; UNKNOWN when it is full. */
  add(view: DataView, start: number, end: number, hash: Uint32Array, parent = this.#root): number {
    if (this.#count > this.#entriesMax) {
      this.#missesWhileFull++;
      return UNKNOWN;
    }
    const entry = this.#count++;
    if (this.#count * ENTRY_WORDS > this.#entries.length) this.#grow();
    const at = entry * ENTRY_WORDS;
    this.#entries.set(hash.subarray(0, SERIES_ID_WORDS), at + HASH_AT);
    this.#keepBytes(at, view, start, end);
    this.#entries[at + NEXT_AT] = START;
    this.#entries[at + PARENT_AT] = parent;
    this.#place(entry);
    this.follow(entry);
    return entry;
  }

  /** The entry was the next one, and will be guessed the next time. */
  follow(entry: number): void {
    this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT] = entry;
    this.#previous = entry;
  }

  #isSame(entry: number, view: DataView, start: number, end: number, parent: number): boolean {
    const at = entry * ENTRY_WORDS;
    const kept = this.#entries[at + BYTES_AT]!;
    const length = this.#entries[at + LENGTH_AT]!;
    if ((length & ~NOT_AS_DOUBLES) !== end - start || kept === NO_BYTES || this.#entries[at + PARENT_AT] !== parent) return false;
    let position = start | 0;
    let byte = kept | 0;
    if (length >= NOT_AS_DOUBLES) return this.#isSameTail(byte, view, position, end);
    // Eight bytes a comparison, as doubles: those that are kept are no zeros and no NaN, and all other doubles equal nothing but themselves.
    const doubles = this.#doubles;
    let double = byte >> 3;
    for (; position + 32 <= end; position += 32, double += 4) {
      if (
        view.getFloat64(position, true) !== doubles[double] ||
        view.getFloat64(position + 8, true) !== doubles[double + 1] ||
        view.getFloat64(position + 16, true) !== doubles[double + 2] ||
        view.getFloat64(position + 24, true) !== doubles[double + 3]
      ) {
        return false;
      }
    }
    for (; position + 8 <= end; position += 8, double++) if (view.getFloat64(position, true) !== doubles[double]) return false;
    byte = double << 3;
    return this.#isSameTail(byte, view, position, end);
  }

  #isSameTail(byte: number, view: DataView, position: number, end: number): boolean {
    const bytes = this.#bytes;
    for (; position < end; position++, byte++) if (view.getUint8(position) !== bytes[byte]) return false;
    return true;
  }

  /** Keeps the bytes of the entry whose words begin at `at`, if there is room. */
  #keepBytes(at: number, view: DataView, start: number, end: number): void {
    const length = end - start;
    const kept = this.#bytesLength;
    const keptEnd = (kept + length + 7) & ~7;
    this.#entries[at + BYTES_AT] = NO_BYTES;
    this.#entries[at + LENGTH_AT] = length;
    if (keptEnd > this.#bytesMax) return;
    if (keptEnd > this.#bytes.length) {
      const larger = new Float64Array(Math.max(keptEnd, this.#bytes.length * 2) / 8);
      larger.set(this.#doubles);
      this.#doubles = larger;
      this.#words = new Uint32Array(larger.buffer);
      this.#bytes = new Uint8Array(larger.buffer);
    }
    this.#bytes.set(new Uint8Array(view.buffer, view.byteOffset + start, length), kept);
    this.#bytesLength = keptEnd;
    this.#entries[at + BYTES_AT] = kept;
    for (let i = kept / 8; i < (kept + length - 7) / 8; i++) {
      const double = this.#doubles[i]!;
      if (double === 0 || Number.isNaN(double)) this.#entries[at + LENGTH_AT] = length + NOT_AS_DOUBLES;
    }
  }

  #findHash(hash: Uint32Array, parent: number): number {
    const entries = this.#entries;
    const mask = this.#buckets.length - 1;
    for (let bucket = bucketOf(hash[0]!, parent) & mask; ; bucket = (bucket + 1) & mask) {
      const entry = this.#buckets[bucket]!;
      if (entry === 0) return UNKNOWN;
      const at = entry * ENTRY_WORDS;
      const isSameHash = entries[at + HASH_AT] === hash[0] && entries[at + HASH_AT + 1] === hash[1] && entries[at + HASH_AT + 2] === hash[2];
      if (isSameHash && entries[at + PARENT_AT] === parent) return entry;
    }
  }

  #place(entry: number): void {
    const mask = this.#buckets.length - 1;
    const at = entry * ENTRY_WORDS;
    let bucket = bucketOf(this.#entries[at + HASH_AT]!, this.#entries[at + PARENT_AT]!) & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = entry;
  }

  #grow(): void {
    this.#entries = grown(this.#entries);
    this.#buckets = new Uint32Array(this.#buckets.length * 2);
    // The newest entry is placed by the caller.
    for (let entry = 1; entry < this.#count - 1; entry++) this.#place(entry);
  }

  /** Forgets everything: entries are given anew from 1. Never within a request. */
  clear(): void {
    this.#count = 1;
    this.#buckets.fill(0);
    this.#bytesLength = 0;
    this.#previous = START;
    this.#entries[NEXT_AT] = START;
    this.#missesWhileFull = 0;
  }
}

/** Runs that many parents share (attributes of other metrics, bounds of other histograms) are spread by their parents. */
function bucketOf(hash: number, parent: number): number {
  return hash ^ Math.imul(parent, 0x9e3779b1);
}
