import { DecodeError } from './decode-error.ts';

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

/**
 * A cursor over a protobuf message that never leaves it. The callers give the end of the message that they are in, since messages nest;
 * every field must lie within its parent. Errors begin with the name of the format.
 */
export class ProtobufCursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #format: string;
  position = 0;

  constructor(bytes: Uint8Array, format: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#format = format;
  }

  /** The next tag: field number times 8 plus wire type. Field number 0 does not exist. */
  tag(end: number): number {
    const byte = this.bytes[this.position]!;
    const tag = byte < 0x80 && this.position < end ? (this.position++, byte) : this.varint32(end);
    if (tag < 8) throw this.error('field number 0');
    return tag;
  }

  /** The end of the length-delimited field whose tag has just been read; the position is then at its first byte. */
  length(end: number): number {
    const byte = this.bytes[this.position]!;
    const length = byte < 0x80 && this.position < end ? (this.position++, byte) : this.varint32(end);
    const fieldEnd = this.position + length;
    if (fieldEnd > end) throw this.cutOff(end);
    return fieldEnd;
  }

  /** An unsigned varint of at most 32 bits: a tag, a length, an enum. */
  varint32(end: number): number {
    const bytes = this.bytes;
    let position = this.position;
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (position >= end) throw this.cutOff(end);
      if (shift > 28) throw this.error('a varint above 32 bits');
      const byte = bytes[position++]!;
      // The fifth byte may carry bits 28 to 31 only; multiplication keeps the sum unsigned.
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (value > 0xffffffff) throw this.error('a varint above 32 bits');
    this.position = position;
    return value;
  }

  /** An unsigned varint of at most 64 bits, as the nearest number. */
  uint64(end: number): number {
    const bytes = this.bytes;
    let position = this.position;
    if (position < end && bytes[position]! < 0x80) {
      this.position++;
      return bytes[position]!;
    }
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (position >= end) throw this.cutOff(end);
      if (shift > 63) throw this.error('a varint above 64 bits');
      const byte = bytes[position++]!;
      // The tenth byte carries bit 63 alone.
      value += (shift === 63 ? byte & 1 : byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    this.position = position;
    return value;
  }

  /** The low 32 bits of a varint of at most 64: how protobuf reads int32, sint32, uint32 and bool. */
  lowBits(end: number): number {
    const bytes = this.bytes;
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (this.position >= end) throw this.cutOff(end);
      if (shift > 63) throw this.error('a varint above 64 bits');
      const byte = bytes[this.position++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** The start of a fixed64 field, which is stepped over. */
  fixed64(end: number): number {
    const position = this.position;
    if (position + 8 > end) throw this.cutOff(end);
    this.position = position + 8;
    return position;
  }

  /** Skips an unknown field whose tag has just been read. */
  skipField(tag: number, end: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.lowBits(end);
        return;
      case WIRE_FIXED64:
        this.position += 8;
        break;
      case WIRE_BYTES:
        this.position = this.length(end);
        return;
      case WIRE_FIXED32:
        this.position += 4;
        break;
      default:
        // Groups (3 and 4) left protobuf long ago; following them would mean recursion on a sender's word.
        throw this.error(`wire type ${tag & 7}`);
    }
    if (this.position > end) throw this.cutOff(end);
  }

  /** Skips a field that none of the known tags was, unless it is a known field (one bit a number) of another wire type: that is damage. */
  skipUnknown(tag: number, end: number, knownFields: number): void {
    const field = tag >>> 3;
    if (field < 32 && (knownFields & (1 << field)) !== 0) throw this.error(`wire type ${tag & 7} for field ${field}`);
    this.skipField(tag, end);
  }

  cutOff(end: number): DecodeError {
    return this.error(`a field that reaches beyond its end at byte ${end}`);
  }

  error(what: string): DecodeError {
    return new DecodeError(`${this.#format}: ${what} at byte ${this.position}`);
  }
}

/** The bit mask that `skipUnknown` wants. */
export function fieldMask(...fields: readonly number[]): number {
  return fields.reduce((mask, field) => mask | (1 << field), 0);
}
