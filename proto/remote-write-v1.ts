import { DecodeError } from './decode-error.ts';
import { varintLength, writeVarint } from './varint.ts';

/*
 * Remote write 1.0, message prometheus.WriteRequest (remote_write_spec.md and prompb):
 *
 *   WriteRequest  1: repeated TimeSeries   3: repeated MetricMetadata
 *   TimeSeries    1: repeated Label  2: repeated Sample  3: repeated Exemplar  4: repeated Histogram
 *   Label         1: string name     2: string value
 *   Sample        1: double value    2: int64 timestamp (ms)
 */
const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** Fields that mean something to us where they stand, one bit a number: with another wire type they are damage, not unknown fields. */
const REQUEST_FIELDS = (1 << 1) | (1 << 3);
const SERIES_FIELDS = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4);
const SAMPLE_FIELDS = (1 << 1) | (1 << 2);

const REQUEST_SERIES = (1 << 3) | WIRE_BYTES;
const REQUEST_METADATA = (3 << 3) | WIRE_BYTES;
const SERIES_LABEL = (1 << 3) | WIRE_BYTES;
const SERIES_SAMPLE = (2 << 3) | WIRE_BYTES;
const SERIES_EXEMPLAR = (3 << 3) | WIRE_BYTES;
const SERIES_HISTOGRAM = (4 << 3) | WIRE_BYTES;
const LABEL_NAME = (1 << 3) | WIRE_BYTES;
const LABEL_VALUE = (2 << 3) | WIRE_BYTES;
const SAMPLE_VALUE = (1 << 3) | WIRE_FIXED64;
const SAMPLE_TIMESTAMP = (2 << 3) | WIRE_VARINT;

const INITIAL_SERIES = 4096;

/**
 * A WriteRequest as columns, reused from request to request. Series `i` has its label fields, one after the other and still encoded, in
 * bytes `labelsStart[i]` to `labelsEnd[i]` of the message, and the samples from `sampleStart[i]` to `sampleStart[i + 1]`. Strings are
 * only made by `readLabels`, for the few series that need them. Values are kept as bits (low word first), which keeps stale markers.
 */
export class WriteRequestColumns {
  seriesCount = 0;
  sampleCount = 0;
  exemplarCount = 0;
  histogramCount = 0;
  metadataCount = 0;
  labelsStart = new Uint32Array(INITIAL_SERIES);
  labelsEnd = new Uint32Array(INITIAL_SERIES);
  sampleStart = new Uint32Array(INITIAL_SERIES + 1);
  timestampsMs = new Float64Array(INITIAL_SERIES);
  valueBits = new Uint32Array(INITIAL_SERIES * 2);

  readonly #entriesMax: number;

  /** A request with more series than this, or more samples, is refused: two bytes of a message can ask for sixteen of memory. */
  constructor(entriesMax = Infinity) {
    this.#entriesMax = entriesMax;
  }

  growSeries(): void {
    this.#checkGrowth(this.labelsStart.length, 'series');
    this.labelsStart = grown(this.labelsStart);
    this.labelsEnd = grown(this.labelsEnd);
    const starts = new Uint32Array(this.labelsStart.length + 1);
    starts.set(this.sampleStart);
    this.sampleStart = starts;
  }

  #checkGrowth(length: number, what: string): void {
    if (length >= this.#entriesMax) throw new DecodeError(`remote write: more than ${length} ${what} in one request; send smaller requests`);
  }

  growSamples(): void {
    this.#checkGrowth(this.timestampsMs.length, 'samples');
    const timestamps = new Float64Array(this.timestampsMs.length * 2);
    timestamps.set(this.timestampsMs);
    this.timestampsMs = timestamps;
    this.valueBits = grown(this.valueBits);
  }
}

