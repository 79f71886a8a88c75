import { fieldMask, WireReader, WIRE_BYTES, WIRE_FIXED64 } from './wire-reader.ts';

/*
 * Attributes as strings (opentelemetry/proto/common/v1/common.proto):
 *
 *   KeyValue      1: string key  2: AnyValue value
 *   AnyValue      one of 1: string  2: bool  3: int64  4: double  5: ArrayValue  6: KeyValueList  7: bytes
 *   ArrayValue    1: AnyValue values
 *   KeyValueList  1: KeyValue values
 */
const FIELD_1 = (1 << 3) | WIRE_BYTES;
const FIELD_2 = (2 << 3) | WIRE_BYTES;

type JsonValue = string | number | boolean | null | bigint | readonly JsonValue[] | ReadonlyMap<string, JsonValue>;

/** The text of a span; DecodeError when it is not UTF-8. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  return new WireReader(bytes, 'OTLP').text(start, end);
}

/**
 * The KeyValues of field `field` in the message from `start` to `end`, as key, value, key, value, … in the sender's order. Values that are
 * not text become text as the Collector makes them: numbers and booleans as in JSON, bytes in base64, arrays and lists as JSON. They may
 * nest `depthMax` deep.
 */
export function readAttributes(bytes: Uint8Array, start: number, end: number, field: number, depthMax: number): string[] {
  const cursor = new WireReader(bytes, 'OTLP');
  cursor.position = start;
  const attributes: string[] = [];
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    if (tag === ((field << 3) | WIRE_BYTES)) {
      const [key, value] = keyValue(cursor, cursor.length(end), depthMax);
      attributes.push(key, textOf(value));
    } else cursor.skipField(tag, end);
  }
  return attributes;
}

/** Name and version of the InstrumentationScope from `start` to `end`, fields 1 and 2. */
export function readScopeName(bytes: Uint8Array, start: number, end: number): { name: string; version: string } {
  const cursor = new WireReader(bytes, 'OTLP');
  cursor.position = start;
  let name = '';
  let version = '';
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    if (tag === FIELD_1) name = cursor.string(end);
    else if (tag === FIELD_2) version = cursor.string(end);
    else cursor.skipUnknown(tag, end, fieldMask(1, 2));
  }
  return { name, version };
}

/** Moves the cursor to `end`. */
function keyValue(cursor: WireReader, end: number, depthLeft: number): [string, JsonValue] {
  let key = '';
  let value: JsonValue = null;
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    if (tag === FIELD_1) key = cursor.string(end);
    else if (tag === FIELD_2) value = anyValue(cursor, cursor.length(end), depthLeft);
    else cursor.skipUnknown(tag, end, fieldMask(1, 2));
  }
  return [key, value];
}

function anyValue(cursor: WireReader, end: number, depthLeft: number): JsonValue {
  if (depthLeft === 0) throw cursor.error('an attribute that nests too deep');
  let value: JsonValue = null;
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case FIELD_1:
        value = cursor.string(end);
        break;
      case 2 << 3:
        value = cursor.int32(end) !== 0;
        break;
      case 3 << 3:
        value = cursor.exactInt64(end);
        break;
      case (4 << 3) | WIRE_FIXED64:
        value = cursor.float64(end);
        break;
      case (5 << 3) | WIRE_BYTES:
        value = arrayValue(cursor, cursor.length(end), depthLeft - 1);
        break;
      case (6 << 3) | WIRE_BYTES:
        value = new Map(keyValueList(cursor, cursor.length(end), depthLeft - 1));
        break;
      case (7 << 3) | WIRE_BYTES: {
        const bytesEnd = cursor.length(end);
        value = base64(cursor.bytes.subarray(cursor.position, bytesEnd));
        cursor.position = bytesEnd;
        break;
      }
      default:
        cursor.skipUnknown(tag, end, fieldMask(1, 2, 3, 4, 5, 6, 7));
    }
  }
  return value;
}

function arrayValue(cursor: WireReader, end: number, depthLeft: number): JsonValue[] {
  const values: JsonValue[] = [];
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    if (tag === FIELD_1) values.push(anyValue(cursor, cursor.length(end), depthLeft));
    else cursor.skipUnknown(tag, end, fieldMask(1));
  }
  return values;
}

function keyValueList(cursor: WireReader, end: number, depthLeft: number): [string, JsonValue][] {
  const values: [string, JsonValue][] = [];
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    if (tag === FIELD_1) values.push(keyValue(cursor, cursor.length(end), depthLeft));
    else cursor.skipUnknown(tag, end, fieldMask(1));
  }
  return values;
}

function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  // As protobuf's JSON has them: JSON itself has no text for these.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return json(value);
}

/** As Go's encoding/json writes it without a care for HTML, which is what Prometheus has: keys sorted, zero with its sign. What has no text in JSON is null. */
function json(value: JsonValue): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value instanceof Map) {
    const keys = [...(value as ReadonlyMap<string, JsonValue>).keys()].sort();
    return `{${keys.map((key) => `${json(key)}:${json(value.get(key) as JsonValue)}`).join(',')}}`;
  }
  return Object.is(value, -0) ? '-0' : JSON.stringify(value);
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // A multiple of three, so that the pieces can stand side by side.
  for (let start = 0; start < bytes.length; start += 3072) text += btoa(String.fromCharCode(...bytes.subarray(start, start + 3072)));
  return text;
}
