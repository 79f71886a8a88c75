import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';

/**
 * Samples `start` to `end` were copied from a column with payloads of its own: takes the payloads along, behind those that are there, and
 * makes the values stand for them at their new places.
 */
export function rebasePayloads(bits: Uint32Array, start: number, end: number, source: readonly Uint8Array[], target: Uint8Array[]): void {
  for (let i = start; i < end; i++) {
    if (bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH) bits[i * 2] = target.push(source[bits[i * 2]!]!) - 1;
  }
}

/** The payload that a value stands for; `undefined` when it is a float. */
export function payloadOf(bits: Uint32Array, index: number, payloads: readonly Uint8Array[]): Uint8Array | undefined {
  return payloads.length > 0 && bits[index * 2 + 1] === HISTOGRAM_BITS_HIGH ? payloads[bits[index * 2]!] : undefined;
}
