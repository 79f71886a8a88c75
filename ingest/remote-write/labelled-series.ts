import type { WriteRequestColumns } from '../../proto/remote-write-v1.ts';
import type { SeriesHasher } from '../../storage/model/series-id.ts';
import { ownShare } from '../../storage/runtime/cache-budget.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import { COMMON_AT, ENTRY_WORDS, GENERATION_MASK, HALF_WORD_MAX, KeyChain, LENGTH_AT, MIDDLE_AT, MIDDLE_WORDS_MAX, NEXT_AT, NO_ENTRY, WORDS_AT } from './key-chain.ts';

/** What is looked at of a message. */
export type LabelFields = Pick<WriteRequestColumns, 'labelsStart' | 'labelsEnd' | 'seriesCount'>;

/** Less in common than a double is compared with the middle. */
const RUN_BYTES_MIN = 8;
/** What the middle is compared in. */
const WORD_BYTES = 4;

/**
 * Series of remote write 1.0 by their label bytes, as a sender encoded them, with their ids: a chain (key-chain.ts) whose links are
 * bytes in common with the series before, and the bytes in between.
 */
export class LabelledSeries {
  readonly #chain: KeyChain;
  #view = NO_VIEW;
  #fields = NO_FIELDS;
  /** The last known series of the request, and its position. Unknown ones in between break no chain. */
  #last = NO_ENTRY;
  #lastIndex = 0;

  constructor(entriesMax: number, linkBytesMax: number, share = ownShare()) {
    this.#chain = new KeyChain(entriesMax, linkBytesMax, share);
  }

  /** Begins a request, a message with these series. */
  begin(hasher: SeriesHasher, view: DataView, fields: LabelFields): void {
    this.#chain.begin(hasher, fields.seriesCount);
    this.#view = view;
    this.#fields = fields;
    this.#last = NO_ENTRY;
  }

  /**
   * The ids of the series from `index` on, at their positions in the columns, up to the first that is not known, whose position is the answer;
   * it is `seriesCount` when all are. The hasher's words are what `add` wants then.
   */
  find(index: number, ids: SeriesIdColumns): number {
    const { labelsStart, labelsEnd, seriesCount } = this.#fields;
    for (;;) {
      index = this.#follow(index, ids);
      if (index === seriesCount) return index;
      const entry = this.#chain.findHash(this.#view, labelsStart[index]!, labelsEnd[index]!);
      if (entry === NO_ENTRY) return index;
      this.#link(entry, index);
      this.#chain.copyId(entry, ids, index);
      this.#last = entry;
      this.#lastIndex = index++;
    }
  }

  /** Remembers the id of the series at `index`, which was looked for last and not found; `hash` is what the hasher had then. */
  add(index: number, hash: Uint32Array, id: Uint32Array): void {
    const entry = this.#chain.add(hash, id);
    if (entry === NO_ENTRY) return;
    this.#link(entry, index);
    this.#last = entry;
    this.#lastIndex = index;
  }

  /** The message is not looked at any more: it may be large. */
  rest(): void {
    this.#view = NO_VIEW;
    this.#fields = NO_FIELDS;
  }

  /** Forgets everything and lets go of the memory; never within a request. */
  empty(): void {
    this.#chain.empty();
  }

  /** The hot loop: the ids of series from `index` on for as long as each is the one that followed the last one before. Answers where it ended. */
  #follow(index: number, ids: SeriesIdColumns): number {
    const { entries, middles, generation } = this.#chain;
    const view = this.#view;
    const { labelsStart, labelsEnd, seriesCount } = this.#fields;
    const { low, high, check } = ids;
    let last = this.#last * ENTRY_WORDS;
    let other = this.#lastIndex;
    for (; index < seriesCount; index++) {
      const next = entries[last + NEXT_AT]! * ENTRY_WORDS;
      if (next === NO_ENTRY) break;
      const common = entries[last + COMMON_AT]!;
      const prefix = common & HALF_WORD_MAX;
      const suffix = common >>> 16;
      const length = entries[last + LENGTH_AT]! >>> 16;
      const start = labelsStart[index]! | 0;
      const end = labelsEnd[index]! | 0;
      if (end - start !== prefix + length + suffix) break;
      // The middle first: it is where another series differs.
      let middle = entries[last + MIDDLE_AT]! + 1;
      let position = (start + prefix) | 0;
      const wordsEnd = (position + (length & ~3)) | 0;
      for (; position < wordsEnd && view.getInt32(position, true) >>> 0 === middles[middle]; middle++) position += 4;
      if (position < wordsEnd) break;
      // Where nothing is in common: the rest with bytes of the word before.
      if ((length & 3) !== 0 && view.getInt32(end - WORD_BYTES, true) >>> 0 !== middles[middle]) break;
      if (suffix > 0 && !isSameRun(view, end - suffix, labelsEnd[other]! - suffix, suffix)) break;
      if (prefix > 0 && !isSameRun(view, start, labelsStart[other]!, prefix)) break;
      const used = entries[next + LENGTH_AT]!;
      if ((used & GENERATION_MASK) !== generation) entries[next + LENGTH_AT] = (used & ~GENERATION_MASK) | generation;
      low[index] = entries[next + WORDS_AT]!;
      high[index] = entries[next + WORDS_AT + 1]!;
      check[index] = entries[next + WORDS_AT + 2]!;
      last = next;
      other = index;
    }
    this.#last = last / ENTRY_WORDS;
    this.#lastIndex = other;
    return index;
  }

  /**
   * Links the series to the last one by what both have in common, as far as that can be compared as doubles. Where they have nothing, as the last series of a
   * target and the first of the next, all of the series is the middle, as long as there is plenty of room: that takes several times as much, and still
   * no more than half of the time of a hash.
   */
  #link(entry: number, index: number): void {
    if (!this.#chain.mayLink(this.#last)) return;
    const view = this.#view;
    const { labelsStart, labelsEnd } = this.#fields;
    const [start, end, otherStart, otherEnd] = [labelsStart[index]!, labelsEnd[index]!, labelsStart[this.#lastIndex]!, labelsEnd[this.#lastIndex]!];
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
    else prefix = suffix = 0;
    const length = end - start - prefix - suffix;
    const words = Math.ceil(length / WORD_BYTES);
    if (length > HALF_WORD_MAX || words > MIDDLE_WORDS_MAX) return;
    const isWhole = prefix + suffix === 0;
    if (isWhole && (length < WORD_BYTES || !this.#chain.hasPlenty(words))) return;
    if (!isComparable(view, start, prefix) || !isComparable(view, end - suffix, suffix)) return;
    const at = this.#chain.link(this.#last, entry, { common: prefix | (suffix << 16), length, words });
    if (at === 0) return;
    const { middles } = this.#chain;
    const lastWord = end - suffix - WORD_BYTES;
    for (let word = 0; word < words; word++) middles[at + word] = view.getUint32(Math.min(start + prefix + word * WORD_BYTES, lastWord), true);
  }
}

const NONE = new Uint32Array(0);
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
const NO_FIELDS: LabelFields = { labelsStart: NONE, labelsEnd: NONE, seriesCount: 0 };

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
