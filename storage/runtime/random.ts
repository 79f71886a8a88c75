import { hexOf } from './hex.ts';

/** Randomness as a port. */
export interface Random {
  /** Fills the array with bytes fit for keys. */
  fill(bytes: Uint8Array): void;
}

export const systemRandom: Random = {
  fill: (bytes) => void crypto.getRandomValues(bytes),
};

/** A random id of 128 bits as 32 hexadecimal digits. */
export function randomId(random: Random): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  return hexOf(bytes);
}

const ID_DIGITS = 32;
const POOL_BYTES = 1024;

/**
 * Ids as randomId makes them, for every request: random bytes are taken, and written in digits, many at a time, since a call for them costs more
 * than they do, and a text of many pieces more than a piece of a text.
 */
export class RandomIds {
  readonly #random: Random;
  #digits = '';
  #used = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): string {
    if (this.#used === this.#digits.length) {
      const pool = new Uint8Array(POOL_BYTES);
      this.#random.fill(pool);
      this.#digits = hexOf(pool);
      this.#used = 0;
    }
    this.#used += ID_DIGITS;
    return this.#digits.slice(this.#used - ID_DIGITS, this.#used);
  }
}
