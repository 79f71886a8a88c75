/** Where the weights are bytes, what many caches have room in (cache-budget.ts). */
export interface LruRoom {
  begin(): void;
  touch(): void;
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** A map that forgets what was used longest ago once the weights of its entries, in a unit of the caller's, exceed a bound. */
export class LruCache<Key, Value> {
  readonly #weightMax: number;
  readonly #room: LruRoom | undefined;
  /** In the order of last use: a Map keeps the order of insertion, and a use inserts anew. */
  readonly #entries = new Map<Key, { readonly value: Value; readonly weight: number }>();
  #weight = 0;

  constructor(weightMax: number, room?: LruRoom) {
    this.#weightMax = weightMax;
    this.#room = room;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#room?.touch();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** An entry heavier than the bound is not kept, nor one for which there is no room although all others have made some. */
  set(key: Key, value: Value, weight: number): void {
    this.delete(key);
    if (weight > this.#weightMax) return;
    this.#room?.begin();
    for (const [oldest] of this.#entries) {
      if (this.#weight + weight <= this.#weightMax) break;
      this.delete(oldest);
    }
    while (this.#room?.take(weight) === false) {
      const [oldest] = this.#entries.keys();
      if (oldest === undefined) return;
      this.delete(oldest);
    }
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    this.#room?.give(entry.weight);
  }

  clear(): void {
    this.#entries.clear();
    this.#room?.give(this.#weight);
    this.#weight = 0;
  }
}
