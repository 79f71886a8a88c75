import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-reader.ts';

/*
 * The messages of ExportMetricsServiceRequest as a table, for the JSON door: names, numbers and types as in opentelemetry/proto. The
 * protobuf door has them in its code (otlp-metrics.ts), where speed is.
 */
export type ScalarType = 'string' | 'base64' | 'hex' | 'bool' | 'double' | 'fixed64' | 'sfixed64' | 'uint64' | 'int64' | 'uint32' | 'sint32' | 'enum';

export interface Field {
  readonly number: number;
  /** What stands in front of it in protobuf; repeated scalars are packed. */
  readonly tag: number;
  /** As JSON has it, lowerCamelCase, and as the .proto file has it; protobuf's JSON parsers take either. */
  readonly name: string;
  readonly originalName: string;
  readonly nameBytes: Uint8Array;
  readonly originalNameBytes: Uint8Array;
  /** A scalar, or a message (as a function, since messages name each other). */
  readonly type: ScalarType | (() => MessageType);
  readonly isRepeated: boolean;
  /** Names of an enum's values from 0. */
  readonly names: readonly string[] | undefined;
}

export interface MessageType {
  readonly fields: readonly Field[];
  /** Whether it may hold messages of its own type. */
  readonly isNested: boolean;
}

const utf8 = new TextEncoder();
const WIRE_TYPES: Readonly<Record<ScalarType, number>> = {
  string: WIRE_BYTES,
  base64: WIRE_BYTES,
  hex: WIRE_BYTES,
  bool: WIRE_VARINT,
  double: WIRE_FIXED64,
  fixed64: WIRE_FIXED64,
  sfixed64: WIRE_FIXED64,
  uint64: WIRE_VARINT,
  int64: WIRE_VARINT,
  uint32: WIRE_VARINT,
  sint32: WIRE_VARINT,
  enum: WIRE_VARINT,
};

function field(number: number, originalName: string, type: Field['type'], names?: readonly string[]): Field {
  const name = originalName.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const tag = fieldTag(number, typeof type === 'string' ? WIRE_TYPES[type] : WIRE_BYTES);
  return { number, tag, name, originalName, nameBytes: utf8.encode(name), originalNameBytes: utf8.encode(originalName), type, isRepeated: false, names };
}

function repeated(number: number, originalName: string, type: Field['type']): Field {
  return { ...field(number, originalName, type), tag: fieldTag(number, WIRE_BYTES), isRepeated: true };
}

function message(...fields: readonly Field[]): MessageType {
  return { fields, isNested: false };
}

const TEMPORALITIES = ['AGGREGATION_TEMPORALITY_UNSPECIFIED', 'AGGREGATION_TEMPORALITY_DELTA', 'AGGREGATION_TEMPORALITY_CUMULATIVE'];

const ARRAY_VALUE: MessageType = message(repeated(1, 'values', () => ANY_VALUE));
const KEY_VALUE: MessageType = message(field(1, 'key', 'string'), field(2, 'value', () => ANY_VALUE));
const KEY_VALUE_LIST: MessageType = message(repeated(1, 'values', () => KEY_VALUE));
const ANY_VALUE: MessageType = {
  isNested: true,
  fields: [
    field(1, 'string_value', 'string'),
    field(2, 'bool_value', 'bool'),
    field(3, 'int_value', 'int64'),
    field(4, 'double_value', 'double'),
    field(5, 'array_value', () => ARRAY_VALUE),
    field(6, 'kvlist_value', () => KEY_VALUE_LIST),
    field(7, 'bytes_value', 'base64'),
  ],
};

const EXEMPLAR = message(
  repeated(7, 'filtered_attributes', () => KEY_VALUE),
  field(2, 'time_unix_nano', 'fixed64'),
  field(3, 'as_double', 'double'),
  field(6, 'as_int', 'sfixed64'),
  field(4, 'span_id', 'hex'),
  field(5, 'trace_id', 'hex'),
);

