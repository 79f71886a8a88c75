import { readAttributes } from './otlp-attributes.ts';
import { readUnixNanoMs } from './otlp-points.ts';
import { fieldMask, WireReader, WIRE_BYTES, WIRE_FIXED64 } from './wire-reader.ts';

/** Words of a float64. */
export interface FloatBits {
  readonly low: number;
  readonly high: number;
}

/*
 *   Exemplar  2: fixed64 time_unix_nano  3: double as_double  4: bytes span_id  5: bytes trace_id  6: sfixed64 as_int
 *             7: KeyValue filtered_attributes
 */
export interface OtlpExemplar {
  /** 0 when the sender does not say. */
  readonly timestampMs: number;
  /** The float64 bits of its value, which keep the payload of a NaN; `undefined` when there is none. */
  readonly valueBits: FloatBits | undefined;
  /** Hexadecimal; empty when absent. */
  readonly traceId: string;
  readonly spanId: string;
  /** key, value, key, value, … */
  readonly attributes: readonly string[];
}

const FILTERED_ATTRIBUTES = 7;
const FIELDS = fieldMask(2, 3, 4, 5, 6, 7);
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

const scratch = new DataView(new ArrayBuffer(8));

function bitsAt(view: DataView, at: number): FloatBits {
  return { low: view.getUint32(at, true), high: view.getUint32(at + 4, true) };
}

/** The Exemplar message from `start` to `end`. */
export function readExemplar(bytes: Uint8Array, start: number, end: number, depthMax: number): OtlpExemplar {
  const cursor = new WireReader(bytes, 'OTLP');
  cursor.position = start;
  let timestampMs = 0;
  let valueBits: FloatBits | undefined;
  let traceId = '';
  let spanId = '';
  while (cursor.position < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case (2 << 3) | WIRE_FIXED64:
        timestampMs = readUnixNanoMs(cursor.view, cursor.fixed64(end));
        break;
      case (3 << 3) | WIRE_FIXED64:
        valueBits = bitsAt(cursor.view, cursor.fixed64(end));
        break;
      case (6 << 3) | WIRE_FIXED64:
        scratch.setFloat64(0, Number(cursor.view.getBigInt64(cursor.fixed64(end), true)), true);
        valueBits = bitsAt(scratch, 0);
        break;
      case (4 << 3) | WIRE_BYTES:
        spanId = readId(cursor, cursor.length(end), SPAN_ID_BYTES);
        break;
      case (5 << 3) | WIRE_BYTES:
        traceId = readId(cursor, cursor.length(end), TRACE_ID_BYTES);
        break;
      case (FILTERED_ATTRIBUTES << 3) | WIRE_BYTES:
        cursor.position = cursor.length(end);
        break;
      default:
        cursor.skipUnknown(tag, end, FIELDS);
    }
  }
  return { timestampMs, valueBits, traceId, spanId, attributes: readAttributes(bytes, start, end, FILTERED_ATTRIBUTES, depthMax) };
}

/** Hexadecimal digits of an id; one of zeros alone, or of another length than ids have, is none. */
function readId(cursor: WireReader, end: number, bytesWanted: number): string {
  const id = cursor.bytes.subarray(cursor.position, end);
  cursor.position = end;
  if (id.length !== bytesWanted || id.every((byte) => byte === 0)) return '';
  return Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
