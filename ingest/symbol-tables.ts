import type { SeriesHasher } from '../storage/model/series-id.ts';

/** No table, or one that was never seen before. */
export const NO_TABLE = 0;

interface KnownTable {
  readonly hasher: SeriesHasher;
  readonly numbers: Uint32Array;
  /** Given when the table comes again. */
  id: number;
}

/**
 * Symbol tables that come again: a sender whose requests always hold the same series sends the same table with each of them, and then even
 * the references in a request mean the same as the last time. Compared number by number, so there are no two tables of one id.
 *
 * Bounded: past `numbersMax` it starts empty, with ids that were never given before.
 */
export class SymbolTables {
  readonly #numbersMax: number;
  readonly #tables = new Map<string, KnownTable[]>();
  #numberCount = 0;
  #nextId = 1;

  constructor(numbersMax: number) {
    this.#numbersMax = numbersMax;
  }

  /** The id of the table of the first `count` numbers, from its second coming on; before that NO_TABLE. */
  idOf(hasher: SeriesHasher, numbers: Uint32Array, count: number): number {
    if (count === 0 || count > this.#numbersMax) return NO_TABLE;
    // Not a hash of it all: tables that agree in so much are few.
    const key = `${count}:${numbers[count - 1]}:${numbers[count >>> 1]}`;
    const alike = this.#tables.get(key) ?? [];
    const known = alike.find((table) => table.hasher === hasher && isSame(table.numbers, numbers, count));
    if (known !== undefined) {
      if (known.id === NO_TABLE) known.id = this.#nextId++;
      return known.id;
    }
    if (this.#numberCount + count > this.#numbersMax) this.clear();
    this.#numberCount += count;
    this.#tables.set(key, [...(this.#tables.get(key) ?? []).slice(-ALIKE_MAX), { hasher, numbers: numbers.slice(0, count), id: NO_TABLE }]);
    return NO_TABLE;
  }

  clear(): void {
    this.#tables.clear();
    this.#numberCount = 0;
  }
}

/** Tables kept that agree in length, middle and end: of more than this many a sender of harm could make each look-up a long one. */
const ALIKE_MAX = 7;

function isSame(a: Uint32Array, b: Uint32Array, count: number): boolean {
  if (a.length !== count) return false;
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}
