import { SERIES_ID_WORDS } from '../storage/model/series-id.ts';

/** Words of an entry: the hash of the raw bytes, the id, two spare so that an entry is half a cache line. */
const ENTRY_WORDS = 8;
const PROBES = 8;

/**
 * From the hash of a series' label bytes, as a sender encoded them, to its id. In the steady state this is all that is done with labels:
 * one pass over their bytes and one look-up, no parsing and no strings. The hash is keyed like the id itself and 96 bits long, and all of
 * it is compared. Of fixed size; a full neighbourhood loses one of its entries, which costs one parse later.
 */
export class SeriesIdCache {
  readonly #entries: Uint32Array;
  readonly #mask: number;

  /** `capacity` is a power of two. */
  constructor(capacity: number) {
    this.#entries = new Uint32Array(capacity * ENTRY_WORDS);
    this.#mask = capacity - 1;
  }

  /** Copies the id that belongs to `hash` to position `index` of the columns; false when it is not known. */
  find(hash: Uint32Array, idLow: Uint32Array, idHigh: Uint32Array, idCheck: Uint32Array, index: number): boolean {
    const entries = this.#entries;
    const low = hash[0]!;
    const high = hash[1]!;
    const check = hash[2]!;
    for (let probe = 0; probe < PROBES; probe++) {
      const at = ((low + probe) & this.#mask) * ENTRY_WORDS;
      if (entries[at] === low && entries[at + 1] === high && entries[at + 2] === check) {
        idLow[index] = entries[at + 3]!;
        idHigh[index] = entries[at + 4]!;
        idCheck[index] = entries[at + 5]!;
        return true;
      }
    }
    return false;
  }

  put(hash: Uint32Array, low: number, high: number, check: number): void {
    const entries = this.#entries;
    let place = -1;
    for (let probe = 0; probe < PROBES && place < 0; probe++) {
      const at = ((hash[0]! + probe) & this.#mask) * ENTRY_WORDS;
      if (entries[at] === 0 && entries[at + 1] === 0 && entries[at + 2] === 0) place = at;
    }
    // All taken: which one goes is as good as random.
    if (place < 0) place = ((hash[0]! + (hash[1]! % PROBES)) & this.#mask) * ENTRY_WORDS;
    entries.set(hash.subarray(0, SERIES_ID_WORDS), place);
    entries[place + 3] = low;
    entries[place + 4] = high;
    entries[place + 5] = check;
  }
}
