import { grown } from '../proto/grown.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';
import { ByteKeys, UNKNOWN } from './byte-keys.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

/** Of an entry: the id, then type, help and unit of the series' metadata. */
const ENTRY_WORDS = SERIES_ID_WORDS + 3;
const INITIAL_ENTRIES = 4096;

/**
 * Series of requests whose symbol table is known (symbol-tables.ts), by the bytes of their references as they stand in the message: the
 * cheapest way to recognise a series, without a look at any symbol. Metadata is compared as references too.
 */
export class RepeatedSeries {
  readonly #keys: ByteKeys;
  #words = new Uint32Array(INITIAL_ENTRIES * ENTRY_WORDS);

  constructor(entriesMax: number, bytesMax: number) {
    this.#keys = new ByteKeys(entriesMax, bytesMax);
  }

  /** Begins a request whose symbol table is `table`. */
  begin(hasher: SeriesHasher, table: number): void {
    if (this.#keys.isExhausted) this.#keys.clear();
    this.#keys.beginGroup(hasher, table);
  }

  /** Whether the series is known: then its id is at `index` of the columns. Otherwise the hasher's words are the hash of its bytes. */
  find(view: DataView, start: number, end: number, type: number, help: number, unit: number, ids: SeriesIdColumns, index: number): boolean {
    const entry = this.#keys.find(view, start, end);
    if (entry === UNKNOWN) return false;
    const at = entry * ENTRY_WORDS;
    const words = this.#words;
    if (words[at + 3] !== type || words[at + 4] !== help || words[at + 5] !== unit) return false;
    ids.low[index] = words[at]!;
    ids.high[index] = words[at + 1]!;
    ids.check[index] = words[at + 2]!;
    return true;
  }

  /** Remembers the id at `index` of the columns for a series that `find` has not found. */
  add(view: DataView, start: number, end: number, hasher: SeriesHasher, type: number, help: number, unit: number, ids: SeriesIdColumns, index: number): void {
    let entry = this.#keys.find(view, start, end);
    if (entry === UNKNOWN) entry = this.#keys.add(view, start, end, hasher.words);
    if (entry === UNKNOWN) return;
    const at = entry * ENTRY_WORDS;
    if (at + ENTRY_WORDS > this.#words.length) this.#words = grown(this.#words);
    this.#words.set([ids.low[index]!, ids.high[index]!, ids.check[index]!, type, help, unit], at);
  }

  clear(): void {
    this.#keys.clear();
  }
}
