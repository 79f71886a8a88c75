import { expect } from 'vitest';

/** Calls `read` with each single-bit change of the bytes, and with each of their beginnings: all must be refused. */
export function expectDamageNoticed(bytes: Uint8Array, read: (damaged: ArrayBuffer) => void): void {
  expect(() => read(bytes.slice().buffer), 'undamaged').not.toThrow();
  const unnoticed: string[] = [];
  const attempt = (damaged: Uint8Array, what: string): void => {
    try {
      read(damaged.slice().buffer);
      unnoticed.push(what);
    } catch {
      // Noticed.
    }
  };
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    attempt(damaged, `bit ${bit & 7} of byte ${bit >> 3}`);
  }
  for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length), `cut off to ${length} bytes`);
  attempt(Uint8Array.of(...bytes, 0), 'a byte more');
  expect(unnoticed).toEqual([]);
}
