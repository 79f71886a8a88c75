import type { LogHead } from './log-head.ts';
import type { SeriesSamples } from './segment.ts';
import type { LabelOrder } from './series-index.ts';

/** Entries of the log that are put in order at a time: as columns 2 MiB. Fewer stay in the processor's cache more surely, but each part reads all over the log. */
const PART_ENTRIES_TARGET = 128 * 1024;

/** As many as a byte tells apart: two parts next to each other have more than `entriesTarget` entries. */
const PARTS_MAX = 256;

/** Some series that are neighbours in label order: those of ranks `firstRank` to `endRank` (exclusive) have their samples side by side. */
export interface LogPart {
  readonly firstRank: number;
  readonly endRank: number;
  readonly length: number;
}

/**
 * Puts the log's first entries in the order of series, by a counting sort of one part of the series at a time, which keeps the order of
 * acceptance. Of each entry one byte says which part it is of. Walking the back-links would find the same, one cache miss behind the other; here
 * the misses overlap, and what is written lies close together. What is kept by series is kept by its place in label order, in which the seal
 * walks through it.
 *
 * The log may grow behind those entries, and series may come, while this is under way.
 */
export class LogOrder {
  readonly #head: LogHead;
  readonly #ranks: Uint32Array;
  readonly #parts: LogPart[];
  #nextPart = 0;
  /** By entry. */
  readonly #partOf: Uint8Array;
  /** Of the part taken last. Values stand for histograms of the log. */
  readonly samples: SeriesSamples;
  /** By rank, for the part taken last: where the series' samples end, and those of the next one begin. */
  readonly ends: Uint32Array;

  constructor(head: LogHead, entryCount: number, order: LabelOrder, entriesTarget = PART_ENTRIES_TARGET) {
    this.#head = head;
    this.#ranks = order.ranks;
    const { refs } = head;
    // By rank: how many entries; then the place in its part of the next one.
    this.ends = new Uint32Array(order.refs.length);
    for (let entry = 0; entry < entryCount; entry++) this.ends[order.ranks[refs[entry]!]!]!++;
    const partOfRank = new Uint8Array(order.refs.length);
    this.#parts = cutIntoParts(this.ends, partOfRank, Math.max(entriesTarget, Math.ceil((entryCount * 2) / (PARTS_MAX - 1))));
    this.#partOf = new Uint8Array(entryCount);
    for (let entry = 0; entry < entryCount; entry++) this.#partOf[entry] = partOfRank[order.ranks[refs[entry]!]!]!;
    const capacity = this.#parts.reduce((most, { length }) => Math.max(most, length), 0);
    const values = new Float64Array(capacity);
    this.samples = {
      timestampsMs: new Float64Array(capacity),
      values,
      bits: new Uint32Array(values.buffer),
      payloads: head.payloads,
      startsMs: head.startsMs && new Float64Array(capacity),
    };
  }

  /** Puts the next part into `samples`; `undefined` behind the last one. */
  next(): LogPart | undefined {
    const number = this.#nextPart++;
    const part = this.#parts[number];
    if (part === undefined) return undefined;
    const { refs, times, valueBits, startsMs } = this.#head;
    const { samples, ends } = this;
    const { timestampsMs, bits } = samples;
    const ranks = this.#ranks;
    const partOf = this.#partOf;
    for (let entry = 0; entry < partOf.length; entry++) {
      if (partOf[entry] !== number) continue;
      const place = ends[ranks[refs[entry]!]!]!++;
      timestampsMs[place] = times.at(entry);
      bits[place * 2] = valueBits[entry * 2]!;
      bits[place * 2 + 1] = valueBits[entry * 2 + 1]!;
      if (samples.startsMs !== undefined) samples.startsMs[place] = startsMs![entry]!;
    }
    return part;
  }
}

/** Puts into `partOf`, by rank, the part, and in place of the counts where the series' samples begin in it. */
function cutIntoParts(counts: Uint32Array, partOf: Uint8Array, entriesTarget: number): LogPart[] {
  const parts: LogPart[] = [];
  let firstRank = 0;
  let partLength = 0;
  for (let rank = 0; rank < counts.length; rank++) {
    const length = counts[rank]!;
    if (partLength > 0 && partLength + length > entriesTarget) {
      parts.push({ firstRank, endRank: rank, length: partLength });
      firstRank = rank;
      partLength = 0;
    }
    counts[rank] = partLength;
    partOf[rank] = parts.length;
    partLength += length;
  }
  parts.push({ firstRank, endRank: counts.length, length: partLength });
  return parts;
}
