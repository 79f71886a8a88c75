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
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
