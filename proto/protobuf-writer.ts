import { DecodeError } from './decode-error.ts';
import { varintLength, writeInt64, writeVarint, zigzag } from './varint.ts';
import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-reader.ts';

const INITIAL_BYTES = 16 * 1024;
const VARINT_BYTES_MAX = 10;
/** Memory above this is given back: one large message must not hold it for good. */
const KEEP_BYTES_MAX = 1024 * 1024;
const SAMPLE_VALUE = fieldTag(1, WIRE_FIXED64);
const SAMPLE_TIMESTAMP = fieldTag(2, WIRE_VARINT);
const SAMPLE_BYTES_MAX = 1 + 9 + 1 + VARINT_BYTES_MAX;
/** Up to here a loop copies faster than the platform, which wants a view of the bytes first. */
const SPAN_LOOP_BYTES_MAX = 48;
const utf8 = new TextEncoder();

/** How long a message may be that is made of what somebody has sent. `what` it was stands in front of the error. */
export interface MessageBound {
  readonly what: string;
  readonly bytesMax: number;
}

/**
 * Builds a protobuf message in memory that is kept from message to message: by whole fields, or piece by piece where the field is only known
 * when it runs.
 */
export class ProtobufWriter {
  readonly #bound: MessageBound;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** A message beyond the bound is a DecodeError. */
  constructor(bound: MessageBound = { what: '', bytesMax: Infinity }) {
    this.#bound = bound;
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length <= KEEP_BYTES_MAX) return;
    this.#bytes = new Uint8Array(INITIAL_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What has been written: a view that is good until the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  string(field: number, text: string): void {
    this.#tag(field, WIRE_BYTES);
    const begun = this.begin();
    this.#reserve(text.length * 3);
    this.#length += utf8.encodeInto(text, this.#bytes.subarray(this.#length)).written;
    this.end(begun);
  }

  bytes(field: number, content: Uint8Array): void {
    this.#tag(field, WIRE_BYTES);
    this.varint(content.length);
    this.raw(content);
  }

  int64(field: number, value: number): void {
    this.#tag(field, WIRE_VARINT);
    this.#reserve(VARINT_BYTES_MAX);
    this.#length = writeInt64(this.#bytes, this.#length, value);
  }

  /** A number of the kind that protobuf calls sint32 or sint64. */
  sint64(field: number, value: number): void {
    this.int64(field, zigzag(value));
  }

  /** A double that is a number, whichever NaN it may be. */
  double(field: number, value: number): void {
    this.#tag(field, WIRE_FIXED64);
    this.float64(value);
  }

  /** Packed doubles; none are no field. */
  doubles(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#tag(field, WIRE_BYTES);
    this.varint(values.length * 8);
    for (const value of values) this.float64(value);
  }

  /** A message within; `body` writes its fields. */
  message(field: number, body: () => void): void {
    this.#tag(field, WIRE_BYTES);
    const begun = this.begin();
    body();
    this.end(begun);
  }

  /** Prometheus' message Sample: the bits of its value, low word first, so that a NaN keeps its payload, and its time. One call a sample: there are many. */
  sample(field: number, bitsLow: number, bitsHigh: number, timestampMs: number): void {
    this.#tag(field, WIRE_BYTES);
    this.#reserve(SAMPLE_BYTES_MAX);
    const begun = this.#length;
    this.#bytes[begun + 1] = SAMPLE_VALUE;
    this.#view.setUint32(begun + 2, bitsLow, true);
    this.#view.setUint32(begun + 6, bitsHigh, true);
    this.#bytes[begun + 10] = SAMPLE_TIMESTAMP;
    this.#length = writeInt64(this.#bytes, begun + 11, timestampMs);
    this.#bytes[begun] = this.#length - begun - 1;
  }

  /** An unsigned integer below 2^53. */
  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  /** Two's complement in 64 bits. */
  varint64(value: number | bigint): void {
    this.#reserve(VARINT_BYTES_MAX);
    this.#length = writeInt64(this.#bytes, this.#length, value);
  }

  /** A safe integer or any of 64 bits, in two's complement. */
  fixed64(value: number | bigint): void {
    if (typeof value === 'number') {
      // Both words are taken modulo 2^32.
      this.words(value, Math.floor(value / 2 ** 32));
      return;
    }
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  /** 64 bits as two words. */
  words(low: number, high: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.#length, low, true);
    this.#view.setUint32(this.#length + 4, high, true);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A part of other bytes, behind its length. */
  span(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > SPAN_LOOP_BYTES_MAX) {
      this.varint(length);
      this.raw(bytes.subarray(start, end));
      return;
    }
    this.#reserve(1 + length);
    const own = this.#bytes;
    let at = this.#length;
    own[at++] = length;
    for (let position = start; position < end; position++) own[at++] = bytes[position]!;
    this.#length = at;
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

  #tag(field: number, wireType: number): void {
    this.varint(fieldTag(field, wireType));
  }

  #reserve(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const { what, bytesMax } = this.#bound;
    if (wanted > bytesMax) throw new DecodeError(`${what}: the message takes more than ${bytesMax} bytes; send smaller requests`);
    const larger = new Uint8Array(Math.min(Math.max(this.#bytes.length * 2, wanted), bytesMax));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
