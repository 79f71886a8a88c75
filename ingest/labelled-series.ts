import type { SeriesHasher } from '../storage/model/series-id.ts';
import { COMMON_AT, HALF_WORD_MAX, ENTRY_WORDS, LENGTH_AT, MIDDLE_AT, MIDDLE_WORDS_MAX, NEXT_AT, NO_ENTRY, KeyChain } from './key-chain.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

/** Less in common than a double is compared with the middle. */
const RUN_BYTES_MIN = 8;

/**
 * Series of remote write 1.0 by their label bytes, as a sender encoded them, with their ids: a chain (key-chain.ts) whose links are
 * bytes in common with the series before, and the bytes in between.
 */
export class LabelledSeries {
  readonly #chain: KeyChain;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** The last known series of the request, and where its label bytes are. Unknown ones in between break no chain. */
  #last = NO_ENTRY;
  #lastStart = 0;
  #lastEnd = 0;

  constructor(entriesMax: number, linkBytesMax: number) {
    this.#chain = new KeyChain(entriesMax, linkBytesMax);
  }

  /** Begins a request, a message with so many series. */
  begin(hasher: SeriesHasher, view: DataView, seriesCount: number): void {
    this.#chain.begin(hasher, seriesCount);
    this.#view = view;
    this.#last = NO_ENTRY;
  }

  /** Whether the series with the label bytes from `start` to `end` is known, and then its id is at `index` of the columns. If not, the hasher's words are what `add` wants. */
  find(start: number, end: number, ids: SeriesIdColumns, index: number): boolean {
    const chain = this.#chain;
    let entry = chain.entries[this.#last * ENTRY_WORDS + NEXT_AT]!;
    if (entry !== NO_ENTRY && this.#isNext(start, end)) chain.use(entry);
    else {
      entry = chain.findHash(this.#view, start, end);
      if (entry === NO_ENTRY) return false;
      this.#link(entry, start, end);
    }
    this.#last = entry;
    this.#lastStart = start;
    this.#lastEnd = end;
    chain.copyId(entry, ids, index);
    return true;
  }

  /** Remembers the id of a series that was looked for last and not found; `hash` is what the hasher had then. */
  add(start: number, end: number, hash: Uint32Array, id: Uint32Array): void {
    const entry = this.#chain.add(hash, id);
    if (entry === NO_ENTRY) return;
    this.#link(entry, start, end);
    this.#last = entry;
    this.#lastStart = start;
    this.#lastEnd = end;
  }

  /** Whether the series is the one that followed the last one before. */
  #isNext(start: number, end: number): boolean {
    const { entries, middles } = this.#chain;
    const view = this.#view;
    const at = this.#last * ENTRY_WORDS;
    const common = entries[at + COMMON_AT]!;
    const prefix = common & HALF_WORD_MAX;
    const suffix = common >>> 16;
    const length = entries[at + LENGTH_AT]! >>> 16;
    if (end - start !== prefix + length + suffix) return false;
    // The middle first: it is where another series differs.
    let middle = entries[at + MIDDLE_AT]! + 1;
    const middleEnd = (start + prefix + length) | 0;
    for (let position = (start + prefix) | 0; position < middleEnd; position += 4, middle++) if ((view.getInt32(position, true) >>> 0) !== middles[middle]) return false;
    return (suffix === 0 || isSameRun(view, end - suffix, this.#lastEnd - suffix, suffix)) && (prefix === 0 || isSameRun(view, start, this.#lastStart, prefix));
  }

  /** Links the series to the last one, where both have enough in common to be compared as doubles. */
  #link(entry: number, start: number, end: number): void {
    if (!this.#chain.mayLink(this.#last)) return;
    const view = this.#view;
    const [otherStart, otherEnd] = [this.#lastStart, this.#lastEnd];
    const commonMax = Math.min(end - start, otherEnd - otherStart, HALF_WORD_MAX);
    let prefix = 0;
    while (prefix < commonMax && view.getUint8(start + prefix) === view.getUint8(otherStart + prefix)) prefix++;
    let suffix = 0;
    while (suffix < commonMax - prefix && view.getUint8(end - 1 - suffix) === view.getUint8(otherEnd - 1 - suffix)) suffix++;
    if (prefix < RUN_BYTES_MIN) prefix = 0;
    if (suffix < RUN_BYTES_MIN) suffix = 0;
    // The middle is compared in words.
    const missing = (prefix + suffix - (end - start)) & 3;
    if (suffix >= RUN_BYTES_MIN + missing) suffix -= missing;
    else if (prefix >= RUN_BYTES_MIN + missing) prefix -= missing;
    else return;
    const length = end - start - prefix - suffix;
    const words = length >>> 2;
    if (length > HALF_WORD_MAX || words > MIDDLE_WORDS_MAX) return;
    if (!isComparable(view, start, prefix) || !isComparable(view, end - suffix, suffix)) return;
    const at = this.#chain.link(this.#last, entry, { common: prefix | (suffix << 16), length, words });
    if (at === 0) return;
    const { middles } = this.#chain;
    for (let word = 0; word < words; word++) middles[at + word] = view.getUint32(start + prefix + word * 4, true);
  }
}

/**
 * Whether the bytes from `start` and those from `other` are the same, so many of them, at least eight: eight a comparison, as doubles. The
 * others are comparable: all doubles but zeros and NaN equal nothing but themselves.
 */
function isSameRun(view: DataView, start: number, other: number, length: number): boolean {
  const end = (start + length) | 0;
  let position = start | 0;
  const distance = (other - start) | 0;
  for (; position + 32 <= end; position += 32) {
    const from = position + distance;
    if (
      view.getFloat64(position, true) !== view.getFloat64(from, true) ||
      view.getFloat64(position + 8, true) !== view.getFloat64(from + 8, true) ||
      view.getFloat64(position + 16, true) !== view.getFloat64(from + 16, true) ||
      view.getFloat64(position + 24, true) !== view.getFloat64(from + 24, true)
    ) {
      return false;
    }
  }
  for (; position + 8 <= end; position += 8) if (view.getFloat64(position, true) !== view.getFloat64(position + distance, true)) return false;
  // The rest with bytes that are known to be the same, as one more.
  return position === end || view.getFloat64(end - 8, true) === view.getFloat64(end + distance - 8, true);
}

/** Whether a run can be compared so: no zero and no NaN is among the doubles. */
function isComparable(view: DataView, start: number, length: number): boolean {
  const end = start + length;
  const isPlain = (position: number): boolean => {
    const double = view.getFloat64(position, true);
    return double !== 0 && !Number.isNaN(double);
  };
  for (let position = start; position + 8 <= end; position += 8) if (!isPlain(position)) return false;
  return (length & 7) === 0 || isPlain(end - 8);
}
