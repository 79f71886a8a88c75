import { varintLength, writeVarint } from './varint.ts';

/** Longest length prefix that is written: lengths stay below 2^35. */
const LENGTH_BYTES_MAX = 5;
const utf8 = new TextEncoder();

/** Writes protobuf fields into one growing array of bytes. */
export class MessageWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** What has been written, as a view that is good until the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  string(field: number, text: string): void {
    this.#reserve(text.length * 3 + 16);
    this.#tag(field, 2);
    const at = this.#length;
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(at + LENGTH_BYTES_MAX));
    this.#close(at, written);
  }

  bytes(field: number, content: Uint8Array): void {
    this.#reserve(content.length + 16);
    this.#tag(field, 2);
    this.#length = writeVarint(this.#bytes, this.#length, content.length);
    this.#bytes.set(content, this.#length);
    this.#length += content.length;
  }

  /** An int64; negative numbers take ten bytes, as protobuf has them. */
  int64(field: number, value: number): void {
    this.#reserve(16);
    this.#tag(field, 0);
    if (value >= 0) {
      this.#length = writeVarint(this.#bytes, this.#length, value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  /** A double by its bits, low word first: a NaN keeps its payload. */
  double(field: number, bitsLow: number, bitsHigh: number): void {
    this.#reserve(16);
    this.#tag(field, 1);
    this.#view.setUint32(this.#length, bitsLow, true);
    this.#view.setUint32(this.#length + 4, bitsHigh, true);
    this.#length += 8;
  }

  /** A double that is a number, whichever NaN it may be. */
  float(field: number, value: number): void {
    this.#reserve(16);
    this.#tag(field, 1);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Packed doubles; none are no field. */
  doubles(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#reserve(16 + values.length * 8);
    this.#tag(field, 2);
    this.#length = writeVarint(this.#bytes, this.#length, values.length * 8);
    for (const value of values) {
      this.#view.setFloat64(this.#length, value, true);
      this.#length += 8;
    }
  }

  /** A message within; `body` writes its fields. */
  message(field: number, body: () => void): void {
    this.#reserve(16);
    this.#tag(field, 2);
    const at = this.#length;
    this.#length += LENGTH_BYTES_MAX;
    body();
    this.#close(at, this.#length - at - LENGTH_BYTES_MAX);
  }

  /** Prometheus' message Sample: the bits of its value, and its time. One call a sample: there are many. */
  sample(field: number, bitsLow: number, bitsHigh: number, timestampMs: number): void {
    this.#reserve(48);
    this.#tag(field, 2);
    this.#length = writeVarint(this.#bytes, this.#length, 9 + 1 + (timestampMs < 0 ? 10 : varintLength(timestampMs)));
    this.double(1, bitsLow, bitsHigh);
    this.int64(2, timestampMs);
  }

  /** Moves content that lies behind room for the longest length up to its real length. */
  #close(at: number, contentLength: number): void {
    const contentAt = writeVarint(this.#bytes, at, contentLength);
    this.#bytes.copyWithin(contentAt, at + LENGTH_BYTES_MAX, at + LENGTH_BYTES_MAX + contentLength);
    this.#length = contentAt + contentLength;
  }

  #tag(field: number, wireType: number): void {
    this.#length = writeVarint(this.#bytes, this.#length, field * 8 + wireType);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2));
    larger.set(this.written());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
