import { hasStale } from './column-cache.ts';
import { NO_ENTRY, type LogHead } from './log-head.ts';
import { lowerBound, type Part } from './piece.ts';
import { SampleRun } from './sample-run.ts';
import { readLog } from './read-log.ts';

const ROOM_MIN = 8;
/** Samples that the columns begin with; they double, up to what the cache may hold. */
const SAMPLES_AT_FIRST = 4096;

/**
 * What selects have read of the log, as columns by series. Entries of a series lie far apart in the log, a cache miss each; here each is
 * fetched once, and the next select adds what has come since. Series that there is no room for are read from the log itself, as are
 * those whose samples did not come in order.
 *
 * All tails lie in the same columns: arrays of their own would take several times what a short one holds. One that outgrows its room moves
 * to one twice as large, and the old one stays empty until the log is sealed.
 */
export class LogTails {
  readonly #head: LogHead;
  readonly #samplesMax: number;
  #generation = -1;
  /** Each tail oldest first, rising. */
  #timestampsMs = new Float64Array(0);
  #bits = new Uint32Array(0);
  #startsMs: Float64Array | undefined;
  /** How much of the columns is given away. */
  #end = 0;
  /** By ref: where its tail begins, how much of it is filled, how much room it has (0 for no tail), its newest entry, and 1 with a stale marker. */
  #starts = new Uint32Array(0);
  #lengths = new Uint32Array(0);
  #rooms = new Uint32Array(0);
  #newest = new Int32Array(0);
  #hasStale = new Uint8Array(0);
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
    const begin = this.#starts[ref]!;
    const end = begin + this.#lengths[ref]!;
    const from = lowerBound(timestampsMs, startMs, end, begin);
    const to = lowerBound(timestampsMs, endMs + 1, end, begin);
    // Values name histograms by their place in the log.
    return to > from ? { timestampsMs, bits: this.#bits, payloads: head.payloads, startsMs: this.#startsMs, from, to, hasStale: this.#hasStale[ref] === 1 } : undefined;
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
    const { previous, times, valueBits, startsMs } = this.#head;
    let added = 0;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) added++;
    if (length + added > this.#rooms[ref]! && !this.#move(ref, length + added)) return false;
    if (startsMs !== undefined) this.#startsMs ??= new Float64Array(this.#timestampsMs.length);
    const start = this.#starts[ref]! + length;
    let at = start + added;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) {
      at--;
      this.#timestampsMs[at] = times.at(entry);
      this.#bits[at * 2] = valueBits[entry * 2]!;
      this.#bits[at * 2 + 1] = valueBits[entry * 2 + 1]!;
      if (startsMs !== undefined) this.#startsMs![at] = startsMs[entry]!;
    }
    if (hasStale(this.#bits, start, start + added)) this.#hasStale[ref] = 1;
    this.#lengths[ref] = length + added;
    this.#newest[ref] = newestEntry;
    return true;
  }

  /** Gives a tail room for so many samples and as many again; false when there is none. */
  #move(ref: number, length: number): boolean {
    const room = length + Math.max(ROOM_MIN, length);
    if (this.#end + room > this.#samplesMax) return false;
    const to = this.#end;
    this.#end += room;
    if (this.#end > this.#timestampsMs.length) this.#reserve();
    const from = this.#starts[ref]!;
    const end = from + this.#lengths[ref]!;
    this.#timestampsMs.copyWithin(to, from, end);
    this.#bits.copyWithin(to * 2, from * 2, end * 2);
    this.#startsMs?.copyWithin(to, from, end);
    this.#starts[ref] = to;
    this.#rooms[ref] = room;
    return true;
  }

  /** Makes the columns as long as what is given away, and longer. */
  #reserve(): void {
    const samples = Math.min(this.#samplesMax, Math.max(this.#end, this.#timestampsMs.length * 2, SAMPLES_AT_FIRST));
    this.#timestampsMs = longer(this.#timestampsMs, new Float64Array(samples));
    this.#bits = longer(this.#bits, new Uint32Array(samples * 2));
    if (this.#startsMs !== undefined) this.#startsMs = longer(this.#startsMs, new Float64Array(samples));
  }

  #reserveSeries(refLimit: number): void {
    const series = Math.max(refLimit, this.#rooms.length * 2);
    this.#starts = longer(this.#starts, new Uint32Array(series));
    this.#lengths = longer(this.#lengths, new Uint32Array(series));
    this.#rooms = longer(this.#rooms, new Uint32Array(series));
    this.#newest = longer(this.#newest, new Int32Array(series));
    this.#hasStale = longer(this.#hasStale, new Uint8Array(series));
  }

  /** Parts of the log before may still be in somebody's hands: its columns are left to them. */
  #clear(): void {
    this.#generation = this.#head.generation;
    this.#timestampsMs = new Float64Array(0);
    this.#bits = new Uint32Array(0);
    this.#startsMs = undefined;
    this.#end = 0;
    this.#lengths.fill(0);
    this.#rooms.fill(0);
    this.#hasStale.fill(0);
  }
}

function longer<Column extends Uint8Array | Uint32Array | Int32Array | Float64Array>(column: Column, room: Column): Column {
  room.set(column);
  return room;
}
