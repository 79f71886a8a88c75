import { DecodeError } from './decode-error.ts';
import { utf8Text } from './utf8-text.ts';

/** Wire types of protobuf's encoding. Groups (3 and 4) left protobuf long ago. */
export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** What stands in front of a field with this number and wire type. */
export function fieldTag(field: number, wireType: number): number {
  return field * 8 + wireType;
}

/** The bits of `checkUnknown` for these fields. */
export function fieldMask(...fields: readonly number[]): number {
  return fields.reduce((mask, field) => mask | (1 << field), 0);
}

/**
 * A bounds-checked cursor over a protobuf message, one for all its nested messages: every call is given the end of the message that the
 * field lies in. Public fields, so that hot loops may keep the position in a local.
 */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position = 0;
  /** What is decoded, in front of every error. */
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** The next tag: field number times 8 plus wire type. Field number 0 does not exist. */
  tag(end: number): number {
    const tag = this.varint(end);
    if (tag < 8) throw this.error(`field number 0 at byte ${this.position}`);
    return tag;
  }

  /** The end of a length-delimited field whose length is next, which must lie within its parent. */
  length(parentEnd: number): number {
    const length = this.varint(parentEnd);
    const end = this.position + length;
    if (end > parentEnd) throw this.cutOff(parentEnd);
    return end;
  }

  /** An unsigned varint of at most 32 bits: a tag, a length, a uint32. */
  varint(end: number): number {
    const bytes = this.bytes;
    const position = this.position | 0;
    // Nearly all have one byte or two. Behind the end of the message there is nothing, which is no byte below 128.
    const first = bytes[position]!;
    if (first < 0x80 && position < end) {
      this.position = position + 1;
      return first;
    }
    const second = bytes[position + 1]!;
    if (second < 0x80 && position + 1 < end) {
      this.position = position + 2;
      return (first & 0x7f) | (second << 7);
    }
    return this.#longVarint(end);
  }

  #longVarint(end: number): number {
    const bytes = this.bytes;
    let position = this.position;
    let byte = 0x80;
    let value = 0;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (position >= end) throw this.cutOff(end);
      if (shift > 28) throw this.error(`a varint above 32 bits at byte ${this.position}`);
      byte = bytes[position++]!;
      // The fifth byte may carry bits 28 to 31 only; multiplication keeps the sum unsigned.
      value += (byte & 0x7f) * 2 ** shift;
    }
    if (value > 0xffffffff) throw this.error(`a varint above 32 bits at byte ${this.position}`);
    this.position = position;
    return value;
  }

  /**
   * A timestamp: a signed 64-bit varint as a number. What no number holds exactly comes out as ±(2^53 - 1), where the bounds on time refuse
   * it like any other that is too far off: for its own sake, and not for all of the message.
   */
  int64(end: number): number {
    this.#varint64(end);
    const value = this.#high * 2 ** 32 + (this.#low >>> 0);
    if (Number.isSafeInteger(value)) return value;
    return value < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
  }

  /** A signed 64-bit varint as it is. */
  exactInt64(end: number): bigint {
    this.#varint64(end);
    return (BigInt(this.#high) << 32n) | BigInt(this.#low >>> 0);
  }

  /** An unsigned 64-bit varint as a number, rounded above 2^53. */
  uint64(end: number): number {
    const position = this.position | 0;
    const first = this.bytes[position]!;
    if (first < 0x80 && position < end) {
      this.position = position + 1;
      return first;
    }
    this.#varint64(end);
    return (this.#high >>> 0) * 2 ** 32 + (this.#low >>> 0);
  }

  /** A zigzag 64-bit varint as a number, rounded beyond ±2^53. */
  sint64(end: number): number {
    this.#varint64(end);
    const low = this.#low;
    const high = this.#high;
    // Half of it, and all bits turned when it was odd.
    const mask = -(low & 1);
    const halfLow = ((low >>> 1) | (high << 31)) ^ mask;
    const halfHigh = (high >>> 1) ^ mask;
    return halfHigh * 2 ** 32 + (halfLow >>> 0);
  }

  /** The low 32 bits of a varint of up to 64, which is how a negative int32 or an enum is sent. */
  int32(end: number): number {
    this.#varint64(end);
    return this.#low;
  }

  /** A zigzag 32-bit varint. */
  sint32(end: number): number {
    const value = this.int32(end);
    return (value >>> 1) ^ -(value & 1);
  }

  float64(end: number): number {
    if (this.position + 8 > end) throw this.cutOff(end);
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  /** The position of a fixed64, which is stepped over. */
  fixed64(end: number): number {
    const position = this.position;
    if (position + 8 > end) throw this.cutOff(end);
    this.position = position + 8;
    return position;
  }

  /** Words of the last 64-bit varint. */
  #low = 0;
  #high = 0;

  #varint64(end: number): void {
    const bytes = this.bytes;
    let low = 0;
    let high = 0;
    let byte = 0x80;
    let position = this.position;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (position >= end) throw this.cutOff(end);
      if (shift > 63) throw this.error(`a varint above 64 bits at byte ${this.position}`);
      byte = bytes[position++]!;
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >>> 4;
      } else high |= part << (shift - 32);
    }
    this.#low = low;
    this.#high = high;
    this.position = position;
  }

  /** Fields whose number has a bit in `knownFields` mean something where they stand: with another wire type they are damage, not unknown fields. */
  checkUnknown(tag: number, knownFields: number): void {
    const field = tag >>> 3;
    if (field < 32 && (knownFields & (1 << field)) !== 0) {
      throw this.error(`wire type ${tag & 7} for field ${field} at byte ${this.position}`);
    }
  }

  /** Skips a field that none of the known ones was, see `checkUnknown`. */
  skipUnknown(tag: number, end: number, knownFields: number): void {
    this.checkUnknown(tag, knownFields);
    this.skipField(tag, end);
  }

  /** Skips the field whose tag has just been read. */
  skipField(tag: number, end: number): void {
    if (tag >>> 3 === 0) throw this.error(`field number 0 at byte ${this.position}`);
    switch (tag & 7) {
      case WIRE_VARINT: {
        let length = 0;
        do {
          if (this.position >= end) throw this.cutOff(end);
          if (++length > 10) throw this.error(`a varint above 64 bits at byte ${this.position}`);
        } while (this.bytes[this.position++]! >= 0x80);
        return;
      }
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
        // Following groups would mean recursion on a sender's word.
        throw this.error(`wire type ${tag & 7} at byte ${this.position}`);
    }
    if (this.position > end) throw this.cutOff(end);
  }

  /**
   * Steps over the fields with this tag, length-delimited and with a number below 16, that follow each other, and answers how many there were. It stops early at what is
   * not whole or longer than 16 KiB, which `tag` and `length` are for.
   */
  skipRun(tag: number, end: number): number {
    const bytes = this.bytes;
    let position = this.position | 0;
    let count = 0;
    while (position + 2 < end && bytes[position] === tag) {
      const first = bytes[position + 1]!;
      let fieldEnd = position + 2 + first;
      if (first >= 0x80) {
        const second = bytes[position + 2]!;
        if (second >= 0x80) break;
        fieldEnd = position + 3 + ((first & 0x7f) | (second << 7));
      }
      if (fieldEnd > end) break;
      position = fieldEnd;
      count++;
    }
    this.position = position;
    return count;
  }

  /** The text of a length-delimited field whose length is next. */
  string(parentEnd: number): string {
    const end = this.length(parentEnd);
    const text = this.text(this.position, end);
    this.position = end;
    return text;
  }

  /** The bytes from `start` to `end` as text, which must be UTF-8. */
  text(start: number, end: number): string {
    try {
      return utf8Text(this.bytes, start, end);
    } catch {
      throw this.error(`invalid UTF-8 at byte ${start}`);
    }
  }

  error(message: string): DecodeError {
    return new DecodeError(`${this.#what}: ${message}`);
  }

  cutOff(end: number): DecodeError {
    return this.error(`the field at byte ${this.position} reaches beyond its end at byte ${end}`);
  }
}
