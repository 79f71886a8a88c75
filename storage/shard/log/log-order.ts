import { assert } from '../../runtime/assert.ts';
import type { LabelOrder } from '../index/series-index.ts';
import type { SeriesSamples } from '../segment/segment.ts';
import type { LogHead } from './log-head.ts';
import type { LogTimeColumns } from './log-times.ts';

/** Entries of the log that are put in order at a time: as columns 2 MiB. Fewer stay in the processor's cache more surely, but each part reads all over the log. */
const PART_ENTRIES_TARGET = 128 * 1024;

/** Entries whose numbers, counted from the block's first, take two bytes. */
const BLOCK_ENTRIES = 64 * 1024;

/** Some series that are neighbours in label order: those of ranks `firstRank` to `endRank` (exclusive) have their samples side by side. */
export interface LogPart {
  readonly firstRank: number;
  readonly endRank: number;
  readonly length: number;
}

/**
 * Puts the log's first entries in the order of series, by two counting sorts: entry numbers by part, block by block, then the columns of one part at
 * a time, so that others have their turn in between. Each keeps the order of acceptance. Walking the back-links would find the same, one cache miss behind the other; here the misses overlap,
 * and what is written lies close together. What is kept by series is kept by ref: each entry asks for it four times, and neighbours in the log, which
 * come from one request, have neighbouring refs but lie far apart in label order.
 *
 * The log may grow behind those entries, and series may come, while this is under way.
 */
export class LogOrder {
  readonly #head: LogHead;
  /** By rank. */
  readonly #refs: Uint32Array;
  /** By ref: how many entries; then the place in its part of the next one, which behind the last one is where the samples end. */
  readonly #places: Uint32Array;
  readonly #parts: LogPart[];
  #nextPart = 0;
  readonly #entries: EntriesByPart;
  /** Scratch: of a block's entries of one part, their places in it. */
  readonly #placeOf: Uint32Array;
  /** Of the part taken last. Values stand for histograms of the log. */
  readonly samples: SeriesSamples;
  /** By rank, counted from the first one of the part taken last: where the series' samples end, and those of the next one begin. */
  readonly ends: Uint32Array;

