import { DecodeError } from './decode-error.ts';

/** Appends a base-128 varint of an unsigned integer below 2^53. Returns the position behind it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  while (value >= 0x80) {
    // Division, not shifts: values go beyond 32 bits.
    const rest = Math.floor(value / 0x80);
    bytes[position++] = (value - rest * 0x80) | 0x80;
    value = rest;
  }
  bytes[position++] = value;
  return position;
}

/** Appends an int64 as protobuf has it: negative numbers in two's complement, which takes ten bytes. Returns the position behind it. */
export function writeInt64(bytes: Uint8Array, position: number, value: number | bigint): number {
  if (typeof value === 'number' && value >= 0) return writeVarint(bytes, position, value);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes[position++] = Number(rest & 0x7fn) | 0x80;
  bytes[position++] = Number(rest);
  return position;
}

/** A signed integer of at most 52 bits as an unsigned one, small where it is near zero. */
export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** The other direction, of the next varint: an integer of at most 52 bits. */
export function signedVarint(reader: ByteReader): number {
  const zigzag = reader.varint();
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}

export function varintLength(value: number): number {
  let length = 1;
  while (value >= 0x80) {
    value = Math.floor(value / 0x80);
    length++;
  }
  return length;
}

/** A cursor over bytes that never reads outside `[position, end)`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
  end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** The same cursor over another stretch of its bytes: many short ones need no object each. */
  moveTo(position: number, end: number): void {
    this.position = position;
    this.end = end;
  }

  /** An unsigned varint below 2^53. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < 8; length++) {
      if (this.position >= this.end) throw new DecodeError(`varint is cut off at byte ${this.position}`);
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new DecodeError(`varint at byte ${this.position} is above 2^53`);
  }

  uint32(): number {
    this.#need(4);
    const value = this.view.getUint32(this.position, true);
    this.position += 4;
    return value;
  }

  float64(): number {
    this.#need(8);
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  byte(): number {
    this.#need(1);
    return this.bytes[this.position++]!;
  }

  /** A view of the next bytes, not a copy. */
  take(length: number): Uint8Array {
    this.#need(length);
    const taken = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return taken;
  }

  /** Moves behind the next bytes, and answers where they begin. */
  passOver(length: number): number {
    this.#need(length);
    const start = this.position;
    this.position += length;
    return start;
  }

  #need(length: number): void {
    if (length > this.end - this.position) {
      throw new DecodeError(`want ${length} bytes at byte ${this.position}, got ${this.end - this.position}`);
    }
  }
}
