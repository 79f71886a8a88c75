import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, type WireReader } from './wire-reader.ts';

/*
 * Native histograms of remote write. Both versions have the same message, but for the start timestamp, which only 2.0 has:
 *
 *   Histogram   1: uint64 count_int        2: double count_float      3: double sum             4: sint32 schema
 *               5: double zero_threshold   6: uint64 zero_count_int   7: double zero_count_float
 *               8: repeated BucketSpan negative_spans   9: repeated sint64 negative_deltas  10: repeated double negative_counts
 *              11: repeated BucketSpan positive_spans  12: repeated sint64 positive_deltas  13: repeated double positive_counts
 *              14: enum reset_hint        15: int64 timestamp (ms)   16: repeated double custom_values
 *              17: int64 start_timestamp (ms)
 *   BucketSpan  1: sint32 offset           2: uint32 length
 */

export interface WireSpan {
  offset: number;
  length: number;
}

/** A histogram as it was sent. Counts above 2^53 are rounded; a field that was left out is 0 or empty. */
export interface WireHistogram {
  /** Which count came last: an integer one, or none, or a float. */
  isFloat: boolean;
  count: number;
  zeroCount: number;
  /** The sum's bits, low word first: a stale marker is one of the NaNs. */
  sumBits: readonly [low: number, high: number];
  sum: number;
  schema: number;
  zeroThreshold: number;
  readonly negativeSpans: WireSpan[];
  /** Differences from bucket to bucket, of an integer histogram. */
  readonly negativeDeltas: number[];
  /** Counts, of a float histogram. */
  readonly negativeCounts: number[];
  readonly positiveSpans: WireSpan[];
  readonly positiveDeltas: number[];
  readonly positiveCounts: number[];
  /** 0 unspecified, 1 reset, 2 no reset, 3 gauge; others are of the future. */
  resetHint: number;
  timestampMs: number;
  readonly customValues: number[];
  /** 0 when unknown. */
  startMs: number;
}

const HISTOGRAM_FIELDS = 0x3fffe;
const SPAN_FIELDS = (1 << 1) | (1 << 2);

const COUNT_INT = fieldTag(1, WIRE_VARINT);
const COUNT_FLOAT = fieldTag(2, WIRE_FIXED64);
const SUM = fieldTag(3, WIRE_FIXED64);
const SCHEMA = fieldTag(4, WIRE_VARINT);
const ZERO_THRESHOLD = fieldTag(5, WIRE_FIXED64);
const ZERO_COUNT_INT = fieldTag(6, WIRE_VARINT);
const ZERO_COUNT_FLOAT = fieldTag(7, WIRE_FIXED64);
const NEGATIVE_SPANS = fieldTag(8, WIRE_BYTES);
const NEGATIVE_DELTAS = 9;
const NEGATIVE_COUNTS = 10;
const POSITIVE_SPANS = fieldTag(11, WIRE_BYTES);
const POSITIVE_DELTAS = 12;
const POSITIVE_COUNTS = 13;
const RESET_HINT = fieldTag(14, WIRE_VARINT);
const TIMESTAMP = fieldTag(15, WIRE_VARINT);
const CUSTOM_VALUES = 16;
const START_TIMESTAMP = fieldTag(17, WIRE_VARINT);
const SPAN_OFFSET = fieldTag(1, WIRE_VARINT);
const SPAN_LENGTH = fieldTag(2, WIRE_VARINT);

/** Decodes the histogram that lies from `start` to `end`. */
export function readHistogram(reader: WireReader, start: number, end: number): WireHistogram {
  const histogram: WireHistogram = {
    isFloat: false,
    count: 0,
    zeroCount: 0,
    sumBits: [0, 0],
    sum: 0,
    schema: 0,
    zeroThreshold: 0,
    negativeSpans: [],
    negativeDeltas: [],
    negativeCounts: [],
    positiveSpans: [],
    positiveDeltas: [],
    positiveCounts: [],
    resetHint: 0,
    timestampMs: 0,
    customValues: [],
    startMs: 0,
  };
  reader.position = start;
  while (reader.position < end) readField(reader, reader.varint(end), end, histogram);
  return histogram;
}

