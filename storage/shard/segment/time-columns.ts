import { grown } from '../../../proto/grown.ts';

/** None is the same. */
export const NO_COLUMN = -1;

/** Columns of one hash that a new one is compared with. */
const CANDIDATES_MAX = 8;
const INITIAL_COLUMNS = 64;
const INITIAL_TIMES = 4096;

/**
 * The distinct time columns of a segment row. Series scraped together have the same; neighbours in label order are often of other targets,
 * which are scraped at other times, but then the targets come in the same order again for the next metric. So each column remembers which
 * one was asked for behind it, which is tried first: comparing is exact, and cheaper than hashing.
 */
export class TimeColumns {
  count = 0;
  /** The columns, one behind the other. */
  #timesMs = new Float64Array(INITIAL_TIMES);
  #timesEnd = 0;
  /** By column: where it begins, its length, the bytes that it was written with, and the one behind it. */
  #start = new Uint32Array(INITIAL_COLUMNS);
  #length = new Uint32Array(INITIAL_COLUMNS);
  #bytes = new Uint32Array(INITIAL_COLUMNS);
  #next = new Uint32Array(INITIAL_COLUMNS);
  #previous = NO_COLUMN;
  readonly #byHash = new Map<number, number[]>();

  lengthOf(column: number): number {
    return this.#length[column]!;
  }

  bytesOf(column: number): number {
    return this.#bytes[column]!;
  }

  /** The column that has just these times, or NO_COLUMN. */
  find(timesMs: Float64Array, start: number, end: number): number {
    const guess = this.#previous === NO_COLUMN ? NO_COLUMN : this.#next[this.#previous]!;
    if (guess !== NO_COLUMN && this.#isSame(guess, timesMs, start, end)) {
      this.#previous = guess;
      return guess;
    }
    for (const candidate of this.#byHash.get(hashOf(timesMs, start, end)) ?? []) {
      if (!this.#isSame(candidate, timesMs, start, end)) continue;
      this.#follow(candidate);
      return candidate;
    }
    return NO_COLUMN;
  }

  /** Adds a column that `find` does not know, and answers with its number. */
  add(timesMs: Float64Array, start: number, end: number, bytes: number): number {
    const column = this.count++;
    if (column === this.#start.length) this.#growColumns();
    const length = end - start;
    if (this.#timesEnd + length > this.#timesMs.length) this.#growTimes(length);
    // Short columns: a loop is faster than two views.
    for (let i = 0; i < length; i++) this.#timesMs[this.#timesEnd + i] = timesMs[start + i]!;
    this.#start[column] = this.#timesEnd;
    this.#length[column] = length;
    this.#bytes[column] = bytes;
    this.#timesEnd += length;
    const hash = hashOf(timesMs, start, end);
    const alike = this.#byHash.get(hash);
    if (alike === undefined) this.#byHash.set(hash, [column]);
    // Whoever crafts timestamps to share a hash costs bytes, not time.
    else if (alike.length < CANDIDATES_MAX) alike.push(column);
    // Until something else follows it, the next series is likely to have the same.
    this.#next[column] = column;
    this.#follow(column);
    return column;
  }

  reset(): void {
    this.count = 0;
    this.#timesEnd = 0;
    this.#previous = NO_COLUMN;
    this.#byHash.clear();
  }

  #follow(column: number): void {
    if (this.#previous !== NO_COLUMN) this.#next[this.#previous] = column;
    this.#previous = column;
  }

  #isSame(column: number, timesMs: Float64Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#length[column] !== length) return false;
    const own = this.#timesMs;
    const ownStart = this.#start[column]!;
    for (let i = 0; i < length; i++) if (own[ownStart + i] !== timesMs[start + i]) return false;
    return true;
  }

  #growColumns(): void {
    this.#start = grown(this.#start);
    this.#length = grown(this.#length);
    this.#bytes = grown(this.#bytes);
    this.#next = grown(this.#next);
  }

  #growTimes(length: number): void {
    const larger = new Float64Array(Math.max(this.#timesMs.length * 2, this.#timesEnd + length));
    larger.set(this.#timesMs.subarray(0, this.#timesEnd));
    this.#timesMs = larger;
  }
}

/** Of the ends, the middle and the length: columns that differ elsewhere alone are rare. */
function hashOf(timesMs: Float64Array, start: number, end: number): number {
  const middle = (start + end) >>> 1;
  let hash = (end - start) | 0;
  hash = Math.imul(hash, 0x01000193) ^ (timesMs[start]! | 0);
  hash = Math.imul(hash, 0x01000193) ^ (timesMs[middle]! | 0);
  return Math.imul(hash, 0x01000193) ^ (timesMs[end - 1]! | 0);
}
