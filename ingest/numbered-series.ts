import { grown } from '../proto/grown.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';
import { ByteKeys, UNKNOWN } from './byte-keys.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

/** In the numbers of a request's symbols, where one has none. */
export const NO_NUMBER = 0;

/** Behind the numbers of its labels a series' key has the type of its metadata and the numbers of help text and unit, which are none where no metadata was sent. */
const METADATA_WORDS = 3;
/** Then in place of the type. Any type may be sent, so it tells nothing. */
const NO_TYPE = 0;

const INITIAL_ENTRIES = 4096;

/**
 * Series of remote write 2.0 by the numbers of their symbols, with their ids. In the steady state the series that followed last time is
 * compared with the references as they are read, each through its number: nothing is written, and nothing hashed.
 *
 * Bounded as ByteKeys is.
 */
export class NumberedSeries {
  readonly #keys: ByteKeys;
  /** By entry. */
  #ids = new Uint32Array(INITIAL_ENTRIES * SERIES_ID_WORDS);
  readonly #key: Uint32Array;
  readonly #keyView: DataView;
  /** Words of the key of the series that was looked for last, 0 where it cannot be recognised by one. */
  #keyLength = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #numbers: Uint32Array = new Uint32Array(0);

  /** `labelsMax`: series with more labels are never known. */
  constructor(entriesMax: number, bytesMax: number, labelsMax: number) {
    this.#keys = new ByteKeys(entriesMax, bytesMax);
    this.#key = new Uint32Array(labelsMax * 2 + METADATA_WORDS);
    this.#keyView = new DataView(this.#key.buffer);
  }

  /** Begins a request, a message whose symbols have these numbers; behind the last one there are only zeros. */
  begin(hasher: SeriesHasher, bytes: Uint8Array, numbers: Uint32Array): void {
    if (this.#keys.isExhausted) this.#keys.clear();
    this.#keys.begin(hasher);
    this.#bytes = bytes;
    this.#numbers = numbers;
  }

  /** Whether the series is known, and then its id is at `index` of the columns. If not, the hasher's words are what `add` wants. Asked for in request order. */
  find(start: number, end: number, type: number, help: number, unit: number, ids: SeriesIdColumns, index: number): boolean {
    let entry = this.#keys.guess();
    if (entry !== UNKNOWN && this.#isSame(entry, start, end, type, help, unit)) this.#keys.follow(entry);
    else {
      this.#makeKey(start, end, type, help, unit);
      if (this.#keyLength === 0) return false;
      entry = this.#keys.find(this.#keyView, 0, this.#keyLength * 4);
      if (entry === UNKNOWN) return false;
    }
    const at = entry * SERIES_ID_WORDS;
    ids.low[index] = this.#ids[at]!;
    ids.high[index] = this.#ids[at + 1]!;
    ids.check[index] = this.#ids[at + 2]!;
    return true;
  }

  /** Remembers the id of the series that was looked for last and not found; `hash` is what the hasher had then. */
  add(hash: Uint32Array, id: Uint32Array): void {
    if (this.#keyLength === 0) return;
    const entry = this.#keys.add(this.#keyView, 0, this.#keyLength * 4, hash);
    if (entry === UNKNOWN) return;
    const at = entry * SERIES_ID_WORDS;
    if (at + SERIES_ID_WORDS > this.#ids.length) this.#ids = grown(this.#ids);
    this.#ids.set(id.subarray(0, SERIES_ID_WORDS), at);
  }

  /** Forgets everything; never within a request. */
  clear(): void {
    this.#keys.clear();
  }

  /** Whether the entry's key is what #makeKey would make. */
  #isSame(entry: number, start: number, end: number, type: number, help: number, unit: number): boolean {
    const bytes = this.#bytes;
    const numbers = this.#numbers;
    const words = this.#keys.words;
    let word = this.#keys.wordAt(entry) | 0;
    const labelsEnd = word + this.#keys.wordCount(entry) - METADATA_WORDS;
    for (let position = start | 0; position < end; word++) {
      let ref = bytes[position++]!;
      if (ref >= 0x80) {
        const second = position < end ? bytes[position++]! : 0x80;
        if (second >= 0x80) return false;
        ref = (ref & 0x7f) | (second << 7);
      }
      if (numbers[ref] !== words[word]) return false;
    }
    if (word !== labelsEnd) return false;
    if ((type | help | unit) === 0) return words[word + 1] === NO_NUMBER;
    return words[word + 1] !== NO_NUMBER && words[word] === type && words[word + 1] === numbers[help] && words[word + 2] === numbers[unit];
  }

  #makeKey(start: number, end: number, type: number, help: number, unit: number): void {
    const bytes = this.#bytes;
    const numbers = this.#numbers;
    const key = this.#key;
    const lengthMax = key.length - METADATA_WORDS;
    this.#keyLength = 0;
    let length = 0;
    for (let position = start | 0; position < end; ) {
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
