import { grown } from '../proto/grown.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../storage/model/series-id.ts';
import { ByteKeys, UNKNOWN } from './byte-keys.ts';

const INITIAL_ENTRIES = 4096;

/**
 * From a series' label bytes, as a sender encoded them, to its id: what spares parsing labels in the steady state. Ids are keyed, so the
 * same bytes of another tenant are another series.
 *
 * Where the bytes that make a series lie apart (resource, scope, metric and attributes of OTLP), each part is an entry of its own under the
 * one before, its parent, and the last one has the id. An entry that is only a parent may keep a word of its owner's instead.
 *
 * Bounded as ByteKeys is: past the limit what is not known costs its hash each time, until so much was missed that the next request starts
 * with it empty; within a request entries stay what they are.
 */
export class SeriesIdCache {
  readonly #keys: ByteKeys;
  /** By entry. */
  #ids = new Uint32Array(INITIAL_ENTRIES * SERIES_ID_WORDS);

  constructor(entriesMax: number, bytesMax: number) {
    this.#keys = new ByteKeys(entriesMax, bytesMax);
  }

  /** Begins a request of the tenant whose key `hasher` holds. */
  begin(hasher: SeriesHasher): void {
    if (this.#keys.isExhausted) this.#keys.clear();
    this.#keys.begin(hasher);
  }

  /** The entry of the label bytes from `start` to `end`, or UNKNOWN, and then the hasher's words are their hash. Series are asked for in request order. */
  find(view: DataView, start: number, end: number, parent?: number): number {
    return this.#keys.find(view, start, end, parent);
  }

  /** Copies an entry's id to position `index` of the columns. */
  copyId(entry: number, columns: SeriesIdColumns, index: number): void {
    const at = entry * SERIES_ID_WORDS;
    columns.low[index] = this.#ids[at]!;
    columns.high[index] = this.#ids[at + 1]!;
    columns.check[index] = this.#ids[at + 2]!;
  }

  /** The word that the owner of an entry without an id has put there, 0 at first. */
  word(entry: number): number {
    return this.#ids[entry * SERIES_ID_WORDS]!;
  }

  setWord(entry: number, word: number): void {
    this.#ids[entry * SERIES_ID_WORDS] = word;
  }

  /** Remembers that label bytes, whose hash is `hash`, stand for `id`. The answer is the entry, or UNKNOWN when there is no room. */
  add(view: DataView, start: number, end: number, hash: Uint32Array, id: Uint32Array, parent?: number): number {
    const entry = this.#keys.add(view, start, end, hash, parent);
    if (entry === UNKNOWN) return UNKNOWN;
    const at = entry * SERIES_ID_WORDS;
    if (at + SERIES_ID_WORDS > this.#ids.length) this.#ids = grown(this.#ids);
    this.#ids.set(id.subarray(0, SERIES_ID_WORDS), at);
    return entry;
  }

  /** Forgets everything; never within a request. */
  clear(): void {
    this.#keys.clear();
  }
}

/** The id of each series of a request. */
export class SeriesIdColumns {
  low = new Uint32Array(INITIAL_ENTRIES);
  high = new Uint32Array(INITIAL_ENTRIES);
  check = new Uint32Array(INITIAL_ENTRIES);
  /** 1 where the labels were refused and there is no id. */
  isRefused = new Uint8Array(INITIAL_ENTRIES);

  reserve(seriesCount: number): void {
    if (seriesCount <= this.low.length) return;
    const capacity = Math.max(seriesCount, this.low.length * 2);
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
    this.check = new Uint32Array(capacity);
    this.isRefused = new Uint8Array(capacity);
  }

  set(index: number, id: Uint32Array): void {
    this.low[index] = id[0]!;
    this.high[index] = id[1]!;
    this.check[index] = id[2]!;
  }
}
