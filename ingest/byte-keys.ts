import { must } from '../storage/runtime/assert.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';

/** No such entry. */
export const UNKNOWN = -1;

/** Entries count from 1: 0 is what comes before the first run of all, and holds the first guess. */
const START = 0;
const INITIAL_ENTRIES = 4096;
const INITIAL_BYTES = 256 * 1024;
/** Words of an entry beside its bytes: hash, position and length of the bytes, the entry that followed it last time, the group. */
const ENTRY_WORDS = 7;
const HASH_AT = 0;
const BYTES_AT = 3;
const LENGTH_AT = 4;
const NEXT_AT = 5;
const GROUP_AT = 6;
/** In BYTES_AT, where the bytes are not kept. */
const NO_BYTES = 0xffffffff;

/**
 * Numbers for runs of bytes that come again and again: an entry a run, recognised in the steady state without hashing.
 *
 * Senders send the same things in the same order again and again. So each entry remembers which one followed it, and the first thing tried
 * is to compare the next run's bytes with those of that entry: exact, in the order of memory, and three times cheaper than hashing them.
 * Where the guess is wrong, or the bytes are not kept, the bytes' hash decides; it is keyed, 96 bits long, and compared in full. An entry
 * belongs to one tenant: the same bytes of another are another entry.
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
  #bytes = new Int32Array(INITIAL_BYTES / 4);
  #bytesLength = 0;
  #previous = START;
  #missesWhileFull = 0;
  /** Tenants by the hasher that holds their key. */
  readonly #tenants = new WeakMap<SeriesHasher, number>();
  #tenantCount = 0;
  #group = 0;
  #hasher: SeriesHasher | undefined;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  /** Begins a request of the tenant whose key `hasher` holds. */
  begin(hasher: SeriesHasher): void {
    let tenant = this.#tenants.get(hasher);
    if (tenant === undefined) this.#tenants.set(hasher, (tenant = this.#tenantCount++));
    this.beginGroup(hasher, tenant);
  }

  /** The same with a number of the caller's for whatever the entries belong to: an owner uses either this or `begin`. */
  beginGroup(hasher: SeriesHasher, group: number): void {
    this.#group = group;
    this.#hasher = hasher;
  }

  /** The entry of the bytes from `start` to `end`, or UNKNOWN, and then the hasher's words are their hash. Asked for in request order. */
  find(view: DataView, start: number, end: number): number {
    const guess = this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    if (guess !== START && this.#isSame(guess, view, start, end)) {
      this.#previous = guess;
      return guess;
    }
    const hasher = must(this.#hasher, 'find before begin');
    hasher.hashSpan(view, start, end);
    const entry = this.#findHash(hasher.words);
    if (entry !== UNKNOWN) this.#follow(entry);
    return entry;
  }

  /** So much was missed while it was full that what it holds is of no use any more. */
  get isExhausted(): boolean {
    return this.#missesWhileFull >= this.#entriesMax * 2;
  }

  /** An entry for bytes that have none and whose hash is `hash`; UNKNOWN when it is full. */
  add(view: DataView, start: number, end: number, hash: Uint32Array): number {
    if (this.#count > this.#entriesMax) {
      this.#missesWhileFull++;
      return UNKNOWN;
    }
    const entry = this.#count++;
    if (this.#count * ENTRY_WORDS > this.#entries.length) this.#grow();
    const at = entry * ENTRY_WORDS;
    this.#entries.set(hash.subarray(0, SERIES_ID_WORDS), at + HASH_AT);
    this.#entries[at + BYTES_AT] = this.#keepBytes(view, start, end);
    this.#entries[at + LENGTH_AT] = end - start;
    this.#entries[at + NEXT_AT] = START;
    this.#entries[at + GROUP_AT] = this.#group;
    this.#place(entry);
    this.#follow(entry);
    return entry;
  }

  #follow(entry: number): void {
    this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT] = entry;
    this.#previous = entry;
  }

  #isSame(entry: number, view: DataView, start: number, end: number): boolean {
    const at = entry * ENTRY_WORDS;
    const kept = this.#entries[at + BYTES_AT]!;
    const length = this.#entries[at + LENGTH_AT]!;
    if (length !== end - start || kept === NO_BYTES || this.#entries[at + GROUP_AT] !== this.#group) return false;
    const bytes = this.#bytes;
    let word = kept | 0;
    let position = start | 0;
    // Four words at a time, one branch for all four.
    for (const last = position + length - 16; position <= last; position += 16, word += 4) {
      const difference =
        (view.getInt32(position, true) ^ bytes[word]!) |
        (view.getInt32(position + 4, true) ^ bytes[word + 1]!) |
        (view.getInt32(position + 8, true) ^ bytes[word + 2]!) |
        (view.getInt32(position + 12, true) ^ bytes[word + 3]!);
      if (difference !== 0) return false;
    }
    for (let shift = 0; position < end; position++) {
      if (view.getUint8(position) !== ((bytes[word]! >>> shift) & 0xff)) return false;
      shift += 8;
      if (shift === 32) {
        shift = 0;
        word++;
      }
    }
    return true;
  }

  #keepBytes(view: DataView, start: number, end: number): number {
    const words = (end - start + 3) >>> 2;
    if ((this.#bytesLength + words) * 4 > this.#bytesMax) return NO_BYTES;
    if (this.#bytesLength + words > this.#bytes.length) {
      const larger = new Int32Array(Math.max(this.#bytesLength + words, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const kept = this.#bytesLength;
    this.#bytesLength += words;
    for (let word = 0; word < words; word++) {
      let value = 0;
      for (let i = 0; i < 4; i++) {
        const position = start + word * 4 + i;
        if (position < end) value |= view.getUint8(position) << (i * 8);
      }
      this.#bytes[kept + word] = value;
    }
    return kept;
  }

  #findHash(hash: Uint32Array): number {
    const entries = this.#entries;
    const mask = this.#buckets.length - 1;
    for (let bucket = hash[0]! & mask; ; bucket = (bucket + 1) & mask) {
      const entry = this.#buckets[bucket]!;
      if (entry === 0) return UNKNOWN;
      const at = entry * ENTRY_WORDS + HASH_AT;
      if (entries[at] === hash[0] && entries[at + 1] === hash[1] && entries[at + 2] === hash[2] && this.#entries[entry * ENTRY_WORDS + GROUP_AT] === this.#group) return entry;
    }
  }

  #place(entry: number): void {
    const mask = this.#buckets.length - 1;
    let bucket = this.#entries[entry * ENTRY_WORDS + HASH_AT]! & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = entry;
  }

  #grow(): void {
    const entries = new Uint32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#buckets = new Uint32Array(this.#buckets.length * 2);
    // The newest entry is placed by the caller.
    for (let entry = 1; entry < this.#count - 1; entry++) this.#place(entry);
  }

  /** Forgets everything: entries are given anew from 1. */
  clear(): void {
    this.#count = 1;
    this.#buckets.fill(0);
    this.#bytesLength = 0;
    this.#previous = START;
    this.#entries[NEXT_AT] = START;
    this.#missesWhileFull = 0;
  }
}
