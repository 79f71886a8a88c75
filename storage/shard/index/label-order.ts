/** Series that a step sorts among themselves, and about how often one compares series to merge what was sorted: some milliseconds each. */
const RUN_SERIES_MAX = 4096;
const STEP_COMPARISONS = 32 * 1024;
/** A run that is so many times shorter than another one is put into it by binary search: comparing is nearly all of the work. */
const SEARCHED_SHARE = 16;

/** Negative when the series of the first ref comes first; never zero for two of them. */
type Compare = (a: number, b: number) => number;

/**
 * Puts series into the order of their labels as they come. What comes is sorted in runs, and of two neighbouring runs of about one length one is
 * made, so that there are few: each series is compared about as often as if all were sorted at once, but in small steps, and what is left when the
 * order is asked for is merging those few. Where steps go on while none come, nothing is left.
 */
export class LabelSorter {
  /** In the order in which they came; grows. */
  readonly #refs: readonly number[];
  readonly #compare: Compare;
  /** How many of them are in runs. */
  #taken = 0;
  /** Each at least twice as long as the next one, but where `step` has not come to yet. */
  #runs: Uint32Array<ArrayBuffer>[] = [];
  /** Of the runs at `#mergeAt` and behind it. */
  #merge: RunMerge | undefined;
  #mergeAt = 0;

  constructor(refs: readonly number[], compare: Compare) {
    this.#refs = refs;
    this.#compare = compare;
  }

  /** Some of the work, if there is any: called whenever series may have come, it keeps up with them. */
  step(): void {
    const isIdle = this.#taken === this.#refs.length;
    if (!isIdle) this.#takeRun(Math.min(this.#refs.length, this.#taken + RUN_SERIES_MAX));
    if (this.#merge === undefined) this.#beginMerge(isIdle);
    this.#goOn(STEP_COMPARISONS);
  }

  /** All of the work: the refs of all series in order. Not to be written to. */
  sorted(): Uint32Array {
    if (this.#taken < this.#refs.length) this.#takeRun(this.#refs.length);
    this.#goOn(Infinity);
    while (this.#runs.length > 1) {
      this.#beginMerge(true);
      this.#goOn(Infinity);
    }
    return this.#runs[0] ?? new Uint32Array(0);
  }

  #takeRun(end: number): void {
    this.#runs.push(Uint32Array.from(this.#refs.slice(this.#taken, end).sort(this.#compare)));
    this.#taken = end;
  }

  /** Of the last runs of about one length; with `any` of the last ones. */
  #beginMerge(any: boolean): void {
    const runs = this.#runs;
    let at = runs.length - 2;
    while (!any && at >= 0 && runs[at]!.length >= runs[at + 1]!.length * 2) at--;
    if (at < 0) return;
    this.#mergeAt = at;
    this.#merge = new RunMerge(runs[at]!, runs[at + 1]!, this.#compare);
  }

  #goOn(comparisons: number): void {
    const merge = this.#merge;
    if (merge === undefined || !merge.goOn(comparisons)) return;
    this.#runs.splice(this.#mergeAt, 2, merge.merged);
    this.#merge = undefined;
  }
}

/** Two sorted runs on their way to become one. */
class RunMerge {
  readonly merged: Uint32Array<ArrayBuffer>;
  readonly #long: Uint32Array;
  readonly #short: Uint32Array;
  readonly #compare: Compare;
  #fromLong = 0;
  #fromShort = 0;

  constructor(a: Uint32Array, b: Uint32Array, compare: Compare) {
    this.#long = a.length < b.length ? b : a;
    this.#short = a.length < b.length ? a : b;
    this.#compare = compare;
    this.merged = new Uint32Array(a.length + b.length);
  }

  /** Compares about so often, and says whether it is through. */
  goOn(comparisons: number): boolean {
    const long = this.#long;
    const short = this.#short;
    const { merged } = this;
    const compare = this.#compare;
    const isSearched = short.length * SEARCHED_SHARE < long.length;
    const costOfSearch = Math.ceil(Math.log2(long.length + 1));
    let from = this.#fromLong;
    let i = this.#fromShort;
    for (let left = comparisons; i < short.length; i++) {
      if (left <= 0) break;
      const ref = short[i]!;
      const start = from;
      if (isSearched) {
        from = firstBehind(long, from, ref, compare);
        merged.set(long.subarray(start, from), start + i);
        left -= costOfSearch;
      } else {
        for (; from < long.length && compare(long[from]!, ref) < 0; from++) merged[from + i] = long[from]!;
        left -= from - start + 1;
      }
      merged[from + i] = ref;
    }
    this.#fromLong = from;
    this.#fromShort = i;
    if (i < short.length) return false;
    merged.set(long.subarray(from), from + i);
    return true;
  }
}

/** The first position from `low` on whose series comes behind that of `ref`. */
function firstBehind(sorted: Uint32Array, low: number, ref: number, compare: Compare): number {
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle]!, ref) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
