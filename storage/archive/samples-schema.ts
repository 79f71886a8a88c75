import type { ColumnWriter } from '../chunk/index.ts';
import { THRIFT_STRUCT, writeStruct, type ThriftWriter } from './thrift.ts';

/*
 * The columns of the table `samples`: as Parquet has them here, as Iceberg has them in iceberg-schema.ts. One row is one sample.
 * Field ids are Iceberg's: they are how a reader finds a column, and are never given twice.
 */
export const FIELD = { metric: 1, labels: 2, labelKey: 3, labelValue: 4, seriesId: 5, timestamp: 6, value: 7, histogram: 8, startTimestamp: 9 } as const;

export const SERIES_ID_BYTES = 12;

/** Parquet's physical types. */
export const INT64 = 2;
export const DOUBLE = 5;
export const BYTE_ARRAY = 6;
export const FIXED_LEN_BYTE_ARRAY = 7;

const REQUIRED = 0;
const OPTIONAL = 1;
const REPEATED = 2;

const CONVERTED_UTF8 = 0;
const CONVERTED_MAP = 1;
const CONVERTED_TIMESTAMP_MICROS = 10;

/** A leaf of the schema: a column of the file. */
export interface LeafColumn {
  readonly path: readonly string[];
  readonly fieldId: number;
  readonly type: number;
  readonly isOptional: boolean;
}

/** In the order of the file. What a query reads stands together. */
export const LEAVES = [
  { path: ['metric'], fieldId: FIELD.metric, type: BYTE_ARRAY, isOptional: false },
  { path: ['labels', 'key_value', 'key'], fieldId: FIELD.labelKey, type: BYTE_ARRAY, isOptional: false },
  { path: ['labels', 'key_value', 'value'], fieldId: FIELD.labelValue, type: BYTE_ARRAY, isOptional: false },
  { path: ['series_id'], fieldId: FIELD.seriesId, type: FIXED_LEN_BYTE_ARRAY, isOptional: false },
  { path: ['timestamp'], fieldId: FIELD.timestamp, type: INT64, isOptional: false },
  { path: ['value'], fieldId: FIELD.value, type: DOUBLE, isOptional: true },
  { path: ['histogram'], fieldId: FIELD.histogram, type: BYTE_ARRAY, isOptional: true },
  { path: ['start_timestamp'], fieldId: FIELD.startTimestamp, type: INT64, isOptional: true },
] as const satisfies readonly LeafColumn[];

type Logical = (fields: ThriftWriter) => void;

const STRING: Logical = (fields) => fields.struct(1, () => undefined);
const MAP: Logical = (fields) => fields.struct(2, () => undefined);
/** Microseconds, UTC. */
const TIMESTAMP: Logical = (fields) => fields.struct(8, (timestamp) => timestamp.bool(1, true).struct(2, (unit) => unit.struct(2, () => undefined)));

/** The schema elements of the footer, depth first. */
export function writeSchema(fields: ThriftWriter, id: number): void {
  const elements: ((out: ColumnWriter) => void)[] = [
    group('samples', undefined, 7),
    leaf('metric', BYTE_ARRAY, REQUIRED, FIELD.metric, CONVERTED_UTF8, STRING),
    group('labels', REQUIRED, 1, FIELD.labels, CONVERTED_MAP, MAP),
    group('key_value', REPEATED, 2),
    leaf('key', BYTE_ARRAY, REQUIRED, FIELD.labelKey, CONVERTED_UTF8, STRING),
    leaf('value', BYTE_ARRAY, REQUIRED, FIELD.labelValue, CONVERTED_UTF8, STRING),
    leaf('series_id', FIXED_LEN_BYTE_ARRAY, REQUIRED, FIELD.seriesId),
    leaf('timestamp', INT64, REQUIRED, FIELD.timestamp, CONVERTED_TIMESTAMP_MICROS, TIMESTAMP),
    leaf('value', DOUBLE, OPTIONAL, FIELD.value),
    leaf('histogram', BYTE_ARRAY, OPTIONAL, FIELD.histogram),
    leaf('start_timestamp', INT64, OPTIONAL, FIELD.startTimestamp, CONVERTED_TIMESTAMP_MICROS, TIMESTAMP),
  ];
  fields.list(id, THRIFT_STRUCT, elements, (write, out) => write(out));
}

function group(name: string, repetition: number | undefined, children: number, fieldId?: number, converted?: number, logical?: Logical): (out: ColumnWriter) => void {
  return (out) =>
    writeStruct(out, (fields) => {
      if (repetition !== undefined) fields.i32(3, repetition);
      fields.text(4, name).i32(5, children);
      writeKind(fields, fieldId, converted, logical);
    });
}

function leaf(name: string, type: number, repetition: number, fieldId: number, converted?: number, logical?: Logical): (out: ColumnWriter) => void {
  return (out) =>
    writeStruct(out, (fields) => {
      fields.i32(1, type);
      if (type === FIXED_LEN_BYTE_ARRAY) fields.i32(2, SERIES_ID_BYTES);
      fields.i32(3, repetition).text(4, name);
      writeKind(fields, fieldId, converted, logical);
    });
}

function writeKind(fields: ThriftWriter, fieldId: number | undefined, converted: number | undefined, logical: Logical | undefined): void {
  if (converted !== undefined) fields.i32(6, converted);
  if (fieldId !== undefined) fields.i32(9, fieldId);
  if (logical !== undefined) fields.struct(10, logical);
}
