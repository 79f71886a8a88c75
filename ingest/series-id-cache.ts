import { must } from '../storage/runtime/assert.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';

/** No such entry. */
export const UNKNOWN = -1;

/** Entries count from 1: 0 is what comes before the first series of all, and holds the first guess. */
const START = 0;
const INITIAL_ENTRIES = 4096;
const INITIAL_BYTES = 256 * 1024;
/** Words of an entry beside its bytes: hash, id, position and length of the bytes, the entry that followed it last time, its parent. */
const ENTRY_WORDS = 10;
const HASH_AT = 0;
const ID_AT = 3;
const BYTES_AT = 6;
const LENGTH_AT = 7;
const NEXT_AT = 8;
const PARENT_AT = 9;
/** Tenants as parents are numbered from here on, entries below. */
const FIRST_ROOT = 0x80000000;
/** In BYTES_AT, where the bytes are not kept. */
const NO_BYTES = 0xffffffff;

/**
 * From a series' label bytes, as a sender encoded them, to its id: what spares parsing labels in the steady state.
 *
 * Senders send the same series in the same order again and again. So each entry remembers which one followed it, and the first thing tried
 * is to compare the next series' bytes with those of that entry: exact, in the order of memory, and three times cheaper than hashing them.
 * Where the guess is wrong, or the bytes are not kept, the bytes' hash decides; it is keyed like the id itself, 96 bits long, and compared
 * in full. Ids are keyed, so the same bytes of another tenant are another series: an entry belongs to one tenant.
 *
 * Where the bytes that make a series lie apart (resource, scope, metric and attributes of OTLP), each part is an entry of its own under the
 * one before, its parent, and the last one has the id. An entry that is only a parent may keep a word of its owner's instead.
 *
 * Bounded: when it is full nothing is added until so many series have been missed that the old ones must be gone, and then the next
 * request starts with it empty; within a request entries stay what they are. (Replacing one by one would lose every entry just before its turn comes, when there are more series than entries.)
 */
export class SeriesIdCache {
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
  #root = FIRST_ROOT;
  #hasher: SeriesHasher | undefined;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  /** Begins a request of the tenant whose key `hasher` holds. */
  begin(hasher: SeriesHasher): void {
    if (this.#missesWhileFull >= this.#entriesMax * 2) this.clear();
    let root = this.#tenants.get(hasher);
    if (root === undefined) this.#tenants.set(hasher, (root = FIRST_ROOT + this.#tenantCount++));
    this.#root = root;
    this.#hasher = hasher;
  }

  /** The entry of the label bytes from `start` to `end`, or UNKNOWN, and then the hasher's words are their hash. Series are asked for in request order. */
  find(view: DataView, start: number, end: number, parent = this.#root): number {
    const guess = this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    if (guess !== START && this.#isSame(guess, view, start, end, parent)) {
      this.#previous = guess;
      return guess;
    }
    const hasher = must(this.#hasher, 'find before begin');
    hasher.hashSpan(view, start, end);
    const entry = this.#findHash(hasher.words, parent);
    if (entry !== UNKNOWN) this.#follow(entry);
    return entry;
  }

  /** Copies an entry's id to position `index` of the columns. */
  copyId(entry: number, columns: SeriesIdColumns, index: number): void {
    const at = entry * ENTRY_WORDS + ID_AT;
    columns.low[index] = this.#entries[at]!;
    columns.high[index] = this.#entries[at + 1]!;
    columns.check[index] = this.#entries[at + 2]!;
  }

  /** The word that the owner of an entry without an id has put there, 0 at first. */
  word(entry: number): number {
    return this.#entries[entry * ENTRY_WORDS + ID_AT]!;
  }

  setWord(entry: number, word: number): void {
    this.#entries[entry * ENTRY_WORDS + ID_AT] = word;
  }

  /** Remembers that label bytes, whose hash is `hash`, stand for `id`. The answer is the entry, or UNKNOWN when there is no room. */
  add(view: DataView, start: number, end: number, hash: Uint32Array, id: Uint32Array, parent = this.#root): number {
    if (this.#count > this.#entriesMax) {
      this.#missesWhileFull++;
      return UNKNOWN;
    }
    const entry = this.#count++;
    if (this.#count * ENTRY_WORDS > this.#entries.length) this.#grow();
    const at = entry * ENTRY_WORDS;
    this.#entries.set(hash.subarray(0, SERIES_ID_WORDS), at + HASH_AT);
    this.#entries.set(id.subarray(0, SERIES_ID_WORDS), at + ID_AT);
    this.#entries[at + BYTES_AT] = this.#keepBytes(view, start, end);
    this.#entries[at + LENGTH_AT] = end - start;
    this.#entries[at + NEXT_AT] = START;
    this.#entries[at + PARENT_AT] = parent;
    this.#place(entry);
    this.#follow(entry);
    return entry;
  }

  #follow(entry: number): void {
    this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT] = entry;
    this.#previous = entry;
  }

  #isSame(entry: number, view: DataView, start: number, end: number, parent: number): boolean {
    const at = entry * ENTRY_WORDS;
    const kept = this.#entries[at + BYTES_AT]!;
    const length = this.#entries[at + LENGTH_AT]!;
    if (length !== end - start || kept === NO_BYTES || this.#entries[at + PARENT_AT] !== parent) return false;
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
    const entries = new Uint32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#buckets = new Uint32Array(this.#buckets.length * 2);
    // The newest entry is placed by the caller.
    for (let entry = 1; entry < this.#count - 1; entry++) this.#place(entry);
  }

  /** Forgets everything; never within a request. */
  clear(): void {
    this.#count = 1;
    this.#buckets.fill(0);
    this.#bytesLength = 0;
    this.#previous = START;
    this.#entries[NEXT_AT] = START;
    this.#missesWhileFull = 0;
  }
}

/** Parts that many series share (attributes of other metrics, bounds of other histograms) are spread by their parents. */
function bucketOf(hash: number, parent: number): number {
  return hash ^ Math.imul(parent, 0x9e3779b1);
}

/** The id of each series of a request. */
export class SeriesIdColumns {
  low = new Uint32Array(INITIAL_ENTRIES);
  high = new Uint32Array(INITIAL_ENTRIES);
  check = new Uint32Array(INITIAL_ENTRIES);
  /** 1 where the labels were refused and there is no id. */
  isRefused = new Uint8Array(INITIAL_ENTRIES);

  reserve(seriesCount: number): void {
    if (seriesCount <= this.low.length) return;
    const capacity = Math.max(seriesCount, this.low.length * 2);
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
    this.check = new Uint32Array(capacity);
    this.isRefused = new Uint8Array(capacity);
  }

  set(index: number, id: Uint32Array): void {
    this.low[index] = id[0]!;
    this.high[index] = id[1]!;
    this.check[index] = id[2]!;
  }
}
