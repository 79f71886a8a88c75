import { DecodeError } from './decode-error.ts';
import { varintLength, writeVarint } from './varint.ts';

const INITIAL_BYTES = 16 * 1024;
const VARINT_BYTES_MAX = 10;
/** Memory above this is given back: one large message must not hold it for good. */
const KEEP_BYTES_MAX = 1024 * 1024;

/** Builds a protobuf message of at most `bytesMax` bytes, in memory that is kept from message to message. */
export class ProtobufWriter {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length <= KEEP_BYTES_MAX) return;
    this.#bytes = new Uint8Array(INITIAL_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What has been written: a view that is good until the next `clear`. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An unsigned integer below 2^53. */
  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  /** Two's complement in 64 bits. */
  varint64(value: bigint): void {
    this.#reserve(VARINT_BYTES_MAX);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Bytes without a length in front. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Begins a length-delimited field whose length is not known yet: what follows is its content, until `end` gets the answer back. */
  begin(): number {
    this.#reserve(1);
    return this.#length++;
  }

  end(begun: number): void {
    const contentStart = begun + 1;
    const length = this.#length - contentStart;
    const more = varintLength(length) - 1;
    if (more > 0) {
      this.#reserve(more);
      this.#bytes.copyWithin(contentStart + more, contentStart, this.#length);
      this.#length += more;
    }
    writeVarint(this.#bytes, begun, length);
  }

  #reserve(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    if (wanted > this.#bytesMax) throw new DecodeError(`OTLP JSON: the message takes more than ${this.#bytesMax} bytes; send smaller requests`);
    const larger = new Uint8Array(Math.min(Math.max(this.#bytes.length * 2, wanted), this.#bytesMax));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
