/** Series that a step sorts among themselves, about 2 ms. */
const RUN_SERIES_MAX = 4096;
/** A run that is so many times shorter than another one is put into it by binary search: comparing is nearly all of the work. */
const SEARCHED_SHARE = 16;

/**
 * Puts series into the order of their labels as they come. What comes is sorted in runs, and of two neighbouring runs of about one length one is
 * made, so that there are few: each series is compared about as often as if all were sorted at once, but in small steps, and what is left when the
 * order is asked for is merging those few.
 */
export class LabelSorter {
  /** In the order in which they came; grows. */
  readonly #refs: readonly number[];
  readonly #compare: (a: number, b: number) => number;
  /** How many of them are in runs. */
  #taken = 0;
  /** Each at least twice as long as the next one, but where `step` has not come to yet. */
  #runs: Uint32Array<ArrayBuffer>[] = [];

  /** `compare` is negative when the series of its first ref comes first, and never zero for two of them. */
  constructor(refs: readonly number[], compare: (a: number, b: number) => number) {
    this.#refs = refs;
    this.#compare = compare;
  }

  /** Some of the work, if there is any: called whenever series have come, it keeps up with them. */
  step(): void {
    if (this.#taken < this.#refs.length) this.#takeRun(Math.min(this.#refs.length, this.#taken + RUN_SERIES_MAX));
    const runs = this.#runs;
    for (let i = runs.length - 1; i > 0; i--) {
      if (runs[i - 1]!.length >= runs[i]!.length * 2) continue;
      this.#mergeAt(i - 1);
      return;
    }
  }

  /** All of the work: the refs of all series in order. Not to be written to. */
  sorted(): Uint32Array {
    if (this.#taken < this.#refs.length) this.#takeRun(this.#refs.length);
    const runs = this.#runs;
    while (runs.length > 1) this.#mergeAt(runs.length - 2);
    return runs[0] ?? new Uint32Array(0);
  }

  #takeRun(end: number): void {
    this.#runs.push(Uint32Array.from(this.#refs.slice(this.#taken, end).sort(this.#compare)));
    this.#taken = end;
  }

  /** Makes one run of that at a position and the one behind it. */
  #mergeAt(at: number): void {
    const runs = this.#runs;
    const a = runs[at]!;
    const b = runs[at + 1]!;
    runs.splice(at, 2, a.length < b.length ? merged(b, a, this.#compare) : merged(a, b, this.#compare));
  }
}

/** Of two sorted runs, of which the second is not the longer one. */
function merged(long: Uint32Array, short: Uint32Array, compare: (a: number, b: number) => number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(long.length + short.length);
  const isSearched = short.length * SEARCHED_SHARE < long.length;
  let length = 0;
  let from = 0;
  for (let i = 0; i < short.length; i++) {
    const ref = short[i]!;
    if (isSearched) {
      const to = firstBehind(long, from, ref, compare);
      result.set(long.subarray(from, to), length);
      length += to - from;
      from = to;
    } else while (from < long.length && compare(long[from]!, ref) < 0) result[length++] = long[from++]!;
    result[length++] = ref;
  }
  result.set(long.subarray(from), length);
  return result;
}

/** The first position from `low` on whose series comes behind that of `ref`. */
function firstBehind(sorted: Uint32Array, low: number, ref: number, compare: (a: number, b: number) => number): number {
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle]!, ref) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
