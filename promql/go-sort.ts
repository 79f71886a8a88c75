/**
 * Sorts as Go's `sort` and `slices` do: by pattern-defeating quicksort (O. Peters, 2021), which is not stable. Where no order is said, as between
 * equal values, or where it contradicts itself, as between NaNs, an answer of Prometheus shows how the sort moves; so every swap is made
 * where Go makes it. Sorts in place; `isLess` tells whether its first argument belongs before its second.
 */
export function goSort<T>(items: T[], isLess: (a: T, b: T) => boolean): T[] {
  new GoSort(items, isLess).sort(0, items.length, bitLength(items.length));
  return items;
}

/** Up to this many are sorted by insertion. */
const INSERTION_MAX = 12;
/** From here on a pivot is the median of medians, and sorted pieces are mended. */
const LONG = 50;
/** The most swaps that choosing a pivot can take: all of them say that the order is the wrong way round. */
const PIVOT_SWAPS_MAX = 12;
const MENDS_MAX = 5;

type Hint = 'unknown' | 'increasing' | 'decreasing';

class GoSort<T> {
  readonly #items: T[];
  readonly #isLess: (a: T, b: T) => boolean;
  #pivotSwaps = 0;

  constructor(items: T[], isLess: (a: T, b: T) => boolean) {
    this.#items = items;
    this.#isLess = isLess;
  }

