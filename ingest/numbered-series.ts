import type { RequestColumns } from '../proto/remote-write-v2.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import { COMMON_AT, COMMON_MAX, ENTRY_WORDS, LENGTH_AT, MIDDLE_AT, MIDDLE_WORDS_MAX, NEXT_AT, NO_ENTRY, SeriesChain } from './series-chain.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

/** In the numbers of a request's symbols, where one has none. */
export const NO_NUMBER = 0;

/** Behind the numbers of its labels a series' key has the type of its metadata and the numbers of help text and unit, which are none where no metadata was sent. */
const METADATA_WORDS = 3;
/** Then in place of the type. Any type may be sent, so it tells nothing. */
const NO_TYPE = 0;
/** In a link's length, where the metadata is another than that of the series before: its words are behind the middle. */
const OWN_METADATA = 0x8000;

/** What is looked at of a message. */
export type SeriesRefs = Pick<RequestColumns, 'refsStart' | 'refsEnd' | 'metadataType' | 'helpRef' | 'unitRef' | 'seriesCount'>;

/**
 * Series of remote write 2.0 by the numbers of their symbols, with their ids: a chain (series-chain.ts) whose links are references in common
 * with the series before, and the numbers of those in between. In the steady state the encoded references are compared four bytes at a time
 * with those of the series before, only the few that differ are looked up, and nothing is hashed.
 */
export class NumberedSeries {
  readonly #chain: SeriesChain;
  readonly #key: Uint32Array;
  readonly #keyView: DataView;
  /** Words of the key of the series that was looked for last, 0 where it cannot be recognised by one. */
  #keyLength = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #numbers: Uint32Array = new Uint32Array(0);
  #refs: SeriesRefs = { refsStart: NONE, refsEnd: NONE, metadataType: NONE, helpRef: NONE, unitRef: NONE, seriesCount: 0 };
  /** The last known series of the request, and its position. Unknown ones in between break no chain. */
  #last = NO_ENTRY;
  #lastIndex = 0;

  /** `labelsMax`: series with more labels are never known. */
  constructor(entriesMax: number, linkBytesMax: number, labelsMax: number) {
    this.#chain = new SeriesChain(entriesMax, linkBytesMax);
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
  }

  /** Whether the series at `index` is known, and then its id is there in the columns. If not, the hasher's words are what `add` wants. Asked for in request order. */
  find(index: number, ids: SeriesIdColumns): boolean {
    const chain = this.#chain;
    let entry = chain.entries[this.#last * ENTRY_WORDS + NEXT_AT]!;
    if (entry !== NO_ENTRY && this.#isNext(index)) chain.use(entry);
    else {
      this.#makeKey(index);
      entry = this.#keyLength === 0 ? NO_ENTRY : chain.findHash(this.#keyView, 0, this.#keyLength * 4);
      if (entry === NO_ENTRY) return false;
      this.#link(entry, index);
    }
    this.#last = entry;
    this.#lastIndex = index;
    chain.copyId(entry, ids, index);
    return true;
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

  /** Whether the series is the one that followed the last one before: whether #makeKey would make the same key. */
  #isNext(index: number): boolean {
    const { entries, middles } = this.#chain;
    const bytes = this.#bytes;
    const view = this.#view;
    const numbers = this.#numbers;
    const { refsStart, refsEnd, metadataType, helpRef, unitRef } = this.#refs;
    const other = this.#lastIndex;
    const at = this.#last * ENTRY_WORDS;
    const common = entries[at + COMMON_AT]!;
    const length = entries[at + LENGTH_AT]! >>> 16;
    let middle = entries[at + MIDDLE_AT]! + 1;
    const end = refsEnd[index]! | 0;
    const otherEnd = refsEnd[other]! | 0;
    let position = refsStart[index]! | 0;
    let from = refsStart[other]! | 0;
    let refCount = 0;
    // Equal references in front, four bytes at a time: a reference ends with the byte that has no high bit.
    const commonEnd = position + Math.min(end - position, otherEnd - from);
    for (; position + 4 <= commonEnd; position += 4, from += 4) {
      const word = view.getInt32(position, true);
      if (word !== view.getInt32(from, true)) break;
      refCount += refEnds(word);
    }
    while (position < commonEnd && bytes[position] === bytes[from]) {
      if (bytes[position]! < 0x80) refCount++;
      position++;
      from++;
    }
    if (refCount !== (common & COMMON_MAX)) return false;
    while (position > refsStart[index]! && bytes[position - 1]! >= 0x80) position--;
    for (let i = length & ~OWN_METADATA; i > 0; i--, middle++) {
      if (position >= end) return false;
      let ref = bytes[position++]!;
      if (ref >= 0x80) {
        const second = position < end ? bytes[position++]! : 0x80;
        if (second >= 0x80) return false;
        ref = (ref & 0x7f) | (second << 7);
      }
      if (numbers[ref] !== middles[middle]) return false;
    }
    from = otherEnd - (end - position);
    if (from < refsStart[other]! || (from > refsStart[other]! && bytes[from - 1]! >= 0x80)) return false;
    refCount = 0;
    for (; position + 4 <= end; position += 4, from += 4) {
      const word = view.getInt32(position, true);
      if (word !== view.getInt32(from, true)) return false;
      refCount += refEnds(word);
    }
    for (; position < end; position++, from++) {
      if (bytes[position] !== bytes[from]) return false;
      if (bytes[position]! < 0x80) refCount++;
    }
    if (refCount !== common >>> 16) return false;
    const [type, help, unit] = [metadataType[index]!, helpRef[index]!, unitRef[index]!];
    if (length < OWN_METADATA) return type === metadataType[other] && help === helpRef[other] && unit === unitRef[other];
    if ((type | help | unit) === 0) return middles[middle + 1] === NO_NUMBER;
    return middles[middle + 1] !== NO_NUMBER && middles[middle] === type && middles[middle + 1] === numbers[help] && middles[middle + 2] === numbers[unit];
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
    for (let i = 0; i < bytesMax && bytes[start + i] === bytes[otherStart + i]; i++) {
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
    const length = this.#keyLength - METADATA_WORDS - prefix - suffix;
    const hasOwnMetadata = metadataType[index] !== metadataType[other] || helpRef[index] !== helpRef[other] || unitRef[index] !== unitRef[other];
    const words = length + (hasOwnMetadata ? METADATA_WORDS : 0);
    if (prefix > COMMON_MAX || suffix > COMMON_MAX || words > MIDDLE_WORDS_MAX) return;
    const at = this.#chain.link(this.#last, entry, { prefix, suffix, length: hasOwnMetadata ? length | OWN_METADATA : length, words });
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
    const [type, help, unit] = [metadataType[index]!, helpRef[index]!, unitRef[index]!];
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

/** How many references end within four encoded bytes. */
function refEnds(word: number): number {
  return Math.imul((~word >>> 7) & 0x01010101, 0x01010101) >>> 24;
}
