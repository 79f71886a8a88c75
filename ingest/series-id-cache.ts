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

  /** Replaces the hash at `index` of the columns by the id that belongs to it; false, and the hash stays, when it is not known. */
  translate(columns: SeriesIdColumns, index: number): boolean {
    const entries = this.#entries;
    const mask = this.#mask;
    const low = columns.low[index]!;
    const high = columns.high[index]!;
    const check = columns.check[index]!;
    for (let probe = 0; probe < PROBES; probe++) {
      const at = ((low + probe) & mask) * ENTRY_WORDS;
      if (entries[at] === low && entries[at + 1] === high && entries[at + 2] === check) {
        columns.low[index] = entries[at + 3]!;
        columns.high[index] = entries[at + 4]!;
        columns.check[index] = entries[at + 5]!;
        return true;
      }
    }
    return false;
  }

  /** Remembers that the hash at `index` of the columns stands for `id`, and replaces it. */
  put(columns: SeriesIdColumns, index: number, id: Uint32Array): void {
    const entries = this.#entries;
    const hash = [columns.low[index]!, columns.high[index]!, columns.check[index]!] as const;
    let place = -1;
    for (let probe = 0; probe < PROBES && place < 0; probe++) {
      const at = ((hash[0] + probe) & this.#mask) * ENTRY_WORDS;
      if (entries[at] === 0 && entries[at + 1] === 0 && entries[at + 2] === 0) place = at;
    }
    // All taken: which one goes is as good as random.
    if (place < 0) place = ((hash[0] + (hash[1] % PROBES)) & this.#mask) * ENTRY_WORDS;
    entries.set(hash, place);
    entries.set(id.subarray(0, SERIES_ID_WORDS), place + SERIES_ID_WORDS);
    columns.low[index] = id[0]!;
    columns.high[index] = id[1]!;
    columns.check[index] = id[2]!;
  }
}

/** One 96-bit value a series of a request: first the hash of its raw labels, then its id. */
export class SeriesIdColumns {
  low = new Uint32Array(4096);
  high = new Uint32Array(4096);
  check = new Uint32Array(4096);
  /** 1 where the labels were refused and there is no id. */
  isRefused = new Uint8Array(4096);

  reserve(seriesCount: number): void {
    if (seriesCount <= this.low.length) return;
    const capacity = Math.max(seriesCount, this.low.length * 2);
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
    this.check = new Uint32Array(capacity);
    this.isRefused = new Uint8Array(capacity);
  }
}
