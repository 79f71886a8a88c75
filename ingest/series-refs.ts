import { grown } from '../proto/grown.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import { ownShare, type CacheBudget, type CacheShare } from '../storage/runtime/cache-budget.ts';
import { REMAKE_NS_PER_BYTE } from '../storage/runtime/cache-costs.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { BY_ID, type OneFloatEach, type SeriesNames } from '../storage/shard/append/ref-message.ts';
import { REFUSED_REF } from '../storage/shard/append/resolve-series.ts';
import { mixedWith } from '../storage/shard/index/ref-space.ts';
import type { GivenRefs } from '../storage/shard/shard-api.ts';

/** Entries count from 1. */
const NO_ENTRY = 0;
const INITIAL_ENTRIES = 1024;
/** Words of an entry: the series' id, its space's number, from 1, and its ref. */
const ENTRY_WORDS = 5;
const SPACE_AT = 3;
const REF_AT = 4;
/** Full, it throws out what was not asked for while so many times as many series as fit were: no series that comes in turn with eight times as many as fit. */
const LOOK_UPS_PER_ENTRY = 16;

/**
 * What shards call series: from an id to the ref that its shard has told (ref-space.ts), so that a series that comes again is named by a number,
 * which mostly is the one behind that of the series before. It takes neither the place of an id on the way nor a look-up where it arrives, and
 * does not depend on how a sender cuts its series into requests.
 *
 * Senders send the same series in the same order again and again, and entries lie in the order in which they came first: a series is
 * compared with the entry behind that of the series before, in the order of memory, and only where a run ends its id is looked up.
 *
 * Bounded, by itself and by what the budget of all caches has room for: when it is full, series that are not in it go by their ids, until
 * entries that nobody asks for any more are thrown out, of which those of forgotten spaces are. (Replacing one by one would lose every entry just
 * before its turn comes, when there are more series than entries.)
 */
export class SeriesRefs {
  readonly #entriesMax: number;
  readonly #share: CacheShare;
  #entries = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);
  /** By entry: 1 when it has been asked for since the last sweep. */
  #isUsed = new Uint8Array(INITIAL_ENTRIES);
  #count = 1;
  /** Entry number in a bucket, 0 where it is free; at most half full, a power of two. */
  #buckets = new Uint32Array(INITIAL_ENTRIES * 2);
  #lookUps = 0;
  #spaceCount = 0;
  readonly #shards = new WeakMap<SeriesHasher, (ShardRefs | undefined)[]>();
  /** Runs of the batch that is being named. */
  #runs = new Uint32Array(256);

  /** `name` is the share's among `caches`. */
  constructor(entriesMax: number, name = '', caches?: CacheBudget) {
    this.#entriesMax = entriesMax;
    this.#share = caches?.open(name, REMAKE_NS_PER_BYTE.refs, () => this.#empty()) ?? ownShare();
  }

  /** Those of one of a tenant's shards. */
  of({ hasher }: Pick<TenantShards, 'hasher'>, shard: number): ShardRefs {
    this.#share.touch();
    let shards = this.#shards.get(hasher);
    if (shards === undefined) this.#shards.set(hasher, (shards = []));
    return (shards[shard] ??= new ShardRefs(this));
  }

  /** A number that no space has had. */
  numberOfNewSpace(): number {
    return ++this.#spaceCount;
  }

