/**
 * Prometheus' stale marker: a NaN with this payload (prometheus/prometheus `model/value`). JavaScript may change the payload of a NaN that
 * passes through a number, so a marker is recognised by its bits where it is decoded, and columns of values are copied as bits.
 */
export const STALE_BITS_HIGH = 0x7ff00000;
export const STALE_BITS_LOW = 2;

/**
 * High word of the value that stands for a native histogram in a column of values: a quiet NaN that no sender's float keeps (see
 * `plainBitsHigh`). The low word is the histogram's place among the payloads beside the column.
 */
export const HISTOGRAM_BITS_HIGH = 0xfffa0000;

/** Prometheus' normal NaN (`model/value`), which any NaN becomes that has no bits of its own, such as one in a text. JavaScript's has a low word of 0. */
const NAN_BITS_HIGH = 0x7ff80000;
const NAN_BITS_LOW = 1;

/** The high word of a sender's float as it is stored: one that would pass for a histogram, a NaN with a strange payload, is any NaN. */
export function plainBitsHigh(bitsHigh: number): number {
  return bitsHigh === HISTOGRAM_BITS_HIGH ? NAN_BITS_HIGH : bitsHigh;
}

/** Of the two words of a double: whether it is Prometheus' stale marker. */
export function isStaleBits(low: number, high: number): boolean {
  return low === STALE_BITS_LOW && high === STALE_BITS_HIGH;
}

/** Whether a float64 with this high word is neither NaN nor an infinity. */
export function isFiniteBits(high: number): boolean {
  return (high & 0x7ff00000) !== 0x7ff00000;
}

const scratch = new Float64Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Writes the stale marker into a column of values. */
export function writeStale(values: Float64Array, index: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  bits[index * 2] = STALE_BITS_LOW;
  bits[index * 2 + 1] = STALE_BITS_HIGH;
}

/** The float64 of two words. Of a NaN the payload may be lost. */
export function float64OfBits(low: number, high: number): number {
  scratchBits[0] = low;
  scratchBits[1] = high;
  return scratch[0]!;
}

/** The bits of a float64, low word first; of any NaN those of the normal one. The array is reused by the next call. */
export function float64Bits(value: number): Uint32Array {
  scratch[0] = value;
  if (Number.isNaN(value)) {
    scratchBits[0] = NAN_BITS_LOW;
    scratchBits[1] = NAN_BITS_HIGH;
  }
  return scratchBits;
}
