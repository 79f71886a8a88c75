/** Metric names with their metadata, each in the one place that its numbers say: what comes later takes it. A power of two. */
const PLACES = 8192;
const WORDS = 4;

/**
 * Metadata of remote write 2.0 that has been noted already, by the numbers of its symbols, of which none is 0: what spares making an entry of
 * the same metadata for each series of a metric. It may forget any.
 */
export class SeenMetadata {
  readonly #places = new Uint32Array(PLACES * WORDS);

  has(name: number, type: number, help: number, unit: number): boolean {
    const places = this.#places;
    const at = placeOf(name, type, help, unit);
    return places[at] === name && places[at + 1] === type && places[at + 2] === help && places[at + 3] === unit;
  }

  add(name: number, type: number, help: number, unit: number): void {
    this.#places.set([name, type, help, unit], placeOf(name, type, help, unit));
  }

  clear(): void {
    this.#places.fill(0);
  }
}

function placeOf(name: number, type: number, help: number, unit: number): number {
  const mixed = Math.imul(Math.imul(Math.imul(name ^ type, 0x9e3779b1) ^ help, 0x85ebca6b) ^ unit, 0xc2b2ae35);
  return ((mixed >>> 16) & (PLACES - 1)) * WORDS;
}
