import { BitWriter } from './bit-writer.ts';
import { zigzag } from './varint.ts';

/** Samples in one chunk at most: what Prometheus' head makes, and what readers expect. */
export const XOR_CHUNK_SAMPLES_MAX = 120;
/** No value has set a window yet. */
const NO_WINDOW = 0xff;

/**
 * Prometheus' XOR chunk (`tsdb/chunkenc/xor.go`, FORMAT.md beside this file): big-endian count of samples, then bits: the first time as a
 * varint and the first value as it is, the second time as its distance, all later ones as the change of the distance; values as what has
 * changed in their bits.
 */
export class XorChunkWriter {
  readonly #out = new BitWriter();
  #leading = NO_WINDOW;
  #trailing = 0;

  /** One chunk of the samples from `from` to `to` (not included), at most XOR_CHUNK_SAMPLES_MAX. `valueBits` has two words a sample, low first. */
  encode(timestampsMs: Float64Array, valueBits: Uint32Array, from: number, to: number): Uint8Array<ArrayBuffer> {
    const out = this.#out;
    out.clear();
    out.write(to - from, 16);
    this.#leading = NO_WINDOW;
    this.#trailing = 0;
    let time = timestampsMs[from]!;
    out.varint(zigzag(time));
    let low = valueBits[from * 2]!;
    let high = valueBits[from * 2 + 1]!;
    out.write(high, 32);
    out.write(low, 32);
    let distance = 0;
    for (let i = from + 1; i < to; i++) {
      const next = timestampsMs[i]! - time;
      if (i === from + 1) out.varint(next);
      else this.#time(next - distance);
      distance = next;
      time = timestampsMs[i]!;
      this.#value(valueBits[i * 2]! ^ low, valueBits[i * 2 + 1]! ^ high);
      low = valueBits[i * 2]!;
      high = valueBits[i * 2 + 1]!;
    }
    return out.finish();
  }

  #time(change: number): void {
    if (change === 0) this.#out.write(0, 1);
    else if (fits(change, 14)) this.#prefixed(0b10, 2, change, 14);
    else if (fits(change, 17)) this.#prefixed(0b110, 3, change, 17);
    else if (fits(change, 20)) this.#prefixed(0b1110, 4, change, 20);
    else {
      this.#out.write(0b1111, 4);
      this.#out.writeLong(change, 64);
    }
  }

  #prefixed(prefix: number, prefixBits: number, value: number, bits: number): void {
    this.#out.write(prefix, prefixBits);
    this.#out.write(value, bits);
  }

  #value(low: number, high: number): void {
    if ((low | high) === 0) {
      this.#out.write(0, 1);
      return;
    }
    // The window's start has five bits.
    const leading = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));
    const trailing = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
    if (this.#leading !== NO_WINDOW && leading >= this.#leading && trailing >= this.#trailing) this.#out.write(0b10, 2);
    else {
      this.#leading = leading;
      this.#trailing = trailing;
      this.#out.write(0b11, 2);
      this.#out.write(leading, 5);
      // 64 bits are written as none: a window is never empty.
      this.#out.write((64 - leading - trailing) & 63, 6);
    }
    const length = 64 - this.#leading - this.#trailing;
    const shift = this.#trailing;
    const shiftedLow = shift === 0 ? low : shift >= 32 ? high >>> (shift - 32) : (low >>> shift) | (high << (32 - shift));
    if (length > 32) this.#out.write(shift >= 32 ? 0 : high >>> shift, length - 32);
    this.#out.write(shiftedLow, Math.min(length, 32));
  }
}

function fits(change: number, bits: number): boolean {
  const half = 2 ** (bits - 1);
  return change >= 1 - half && change <= half;
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
