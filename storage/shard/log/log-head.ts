import { NO_PAYLOADS, samePayload } from '../../chunk/index.ts';
import { HISTOGRAM_BITS_HIGH, STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import { assert } from '../../runtime/assert.ts';
import { rebasePayloads } from '../run/payloads.ts';
import { LogTimes } from './log-times.ts';
import type { LogBatch } from './wal.ts';

/** No entry. */
export const NO_ENTRY = -1;
/** Room that a log begins with; what comes doubles it, up to the capacity, and it stays. A quiet shard's log takes 330 KB and not 17 MB, and waking one costs no clearing of these. */
const ENTRIES_AT_FIRST = 16 * 1024;

/**
 * The samples accepted since the last seal, in the order of acceptance, as parallel arrays: exactly what the WAL holds.
 * Each entry names the previous entry of its series, so that a query walks one series backwards without touching the others.
 */
export class LogHead {
  #capacity: number;
  #count = 0;
  #generation = 0;
  #minTimestampMs = Infinity;
  #newestTimestampMs = -Infinity;
  /** The columns, which `append` may replace by longer ones. */
  refs: Uint32Array;
  valueBits: Uint32Array;
  previous: Int32Array;
  readonly times: LogTimes;
  /** Histograms that values stand for. */
  payloads: Uint8Array[] = [];
  #payloadBytes = 0;
  /** Start timestamps, 0 where unknown: made when the first known one comes. */
  startsMs: Float64Array | undefined;
  /** By ref: the series' newest entry, and the greatest timestamp seen since waking (also in what has been sealed). */
  #lastEntry = new Int32Array(1024).fill(NO_ENTRY);
  #maxTimestampMs = new Float64Array(1024).fill(-Infinity);
  /** By ref: 1 when its entries may not be in the order of time. */
  #isDisordered = new Uint8Array(1024);

  constructor(capacity: number) {
    this.#capacity = capacity;
    const room = Math.min(capacity, ENTRIES_AT_FIRST);
    this.refs = new Uint32Array(room);
    this.times = new LogTimes(room);
    this.valueBits = new Uint32Array(room * 2);
    this.previous = new Int32Array(room);
  }

  get count(): number {
    return this.#count;
  }

  /** Rises when the log is cleared and its entries begin anew. */
  get generation(): number {
    return this.#generation;
  }

  /** The least timestamp in the log, Infinity when it is empty. */
  get minTimestampMs(): number {
    return this.#minTimestampMs;
  }

  /** The greatest timestamp in the log, -Infinity when it is empty. */
  get newestTimestampMs(): number {
    return this.#newestTimestampMs;
  }

  get free(): number {
    return this.#capacity - this.#count;
  }

  /** Bytes of the histograms. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Appends samples whose refs and room have been checked. Columns may be longer than the batch's count. */
  append({ refs, timestampsMs, valueBits, sampleCount, payloads = NO_PAYLOADS, startsMs }: LogBatch): void {
    const start = this.#count;
    this.#reserve(start + sampleCount);
    this.refs.set(refs.subarray(0, sampleCount), start);
    this.times.append(timestampsMs, sampleCount, start);
    this.valueBits.set(valueBits.subarray(0, sampleCount * 2), start * 2);
    const { previous } = this;
    const lastEntry = this.#lastEntry;
    const maxTimestampMs = this.#maxTimestampMs;
    const isDisordered = this.#isDisordered;
    let minTimestampMs = this.#minTimestampMs;
    let newestTimestampMs = this.#newestTimestampMs;
    for (let i = 0; i < sampleCount; i++) {
      const ref = refs[i]!;
      previous[start + i] = lastEntry[ref]!;
      lastEntry[ref] = start + i;
      if (timestampsMs[i]! > maxTimestampMs[ref]!) maxTimestampMs[ref] = timestampsMs[i]!;
      else isDisordered[ref] = 1;
      if (timestampsMs[i]! < minTimestampMs) minTimestampMs = timestampsMs[i]!;
      if (timestampsMs[i]! > newestTimestampMs) newestTimestampMs = timestampsMs[i]!;
    }
    this.#minTimestampMs = minTimestampMs;
    this.#newestTimestampMs = newestTimestampMs;
    this.#count = start + sampleCount;
    if (payloads.length > 0) {
      rebasePayloads(this.valueBits, start, this.#count, payloads, this.payloads);
      for (const payload of payloads) this.#payloadBytes += payload.length;
    }
    if (startsMs !== undefined) this.startsMs ??= new Float64Array(this.refs.length);
    if (startsMs !== undefined) this.startsMs?.set(startsMs.subarray(0, sampleCount), start);
    else this.startsMs?.fill(0, start, this.#count);
  }

  /** Appends what the WAL holds, for waking: also more than there is room for, which a release with other limits may have left. It is sealed with the next batch. */
  appendStored(batch: LogBatch): void {
    this.#capacity = Math.max(this.#capacity, this.#count + batch.sampleCount);
    this.append(batch);
  }

  /** Makes room for so many entries, one column after the other, so that only one of them is there twice at a time. */
  #reserve(entryCount: number): void {
    const room = this.refs.length;
    if (entryCount <= room) return;
    assert(entryCount <= this.#capacity, `${entryCount} entries in a log for ${this.#capacity}`);
    const wanted = Math.min(this.#capacity, Math.max(entryCount, room * 2));
    this.refs = longer(this.refs, new Uint32Array(wanted));
    this.times.reserve(wanted);
    this.valueBits = longer(this.valueBits, new Uint32Array(wanted * 2));
    this.previous = longer(this.previous, new Int32Array(wanted));
    if (this.startsMs !== undefined) this.startsMs = longer(this.startsMs, new Float64Array(wanted));
  }

  /** Makes room for refs below this. */
  reserveSeries(refLimit: number): void {
    if (refLimit <= this.#lastEntry.length) return;
    const capacity = Math.max(refLimit, this.#lastEntry.length * 2);
    const entries = new Int32Array(capacity).fill(NO_ENTRY);
    entries.set(this.#lastEntry);
    this.#lastEntry = entries;
    const times = new Float64Array(capacity).fill(-Infinity);
    times.set(this.#maxTimestampMs);
    this.#maxTimestampMs = times;
    const isDisordered = new Uint8Array(capacity);
    isDisordered.set(this.#isDisordered);
    this.#isDisordered = isDisordered;
  }

  /** Forgets what it knew of a series without entries: the ref is free for another one. */
  forgetSeries(ref: number): void {
    this.#maxTimestampMs[ref] = -Infinity;
  }

  lastEntryOf(ref: number): number {
    return this.#lastEntry[ref]!;
  }

  maxTimestampMsOf(ref: number): number {
    return this.#maxTimestampMs[ref]!;
  }

  /** Whether the series' entries, each newer than those before, end a walk backwards at the first one that is too old. */
  isRising(ref: number): boolean {
    return this.#isDisordered[ref] === 0;
  }

  /** Whether the series' newest entry is this very sample, of which `payload` is the histogram: a request that was sent again. */
  endsWith(ref: number, timestampMs: number, bitsLow: number, bitsHigh: number, payload: Uint8Array | undefined, startMs: number): boolean {
    // Nearly always the sample is newer than all before it, and the entry, which is not in the cache, need not be looked at.
    if (timestampMs > this.#maxTimestampMs[ref]!) return false;
    const entry = this.#lastEntry[ref]!;
    if (entry === NO_ENTRY || this.times.at(entry) !== timestampMs || this.valueBits[entry * 2 + 1] !== bitsHigh) return false;
    const low = this.valueBits[entry * 2]!;
    const isSame = payload !== undefined && bitsHigh === HISTOGRAM_BITS_HIGH ? samePayload(this.payloads[low]!, payload) : low === bitsLow;
    return isSame && (this.startsMs?.[entry] ?? 0) === startMs;
  }

  isStale(entry: number): boolean {
    return this.valueBits[entry * 2 + 1] === STALE_BITS_HIGH && this.valueBits[entry * 2] === STALE_BITS_LOW;
  }

  /** Forgets the first entries, after a seal: those behind them are the log from now on. */
  dropFirst(count: number): void {
    const { refs, times, valueBits, startsMs, payloads } = this;
    const end = this.#count;
    const wasDisordered = this.#isDisordered.slice();
    this.clear();
    if (count === end) return;
    [this.#minTimestampMs, this.#newestTimestampMs] = times.range(count, end);
    times.dropFirst(count, end, this.#minTimestampMs, this.#newestTimestampMs);
    refs.copyWithin(0, count, end);
    valueBits.copyWithin(0, count * 2, end * 2);
    this.#count = end - count;
    if (payloads.length > 0) rebasePayloads(valueBits, 0, this.#count, payloads, this.payloads);
    for (const { length } of this.payloads) this.#payloadBytes += length;
    if (startsMs !== undefined) this.startsMs = startsMs.copyWithin(0, count, end);
    linkEntries(refs, this.#count, this.previous, this.#lastEntry);
    // What was in order still is; what was not may be now, and is only walked a little further than need be.
    copyByRef(refs, this.#count, wasDisordered, this.#isDisordered);
  }

  /** Forgets all entries. */
  clear(): void {
    this.#count = 0;
    this.#generation++;
    this.#minTimestampMs = Infinity;
    this.#newestTimestampMs = -Infinity;
    this.payloads = [];
    this.#payloadBytes = 0;
    this.startsMs = undefined;
    this.#lastEntry.fill(NO_ENTRY);
    this.#isDisordered.fill(0);
  }
}

// Once a seal, over all that has come during it: as functions of arrays these loops are compiled once, with the numbers in registers.

function linkEntries(refs: Uint32Array, count: number, previous: Int32Array, lastEntry: Int32Array): void {
  for (let entry = 0; entry < count; entry++) {
    const ref = refs[entry]!;
    previous[entry] = lastEntry[ref]!;
    lastEntry[ref] = entry;
  }
}

function copyByRef(refs: Uint32Array, count: number, from: Uint8Array, to: Uint8Array): void {
  for (let entry = 0; entry < count; entry++) to[refs[entry]!] = from[refs[entry]!]!;
}

function longer<Column extends Uint32Array | Int32Array | Float64Array>(column: Column, room: Column): Column {
  room.set(column);
  return room;
}
