import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import { must } from '../../storage/runtime/assert.ts';
import { ownShare, type CacheBudget, type CacheShare } from '../../storage/runtime/cache-budget.ts';
import { REMAKE_NS_PER_BYTE } from '../../storage/runtime/cache-costs.ts';
import { ByteArena, NOT_KEPT } from './byte-arena.ts';
import { KnownRuns, UNKNOWN } from './known-runs.ts';

/** Entries count from 1: 0 is what comes before the first of all, and holds the first guess. */
const START = 0;
const INITIAL_ENTRIES = 1024;
/** Words of an entry: its parent, its run of bytes with its tag, the entry that followed it last time, and an id, or the position of several. */
const ENTRY_WORDS = 6;
const PARENT_AT = 0;
const RUN_AT = 1;
const NEXT_AT = 2;
const IDS_AT = 3;
/** An entry, the mark of its use, and its two buckets. */
const ENTRY_BYTES = ENTRY_WORDS * 4 + 1 + 2 * 4;
/** RUN_AT has the tag, of six bits, above the run's number. */
const RUN_BITS = 26;
const RUN_MASK = 2 ** RUN_BITS - 1;
/** Tenants as parents are numbered from here on, entries below. */
const FIRST_ROOT = 0x80000000;
/** Marks are bytes, and 0 is none. */
const MARK_MAX = 255;
/** What may be kept of the bytes of attributes: they can be done without at some cost, and ids cannot. */
const BYTES_SHARE = 0.25;

/**
 * From the bytes of an OTLP point to the ids of its series: what spares parsing attributes and making labels in the steady state.
 *
 * What makes a series lies apart in the message: resource, scope, metric, the bounds of a histogram, attributes. Each is an entry under the one
 * before, its parent, the first under the tenant; a tag tells apart what has the same bytes there and is not the same. The last one has the ids: one, or
 * those of all series that the point is. An entry that is only a parent may keep a word of its owner's instead.
 *
 * Senders send the same things in the same order again and again. So each entry remembers which one followed it, and the first thing tried is
 * to compare the next bytes with those of that entry. Attributes come again under other metrics and resources: their bytes are kept once
 * (KnownRuns).
 *
 * Bounded by the bytes that all of it takes, and by what the budget of all caches has room for. When it is full, what is new is not remembered
 * and costs its labels each time; what is in it stays, unless in a whole window less than half of it has been used: then the next request
 * starts with it empty. (Replacing one by one would lose every entry just before its turn comes, when there is more than fits.) Within a
 * request entries stay what they are.
 */
export class OtlpIdCache {
  readonly #windowMs: number;
  readonly #share: CacheShare;
  readonly #arena: ByteArena;
  readonly #runs: KnownRuns;
  #entries: Uint32Array = new Uint32Array(ENTRY_WORDS);
  /** By entry: the window of its last use, by its mark. */
  #marks = new Uint8Array(1);
  #count = 1;
  /** Entry number in a bucket, 0 where it is free; at most half full, a power of two. */
  #buckets = new Uint32Array(1);
  #previous = START;
  /** The entry whose bytes `guessFrom` has found last, and where. */
  #guessed = START;
  #guessedStart = 0;
  #guessedEnd = 0;
  /** Tenants by the hasher that holds their key. */
  readonly #tenants = new WeakMap<SeriesHasher, number>();
  #tenantCount = 0;
  #root = FIRST_ROOT;
  #hasher: SeriesHasher | undefined;
  #windowStartMs = -Infinity;
  #mark = 1;
  /** Entries that have been used in the window. */
  #usedCount = 0;
  /** Whether something found no room in the window. */
  #isFull = false;

  /** Where `locate` has found ids: the words, and the first one's place in them. */
  idWords: Uint32Array = this.#entries;
  idAt = 0;

  constructor(bytesMax: number, windowMs: number, caches?: CacheBudget) {
    this.#windowMs = windowMs;
    this.#share = caches?.open('otlp', REMAKE_NS_PER_BYTE.otlp, () => this.#empty(), bytesMax) ?? ownShare(bytesMax);
    this.#arena = new ByteArena(this.#share);
    this.#runs = new KnownRuns(this.#arena, this.#share, bytesMax * BYTES_SHARE);
  }

