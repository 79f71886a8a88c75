/** No more than this many texts of one hash are kept: a sender who looks for collisions gains nothing but a slower import. */
const CHAIN_MAX = 4;

interface Entry<Value> {
  readonly text: Uint8Array;
  readonly value: Value;
}

/**
 * From a series as a text has it, byte for byte, to what was made of it: a text names the same series again and again. Bounded in entries
 * and in bytes, those of the texts and those by which values `grow`; when it is full it starts empty.
 */
export class SeriesTextCache<Value> {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #chains = new Map<number, Entry<Value>[]>();
  #entries = 0;
  #bytes = 0;
  #last: Entry<Value> | undefined;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    // A text sorted by series asks for the one before.
    if (this.#last !== undefined && isSame(this.#last.text, bytes, start, end)) return this.#last.value;
    const entry = this.#chains.get(hash(bytes, start, end))?.find(({ text }) => isSame(text, bytes, start, end));
    if (entry === undefined) return undefined;
    this.#last = entry;
    return entry.value;
  }

  add(bytes: Uint8Array, start: number, end: number, value: Value): void {
    if (this.#entries >= this.#entriesMax || this.#bytes + end - start > this.#bytesMax) this.clear();
    const key = hash(bytes, start, end);
    const chain = this.#chains.get(key);
    if (chain !== undefined && chain.length >= CHAIN_MAX) return;
    const entry = { text: bytes.slice(start, end), value };
    if (chain === undefined) this.#chains.set(key, [entry]);
    else chain.push(entry);
    this.#entries++;
    this.#bytes += end - start;
    this.#last = entry;
  }

  /** A value that is kept has grown by so many bytes, which may make the cache full. */
  grow(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) this.clear();
    this.#bytes += bytes;
  }

  clear(): void {
    this.#chains.clear();
    this.#entries = 0;
    this.#bytes = 0;
    this.#last = undefined;
  }
}

/** FNV-1a (Fowler, Noll, Vo) in 32 bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 | 0;
  for (let position = start; position < end; position++) value = Math.imul(value ^ bytes[position]!, 0x01000193);
  return value;
}

function isSame(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (text[i] !== bytes[start + i]) return false;
  }
  return true;
}