  /** Whether series that are not known can be added, now that room has been made if it was time. */
  makeRoom(): boolean {
    if (this.#hasRoom()) return true;
    if (this.#lookUps < this.#entriesMax * LOOK_UPS_PER_ENTRY) return false;
    this.#sweep();
    return this.#hasRoom();
  }

  /** Whether one more can be added. Entry 0 takes the place of one. */
  #hasRoom(): boolean {
    return this.#count < this.#entriesMax && (this.#count < this.#isUsed.length || this.#grow());
  }

  /** Names series by the refs of a space where they are known; `undefined` when none is. */
  name({ sampleCount, idLow, idHigh, idCheck }: OneFloatEach, { number, name }: KnownSpace): (SeriesNames & { readonly hasAll: boolean }) | undefined {
    this.#lookUps += sampleCount;
    if (this.#runs.length < sampleCount * 2) this.#runs = new Uint32Array(sampleCount * 4);
    const runs = this.#runs;
    const entries = this.#entries;
    const isUsed = this.#isUsed;
    let word = 0;
    let byId = 0;
    let mix = 0;
    let guess = NO_ENTRY;
    for (let series = 0; series < sampleCount; ) {
      // A run: series that are entry behind entry, their refs rising by one; or series that are not known.
      const start = series;
      const first = this.#find(idLow[series]!, idHigh[series]!, idCheck[series]!, number, guess);
      let ref = BY_ID;
      if (first === NO_ENTRY) {
        do series++;
        while (series < sampleCount && this.#find(idLow[series]!, idHigh[series]!, idCheck[series]!, number) === NO_ENTRY);
        byId += series - start;
      } else {
        let at = first * ENTRY_WORDS;
        let next = (ref = entries[at + REF_AT]!);
        do {
          mix = mixedWith(mix, entries[at]!);
          series++;
          next++;
          at += ENTRY_WORDS;
        } while (
          series < sampleCount &&
          entries[at] === idLow[series] &&
          entries[at + 1] === idHigh[series] &&
          entries[at + 2] === idCheck[series] &&
          entries[at + SPACE_AT] === number &&
          entries[at + REF_AT] === next
        );
        guess = first + series - start;
        for (let entry = first; entry < guess; entry++) isUsed[entry] = 1;
      }
      runs[word++] = ref;
      runs[word++] = series - start;
    }
    return byId === sampleCount ? undefined : { space: name, runs: runs.slice(0, word), mix, hasAll: byId === 0 };
  }

  /** Remembers a series' ref, if there is room. */
  add(low: number, high: number, check: number, space: number, ref: number): void {
    if (this.#find(low, high, check, space) !== NO_ENTRY || !this.#hasRoom()) return;
    const entry = this.#count++;
    this.#entries.set([low, high, check, space, ref], entry * ENTRY_WORDS);
    this.#place(entry);
  }

  /** The entry of a series, NO_ENTRY when there is none; `guess` is looked at first. */
  #find(low: number, high: number, check: number, space: number, guess = NO_ENTRY): number {
    if (this.#is(guess, low, high, check, space)) return guess;
    const buckets = this.#buckets;
    const mask = buckets.length - 1;
    for (let bucket = bucketOf(low, space) & mask; ; bucket = (bucket + 1) & mask) {
      const entry = buckets[bucket]!;
      if (entry === NO_ENTRY || this.#is(entry, low, high, check, space)) return entry;
    }
  }

  #is(entry: number, low: number, high: number, check: number, space: number): boolean {
    const entries = this.#entries;
    const at = entry * ENTRY_WORDS;
    return entries[at] === low && entries[at + 1] === high && entries[at + 2] === check && entries[at + SPACE_AT] === space;
  }

  #place(entry: number): void {
    const buckets = this.#buckets;
    const mask = buckets.length - 1;
    const at = entry * ENTRY_WORDS;
    let bucket = bucketOf(this.#entries[at]!, this.#entries[at + SPACE_AT]!) & mask;
    while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    buckets[bucket] = entry;
  }

  /** Makes room for more entries, if there is any. */
  #grow(): boolean {
    const bytes = this.#entries.byteLength + this.#isUsed.byteLength;
    if (!this.#share.take(bytes + this.#buckets.byteLength, bytes)) return false;
    this.#entries = grown(this.#entries);
    const isUsed = new Uint8Array(this.#isUsed.length * 2);
    isUsed.set(this.#isUsed);
    this.#isUsed = isUsed;
    this.#buckets = new Uint32Array(this.#buckets.length * 2);
    for (let entry = 1; entry < this.#count; entry++) this.#place(entry);
    return true;
  }

  #empty(): void {
    this.#entries = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);
    this.#isUsed = new Uint8Array(INITIAL_ENTRIES);
    this.#buckets = new Uint32Array(INITIAL_ENTRIES * 2);
    this.#count = 1;
  }

  /** Throws out the entries that have not been asked for since the last time; the others keep their order. */
  #sweep(): void {
    let kept = 1;
    for (let entry = 1; entry < this.#count; entry++) {
      if (this.#isUsed[entry] === 0) continue;
      this.#entries.copyWithin(kept * ENTRY_WORDS, entry * ENTRY_WORDS, (entry + 1) * ENTRY_WORDS);
      kept++;
    }
    this.#count = kept;
    this.#lookUps = 0;
    this.#isUsed.fill(0);
    this.#buckets.fill(0);
    this.#entries.fill(0, kept * ENTRY_WORDS);
    for (let entry = 1; entry < kept; entry++) this.#place(entry);
  }
}

/** Ids are hashes; a series' entries of forgotten spaces are spread. */
function bucketOf(low: number, space: number): number {
  return low ^ Math.imul(space, 0x9e3779b1);
}

/** A space whose refs are known: what its shard calls it, and its number here. */
export interface KnownSpace {
  readonly name: Uint32Array;
  readonly number: number;
}

/** What one shard calls its series. */
export class ShardRefs {
  readonly #refs: SeriesRefs;
  #space: KnownSpace | undefined;

  constructor(refs: SeriesRefs) {
    this.#refs = refs;
  }

  /** The names of a batch's series, if some are known. */
  name(batch: OneFloatEach): ReturnType<SeriesRefs['name']> {
    return this.#space && this.#refs.name(batch, this.#space);
  }

  /** Whether refs of series that are not known are to be asked for. */
  wants(): boolean {
    return this.#refs.makeRoom();
  }

  /** Takes what the shard has given for series with these ids. */
  learn({ idLow, idHigh, idCheck }: Pick<OneFloatEach, 'idLow' | 'idHigh' | 'idCheck'>, { space, refs }: GivenRefs): void {
    if (refs.length !== idLow.length) return;
    if (this.#space === undefined || !isSame(this.#space.name, space)) this.#space = { name: space, number: this.#refs.numberOfNewSpace() };
    const { number } = this.#space;
    for (let i = 0; i < refs.length; i++) if (refs[i] !== REFUSED_REF) this.#refs.add(idLow[i]!, idHigh[i]!, idCheck[i]!, number, refs[i]!);
  }

  /** The shard does not know the space, or not any more. */
  forget(space: Uint32Array): void {
    if (this.#space !== undefined && isSame(this.#space.name, space)) this.#space = undefined;
  }
}

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
