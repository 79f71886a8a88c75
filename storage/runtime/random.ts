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
  return hexadecimal(bytes, 0, 16);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexadecimal(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += HEX[bytes[i]!]!;
  return text;
}

const POOL_BYTES = 1024;

/** Ids as randomId makes them, for every request: random bytes are taken many at a time, since a call for them costs more than they do. */
export class RandomIds {
  readonly #random: Random;
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): string {
    if (this.#used === POOL_BYTES) {
      this.#random.fill(this.#pool);
      this.#used = 0;
    }
    this.#used += 16;
    return hexadecimal(this.#pool, this.#used - 16, this.#used);
  }
}
