import { hasStale } from './column-cache.ts';
import { NO_ENTRY, type LogHead } from './log-head.ts';
import { lowerBound, type Part } from './piece.ts';
import { SampleRun } from './sample-run.ts';
import { readLog } from './read-log.ts';

/** One series' log entries as columns, oldest first, rising. */
interface Tail {
  newestEntry: number;
  length: number;
  timestampsMs: Float64Array;
  bits: Uint32Array;
  startsMs: Float64Array | undefined;
  hasStale: boolean;
}

const GROWTH_MIN = 8;

/**
 * What selects have read of the log, as columns by series. Entries of a series lie far apart in the log, a cache miss each; here each is
 * fetched once, and the next select adds what has come since. Bounded by samples: series beyond that are read from the log itself, as are
 * those whose samples did not come in order.
 */
export class LogTails {
  readonly #head: LogHead;
  readonly #samplesMax: number;
  #tails: (Tail | undefined)[] = [];
  #generation = -1;
  #samples = 0;
  readonly #run = new SampleRun();

  constructor(head: LogHead, samplesMax: number) {
    this.#head = head;
    this.#samplesMax = samplesMax;
  }

  /** A series' entries within the range (ms, both inclusive), each timestamp once; good until the next call. */
  read(ref: number, startMs: number, endMs: number): Part | undefined {
    const head = this.#head;
    if (head.generation !== this.#generation) {
      this.#generation = head.generation;
      this.#tails = [];
      this.#samples = 0;
    }
    const newestEntry = head.lastEntryOf(ref);
    if (newestEntry === NO_ENTRY) return undefined;
    const tail = head.isRising(ref) ? this.#tailOf(ref, newestEntry) : undefined;
    if (tail === undefined) return this.#readUncached(ref, startMs, endMs);
    const { timestampsMs, bits, length } = tail;
    const from = lowerBound(timestampsMs, startMs, length);
    const to = lowerBound(timestampsMs, endMs + 1, length);
    // Values name histograms by their place in the log.
    return to > from ? { timestampsMs, bits, payloads: head.payloads, startsMs: tail.startsMs, from, to, hasStale: tail.hasStale } : undefined;
  }

  #readUncached(ref: number, startMs: number, endMs: number): Part | undefined {
    const run = this.#run;
    run.clear();
    readLog(this.#head, ref, startMs, endMs, run);
    run.settle();
    const { timestampsMs, bits, payloads, startsMs, length } = run;
    return length === 0 ? undefined : { timestampsMs, bits, payloads, startsMs, from: 0, to: length, hasStale: hasStale(bits, 0, length) };
  }

  /** The tail, brought up to date; `undefined` when there is no room. */
  #tailOf(ref: number, newestEntry: number): Tail | undefined {
    const known = this.#tails[ref];
    if (known?.newestEntry === newestEntry) return known;
    const { previous } = this.#head;
    const until = known?.newestEntry ?? NO_ENTRY;
    let added = 0;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) added++;
    const tail = this.#withRoom(known, added);
    if (tail === undefined) return undefined;
    const { timestampsMs, valueBits, startsMs } = this.#head;
    if (startsMs !== undefined) tail.startsMs ??= new Float64Array(tail.timestampsMs.length);
    let at = tail.length + added;
    for (let entry = newestEntry; entry !== until; entry = previous[entry]!) {
      at--;
      tail.timestampsMs[at] = timestampsMs[entry]!;
      tail.bits[at * 2] = valueBits[entry * 2]!;
      tail.bits[at * 2 + 1] = valueBits[entry * 2 + 1]!;
      if (startsMs !== undefined) tail.startsMs![at] = startsMs[entry]!;
    }
    tail.hasStale ||= hasStale(tail.bits, tail.length, tail.length + added);
    tail.length += added;
    tail.newestEntry = newestEntry;
    this.#tails[ref] = tail;
    return tail;
  }

  #withRoom(known: Tail | undefined, added: number): Tail | undefined {
    const length = known?.length ?? 0;
    if (known !== undefined && length + added <= known.timestampsMs.length) return known;
    const capacity = length + added + Math.max(GROWTH_MIN, (length + added) >>> 2);
    const more = capacity - (known?.timestampsMs.length ?? 0);
    if (this.#samples + more > this.#samplesMax) return undefined;
    this.#samples += more;
    const tail = { newestEntry: NO_ENTRY, length: 0, timestampsMs: new Float64Array(capacity), bits: new Uint32Array(capacity * 2), startsMs: undefined, hasStale: false };
    if (known === undefined) return tail;
    const startsMs = known.startsMs && new Float64Array(capacity);
    startsMs?.set(known.startsMs!.subarray(0, length));
    tail.timestampsMs.set(known.timestampsMs.subarray(0, length));
    tail.bits.set(known.bits.subarray(0, length * 2));
    return { ...tail, length, startsMs, newestEntry: known.newestEntry, hasStale: known.hasStale };
  }
}
