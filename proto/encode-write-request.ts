import { varintLength, writeVarint } from './varint.ts';
import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire-reader.ts';

/* Encodes what remote-write-v1.ts decodes; the fields are listed there. */
const REQUEST_SERIES = fieldTag(1, WIRE_BYTES);
const SERIES_LABEL = fieldTag(1, WIRE_BYTES);
const SERIES_SAMPLE = fieldTag(2, WIRE_BYTES);
const LABEL_NAME = fieldTag(1, WIRE_BYTES);
const LABEL_VALUE = fieldTag(2, WIRE_BYTES);
const SAMPLE_VALUE = fieldTag(1, WIRE_FIXED64);
const SAMPLE_TIMESTAMP = fieldTag(2, WIRE_VARINT);

/** One series of a request to be encoded: labels flat as name, value, …; one timestamp (ms) for each value. */
export interface WriteRequestSeries {
  readonly labels: readonly string[];
  readonly timestampsMs: readonly number[] | Float64Array;
  readonly values: readonly number[] | Float64Array;
}

const utf8Encoder = new TextEncoder();

/** Encodes a WriteRequest, uncompressed: for the self-scrape, tools and tests. */
export function encodeWriteRequest(series: readonly WriteRequestSeries[]): Uint8Array {
  const parts = series.map(encodeSeries);
  const length = parts.reduce((sum, part) => sum + 1 + varintLength(part.length) + part.length, 0);
  const message = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    message[position++] = REQUEST_SERIES;
    position = writeVarint(message, position, part.length);
    message.set(part, position);
    position += part.length;
  }
  return message;
}

function encodeSeries(series: WriteRequestSeries): Uint8Array {
  const strings = series.labels.map((text) => utf8Encoder.encode(text));
  const fieldLength = (bytes: Uint8Array): number => 1 + varintLength(bytes.length) + bytes.length;
  let capacity = series.values.length * 24;
  for (const bytes of strings) capacity += bytes.length + 12;
  const out = new Uint8Array(capacity);
  const view = new DataView(out.buffer);
  let position = 0;
  for (let i = 0; i < strings.length; i += 2) {
    const name = strings[i]!;
    const value = strings[i + 1]!;
    out[position++] = SERIES_LABEL;
    position = writeVarint(out, position, fieldLength(name) + fieldLength(value));
    for (const [tag, bytes] of [[LABEL_NAME, name], [LABEL_VALUE, value]] as const) {
      out[position++] = tag;
      position = writeVarint(out, position, bytes.length);
      out.set(bytes, position);
      position += bytes.length;
    }
  }
  const values = series.values instanceof Float64Array ? series.values : Float64Array.from(series.values);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const timestampMs = series.timestampsMs[i]!;
    out[position++] = SERIES_SAMPLE;
    const lengthAt = position++;
    out[position] = SAMPLE_VALUE;
    view.setUint32(position + 1, bits[i * 2]!, true);
    view.setUint32(position + 5, bits[i * 2 + 1]!, true);
    out[position + 9] = SAMPLE_TIMESTAMP;
    position = writeInt64(out, position + 10, timestampMs);
    out[lengthAt] = position - lengthAt - 1;
  }
  return out.subarray(0, position);
}

function writeInt64(out: Uint8Array, position: number, value: number): number {
  if (value >= 0) return writeVarint(out, position, value);
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    out[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  out[position++] = Number(rest);
  return position;
}
