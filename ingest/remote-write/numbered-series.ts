import type { RequestColumns } from '../../proto/remote-write-v2.ts';
import type { SeriesHasher } from '../../storage/model/series-id.ts';
import { ownShare } from '../../storage/runtime/cache-budget.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import { COMMON_AT, ENTRY_WORDS, GENERATION_MASK, HALF_WORD_MAX, WORDS_AT, LENGTH_AT, MIDDLE_AT, MIDDLE_WORDS_MAX, NEXT_AT, NO_ENTRY, KeyChain } from './key-chain.ts';
import { NO_NUMBER } from './symbol-numbers.ts';

/** Behind the numbers of its labels a series' key has the type of its metadata and the numbers of help text and unit, which are none where no metadata was sent. */
const METADATA_WORDS = 3;
/** Then in place of the type. Any type may be sent, so it tells nothing. */
const NO_TYPE = 0;
/** In a link's length, where the metadata is another than that of the series before: its words are behind the middle. */
const OWN_METADATA = 0x8000;

/** More is not in common in front: what ends is counted in bytes of a word. */
const PREFIX_BYTES_MAX = 255;
/** In what a link has in common, the references in front, and above them the bytes that they took when they were compared last. */
const PREFIX_MASK = 0xff;
const PREFIX_BYTES_SHIFT = 8;
/** Above both, how many references of the series before are left out. */
const LEFT_OUT_SHIFT = 16;

/** What is looked at of a message. */
export type SeriesRefs = Pick<RequestColumns, 'refsStart' | 'refsEnd' | 'metadataType' | 'helpRef' | 'unitRef' | 'seriesCount'>;

/**
 * Series of remote write 2.0 by the numbers of their symbols, with their ids: a chain (key-chain.ts) whose links are how many
 * references a series has in common in front with the one before, how many of that one's are left out then, and the numbers of those in their
 * place. In the steady state encoded references are compared with those of the series before, eight bytes at a time, only the few that differ
 * are looked up, and nothing is hashed.
 */
export class NumberedSeries {
  readonly #chain: KeyChain;
  readonly #key: Uint32Array;
  readonly #keyView: DataView;
  /** Words of the key of the series that was looked for last, 0 where it cannot be recognised by one. */
  #keyLength = 0;
  #bytes = NO_BYTES;
  #view = NO_VIEW;
  #numbers: Uint32Array = NONE;
  #refs = NO_REFS;
  /** The last known series of the request, and its position. Unknown ones in between break no chain. */
  #last = NO_ENTRY;
  #lastIndex = 0;

  /** `labelsMax`: series with more labels are never known. */
  constructor(entriesMax: number, linkBytesMax: number, labelsMax: number, share = ownShare()) {
    this.#chain = new KeyChain(entriesMax, linkBytesMax, share);
    this.#key = new Uint32Array(labelsMax * 2 + METADATA_WORDS);
    this.#keyView = new DataView(this.#key.buffer);
  }

  /** Begins a request, a message whose symbols have these numbers; behind the last one there are only zeros. */
  begin(hasher: SeriesHasher, view: DataView, numbers: Uint32Array, refs: SeriesRefs): void {
    this.#chain.begin(hasher, refs.seriesCount);
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.#view = view;
    this.#numbers = numbers;
    this.#refs = refs;
    this.#last = NO_ENTRY;
    this.#lastIndex = 0;
  }

  /**
   * The ids of the series from `index` on, at their positions in the columns, up to the first that is not known, whose position is the answer;
   * it is `seriesCount` when all are. The hasher's words are what `add` wants then.
   */
  find(index: number, ids: SeriesIdColumns): number {
    const { seriesCount } = this.#refs;
    for (;;) {
      index = this.#follow(index, ids);
      if (index === seriesCount) return index;
      this.#makeKey(index);
      const entry = this.#keyLength === 0 ? NO_ENTRY : this.#chain.findHash(this.#keyView, 0, this.#keyLength * 4);
      if (entry === NO_ENTRY) return index;
      this.#link(entry, index);
      this.#chain.copyId(entry, ids, index);
      this.#last = entry;
      this.#lastIndex = index++;
    }
  }