  /** Items `from` up to, not including, `to`. After `badChoices` pivots that were far from the middle a heap takes over. */
  sort(from: number, to: number, badChoices: number): void {
    let [start, end, left] = [from, to, badChoices];
    let wasBalanced = true;
    let wasPartitioned = true;
    for (;;) {
      const length = end - start;
      if (length <= INSERTION_MAX) {
        this.#insertionSort(start, end);
        return;
      }
      if (left === 0) {
        this.#heapSort(start, end);
        return;
      }
      if (!wasBalanced) {
        this.#breakPatterns(start, end);
        left--;
      }
      let { pivot, hint } = this.#choosePivot(start, end);
      if (hint === 'decreasing') {
        this.#reverse(start, end);
        pivot = end - 1 - (pivot - start);
        hint = 'increasing';
      }
      if (wasBalanced && wasPartitioned && hint === 'increasing' && this.#mend(start, end)) return;
      // Nothing is below what precedes this piece: what equals it goes to the front at once.
      if (start > 0 && !this.#less(start - 1, pivot)) {
        start = this.#partitionEqual(start, end, pivot);
        continue;
      }
      const { middle, isPartitioned } = this.#partition(start, end, pivot);
      wasPartitioned = isPartitioned;
      const threshold = Math.floor(length / 8);
      if (middle - start < end - middle) {
        wasBalanced = middle - start >= threshold;
        this.sort(start, middle, left);
        start = middle + 1;
      } else {
        wasBalanced = end - middle >= threshold;
        this.sort(middle + 1, end, left);
        end = middle;
      }
    }
  }

  #less(a: number, b: number): boolean {
    return this.#isLess(this.#items[a]!, this.#items[b]!);
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]!;
    this.#items[a] = this.#items[b]!;
    this.#items[b] = item;
  }

  #insertionSort(start: number, end: number): void {
    for (let i = start + 1; i < end; i++) for (let j = i; j > start && this.#less(j, j - 1); j--) this.#swap(j, j - 1);
  }

  #heapSort(start: number, end: number): void {
    const length = end - start;
    for (let root = Math.trunc((length - 1) / 2); root >= 0; root--) this.#siftDown(start, root, length);
    for (let last = length - 1; last >= 0; last--) {
      this.#swap(start, start + last);
      this.#siftDown(start, 0, last);
    }
  }

  #siftDown(start: number, root: number, length: number): void {
    for (let parent = root; ; ) {
      let child = 2 * parent + 1;
      if (child >= length) return;
      if (child + 1 < length && this.#less(start + child, start + child + 1)) child++;
      if (!this.#less(start + parent, start + child)) return;
      this.#swap(start + parent, start + child);
      parent = child;
    }
  }

  #reverse(start: number, end: number): void {
    for (let i = start, j = end - 1; i < j; i++, j--) this.#swap(i, j);
  }

  #choosePivot(start: number, end: number): { pivot: number; hint: Hint } {
    const length = end - start;
    const quarter = Math.floor(length / 4);
    const places: [number, number, number] = [start + quarter, start + quarter * 2, start + quarter * 3];
    this.#pivotSwaps = 0;
    const medians = length >= LONG ? places.map((place) => this.#median(place - 1, place, place + 1)) : places;
    const pivot = this.#median(medians[0]!, medians[1]!, medians[2]!);
    const swaps = this.#pivotSwaps;
    return { pivot, hint: swaps === 0 ? 'increasing' : swaps === PIVOT_SWAPS_MAX ? 'decreasing' : 'unknown' };
  }

  /** Which of three places has the median. */
  #median(first: number, second: number, third: number): number {
    let [a, b] = this.#ordered(first, second);
    [b] = this.#ordered(b, third);
    [, b] = this.#ordered(a, b);
    return b;
  }

  #ordered(a: number, b: number): [number, number] {
    if (!this.#less(b, a)) return [a, b];
    this.#pivotSwaps++;
    return [b, a];
  }

  /** Sorts what is nearly sorted by moving a few items; false where that is not enough. */
  #mend(start: number, end: number): boolean {
    let i = start + 1;
    for (let mends = 0; mends < MENDS_MAX; mends++) {
      while (i < end && !this.#less(i, i - 1)) i++;
      if (i === end) return true;
      if (end - start < LONG) return false;
      this.#swap(i, i - 1);
      if (i - start >= 2) for (let j = i - 1; j >= 1 && this.#less(j, j - 1); j--) this.#swap(j, j - 1);
      if (end - i >= 2) for (let j = i + 1; j < end && this.#less(j, j - 1); j++) this.#swap(j, j - 1);
    }
    return false;
  }

  /** What is less than the pivot to the front, the rest behind it. */
  #partition(start: number, end: number, pivot: number): { readonly middle: number; readonly isPartitioned: boolean } {
    this.#swap(start, pivot);
    let i = start + 1;
    let j = end - 1;
    for (let isPartitioned = true; ; isPartitioned = false) {
      while (i <= j && this.#less(i, start)) i++;
      while (i <= j && !this.#less(j, start)) j--;
      if (i > j) {
        this.#swap(j, start);
        return { middle: j, isPartitioned };
      }
      this.#swap(i++, j--);
    }
  }

  /** What is not above the pivot to the front; the index behind it. */
  #partitionEqual(start: number, end: number, pivot: number): number {
    this.#swap(start, pivot);
    let i = start + 1;
    let j = end - 1;
    for (;;) {
      while (i <= j && !this.#less(start, i)) i++;
      while (i <= j && this.#less(start, j)) j--;
      if (i > j) return i;
      this.#swap(i++, j--);
    }
  }

  /** Moves three items about, so that an order that makes for bad pivots does so no longer. */
  #breakPatterns(start: number, end: number): void {
    const length = end - start;
    const random = new Xorshift(length);
    const mask = 2 ** bitLength(length) - 1;
    const middle = start + Math.floor(length / 4) * 2;
    for (let i = 0; i < 3; i++) {
      const other = random.next() & mask;
      this.#swap(middle - 1 + i, start + (other >= length ? other - length : other));
    }
  }
}

/** Marsaglia's generator ("Xorshift RNGs", 2003) of 64 bits, of which the lowest are told. */
class Xorshift {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  next(): number {
    this.#state ^= BigInt.asUintN(64, this.#state << 13n);
    this.#state ^= this.#state >> 7n;
    this.#state ^= BigInt.asUintN(64, this.#state << 17n);
    return Number(this.#state & 0x3fffffffn);
  }
}

function bitLength(count: number): number {
  return count === 0 ? 0 : Math.floor(Math.log2(count)) + 1;
}