  constructor(head: LogHead, entryCount: number, order: LabelOrder, entriesTarget = PART_ENTRIES_TARGET) {
    this.#head = head;
    this.#refs = order.refs;
    const { refs } = head;
    const places = (this.#places = new Uint32Array(order.ranks.length));
    countRefs(refs, entryCount, places);
    const partOf = new Uint16Array(places.length);
    this.#parts = cutIntoParts(order.refs, places, partOf, entriesTarget);
    this.#entries = new EntriesByPart(refs, entryCount, partOf, this.#parts.length);
    const capacity = this.#parts.reduce((most, { length }) => Math.max(most, length), 0);
    this.#placeOf = new Uint32Array(Math.min(capacity, BLOCK_ENTRIES));
    this.ends = new Uint32Array(this.#parts.reduce((most, { firstRank, endRank }) => Math.max(most, endRank - firstRank), 0));
    const values = new Float64Array(capacity);
    this.samples = {
      timestampsMs: new Float64Array(capacity),
      values,
      bits: new Uint32Array(values.buffer),
      payloads: head.payloads,
      startsMs: head.startsMs && new Float64Array(capacity),
    };
  }

  /** Whether all numbers are sorted by part, which must be before parts are taken. */
  get isSorted(): boolean {
    return this.#entries.isSorted;
  }

  /** Sorts the numbers of the next entries, and answers of how many. */
  sortOn(): number {
    return this.#entries.sortBlock();
  }

  /** Puts the next part into `samples`; `undefined` behind the last one. */
  next(): LogPart | undefined {
    assert(this.isSorted, 'a part of entries that are not sorted yet');
    const number = this.#nextPart++;
    const part = this.#parts[number];
    if (part === undefined) return undefined;
    const { refs, times, valueBits, startsMs } = this.#head;
    const timeColumns = times.columns();
    const { samples, ends } = this;
    const placeOf = this.#placeOf;
    const places = this.#places;
    const { numbers, blockCount } = this.#entries;
    for (let block = 0; block < blockCount; block++) {
      const first = block * BLOCK_ENTRIES;
      const entries = numbers.subarray(this.#entries.startOf(block, number), this.#entries.endOf(block, number));
      moveSamples(entries, first, refs, places, placeOf, timeColumns, valueBits, samples.timestampsMs, samples.bits);
      if (samples.startsMs !== undefined) moveFloats(entries, first, placeOf, startsMs!, samples.startsMs);
    }
    // For all series at once: the misses of the cache overlap.
    for (let rank = part.firstRank; rank < part.endRank; rank++) ends[rank - part.firstRank] = places[this.#refs[rank]!]!;
    return part;
  }
}

/** Which entries are of each part, two bytes each: block by block, in a block by part, and of a part in their order. */
class EntriesByPart {
  readonly blockCount: number;
  /** Of the entries in their blocks. */
  readonly numbers: Uint16Array;
  readonly #refs: Uint32Array;
  readonly #partOf: Uint16Array;
  /** Scratch of a block, by part: how many numbers, then where the next one goes. */
  readonly #next: Uint32Array;
  /** By block and part: where its numbers end. */
  readonly #ends: Uint32Array;
  #sortedBlocks = 0;

  /** `refs` are by entry, `partOf` is by ref. */
  constructor(refs: Uint32Array, entryCount: number, partOf: Uint16Array, partCount: number) {
    this.blockCount = Math.ceil(entryCount / BLOCK_ENTRIES);
    this.numbers = new Uint16Array(entryCount);
    this.#refs = refs;
    this.#partOf = partOf;
    this.#next = new Uint32Array(partCount);
    this.#ends = new Uint32Array(this.blockCount * partCount);
  }

  get isSorted(): boolean {
    return this.#sortedBlocks === this.blockCount;
  }

  /** The next block; answers how many entries it has. */
  sortBlock(): number {
    const refs = this.#refs;
    const partOf = this.#partOf;
    const next = this.#next;
    const { numbers } = this;
    const start = this.#sortedBlocks * BLOCK_ENTRIES;
    const end = Math.min(numbers.length, start + BLOCK_ENTRIES);
    next.fill(0);
    countParts(refs, start, end, partOf, next);
    for (let part = 0, at = start; part < next.length; part++) {
      const count = next[part]!;
      next[part] = at;
      at += count;
      this.#ends[this.#sortedBlocks * next.length + part] = at;
    }
    sortByPart(refs, start, end, partOf, next, numbers);
    this.#sortedBlocks++;
    return end - start;
  }

  startOf(block: number, part: number): number {
    return part === 0 ? block * BLOCK_ENTRIES : this.endOf(block, part - 1);
  }

  endOf(block: number, part: number): number {
    return this.#ends[block * this.#next.length + part]!;
  }
}

/*
 * The loops over entries are functions of arrays alone, with nothing behind the loop. They are called a few times a seal, and each call lasts: V8 compiles such a
 * loop while it runs, without knowing what is behind it, and what it does not know throws it back into the interpreter, each time anew.
 */

function countRefs(refs: Uint32Array, entryCount: number, counts: Uint32Array): void {
  for (let entry = 0; entry < entryCount; entry++) counts[refs[entry]!]!++;
}

function countParts(refs: Uint32Array, start: number, end: number, partOf: Uint16Array, counts: Uint32Array): void {
  for (let entry = start; entry < end; entry++) counts[partOf[refs[entry]!]!]!++;
}

/** Into `numbers`, counted from `start`, at the places in `next`, by part. */
function sortByPart(refs: Uint32Array, start: number, end: number, partOf: Uint16Array, next: Uint32Array, numbers: Uint16Array): void {
  for (let entry = start; entry < end; entry++) numbers[next[partOf[refs[entry]!]!]!++] = entry - start;
}

/**
 * Times and values of entries, which are numbers that count from `first`, to their places: from `places`, by ref, and left in `placeOf`, by the entries'
 * order. In one loop of some length: small ones V8 puts into whoever calls them, where its best compiler comes to them late, or never.
 */
function moveSamples(
  entries: Uint16Array,
  first: number,
  refs: Uint32Array,
  places: Uint32Array,
  placeOf: Uint32Array,
  { baseMs, offsets, whole }: LogTimeColumns,
  valueBits: Uint32Array,
  timestampsMs: Float64Array,
  bits: Uint32Array,
): void {
  for (let i = 0; i < entries.length; i++) {
    const entry = first + entries[i]!;
    const place = places[refs[entry]!]!++;
    placeOf[i] = place;
    timestampsMs[place] = whole === undefined ? baseMs + offsets[entry]! : whole[entry]!;
    bits[place * 2] = valueBits[entry * 2]!;
    bits[place * 2 + 1] = valueBits[entry * 2 + 1]!;
  }
}

function moveFloats(entries: Uint16Array, first: number, placeOf: Uint32Array, from: Float64Array, to: Float64Array): void {
  for (let i = 0; i < entries.length; i++) to[placeOf[i]!] = from[first + entries[i]!]!;
}

/** Puts into `partOf`, by ref, the part, and in place of the counts where the series' samples begin in it. `refs` are in label order. */
function cutIntoParts(refs: Uint32Array, counts: Uint32Array, partOf: Uint16Array, entriesTarget: number): LogPart[] {
  const parts: LogPart[] = [];
  let firstRank = 0;
  let partLength = 0;
  for (let rank = 0; rank < refs.length; rank++) {
    const ref = refs[rank]!;
    const length = counts[ref]!;
    if (partLength > 0 && partLength + length > entriesTarget) {
      parts.push({ firstRank, endRank: rank, length: partLength });
      firstRank = rank;
      partLength = 0;
    }
    counts[ref] = partLength;
    partOf[ref] = parts.length;
    partLength += length;
  }
  parts.push({ firstRank, endRank: refs.length, length: partLength });
  return parts;
}
