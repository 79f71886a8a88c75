import type { ColumnWriter } from '../../chunk/index.ts';
import { THRIFT_STRUCT, writeStruct, type ThriftWriter } from './thrift.ts';

/* What a file's columns are, in Parquet's words. A table's columns are listed once, in its own schema file. */

/** Parquet's physical types. */
export const INT64 = 2;
export const DOUBLE = 5;
const BYTE_ARRAY = 6;
const FIXED_LEN_BYTE_ARRAY = 7;

const REQUIRED = 0;
const OPTIONAL = 1;
const REPEATED = 2;

/** Whether rows may have no value in a column. */
type Presence = 'required' | 'optional';

const CONVERTED_UTF8 = 0;
const CONVERTED_MAP = 1;
const CONVERTED_TIMESTAMP_MICROS = 10;

/** A leaf of the schema: a column of the file. */
export interface LeafColumn {
  readonly path: readonly string[];
  readonly fieldId: number;
  readonly type: number;
}

/** A table's schema as files have it. Field ids are Iceberg's: they are how a reader finds a column, and are never given twice. */
export interface ParquetSchema {
  /** The columns in the order of the file. */
  readonly leaves: readonly LeafColumn[];
  /** Writes the schema elements of the footer, depth first. */
  readonly write: (fields: ThriftWriter, id: number) => void;
}

/** A field of a row: one leaf, or a map of strings. */
export interface RowField {
  readonly leaves: readonly LeafColumn[];
  readonly elements: readonly SchemaElement[];
}

type SchemaElement = (out: ColumnWriter) => void;
type Logical = (fields: ThriftWriter) => void;

const STRING: Logical = (fields) => fields.struct(1, () => undefined);
const MAP: Logical = (fields) => fields.struct(2, () => undefined);
/** Microseconds, UTC. */
const TIMESTAMP: Logical = (fields) => fields.struct(8, (timestamp) => timestamp.bool(1, true).struct(2, (unit) => unit.struct(2, () => undefined)));

/** The schema of a file whose rows have these fields, in this order; `name` is that of its root. */
export function parquetSchema(name: string, fields: readonly RowField[]): ParquetSchema {
  const elements = [group(name, undefined, fields.length), ...fields.flatMap((field) => field.elements)];
  return {
    leaves: fields.flatMap((field) => field.leaves),
    write: (out, id) => out.list(id, THRIFT_STRUCT, elements, (write, target) => write(target)),
  };
}

export function stringField(name: string, fieldId: number, presence: Presence = 'required'): RowField {
  return leafField(name, fieldId, BYTE_ARRAY, presence, { converted: CONVERTED_UTF8, logical: STRING });
}

export function fixedField(name: string, fieldId: number, bytes: number): RowField {
  return leafField(name, fieldId, FIXED_LEN_BYTE_ARRAY, 'required', { bytes });
}

/** Microseconds, UTC. */
export function timestampField(name: string, fieldId: number, presence: Presence = 'required'): RowField {
  return leafField(name, fieldId, INT64, presence, { converted: CONVERTED_TIMESTAMP_MICROS, logical: TIMESTAMP });
}

/** 64-bit integers, no nulls. */
export function longField(name: string, fieldId: number): RowField {
  return leafField(name, fieldId, INT64, 'required');
}

export function doubleField(name: string, fieldId: number, presence: Presence = 'required'): RowField {
  return leafField(name, fieldId, DOUBLE, presence);
}

export function bytesField(name: string, fieldId: number, presence: Presence = 'required'): RowField {
  return leafField(name, fieldId, BYTE_ARRAY, presence);
}

/** A map of strings to strings; keys and values are columns with ids of their own. */
export function stringMapField(name: string, fieldId: number, keyId: number, valueId: number): RowField {
  const leafOf = (side: string, sideId: number): LeafColumn => ({ path: [name, 'key_value', side], fieldId: sideId, type: BYTE_ARRAY });
  return {
    leaves: [leafOf('key', keyId), leafOf('value', valueId)],
    elements: [
      group(name, REQUIRED, 1, { fieldId, converted: CONVERTED_MAP, logical: MAP }),
      group('key_value', REPEATED, 2),
      element('key', BYTE_ARRAY, REQUIRED, { fieldId: keyId, converted: CONVERTED_UTF8, logical: STRING }),
      element('value', BYTE_ARRAY, REQUIRED, { fieldId: valueId, converted: CONVERTED_UTF8, logical: STRING }),
    ],
  };
}

interface Kind {
  readonly fieldId?: number;
  readonly converted?: number;
  readonly logical?: Logical;
  /** Of a type of fixed length. */
  readonly bytes?: number;
}

function leafField(name: string, fieldId: number, type: number, presence: Presence, kind: Kind = {}): RowField {
  return { leaves: [{ path: [name], fieldId, type }], elements: [element(name, type, presence === 'optional' ? OPTIONAL : REQUIRED, { ...kind, fieldId })] };
}

function group(name: string, repetition: number | undefined, children: number, kind: Kind = {}): SchemaElement {
  return (out) =>
    writeStruct(out, (fields) => {
      if (repetition !== undefined) fields.i32(3, repetition);
      fields.text(4, name).i32(5, children);
      writeKind(fields, kind);
    });
}

function element(name: string, type: number, repetition: number, kind: Kind): SchemaElement {
  return (out) =>
    writeStruct(out, (fields) => {
      fields.i32(1, type);
      if (kind.bytes !== undefined) fields.i32(2, kind.bytes);
      fields.i32(3, repetition).text(4, name);
      writeKind(fields, kind);
    });
}

function writeKind(fields: ThriftWriter, { fieldId, converted, logical }: Kind): void {
  if (converted !== undefined) fields.i32(6, converted);
  if (fieldId !== undefined) fields.i32(9, fieldId);
  if (logical !== undefined) fields.struct(10, logical);
}