  /** Begins a request of the tenant whose key `hasher` holds. */
  begin(hasher: SeriesHasher, nowMs: number): void {
    this.#share.begin();
    if (nowMs - this.#windowStartMs >= this.#windowMs) this.#nextWindow(nowMs);
    let root = this.#tenants.get(hasher);
    if (root === undefined) this.#tenants.set(hasher, (root = FIRST_ROOT + this.#tenantCount++));
    this.#root = root;
    this.#hasher = hasher;
    this.#guessed = START;
  }

  /** The tenant, as a parent. */
  get root(): number {
    return this.#root;
  }

  /**
   * How many bytes from `start` on are those of the entry that comes next if the request is like the one before, 0 when they are not, go beyond `end`, or
   * the entry has another parent or a tag. `find` does not compare them again.
   */
  guessFrom(view: DataView, start: number, end: number, parent: number): number {
    this.#guessed = START;
    const guess = this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    const at = guess * ENTRY_WORDS;
    // Without a tag the word is the run.
    const run = this.#entries[at + RUN_AT]!;
    if (guess === START || this.#entries[at + PARENT_AT] !== parent || run > RUN_MASK) return 0;
    const length = this.#runs.lengthAt(run, view, start, end);
    if (length === 0) return 0;
    this.#guessed = guess;
    this.#guessedStart = start;
    this.#guessedEnd = start + length;
    return length;
  }

  /** The entry of the bytes from `start` to `end`, or UNKNOWN, and then the hasher's words are their hash. Asked for in request order. */
  find(view: DataView, start: number, end: number, parent: number, tag = 0): number {
    const entries = this.#entries;
    const guess = entries[this.#previous * ENTRY_WORDS + NEXT_AT]!;
    const at = guess * ENTRY_WORDS;
    if (guess !== START && entries[at + PARENT_AT] === parent) {
      const run = entries[at + RUN_AT]!;
      const isGuessed = guess === this.#guessed && start === this.#guessedStart && end === this.#guessedEnd;
      if (run >>> RUN_BITS === tag && (isGuessed || this.#runs.isSame(run & RUN_MASK, view, start, end))) {
        this.#use(guess);
        this.#previous = guess;
        return guess;
      }
    }
    const hasher = must(this.#hasher, 'find before begin');
    hasher.hashSpan(view, start, end);
    const run = this.#runs.find(hasher.words, this.#root);
    const entry = run === UNKNOWN ? UNKNOWN : this.#lookUp(hasher.words[0]!, (tag << RUN_BITS) | run, parent);
    if (entry !== UNKNOWN) {
      this.#use(entry);
      this.#follow(entry);
    }
    return entry;
  }

  /**
   * An entry for bytes that have none there and whose hash is `hash`, with `idCount` ids that stand in `ids` one behind the other. The answer is
   * the entry, or UNKNOWN when there is no room.
   */
  add(view: DataView, start: number, end: number, hash: Uint32Array, ids: Uint32Array, idCount: number, parent: number, tag = 0): number {
    const entry = this.#add(view, start, end, hash, ids, idCount, parent, tag);
    if (entry === UNKNOWN) this.#isFull = true;
    else {
      this.#use(entry);
      this.#follow(entry);
    }
    return entry;
  }

  /** Finds the ids of an entry, of which it has `idCount`. They stay there until something is added. */
  locate(entry: number, idCount: number): void {
    const at = entry * ENTRY_WORDS + IDS_AT;
    if (idCount === 1) {
      this.idWords = this.#entries;
      this.idAt = at;
    } else {
      const position = this.#entries[at]!;
      this.idWords = this.#arena.wordsAt(position);
      this.idAt = this.#arena.indexOf(position) * 2;
    }
  }

  /** The word that the owner of an entry that is only a parent has put there, 0 at first. */
  word(entry: number): number {
    return this.#entries[entry * ENTRY_WORDS + IDS_AT]!;
  }

  setWord(entry: number, word: number): void {
    this.#entries[entry * ENTRY_WORDS + IDS_AT] = word;
  }

  #add(view: DataView, start: number, end: number, hash: Uint32Array, ids: Uint32Array, idCount: number, parent: number, tag: number): number {
    if ((this.#count + 1) * ENTRY_WORDS > this.#entries.length && !this.#grow()) return UNKNOWN;
    let run = this.#runs.find(hash, this.#root);
    if (run === UNKNOWN) run = this.#runs.add(view, start, end, hash, this.#root);
    if (run === UNKNOWN || run > RUN_MASK) return UNKNOWN;
    const entry = this.#count;
    const at = entry * ENTRY_WORDS;
    if (idCount <= 1) for (let i = 0; i < SERIES_ID_WORDS; i++) this.#entries[at + IDS_AT + i] = idCount === 1 ? ids[i]! : 0;
    else {
      const position = this.#arena.allocate(idCount * SERIES_ID_WORDS * 4);
      if (position === NOT_KEPT) return UNKNOWN;
      this.#arena.wordsAt(position).set(ids.subarray(0, idCount * SERIES_ID_WORDS), this.#arena.indexOf(position) * 2);
      this.#entries[at + IDS_AT] = position;
    }
    this.#entries[at + PARENT_AT] = parent;
    this.#entries[at + RUN_AT] = (tag << RUN_BITS) | run;
    this.#entries[at + NEXT_AT] = START;
    this.#marks[entry] = 0;
    this.#count++;
    this.#place(entry);
    return entry;
  }

  #use(entry: number): void {
    if (this.#marks[entry] === this.#mark) return;
    this.#marks[entry] = this.#mark;
    this.#usedCount++;
  }

  /** The entry was the next one, and will be guessed the next time. */
  #follow(entry: number): void {
    this.#entries[this.#previous * ENTRY_WORDS + NEXT_AT] = entry;
    this.#previous = entry;
  }

  #lookUp(hashWord: number, taggedRun: number, parent: number): number {
    const entries = this.#entries;
    const mask = this.#buckets.length - 1;
    const wanted = taggedRun >>> 0;
    for (let bucket = bucketOf(hashWord, wanted, parent) & mask; ; bucket = (bucket + 1) & mask) {
      const entry = this.#buckets[bucket]!;
      if (entry === 0) return UNKNOWN;
      const at = entry * ENTRY_WORDS;
      if (entries[at + RUN_AT] === wanted && entries[at + PARENT_AT] === parent) return entry;
    }
  }

  #place(entry: number): void {
    const mask = this.#buckets.length - 1;
    const at = entry * ENTRY_WORDS;
    const taggedRun = this.#entries[at + RUN_AT]!;
    let bucket = bucketOf(this.#runs.hashWord(taggedRun & RUN_MASK), taggedRun, this.#entries[at + PARENT_AT]!) & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = entry;
  }

  #grow(): boolean {
    const capacity = this.#marks.length;
    const wanted = Math.max(INITIAL_ENTRIES, capacity * 2);
    if (!this.#share.take((wanted - capacity) * ENTRY_BYTES, this.#entries.byteLength + this.#marks.byteLength)) return false;
    const entries = new Uint32Array(wanted * ENTRY_WORDS);
    entries.set(this.#entries);
    this.#entries = entries;
    const marks = new Uint8Array(wanted);
    marks.set(this.#marks);
    this.#marks = marks;
    this.#buckets = new Uint32Array(wanted * 2);
    for (let entry = 1; entry < this.#count; entry++) this.#place(entry);
    return true;
  }

  /** Never within a request. */
  #nextWindow(nowMs: number): void {
    if ((this.#isFull || this.#share.isWanted) && this.#usedCount * 2 < this.#count) this.#giveUp();
    this.#windowStartMs = nowMs;
    this.#isFull = false;
    this.#usedCount = 0;
    if (this.#mark === MARK_MAX) this.#marks.fill(0);
    this.#mark = (this.#mark % MARK_MAX) + 1;
  }

  #giveUp(): void {
    this.#empty();
    this.#share.give(this.#share.bytes);
  }

  /** Lets go of everything, memory too. */
  #empty(): void {
    this.#count = 1;
    this.#entries = this.idWords = new Uint32Array(ENTRY_WORDS);
    this.#marks = new Uint8Array(1);
    this.#buckets = new Uint32Array(1);
    this.#runs.empty();
    this.#arena.empty();
    this.#previous = START;
    this.#usedCount = 0;
  }
}

/** Runs that many parents share are spread by their parents. */
function bucketOf(hashWord: number, taggedRun: number, parent: number): number {
  return hashWord ^ Math.imul(parent, 0x9e3779b1) ^ Math.imul(taggedRun >>> RUN_BITS, 0x85ebca6b);
}
