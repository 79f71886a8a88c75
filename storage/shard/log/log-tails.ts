import { lowerBound, type Part } from '../run/piece.ts';
import { SampleRun } from '../run/sample-run.ts';
import { hasStale } from '../segment/column-cache.ts';
import { NO_ENTRY, type LogHead } from './log-head.ts';
import { readLog } from './read-log.ts';

const ROOM_MIN = 8;

/** Timestamps in their column, oldest first, rising. Whoever shares them has the first of them. */
interface Stretch {
  start: number;
  length: number;
  room: number;
}

const NO_STRETCH = -1;

/**
 * What selects have read of the log, as columns by series. Entries of a series lie far apart in the log, a cache miss each; here each is
 * fetched once, and the next select adds what has come since. Series that there is no room for are read from the log itself, as are
 * those whose samples did not come in order.
 *
 * Series that are scraped together share their timestamps, so that most samples take 8 bytes. All tails lie in the same columns: arrays of their
 * own would take several times what a short one holds. One that outgrows its room moves to one twice as large, and the old one stays empty until
 * the log is sealed.
 */
export class LogTails {
  readonly #head: LogHead;
  readonly #samplesMax: number;
  #generation = -1;
  /** Each tail oldest first, rising. */
  #timestampsMs = new Float64Array(0);
  #bits = new Uint32Array(0);
  #startsMs: Float64Array | undefined;
  /** How much of the values' columns is given away, and how much of the timestamps'. */
  #end = 0;
  #timesEnd = 0;
  /** By ref: where its tail begins, how much of it is filled, how much room it has (0 for no tail), its newest entry, and 1 with a stale marker. */
  #starts = new Uint32Array(0);
  #lengths = new Uint32Array(0);
  #rooms = new Uint32Array(0);
  #newest = new Int32Array(0);
  #hasStale = new Uint8Array(0);
  /** By ref: the stretch of timestamps that its own are the beginning of. */
  #stretchOf = new Uint32Array(0);
  /** Stretches: series that are scraped together have one. */
  #stretches: Stretch[] = [];
  /** Of the series that was read last: the next one may go along with it. */
  #lastStretch = NO_STRETCH;
  readonly #run = new SampleRun();

  constructor(head: LogHead, samplesMax: number) {
    this.#head = head;
    this.#samplesMax = samplesMax;
  }

