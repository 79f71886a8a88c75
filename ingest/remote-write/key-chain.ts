import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import { ownShare, type CacheShare } from '../../storage/runtime/cache-budget.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';

/** No such entry: entries count from 1. What stands in its place has no link, so that nothing follows it. */
export const NO_ENTRY = 0;

/** Words of an entry: hash, three of its owner's (a series' id), tenant, the link to what follows, and when it was used last. */
export const ENTRY_WORDS = 11;
export const HASH_AT = 0;
export const WORDS_AT = 3;
/** 0 where the entry is free, and then NEXT_AT has the next one that is. */
const TENANT_AT = 6;
/** The entry that follows, or NO_ENTRY. */
export const NEXT_AT = 7;
/** Where the link's middle begins among `middles`, behind one word that says whose it is and how much room there is. */
export const MIDDLE_AT = 8;
/** How much the two have in common, as the owner of the chain has put it. */
export const COMMON_AT = 9;
/** The generation of the last use in the lower half, the length of the middle in the upper one. */
export const LENGTH_AT = 10;

const FREE = 0;
const NEVER = -1;
const INITIAL_ENTRIES = 1024;
const INITIAL_MIDDLES = 8 * 1024;
/** What fits half a word. */
export const HALF_WORD_MAX = 0xffff;
export const GENERATION_MASK = 0xffff;
/** In front of a middle: its entry in so many bits, its room in words in the others. */
const OWNER_BITS = 20;
const OWNER_MASK = 2 ** OWNER_BITS - 1;
export const MIDDLE_WORDS_MAX = 2 ** (32 - OWNER_BITS) - 1;

export interface Link {
  /** What both have in common, in the owner's terms: a word. */
  readonly common: number;
  /** Of what the second has in between, in the owner's units; at most HALF_WORD_MAX. */
  readonly length: number;
  /** Words that the middle takes, at most MIDDLE_WORDS_MAX. */
  readonly words: number;
}

/**
 * What senders send again and again, series and symbols, with three words of the owner's each: the ids of series, which spares parsing labels
 * in the steady state.
 *
 * Senders send the same things in the same order, and one series differs little from the one before it: in the name of its metric, or in one
 * label. So what is kept of a series is not its labels but its link: which series followed another one last time, how much of both is the
 * same, and what is in between. The owner of a chain compares the next series with the one before it in the same request, which is exact and
 * asks for little memory. Where nothing is linked or the guess is wrong, the hash decides: it is keyed, 96 bits long, and compared in full. An
 * entry belongs to one tenant.
 *
 * Bounded, by itself and by what the budget of all caches has room for. When it is full, what is not known stays unknown, and what is known
 * stays known for as long as it is used: entries that have not been for a generation, twice as many look-ups as there may be entries, make room
 * (`begin`). So series that are more than fit cost the slow way only for those that do not, however they come, and nobody who sends ever new ones
 * drives out others that are in use.
 */