function grown(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/**
 * Decodes a whole message into columns. Unknown fields are skipped; anything cut off, of the wrong wire type or outside its parent is a
 * DecodeError. A field that should occur once and comes again replaces the earlier one, as protobuf has it.
 */
export function decodeWriteRequest(bytes: Uint8Array, columns: WriteRequestColumns): void {
  new Walker(bytes, columns).walk();
}

class Walker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #columns: WriteRequestColumns;
  #position = 0;

  constructor(bytes: Uint8Array, columns: WriteRequestColumns) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#columns = columns;
  }

  walk(): void {
    const columns = this.#columns;
    columns.seriesCount = columns.sampleCount = 0;
    columns.exemplarCount = columns.histogramCount = columns.metadataCount = 0;
    columns.sampleStart[0] = 0;
    const end = this.#bytes.length;
    while (this.#position < end) {
      const tag = this.#varint(end);
      if (tag === REQUEST_SERIES) this.#series(this.#length(end));
      else {
        if (tag === REQUEST_METADATA) columns.metadataCount++;
        else this.#checkUnknown(tag, REQUEST_FIELDS);
        this.#skip(tag, end);
      }
    }
  }

  #series(end: number): void {
    const columns = this.#columns;
    const index = columns.seriesCount++;
    if (index >= columns.labelsStart.length) columns.growSeries();
    const bytes = this.#bytes;
    const labelsStart = this.#position;
    // The hot loop: nearly all labels are shorter than 128 bytes, and the position stays in a local.
    let position = labelsStart | 0;
    while (position < end && bytes[position] === SERIES_LABEL) {
      const length = bytes[position + 1]!;
      if (length < 0x80 && position + 2 + length <= end) position += 2 + length;
      else {
        this.#position = position + 1;
        position = this.#length(end);
      }
    }
    this.#position = position;
    columns.labelsStart[index] = labelsStart;
    columns.labelsEnd[index] = position;
    while (this.#position < end) {
      const tag = this.#varint(end);
      if (tag === SERIES_SAMPLE) this.#sample(this.#length(end));
      else if (tag === SERIES_LABEL) this.#scatteredLabel(index, end);
      else {
        if (tag === SERIES_EXEMPLAR) columns.exemplarCount++;
        else if (tag === SERIES_HISTOGRAM) columns.histogramCount++;
        else this.#checkUnknown(tag, SERIES_FIELDS);
        this.#skip(tag, end);
      }
    }
    columns.sampleStart[index + 1] = columns.sampleCount;
  }

  /**
   * A label behind other fields: legal protobuf that no known sender writes. The columns want the labels in one run, so this one is moved
   * up to the others, and what lay between moves down behind it. The message is ours to change; its length stays the same.
   */
  #scatteredLabel(index: number, seriesEnd: number): void {
    const columns = this.#columns;
    const fieldStart = this.#position - 1;
    const fieldEnd = this.#length(seriesEnd);
    const field = this.#bytes.slice(fieldStart, fieldEnd);
    const gapStart = columns.labelsEnd[index]!;
    this.#bytes.copyWithin(gapStart + field.length, gapStart, fieldStart);
    this.#bytes.set(field, gapStart);
    columns.labelsEnd[index] = gapStart + field.length;
    this.#position = fieldEnd;
  }

  #sample(end: number): void {
    const columns = this.#columns;
    const index = columns.sampleCount++;
    if (index >= columns.timestampsMs.length) columns.growSamples();
    const bits = columns.valueBits;
    const view = this.#view;
    // Proto3 leaves out zeros: a sample without a value field is 0.
    bits[index * 2] = 0;
    bits[index * 2 + 1] = 0;
    let timestampMs = 0;
    let position = this.#position;
    while (position < end) {
      const tag = this.#bytes[position];
      if (tag === SAMPLE_VALUE) {
        if (position + 9 > end) throw this.#cutOff(end);
        bits[index * 2] = view.getUint32(position + 1, true);
        bits[index * 2 + 1] = view.getUint32(position + 5, true);
        position += 9;
        continue;
      }
      this.#position = position;
      if (tag === SAMPLE_TIMESTAMP) {
        this.#position = position + 1;
        timestampMs = this.#int64(end);
      } else {
        const unknown = this.#varint(end);
        if (unknown === SAMPLE_TIMESTAMP) timestampMs = this.#int64(end);
        else {
          this.#checkUnknown(unknown, SAMPLE_FIELDS);
          this.#skip(unknown, end);
        }
      }
      position = this.#position;
    }
    this.#position = end;
    columns.timestampsMs[index] = timestampMs;
  }

  /** The end of a length-delimited field whose length is next, which must lie within its parent. */
  #length(parentEnd: number): number {
    const length = this.#varint(parentEnd);
    const end = this.#position + length;
    if (end > parentEnd) throw this.#cutOff(parentEnd);
    return end;
  }

  /** An unsigned varint of at most 32 bits: a tag or a length. */
  #varint(end: number): number {
    const bytes = this.#bytes;
    let position = this.#position;
    if (position >= end) throw this.#cutOff(end);
    let byte = bytes[position++]!;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (position >= end) throw this.#cutOff(end);
      if (shift > 28) throw new DecodeError(`remote write: a varint above 32 bits at byte ${this.#position}`);
      byte = bytes[position++]!;
      // The fifth byte may carry bits 28 to 31 only; multiplication keeps the sum unsigned.
      value += (byte & 0x7f) * 2 ** shift;
    }
    if (value > 0xffffffff) throw new DecodeError(`remote write: a varint above 32 bits at byte ${this.#position}`);
    this.#position = position;
    return value;
  }

  /** A signed 64-bit varint as a number; beyond ±2^53 it is refused: no timestamp is there. */
  #int64(end: number): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    let byte = 0x80;
    let position = this.#position;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (position >= end) throw this.#cutOff(end);
      if (shift > 63) throw new DecodeError(`remote write: a varint above 64 bits at byte ${this.#position}`);
      byte = bytes[position++]!;
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >>> 4;
      } else high |= part << (shift - 32);
    }
    const value = high * 2 ** 32 + (low >>> 0);
    if (!Number.isSafeInteger(value)) throw new DecodeError(`remote write: the timestamp at byte ${this.#position} is out of range`);
    this.#position = position;
    return value;
  }

  #checkUnknown(tag: number, knownFields: number): void {
    const field = tag >>> 3;
    if (field < 32 && (knownFields & (1 << field)) !== 0) {
      throw new DecodeError(`remote write: wire type ${tag & 7} for field ${field} at byte ${this.#position}`);
    }
  }

  /** Skips the field whose tag has just been read. */
  #skip(tag: number, end: number): void {
    if (tag >>> 3 === 0) throw new DecodeError(`remote write: field number 0 at byte ${this.#position}`);
    switch (tag & 7) {
      case WIRE_VARINT: {
        let length = 0;
        do {
          if (this.#position >= end) throw this.#cutOff(end);
          if (++length > 10) throw new DecodeError(`remote write: a varint above 64 bits at byte ${this.#position}`);
        } while (this.#bytes[this.#position++]! >= 0x80);
        return;
      }
      case WIRE_FIXED64:
        this.#position += 8;
        break;
      case WIRE_BYTES:
        this.#position = this.#length(end);
        return;
      case WIRE_FIXED32:
        this.#position += 4;
        break;
      default:
        // Groups (3 and 4) left protobuf long ago; following them would mean recursion on a sender's word.
        throw new DecodeError(`remote write: wire type ${tag & 7} at byte ${this.#position}`);
    }
    if (this.#position > end) throw this.#cutOff(end);
  }

  #cutOff(end: number): DecodeError {
    return new DecodeError(`remote write: the field at byte ${this.#position} reaches beyond its end at byte ${end}`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The labels in a run of label fields as name, value, name, value, …, in the sender's order, unchecked but for UTF-8. */
export function readLabels(bytes: Uint8Array, start: number, end: number): string[] {
  const labels: string[] = [];
  let position = start;
  const varint = (limit: number): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (position >= limit) break;
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new DecodeError(`remote write: bad varint in the label at byte ${position}`);
  };
  while (position < end) {
    position++; // the tag, which the walker has checked
    const labelEnd = varint(end) + position;
    let name = '';
    let value = '';
    while (position < labelEnd) {
      const tag = varint(labelEnd);
      if ((tag & 7) !== WIRE_BYTES) throw new DecodeError(`remote write: wire type ${tag & 7} in the label at byte ${position}`);
      const length = varint(labelEnd);
      if (position + length > labelEnd) throw new DecodeError(`remote write: the label at byte ${position} reaches beyond its end`);
      if (tag === LABEL_NAME) name = decodeUtf8(bytes, position, length);
      else if (tag === LABEL_VALUE) value = decodeUtf8(bytes, position, length);
      position += length;
    }
    labels.push(name, value);
  }
  return labels;
}

function decodeUtf8(bytes: Uint8Array, position: number, length: number): string {
  try {
    return utf8.decode(bytes.subarray(position, position + length));
  } catch {
    throw new DecodeError(`remote write: invalid UTF-8 in the label at byte ${position}`);
  }
}

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