  /** Remembers the id of the series at `index`, which was looked for last and not found; `hash` is what the hasher had then. */
  add(index: number, hash: Uint32Array, id: Uint32Array): void {
    if (this.#keyLength === 0) return;
    const entry = this.#chain.add(hash, id);
    if (entry === NO_ENTRY) return;
    this.#link(entry, index);
    this.#last = entry;
    this.#lastIndex = index;
  }

  /** Forgets everything; never within a request. */
  clear(): void {
    this.#chain.clear();
  }

  /** The message is not looked at any more: it may be large. */
  rest(): void {
    this.#bytes = NO_BYTES;
    this.#view = NO_VIEW;
    this.#numbers = NONE;
    this.#refs = NO_REFS;
  }

  /** Forgets everything and lets go of the memory; never within a request. */
  empty(): void {
    this.#chain.empty();
  }

  /**
   * The hot loop: the ids of series from `index` on for as long as each is the one that followed the last one before, which is when #makeKey
   * would make the key that its entry was found by. Answers where it ended.
   */
  #follow(index: number, ids: SeriesIdColumns): number {
    const { entries, middles, generation } = this.#chain;
    const bytes = this.#bytes;
    const view = this.#view;
    const numbers = this.#numbers;
    const { refsStart, refsEnd, metadataType, helpRef, unitRef, seriesCount } = this.#refs;
    const { low, high, check } = ids;
    const messageEnd = bytes.length;
    let last = Math.imul(this.#last, ENTRY_WORDS);
    let other = this.#lastIndex;
    let otherStart = refsStart[other]! | 0;
    let otherEnd = refsEnd[other]! | 0;
    let otherType = metadataType[other]!;
    let otherHelp = helpRef[other]!;
    let otherUnit = unitRef[other]!;
    for (; index < seriesCount; index++) {
      const next = Math.imul(entries[last + NEXT_AT]!, ENTRY_WORDS);
      if (next === NO_ENTRY) break;
      const common = entries[last + COMMON_AT]!;
      const length = entries[last + LENGTH_AT]! >>> 16;
      let middle = (entries[last + MIDDLE_AT]! + 1) | 0;
      const start = refsStart[index]! | 0;
      const end = refsEnd[index]! | 0;
      let position = start;
      let from = otherStart;
      // Equal references in front: in as many bytes as last time, unless references have become longer or shorter since.
      const prefixRefs = common & PREFIX_MASK;
      const prefixBytes = (common >>> PREFIX_BYTES_SHIFT) & PREFIX_MASK;
      const prefixBytesMax = Math.min(end - start, otherEnd - from, PREFIX_BYTES_MAX);
      const isWithin = prefixBytes <= prefixBytesMax && start + prefixBytes + 4 <= messageEnd && from + prefixBytes + 4 <= messageEnd;
      if (isWithin && isSamePrefix(view, start, from, prefixBytes, prefixRefs)) {
        position += prefixBytes;
        from += prefixBytes;
      } else {
        const prefixEnd = start + prefixBytesMax;
        let refs = 0;
        for (; refs < prefixRefs && position < prefixEnd && bytes[position] === bytes[from]; position++, from++) if (bytes[position]! < 0x80) refs++;
        if (refs < prefixRefs) break;
        entries[last + COMMON_AT] = (common & ~(PREFIX_MASK << PREFIX_BYTES_SHIFT)) | ((position - start) << PREFIX_BYTES_SHIFT);
      }
      const middleEnd = middle + (length & ~OWN_METADATA);
      for (; middle < middleEnd && position < end; middle++) {
        let ref = bytes[position++]!;
        if (ref >= 0x80) {
          // What is longer is for #makeKey.
          const second = position < end ? bytes[position++]! : 0x80;
          if (second >= 0x80) break;
          ref = (ref & 0x7f) | (second << 7);
        }
        if (numbers[ref] !== middles[middle]) break;
      }
      if (middle !== middleEnd) break;
      for (let i = common >>> LEFT_OUT_SHIFT; i > 0; i--) while (from < otherEnd && bytes[from++]! >= 0x80);
      if (end - position !== otherEnd - from || !isSameRun(view, position, from, end)) break;
      const type = metadataType[index]!;
      const help = helpRef[index]!;
      const unit = unitRef[index]!;
      if (length < OWN_METADATA) {
        if (type !== otherType || help !== otherHelp || unit !== otherUnit) break;
      } else if ((type | help | unit) === 0) {
        if (middles[middle + 1] !== NO_NUMBER) break;
      } else if (middles[middle + 1] === NO_NUMBER || middles[middle] !== type || middles[middle + 1] !== numbers[help] || middles[middle + 2] !== numbers[unit]) break;
      const used = entries[next + LENGTH_AT]!;
      if ((used & GENERATION_MASK) !== generation) entries[next + LENGTH_AT] = (used & ~GENERATION_MASK) | generation;
      low[index] = entries[next + WORDS_AT]!;
      high[index] = entries[next + WORDS_AT + 1]!;
      check[index] = entries[next + WORDS_AT + 2]!;
      last = next;
      other = index;
      otherStart = start;
      otherEnd = end;
      otherType = type;
      otherHelp = help;
      otherUnit = unit;
    }
    this.#last = last / ENTRY_WORDS;
    this.#lastIndex = other;
    return index;
  }

  /** Links the series, whose key was just made, to the last one. */
  #link(entry: number, index: number): void {
    if (!this.#chain.mayLink(this.#last)) return;
    const bytes = this.#bytes;
    const { refsStart, refsEnd, metadataType, helpRef, unitRef } = this.#refs;
    const other = this.#lastIndex;
    const [start, end, otherStart, otherEnd] = [refsStart[index]!, refsEnd[index]!, refsStart[other]!, refsEnd[other]!];
    const bytesMax = Math.min(end - start, otherEnd - otherStart);
    let prefix = 0;
    let prefixBytes = 0;
    for (let i = 0; i < Math.min(bytesMax, PREFIX_BYTES_MAX) && bytes[start + i] === bytes[otherStart + i]; i++) {
      if (bytes[start + i]! >= 0x80) continue;
      prefix++;
      prefixBytes = i + 1;
    }
    let suffix = 0;
    // Behind a byte that ends a reference the next one begins, and so it does where the references begin.
    const isStart = (position: number, first: number): boolean => position === first || bytes[position - 1]! < 0x80;
    for (let i = 1; i <= bytesMax - prefixBytes && bytes[end - i] === bytes[otherEnd - i]; i++) {
      if (isStart(end - i, start) && isStart(otherEnd - i, otherStart)) suffix++;
    }
    let otherCount = 0;
    for (let position = otherStart; position < otherEnd; position++) if (bytes[position]! < 0x80) otherCount++;
    const length = this.#keyLength - METADATA_WORDS - prefix - suffix;
    const otherLength = otherCount - prefix - suffix;
    const hasOwnMetadata = metadataType[index] !== metadataType[other] || helpRef[index] !== helpRef[other] || unitRef[index] !== unitRef[other];
    const words = length + (hasOwnMetadata ? METADATA_WORDS : 0);
    if (otherLength > HALF_WORD_MAX || words > MIDDLE_WORDS_MAX) return;
    const at = this.#chain.link(this.#last, entry, { common: prefix | (prefixBytes << PREFIX_BYTES_SHIFT) | (otherLength << LEFT_OUT_SHIFT), length: hasOwnMetadata ? length | OWN_METADATA : length, words });
    if (at === 0) return;
    const { middles } = this.#chain;
    middles.set(this.#key.subarray(prefix, prefix + length), at);
    if (hasOwnMetadata) middles.set(this.#key.subarray(this.#keyLength - METADATA_WORDS, this.#keyLength), at + length);
  }

  #makeKey(index: number): void {
    const bytes = this.#bytes;
    const numbers = this.#numbers;
    const key = this.#key;
    const { refsStart, refsEnd, metadataType, helpRef, unitRef } = this.#refs;
    const end = refsEnd[index]!;
    const lengthMax = key.length - METADATA_WORDS;
    this.#keyLength = 0;
    let length = 0;
    for (let position = refsStart[index]! | 0; position < end; ) {
      let ref = bytes[position++]!;
      if (ref >= 0x80) {
        // What is longer than three bytes is no position in a table that fits a request; the slow way says what it is.
        const second = position < end ? bytes[position++]! : 0x80;
        ref = (ref & 0x7f) | ((second & 0x7f) << 7);
        if (second >= 0x80) {
          const third = position < end ? bytes[position++]! : 0x80;
          if (third >= 0x80) return;
          ref |= third << 14;
        }
      }
      const number = numbers[ref] ?? NO_NUMBER;
      if (number === NO_NUMBER || length >= lengthMax) return;
      key[length++] = number;
    }
    const type = metadataType[index]!;
    const help = helpRef[index]!;
    const unit = unitRef[index]!;
    if ((type | help | unit) === 0) {
      key[length] = NO_TYPE;
      key[length + 1] = key[length + 2] = NO_NUMBER;
    } else {
      const helpNumber = numbers[help] ?? NO_NUMBER;
      const unitNumber = numbers[unit] ?? NO_NUMBER;
      if (helpNumber === NO_NUMBER || unitNumber === NO_NUMBER) return;
      key[length] = type;
      key[length + 1] = helpNumber;
      key[length + 2] = unitNumber;
    }
    this.#keyLength = length + METADATA_WORDS;
  }
}

const NONE = new Uint32Array(0);
const NO_BYTES: Uint8Array = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
const NO_REFS: SeriesRefs = { refsStart: NONE, refsEnd: NONE, metadataType: NONE, helpRef: NONE, unitRef: NONE, seriesCount: 0 };

/** Of a word, the first bytes: none to three. */
const FIRST_BYTES_MASKS = Int32Array.of(0, 0xff, 0xffff, 0xffffff);

/**
 * Whether so many bytes from `start` and from `other` on are the same and are so many references: four at a time, and a reference ends with the
 * byte that has no high bit. Behind them the message has four bytes more.
 */
function isSamePrefix(view: DataView, start: number, other: number, byteCount: number, refCount: number): boolean {
  const distance = (other - start) | 0;
  const end = (start + byteCount) | 0;
  let position = start | 0;
  let refEnds = 0;
  for (; position + 4 <= end; position += 4) {
    const word = view.getInt32(position, true);
    if (word !== view.getInt32(position + distance, true)) return false;
    refEnds += refEndsOf(word);
  }
  const mask = FIRST_BYTES_MASKS[byteCount & 3]!;
  const word = view.getInt32(position, true);
  if (((word ^ view.getInt32(position + distance, true)) & mask) !== 0) return false;
  refEnds += refEndsOf(word) & mask;
  return Math.imul(refEnds, 0x01010101) >>> 24 === refCount && (byteCount === 0 || view.getUint8(end - 1) < 0x80);
}

/** Of four encoded bytes, 1 in place of each that ends a reference. Such words may be added up, and the sum of all their bytes is the top one of 0x01010101 times as much. */
function refEndsOf(word: number): number {
  return (~word >>> 7) & 0x01010101;
}

/** Whether the bytes from `start` to `end` and those from `other` are the same: eight a comparison, as doubles. */
function isSameRun(view: DataView, start: number, other: number, end: number): boolean {
  const distance = (other - start) | 0;
  let position = start | 0;
  for (; position + 8 <= end; position += 8) {
    const double = view.getFloat64(position, true);
    // All doubles but zeros and NaN equal nothing but themselves.
    if (double !== view.getFloat64(position + distance, true) || double === 0) return isSameTail(view, position, distance, end);
  }
  return isSameTail(view, position, distance, end);
}

function isSameTail(view: DataView, start: number, distance: number, end: number): boolean {
  let position = start | 0;
  for (; position + 4 <= end; position += 4) if (view.getInt32(position, true) !== view.getInt32(position + distance, true)) return false;
  for (; position < end; position++) if (view.getUint8(position) !== view.getUint8(position + distance)) return false;
  return true;
}