export class KeyChain {
  readonly #entriesMax: number;
  readonly #middlesMax: number;
  readonly #share: CacheShare;
  /** All entries' words. May be another array behind `add`, as may `middles` behind `link`. */
  entries = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);
  middles: Uint32Array;
  #count = 1;
  #firstFree = NO_ENTRY;
  /** Entry in a bucket, 0 where it is free; at most half full, a power of two. */
  #buckets = new Uint32Array(INITIAL_ENTRIES * 2);
  #middlesEnd = 1;
  /** Words of `middles` that belong to no link: `#compact` gives them back. */
  #middlesWasted = 0;
  #lacksMiddles = false;
  /** Of 16 bits: what has not been used for so long that it looks new is kept once more. */
  #generation = 1;
  #sweptGeneration = NEVER;
  #lookUps = 0;
  #isFull = false;
  /** How many links may still be changed in this generation: for a sender without any order they would be changed in vain. */
  #relinks: number;
  readonly #tenants = new WeakMap<SeriesHasher, number>();
  #tenantCount = 0;
  #tenant = FREE;
  /** Entries that were free behind the last sweep; of these each tenant takes at most half where there are several. */
  #room = 0;
  readonly #taken = new Map<number, number>();
  /** Whether requests since the last sweep were of several tenants, and whether those were that came before it. */
  #hasSeveral = false;
  #hadSeveral = false;
  #hasher: SeriesHasher | undefined;

  constructor(entriesMax: number, middleBytesMax: number, share = ownShare()) {
    this.#share = share;
    this.#entriesMax = Math.min(entriesMax, OWNER_MASK);
    this.#middlesMax = Math.floor(middleBytesMax / 4);
    this.middles = new Uint32Array(Math.min(INITIAL_MIDDLES, this.#middlesMax + 1));
    this.#relinks = this.#relinksMax;
  }

  /** Begins a request of the tenant whose key `hasher` holds. Entries are given up here and nowhere else. */
  begin(hasher: SeriesHasher, lookUps: number): void {
    let tenant = this.#tenants.get(hasher);
    if (tenant === undefined) this.#tenants.set(hasher, (tenant = ++this.#tenantCount));
    if (tenant !== this.#tenant && this.#tenant !== FREE) this.#hasSeveral = true;
    this.#tenant = tenant;
    this.#hasher = hasher;
    this.#lookUps += lookUps;
    if (this.#lookUps >= this.#entriesMax * 2) this.#beginGeneration();
    if (this.#isFull && this.#sweptGeneration !== this.#generation) this.#sweep();
    if (this.#lacksMiddles && this.#middlesWasted * 4 >= this.middles.length) this.#compact();
  }

  /** What an entry's use is marked with. */
  get generation(): number {
    return this.#generation;
  }

  /** Of the bytes from `start` to `end`, or NO_ENTRY, and then the hasher's words are their hash. */
  findHash(view: DataView, start: number, end: number): number {
    const hasher = this.#hasher!;
    hasher.hashSpan(view, start, end);
    const hash0 = hasher.words[0]!;
    const hash1 = hasher.words[1]!;
    const hash2 = hasher.words[2]!;
    const entries = this.entries;
    const mask = this.#buckets.length - 1;
    for (let bucket = hash0 & mask; ; bucket = (bucket + 1) & mask) {
      const entry = this.#buckets[bucket]!;
      if (entry === NO_ENTRY) return NO_ENTRY;
      const at = entry * ENTRY_WORDS;
      const isSame = entries[at + HASH_AT] === hash0 && entries[at + HASH_AT + 1] === hash1 && entries[at + HASH_AT + 2] === hash2;
      if (!isSame || entries[at + TENANT_AT] !== this.#tenant) continue;
      this.use(entry);
      return entry;
    }
  }

  /** An entry of what has none, with its hash and the owner's words; NO_ENTRY when it is full. */
  add(hash: Uint32Array, words: Uint32Array): number {
    if (!this.#mayTake()) return NO_ENTRY;
    let entry = this.#firstFree;
    if (entry !== NO_ENTRY) this.#firstFree = this.entries[entry * ENTRY_WORDS + NEXT_AT]!;
    else if (this.#count < this.#capacity || this.#grow()) entry = this.#count++;
    else {
      this.#isFull = true;
      return NO_ENTRY;
    }
    const at = entry * ENTRY_WORDS;
    this.entries.set(hash.subarray(0, SERIES_ID_WORDS), at + HASH_AT);
    this.entries.set(words.subarray(0, SERIES_ID_WORDS), at + WORDS_AT);
    this.entries[at + TENANT_AT] = this.#tenant;
    this.entries[at + NEXT_AT] = NO_ENTRY;
    this.entries[at + MIDDLE_AT] = this.entries[at + COMMON_AT] = 0;
    this.entries[at + LENGTH_AT] = this.#generation;
    this.#place(entry);
    return entry;
  }

  /** Whether a link from the entry may be made, or made another one. */
  mayLink(entry: number): boolean {
    return entry !== NO_ENTRY && (this.entries[entry * ENTRY_WORDS + NEXT_AT] === NO_ENTRY || this.#relinks > 0);
  }

  /** Whether a middle of so many words leaves a quarter of the room to others: for links that take much and spare little. */
  hasPlenty(words: number): boolean {
    return (this.#middlesEnd + 1 + words) * 4 <= this.#middlesMax * 3;
  }

  /** Links `next` to the entry that it followed. Answers where in `middles` its middle belongs, or 0 when there is no room and no link. */
  link(entry: number, next: number, { common, length, words }: Link): number {
    const at = entry * ENTRY_WORDS;
    let middle = this.entries[at + MIDDLE_AT]!;
    const room = middle === 0 ? 0 : this.middles[middle]! >>> OWNER_BITS;
    if (middle === 0 || room < words) {
      const end = this.#middlesEnd + 1 + words;
      if (end > this.#middlesMax || (end > this.middles.length && !this.#growMiddles())) {
        this.#lacksMiddles = true;
        return 0;
      }
      if (middle !== 0) this.#middlesWasted += 1 + room;
      middle = this.#middlesEnd;
      this.#middlesEnd = end;
      this.middles[middle] = entry | (words << OWNER_BITS);
    }
    if (this.entries[at + NEXT_AT] !== NO_ENTRY) this.#relinks--;
    this.entries[at + NEXT_AT] = next;
    this.entries[at + MIDDLE_AT] = middle;
    this.entries[at + COMMON_AT] = common;
    this.entries[at + LENGTH_AT] = (this.entries[at + LENGTH_AT]! & GENERATION_MASK) | (length << 16);
    return middle + 1;
  }

  /** The entry is in use. */
  use(entry: number): void {
    const entries = this.entries;
    const at = entry * ENTRY_WORDS + LENGTH_AT;
    const length = entries[at]!;
    if ((length & GENERATION_MASK) !== this.#generation) entries[at] = (length & ~GENERATION_MASK) | this.#generation;
  }

  /** Copies an entry's words, the id of a series, to position `index` of the columns. */
  copyId(entry: number, ids: SeriesIdColumns, index: number): void {
    const entries = this.entries;
    const at = entry * ENTRY_WORDS + WORDS_AT;
    ids.low[index] = entries[at]!;
    ids.high[index] = entries[at + 1]!;
    ids.check[index] = entries[at + 2]!;
  }

  /** Forgets everything; never within a request. */
  clear(): void {
    this.#count = this.#middlesEnd = 1;
    this.#firstFree = NO_ENTRY;
    this.#buckets.fill(NO_ENTRY);
    this.#middlesWasted = 0;
    this.#lacksMiddles = this.#isFull = false;
    this.#sweptGeneration = NEVER;
  }

  /** Forgets everything and lets go of the memory, which its share counts as given back; never within a request. */
  empty(): void {
    this.clear();
    this.entries = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);
    this.#buckets = new Uint32Array(INITIAL_ENTRIES * 2);
    this.middles = new Uint32Array(Math.min(INITIAL_MIDDLES, this.#middlesMax + 1));
  }

  /** What `#count` may grow to in the arrays as they are. */
  get #capacity(): number {
    return Math.min(this.entries.length / ENTRY_WORDS, this.#entriesMax + 1);
  }

  get #relinksMax(): number {
    return Math.ceil(this.#entriesMax / 2);
  }

  /** Whether the tenant may have one of the free entries. */
  #mayTake(): boolean {
    if (this.#sweptGeneration === NEVER) return true;
    const taken = this.#taken.get(this.#tenant) ?? 0;
    if (taken * 2 >= this.#room && (this.#hasSeveral || this.#hadSeveral)) {
      this.#isFull = true;
      return false;
    }
    this.#taken.set(this.#tenant, taken + 1);
    return true;
  }

  #beginGeneration(): void {
    this.#lookUps = 0;
    this.#generation = (this.#generation + 1) & GENERATION_MASK;
    this.#relinks = this.#relinksMax;
  }

  /** Gives up the entries that were not used in this generation nor in the one before. */
  #sweep(): void {
    const entries = this.entries;
    const end = this.#count * ENTRY_WORDS;
    this.#sweptGeneration = this.#generation;
    this.#isFull = false;
    this.#hadSeveral = this.#hasSeveral;
    this.#hasSeveral = false;
    this.#taken.clear();
    this.#room = this.#capacity - this.#count;
    for (let entry = 1, at = ENTRY_WORDS; at < end; entry++, at += ENTRY_WORDS) {
      const isFree = entries[at + TENANT_AT] === FREE;
      if (!isFree && ((this.#generation - entries[at + LENGTH_AT]!) & GENERATION_MASK) < 2) continue;
      this.#room++;
      if (isFree) continue;
      this.#unlink(at);
      entries[at + TENANT_AT] = FREE;
      entries[at + NEXT_AT] = this.#firstFree;
      this.#firstFree = entry;
    }
    this.#buckets.fill(NO_ENTRY);
    for (let entry = 1, at = ENTRY_WORDS; at < end; entry++, at += ENTRY_WORDS) {
      if (entries[at + TENANT_AT] === FREE) continue;
      this.#place(entry);
      if (entries[entries[at + NEXT_AT]! * ENTRY_WORDS + TENANT_AT] === FREE) this.#unlink(at);
    }
  }

  /** Takes away the link of the entry whose words begin at `at`. */
  #unlink(at: number): void {
    const middle = this.entries[at + MIDDLE_AT]!;
    if (middle !== 0) this.#middlesWasted += 1 + (this.middles[middle]! >>> OWNER_BITS);
    this.entries[at + NEXT_AT] = NO_ENTRY;
    this.entries[at + MIDDLE_AT] = 0;
  }

  /** Moves the middles that links have together. */
  #compact(): void {
    const { entries, middles } = this;
    let end = 1;
    for (let middle = 1; middle < this.#middlesEnd; ) {
      const head = middles[middle]!;
      const next = middle + 1 + (head >>> OWNER_BITS);
      const at = (head & OWNER_MASK) * ENTRY_WORDS + MIDDLE_AT;
      if (entries[at] === middle) {
        middles.copyWithin(end, middle, next);
        entries[at] = end;
        end += next - middle;
      }
      middle = next;
    }
    this.#middlesEnd = end;
    this.#middlesWasted = 0;
    this.#lacksMiddles = false;
  }

  #place(entry: number): void {
    const mask = this.#buckets.length - 1;
    let bucket = this.entries[entry * ENTRY_WORDS + HASH_AT]! & mask;
    while (this.#buckets[bucket] !== NO_ENTRY) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = entry;
  }

  /** Makes room for more entries, if there is any. */
  #grow(): boolean {
    const capacity = Math.min((this.entries.length / ENTRY_WORDS) * 2, this.#entriesMax + 1);
    if (capacity <= this.#capacity) return false;
    const bucketCount = capacity * 2 > this.#buckets.length ? this.#buckets.length * 2 : this.#buckets.length;
    const moreWords = capacity * ENTRY_WORDS - this.entries.length + bucketCount - this.#buckets.length;
    if (!this.#share.take(moreWords * 4, this.entries.byteLength)) return false;
    this.entries = grownTo(this.entries, capacity * ENTRY_WORDS);
    if (bucketCount > this.#buckets.length) {
      this.#buckets = new Uint32Array(bucketCount);
      for (let entry = 1; entry < this.#count; entry++) this.#place(entry);
    }
    return true;
  }

  /** Makes room for one more middle, however long, if there is any: it has fewer words than there are at first. */
  #growMiddles(): boolean {
    const length = Math.min(this.middles.length * 2, this.#middlesMax);
    if (!this.#share.take((length - this.middles.length) * 4, this.middles.byteLength)) return false;
    this.middles = grownTo(this.middles, length);
    return true;
  }
}

function grownTo(words: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(words);
  return larger;
}
