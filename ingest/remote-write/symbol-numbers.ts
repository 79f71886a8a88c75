import type { SeriesHasher } from '../../storage/model/series-id.ts';
import { assert } from '../../storage/runtime/assert.ts';
import { ownShare } from '../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { ENTRY_WORDS, HALF_WORD_MAX, HASH_AT, KeyChain, LENGTH_AT, MIDDLE_AT, MIDDLE_WORDS_MAX, NEXT_AT, NO_ENTRY, WORDS_AT } from './key-chain.ts';

/** Of a symbol that has none, because there is no room. */
export const NO_NUMBER = 0;

/** Where an entry has its symbol's number, and whether it is a text that is its bytes: ASCII. */
const NUMBER_AT = WORDS_AT;
const IS_ASCII_AT = WORDS_AT + 1;

const INITIAL_SYMBOLS = 4096;
const NUMBER_MAX = 0xffff_ffff;
/** As many as a request may have, and more: the columns that bound them are doubled while they are shorter than the limit. */
const REQUEST_SYMBOLS_MAX = LIMITS.writeEntriesMax * 2;

/**
 * Numbers of the symbols of remote write 2.0, which stay the same from request to request: an entry each of a chain (key-chain.ts), whose links
 * have all bytes of the symbol that followed. A number is given once: what was forgotten and comes again gets another one, so that whoever
 * keeps numbers never takes one symbol for another.
 */
export class SymbolNumbers {
  readonly #chain: KeyChain;
  /** By symbol of the request: its entry. */
  #symbols = new Uint32Array(INITIAL_SYMBOLS);
  #count = 0;
  /** By symbol of the request, with zeros behind the last one. */
  #numbers = new Uint32Array(INITIAL_SYMBOLS);
  #given: number;

  /** `given` is how many numbers are taken to have been given. */
  constructor(entriesMax: number, linkBytesMax: number, share = ownShare(), given = 0) {
    this.#given = given;
    this.#chain = new KeyChain(entriesMax, linkBytesMax, share);
  }

  /** There may be too few numbers left for a request: then they are to be given anew, and whoever keeps some forgets them, before `read`. */
  get isExhausted(): boolean {
    return this.#given > NUMBER_MAX - REQUEST_SYMBOLS_MAX;
  }

  clear(): void {
    this.#chain.clear();
    this.#given = 0;
  }

  /** Forgets all symbols and lets go of the memory; their numbers are not given again. Never within a request. */
  empty(): void {
    this.#chain.empty();
  }

  /** Of each symbol of the request, NO_NUMBER where it has none; behind the last one there are only zeros. Until the next one is read. */
  get numbers(): Uint32Array {
    return this.#numbers;
  }

  /** Reads the symbols of a request, each from `starts` to `ends` of the message. */
  read(hasher: SeriesHasher, view: DataView, starts: Uint32Array, ends: Uint32Array, count: number): void {
    const chain = this.#chain;
    assert(count <= NUMBER_MAX - this.#given, 'a number for each symbol');
    if (count >= this.#symbols.length) {
      this.#symbols = new Uint32Array(starts.length + 1);
      this.#numbers = new Uint32Array(starts.length + 1);
    }
    chain.begin(hasher, count);
    let last = NO_ENTRY;
    for (let symbol = 0; symbol < count; symbol++) {
      const start = starts[symbol]!;
      const end = ends[symbol]!;
      let entry = chain.entries[last * ENTRY_WORDS + NEXT_AT]!;
      if (entry !== NO_ENTRY && this.#isNext(last, view, start, end)) chain.use(entry);
      else {
        entry = chain.findHash(view, start, end);
        if (entry === NO_ENTRY) entry = chain.add(hasher.words, Uint32Array.of(++this.#given, isAscii(view, start, end) ? 1 : 0, 0));
        if (entry !== NO_ENTRY) this.#link(last, entry, view, start, end);
      }
      if (entry !== NO_ENTRY) last = entry;
      this.#symbols[symbol] = entry;
      this.#numbers[symbol] = entry === NO_ENTRY ? NO_NUMBER : chain.entries[entry * ENTRY_WORDS + NUMBER_AT]!;
    }
    this.#numbers.fill(NO_NUMBER, count, Math.max(count, this.#count));
    this.#count = count;
  }

  /** No request's symbols are asked for any more: gives back what a request with very many took. */
  rest(): void {
    this.#symbols = new Uint32Array(INITIAL_SYMBOLS);
    this.#numbers = new Uint32Array(INITIAL_SYMBOLS);
    this.#count = 0;
  }

  /** Copies the hash of the request's symbol to `index` of the words; false where it has no number or is not ASCII. */
  copyHash(symbol: number, words: Uint32Array, index: number): boolean {
    const entries = this.#chain.entries;
    const at = symbol < this.#count ? this.#symbols[symbol]! * ENTRY_WORDS : NO_ENTRY;
    if (at === NO_ENTRY || entries[at + IS_ASCII_AT] === 0) return false;
    words[index] = entries[at + HASH_AT]!;
    words[index + 1] = entries[at + HASH_AT + 1]!;
    words[index + 2] = entries[at + HASH_AT + 2]!;
    return true;
  }

  /** Whether the symbol is the one that followed `last` before. */
  #isNext(last: number, view: DataView, start: number, end: number): boolean {
    const { entries, middles } = this.#chain;
    const at = last * ENTRY_WORDS;
    if (entries[at + LENGTH_AT]! >>> 16 !== end - start) return false;
    let middle = entries[at + MIDDLE_AT]! + 1;
    let position = start | 0;
    for (; position + 4 <= end; position += 4, middle++) if ((view.getInt32(position, true) >>> 0) !== middles[middle]) return false;
    return position === end || middles[middle] === tailOf(view, position, end);
  }

  #link(last: number, entry: number, view: DataView, start: number, end: number): void {
    const length = end - start;
    const words = (length + 3) >>> 2;
    if (!this.#chain.mayLink(last) || length > HALF_WORD_MAX || words > MIDDLE_WORDS_MAX) return;
    let middle = this.#chain.link(last, entry, { common: 0, length, words });
    if (middle === 0) return;
    const { middles } = this.#chain;
    let position = start;
    for (; position + 4 <= end; position += 4) middles[middle++] = view.getUint32(position, true);
    if (position < end) middles[middle] = tailOf(view, position, end);
  }
}

/** Up to three bytes as a word. */
function tailOf(view: DataView, start: number, end: number): number {
  let word = 0;
  for (let position = end - 1; position >= start; position--) word = (word << 8) | view.getUint8(position);
  return word;
}

function isAscii(view: DataView, start: number, end: number): boolean {
  for (let position = start; position < end; position++) if (view.getUint8(position) >= 0x80) return false;
  return true;
}