  /** A series' entries within the range (ms, both inclusive), each timestamp once. Arrays are shared: not to be written to. */
  read(ref: number, startMs: number, endMs: number): Part | undefined {
    const head = this.#head;
    if (head.generation !== this.#generation) this.#clear();
    const newestEntry = head.lastEntryOf(ref);
    if (newestEntry === NO_ENTRY) return undefined;
    if (!head.isRising(ref) || !this.#update(ref, newestEntry)) return this.#readUncached(ref, startMs, endMs);
    const timestampsMs = this.#timestampsMs;
    this.#lastStretch = this.#stretchOf[ref]!;
    const begin = this.#stretches[this.#lastStretch]!.start;
    const end = begin + this.#lengths[ref]!;
    const from = lowerBound(timestampsMs, startMs, end, begin);
    const to = lowerBound(timestampsMs, endMs + 1, end, begin);
    return to > from ? this.#part(ref, from, to, this.#starts[ref]! - begin) : undefined;
  }

  /** From `from` to `to` in the timestamps; the values lie `shift` further behind in their columns, and views make up for that. */
  #part(ref: number, from: number, to: number, shift: number): Part {
    // Values name histograms by their place in the log.
    const rest = { payloads: this.#head.payloads, hasStale: this.#hasStale[ref] === 1 };
    if (shift < 0) return { timestampsMs: this.#timestampsMs.subarray(-shift), bits: this.#bits, startsMs: this.#startsMs, from: from + shift, to: to + shift, ...rest };
    return { timestampsMs: this.#timestampsMs, bits: this.#bits.subarray(shift * 2), startsMs: this.#startsMs?.subarray(shift), from, to, ...rest };
  }

  #readUncached(ref: number, startMs: number, endMs: number): Part | undefined {
    const run = this.#run;
    run.clear();
    readLog(this.#head, ref, startMs, endMs, run);
    run.settle();
    const { payloads, length } = run;
    if (length === 0) return undefined;
    const timestampsMs = run.timestampsMs.slice(0, length);
    const bits = run.bits.slice(0, length * 2);
    return { timestampsMs, bits, payloads, startsMs: run.startsMs?.slice(0, length), from: 0, to: length, hasStale: hasStale(bits, 0, length) };
  }

  /** Brings a tail up to date; false when there is no room. */
  #update(ref: number, newestEntry: number): boolean {
    if (ref >= this.#rooms.length) this.#reserveSeries(ref + 1);
    const length = this.#lengths[ref]!;
    const until = length === 0 ? NO_ENTRY : this.#newest[ref]!;
    if (until === newestEntry) return true;
    const { previous, valueBits, startsMs } = this.#head;
    let added = 0;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) added++;
    if (length + added > this.#rooms[ref]! && !this.#move(ref, length + added)) return false;
    if (!this.#addTimes(ref, newestEntry, until, length + added)) return false;
    if (startsMs !== undefined) this.#startsMs ??= new Float64Array(this.#bits.length / 2);
    const start = this.#starts[ref]! + length;
    let at = start + added;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) {
      at--;
      this.#bits[at * 2] = valueBits[entry * 2]!;
      this.#bits[at * 2 + 1] = valueBits[entry * 2 + 1]!;
      if (startsMs !== undefined) this.#startsMs![at] = startsMs[entry]!;
    }
    if (hasStale(this.#bits, start, start + added)) this.#hasStale[ref] = 1;
    this.#lengths[ref] = length + added;
    this.#newest[ref] = newestEntry;
    return true;
  }

  /** Adds the timestamps of a tail's new entries, the newest of which is its last of `length`; false when there is no room. */
  #addTimes(ref: number, newestEntry: number, until: number, length: number): boolean {
    const known = this.#lengths[ref]!;
    const shared = known > 0 ? this.#stretchOf[ref]! : this.#lastStretch;
    if (shared !== NO_STRETCH && this.#putTimes(this.#stretches[shared]!, newestEntry, until, length)) {
      this.#stretchOf[ref] = shared;
      return true;
    }
    // Nobody else has these.
    const before = known > 0 ? this.#stretches[shared]!.start : 0;
    const own = { start: before, length: known, room: known };
    if (!this.#putTimes(own, newestEntry, until, length)) return false;
    this.#stretchOf[ref] = this.#stretches.push(own) - 1;
    return true;
  }

  /** Makes the timestamps of entries the last of `length`. Those that a stretch has there must be the same; false when they are not, or there is no room. */
  #putTimes(stretch: Stretch, newestEntry: number, until: number, length: number): boolean {
    // One that moves leaves its room empty: it first shows that it will do.
    if (length > stretch.room && !(this.#hasTimes(stretch, newestEntry, until, length) && this.#moveStretch(stretch, length))) return false;
    const { previous, times } = this.#head;
    const timestampsMs = this.#timestampsMs;
    const end = stretch.start + stretch.length;
    let at = stretch.start + length;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) {
      at--;
      // What is put behind the length is nobody's until the length says so.
      if (at >= end) timestampsMs[at] = times.at(entry);
      else if (timestampsMs[at] !== times.at(entry)) return false;
    }
    stretch.length = Math.max(stretch.length, length);
    return true;
  }

  /** Whether the entries, the newest of which is the last of `length`, have the timestamps that the stretch has there. */
  #hasTimes({ start, length: end }: Stretch, newestEntry: number, until: number, length: number): boolean {
    const { previous, times } = this.#head;
    let at = length;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) {
      at--;
      if (at < end && this.#timestampsMs[start + at] !== times.at(entry)) return false;
    }
    return true;
  }

  #moveStretch(stretch: Stretch, length: number): boolean {
    const room = roomFor(length, stretch.room);
    const to = this.#timesEnd;
    if (!this.#reserveTimes(to + room)) return false;
    this.#timesEnd += room;
    this.#timestampsMs.copyWithin(to, stretch.start, stretch.start + stretch.length);
    stretch.start = to;
    stretch.room = room;
    return true;
  }

  /** Gives a tail room for so many samples and more; false when there is none. */
  #move(ref: number, length: number): boolean {
    const room = roomFor(length, this.#rooms[ref]!);
    const to = this.#end;
    if (!this.#reserve(to + room)) return false;
    this.#end += room;
    const from = this.#starts[ref]!;
    const end = from + this.#lengths[ref]!;
    this.#bits.copyWithin(to * 2, from * 2, end * 2);
    this.#startsMs?.copyWithin(to, from, end);
    this.#starts[ref] = to;
    this.#rooms[ref] = room;
    return true;
  }

  /** Makes the timestamps' column so long, if it may be. */
  #reserveTimes(length: number): boolean {
    if (length <= this.#timestampsMs.length) return true;
    const most = this.#samplesMax * 2 - this.#bits.length / 2;
    if (length > most) return false;
    this.#timestampsMs = longer(this.#timestampsMs, new Float64Array(columnLength(length, most)));
    return true;
  }

  /** The values' likewise: a sample is a value and a timestamp, so of one kind there may be more where there are fewer of the other. */
  #reserve(length: number): boolean {
    if (length <= this.#bits.length / 2) return true;
    const most = this.#samplesMax * 2 - this.#timestampsMs.length;
    if (length > most) return false;
    this.#bits = longer(this.#bits, new Uint32Array(columnLength(length, most) * 2));
    if (this.#startsMs !== undefined) this.#startsMs = longer(this.#startsMs, new Float64Array(this.#bits.length / 2));
    return true;
  }

  #reserveSeries(refLimit: number): void {
    const series = Math.max(refLimit, this.#rooms.length * 2);
    this.#starts = longer(this.#starts, new Uint32Array(series));
    this.#lengths = longer(this.#lengths, new Uint32Array(series));
    this.#rooms = longer(this.#rooms, new Uint32Array(series));
    this.#newest = longer(this.#newest, new Int32Array(series));
    this.#hasStale = longer(this.#hasStale, new Uint8Array(series));
    this.#stretchOf = longer(this.#stretchOf, new Uint32Array(series));
  }

  /** Parts of the log before may still be in somebody's hands: its columns are left to them. */
  #clear(): void {
    this.#generation = this.#head.generation;
    this.#timestampsMs = new Float64Array(0);
    this.#bits = new Uint32Array(0);
    this.#startsMs = undefined;
    this.#end = 0;
    this.#timesEnd = 0;
    this.#stretches = [];
    this.#lastStretch = NO_STRETCH;
    this.#lengths.fill(0);
    this.#rooms.fill(0);
    this.#hasStale.fill(0);
  }
}

/** A column that grows gets a quarter more than it needs: what one has and does not use, the others lack. */
function columnLength(needed: number, most: number): number {
  return Math.min(most, needed + Math.max(ROOM_MIN, needed >>> 2));
}

/** What long tails are read into at once is mostly all that comes; one that grows is soon to grow again. */
function roomFor(length: number, roomBefore: number): number {
  return length + Math.max(ROOM_MIN, roomBefore === 0 ? length >>> 2 : length);
}

function longer<Column extends Uint8Array | Uint32Array | Int32Array | Float64Array>(column: Column, room: Column): Column {
  room.set(column);
  return room;
}
