import { DecodeError } from '../../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../../proto/varint.ts';
import type { ColumnWriter } from '../../chunk/index.ts';

/*
 * Thrift's compact protocol, as far as Parquet's footers and page headers need it: structs, lists, whole numbers below 2^52, strings.
 */
export const THRIFT_TRUE = 1;
const THRIFT_FALSE = 2;
const THRIFT_BYTE = 3;
const THRIFT_I16 = 4;
export const THRIFT_I32 = 5;
const THRIFT_I64 = 6;
const THRIFT_DOUBLE = 7;
export const THRIFT_BINARY = 8;
const THRIFT_LIST = 9;
export const THRIFT_STRUCT = 12;

/** Structs and lists inside each other: Parquet's own go five deep. */
const DEPTH_MAX = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes one struct: fields by rising id, then `end`. */
export class ThriftWriter {
  readonly #out: ColumnWriter;
  #lastId = 0;

  constructor(out: ColumnWriter) {
    this.#out = out;
  }

  i32(id: number, value: number): this {
    return this.#number(id, THRIFT_I32, value);
  }

  i64(id: number, value: number): this {
    return this.#number(id, THRIFT_I64, value);
  }

  bool(id: number, value: boolean): this {
    this.#field(id, value ? THRIFT_TRUE : THRIFT_FALSE);
    return this;
  }

  binary(id: number, value: Uint8Array): this {
    this.#field(id, THRIFT_BINARY);
    writeBinary(this.#out, value);
    return this;
  }

  text(id: number, value: string): this {
    return this.binary(id, encoder.encode(value));
  }

  struct(id: number, body: (fields: ThriftWriter) => void): this {
    this.#field(id, THRIFT_STRUCT);
    writeStruct(this.#out, body);
    return this;
  }

  /** `each` writes an element, bare: `signed` for a number, `writeStruct` for a struct, `writeBinary` for bytes, a byte for a boolean. */
  list<T>(id: number, elementType: number, items: readonly T[], each: (item: T, out: ColumnWriter) => void): this {
    this.#field(id, THRIFT_LIST);
    if (items.length < 15) this.#out.byte((items.length << 4) | elementType);
    else {
      this.#out.byte(0xf0 | elementType);
      this.#out.unsigned(items.length);
    }
    for (const item of items) each(item, this.#out);
    return this;
  }

  #number(id: number, type: number, value: number): this {
    this.#field(id, type);
    this.#out.signed(value);
    return this;
  }

  #field(id: number, type: number): void {
    this.#out.byte(((id - this.#lastId) << 4) | type);
    this.#lastId = id;
  }
}

export function writeStruct(out: ColumnWriter, body: (fields: ThriftWriter) => void): void {
  body(new ThriftWriter(out));
  out.byte(0);
}

export function writeBinary(out: ColumnWriter, value: Uint8Array): void {
  out.unsigned(value.length);
  out.append(value);
}

export type ThriftValue = number | boolean | Uint8Array | readonly ThriftValue[] | ThriftStruct;

/** A struct as read: its fields by id, with what a caller expects checked. */
export class ThriftStruct {
  readonly #fields: ReadonlyMap<number, ThriftValue>;
  readonly #what: string;

  constructor(fields: ReadonlyMap<number, ThriftValue>, what: string) {
    this.#fields = fields;
    this.#what = what;
  }

  has(id: number): boolean {
    return this.#fields.has(id);
  }

  number(id: number): number {
    const value = this.#fields.get(id);
    if (typeof value !== 'number') throw this.#missing(id, 'a number', value);
    return value;
  }

  /** A number that is a count, a size or an offset. */
  count(id: number): number {
    const value = this.number(id);
    if (value < 0) throw this.#missing(id, 'a number from 0', value);
    return value;
  }

  bytes(id: number): Uint8Array {
    const value = this.#fields.get(id);
    if (!(value instanceof Uint8Array)) throw this.#missing(id, 'bytes', value);
    return value;
  }

  struct(id: number): ThriftStruct {
    const value = this.#fields.get(id);
    if (!(value instanceof ThriftStruct)) throw this.#missing(id, 'a struct', value);
    return value;
  }

  structs(id: number): readonly ThriftStruct[] {
    const value = this.#fields.get(id);
    if (!Array.isArray(value) || value.some((item) => !(item instanceof ThriftStruct))) throw this.#missing(id, 'structs', value);
    return value as readonly ThriftStruct[];
  }

  /** A list of numbers. */
  numbers(id: number): readonly number[] {
    const value = this.#fields.get(id);
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'number')) throw this.#missing(id, 'numbers', value);
    return value as readonly number[];
  }

  /** A list of strings. */
  texts(id: number): readonly string[] {
    const value = this.#fields.get(id);
    if (!Array.isArray(value) || value.some((item) => !(item instanceof Uint8Array))) throw this.#missing(id, 'strings', value);
    return (value as readonly Uint8Array[]).map((bytes) => decoder.decode(bytes));
  }

  #missing(id: number, want: string, got: unknown): DecodeError {
    return new DecodeError(`${this.#what}: field ${id} is ${got === undefined ? 'missing' : typeof got}, want ${want}`);
  }
}

/** Reads a struct, every field of it. `what` names it in errors. */
export function readStruct(reader: ByteReader, what: string, depth = 0): ThriftStruct {
  const fields = new Map<number, ThriftValue>();
  let id = 0;
  for (;;) {
    const header = reader.byte();
    if (header === 0) return new ThriftStruct(fields, what);
    const step = header >>> 4;
    id = step === 0 ? signedVarint(reader) : id + step;
    fields.set(id, readValue(reader, header & 0x0f, what, depth));
  }
}

function readValue(reader: ByteReader, type: number, what: string, depth: number): ThriftValue {
  if (depth > DEPTH_MAX) throw new DecodeError(`${what}: more than ${DEPTH_MAX} structs and lists inside each other`);
  switch (type) {
    case THRIFT_TRUE:
      return true;
    case THRIFT_FALSE:
      return false;
    case THRIFT_BYTE:
      return reader.byte();
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
      return signedVarint(reader);
    case THRIFT_DOUBLE:
      return reader.float64();
    case THRIFT_BINARY:
      return reader.take(reader.varint());
    case THRIFT_LIST: {
      const header = reader.byte();
      const count = header >>> 4 === 15 ? reader.varint() : header >>> 4;
      // An element takes at least a byte: what is left bounds the list.
      if (count > reader.end - reader.position) throw new DecodeError(`${what}: a list of ${count} in ${reader.end - reader.position} bytes`);
      const elementType = header & 0x0f;
      const items: ThriftValue[] = [];
      for (let i = 0; i < count; i++) {
        // Alone in a list a boolean has a byte of its own.
        if (elementType === THRIFT_TRUE || elementType === THRIFT_FALSE) items.push(reader.byte() === THRIFT_TRUE);
        else items.push(readValue(reader, elementType, what, depth + 1));
      }
      return items;
    }
    case THRIFT_STRUCT:
      return readStruct(reader, what, depth + 1);
    default:
      throw new DecodeError(`${what}: thrift type ${type} at byte ${reader.position}`);
  }
}