function readField(reader: WireReader, tag: number, end: number, histogram: WireHistogram): void {
  switch (tag) {
    case COUNT_INT:
      histogram.count = reader.uint64(end);
      histogram.isFloat = false;
      return;
    case COUNT_FLOAT:
      histogram.count = reader.float64(end);
      histogram.isFloat = true;
      return;
    case SUM: {
      const at = reader.position;
      histogram.sum = reader.float64(end);
      histogram.sumBits = [reader.view.getUint32(at, true), reader.view.getUint32(at + 4, true)];
      return;
    }
    case SCHEMA:
      histogram.schema = reader.sint32(end);
      return;
    case ZERO_THRESHOLD:
      histogram.zeroThreshold = reader.float64(end);
      return;
    case ZERO_COUNT_INT:
      histogram.zeroCount = reader.uint64(end);
      return;
    case ZERO_COUNT_FLOAT:
      histogram.zeroCount = reader.float64(end);
      return;
    case NEGATIVE_SPANS:
      histogram.negativeSpans.push(readSpan(reader, reader.length(end)));
      return;
    case POSITIVE_SPANS:
      histogram.positiveSpans.push(readSpan(reader, reader.length(end)));
      return;
    case RESET_HINT:
      histogram.resetHint = reader.int32(end);
      return;
    case TIMESTAMP:
      histogram.timestampMs = reader.int64(end);
      return;
    case START_TIMESTAMP:
      histogram.startMs = reader.int64(end);
      return;
    default:
      readNumbers(reader, tag, end, histogram);
  }
}

/** The repeated numbers, packed or one by one; and what nobody knows. */
function readNumbers(reader: WireReader, tag: number, end: number, histogram: WireHistogram): void {
  switch (tag >>> 3) {
    case NEGATIVE_DELTAS:
      return readDeltas(reader, tag, end, histogram.negativeDeltas);
    case NEGATIVE_COUNTS:
      return readFloats(reader, tag, end, histogram.negativeCounts);
    case POSITIVE_DELTAS:
      return readDeltas(reader, tag, end, histogram.positiveDeltas);
    case POSITIVE_COUNTS:
      return readFloats(reader, tag, end, histogram.positiveCounts);
    case CUSTOM_VALUES:
      return readFloats(reader, tag, end, histogram.customValues);
    default:
      reader.skipUnknown(tag, end, HISTOGRAM_FIELDS);
  }
}

function readDeltas(reader: WireReader, tag: number, end: number, deltas: number[]): void {
  if ((tag & 7) === WIRE_VARINT) deltas.push(reader.sint64(end));
  else if ((tag & 7) === WIRE_BYTES) {
    const packedEnd = reader.length(end);
    while (reader.position < packedEnd) deltas.push(reader.sint64(packedEnd));
  } else reader.checkUnknown(tag, HISTOGRAM_FIELDS);
}

function readFloats(reader: WireReader, tag: number, end: number, floats: number[]): void {
  if ((tag & 7) === WIRE_FIXED64) floats.push(reader.float64(end));
  else if ((tag & 7) === WIRE_BYTES) {
    const packedEnd = reader.length(end);
    while (reader.position < packedEnd) floats.push(reader.float64(packedEnd));
  } else reader.checkUnknown(tag, HISTOGRAM_FIELDS);
}

function readSpan(reader: WireReader, end: number): WireSpan {
  const span: WireSpan = { offset: 0, length: 0 };
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === SPAN_OFFSET) span.offset = reader.sint32(end);
    else if (tag === SPAN_LENGTH) span.length = reader.varint(end);
    else reader.skipUnknown(tag, end, SPAN_FIELDS);
  }
  return span;
}