const NUMBER_DATA_POINT = message(
  repeated(7, 'attributes', () => KEY_VALUE),
  field(2, 'start_time_unix_nano', 'fixed64'),
  field(3, 'time_unix_nano', 'fixed64'),
  field(4, 'as_double', 'double'),
  field(6, 'as_int', 'sfixed64'),
  repeated(5, 'exemplars', () => EXEMPLAR),
  field(8, 'flags', 'uint32'),
);

const HISTOGRAM_DATA_POINT = message(
  repeated(9, 'attributes', () => KEY_VALUE),
  field(2, 'start_time_unix_nano', 'fixed64'),
  field(3, 'time_unix_nano', 'fixed64'),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double'),
  repeated(6, 'bucket_counts', 'fixed64'),
  repeated(7, 'explicit_bounds', 'double'),
  repeated(8, 'exemplars', () => EXEMPLAR),
  field(10, 'flags', 'uint32'),
  field(11, 'min', 'double'),
  field(12, 'max', 'double'),
);

const BUCKETS = message(field(1, 'offset', 'sint32'), repeated(2, 'bucket_counts', 'uint64'));

const EXPONENTIAL_HISTOGRAM_DATA_POINT = message(
  repeated(1, 'attributes', () => KEY_VALUE),
  field(2, 'start_time_unix_nano', 'fixed64'),
  field(3, 'time_unix_nano', 'fixed64'),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double'),
  field(6, 'scale', 'sint32'),
  field(7, 'zero_count', 'fixed64'),
  field(8, 'positive', () => BUCKETS),
  field(9, 'negative', () => BUCKETS),
  field(10, 'flags', 'uint32'),
  repeated(11, 'exemplars', () => EXEMPLAR),
  field(12, 'min', 'double'),
  field(13, 'max', 'double'),
  field(14, 'zero_threshold', 'double'),
);

const VALUE_AT_QUANTILE = message(field(1, 'quantile', 'double'), field(2, 'value', 'double'));

const SUMMARY_DATA_POINT = message(
  repeated(7, 'attributes', () => KEY_VALUE),
  field(2, 'start_time_unix_nano', 'fixed64'),
  field(3, 'time_unix_nano', 'fixed64'),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double'),
  repeated(6, 'quantile_values', () => VALUE_AT_QUANTILE),
  field(8, 'flags', 'uint32'),
);

const TEMPORALITY = field(2, 'aggregation_temporality', 'enum', TEMPORALITIES);

function data(points: () => MessageType, ...fields: readonly Field[]): MessageType {
  return message(repeated(1, 'data_points', points), ...fields);
}

const GAUGE = data(() => NUMBER_DATA_POINT);
const SUM = data(() => NUMBER_DATA_POINT, TEMPORALITY, field(3, 'is_monotonic', 'bool'));
const HISTOGRAM = data(() => HISTOGRAM_DATA_POINT, TEMPORALITY);
const EXPONENTIAL_HISTOGRAM = data(() => EXPONENTIAL_HISTOGRAM_DATA_POINT, TEMPORALITY);
const SUMMARY = data(() => SUMMARY_DATA_POINT);

const METRIC = message(
  field(1, 'name', 'string'),
  field(2, 'description', 'string'),
  field(3, 'unit', 'string'),
  field(5, 'gauge', () => GAUGE),
  field(7, 'sum', () => SUM),
  field(9, 'histogram', () => HISTOGRAM),
  field(10, 'exponential_histogram', () => EXPONENTIAL_HISTOGRAM),
  field(11, 'summary', () => SUMMARY),
);

const SCOPE = message(field(1, 'name', 'string'), field(2, 'version', 'string'), repeated(3, 'attributes', () => KEY_VALUE));
const SCOPE_METRICS = message(field(1, 'scope', () => SCOPE), repeated(2, 'metrics', () => METRIC), field(3, 'schema_url', 'string'));
const RESOURCE = message(repeated(1, 'attributes', () => KEY_VALUE));
const RESOURCE_METRICS = message(field(1, 'resource', () => RESOURCE), repeated(2, 'scope_metrics', () => SCOPE_METRICS), field(3, 'schema_url', 'string'));

export const METRICS_REQUEST = message(repeated(1, 'resource_metrics', () => RESOURCE_METRICS));
