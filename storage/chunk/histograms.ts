import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../proto/varint.ts';
import type { CounterResetHint, FloatHistogram, Span } from '../model/histogram.ts';
import { ColumnWriter, SIGNED_VARINT_MAX } from './column-writer.ts';

/*
 * One native histogram as bytes, its payload: exact, and the same bytes for the same histogram, so that payloads can be compared instead
 * of histograms. FORMAT.md draws it. What a sender had as integers says so, and is told apart from the same numbers as floats.
 */
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge'];
const HINT_MASK = 0x03;
/** The sender's counts are integers. */
const INTEGER_FLAG = 0x04;
/** Counts are stored as varints, buckets as differences: all are whole numbers that allow it. */
const VARINT_FLAG = 0x08;
const KNOWN_FLAGS = HINT_MASK | INTEGER_FLAG | VARINT_FLAG;

/** Buckets of one side that a payload may have: far more than any client makes, and a bound on what a damaged one can ask for. */
const BUCKETS_MAX = 1 << 20;

const out = new ColumnWriter(1024);
const numbers = new Float64Array(1);
const numberBits = new Uint32Array(numbers.buffer);

/** What a histogram has beside its buckets. */
export type HistogramHead = Pick<FloatHistogram, 'counterResetHint' | 'schema' | 'zeroThreshold' | 'sum' | 'count' | 'zeroCount'>;

/** The payload of a histogram. `isInteger` says that its sender counted in integers. */
export function encodeHistogram(histogram: FloatHistogram, isInteger: boolean): Uint8Array {
  return histogramPayload(histogram, isInteger).slice();
}

/** The same as a view that is good until the next call: for who copies it anyway. */
export function histogramPayload(histogram: FloatHistogram, isInteger: boolean): Uint8Array {
  const isVarint = canBeVarints(histogram);
  writeHead(histogram, isInteger, isVarint);
  writeSide(histogram.positiveSpans, histogram.positiveBuckets, isVarint);
  writeSide(histogram.negativeSpans, histogram.negativeBuckets, isVarint);
  out.unsigned(histogram.customValues.length);
  for (const bound of histogram.customValues) writeFloat(bound);
  return out.written();
}

/** Numbers in a column that is used again and again: the first `length` of `values`. */
export interface NumberColumn {
  readonly values: Float64Array;
  readonly length: number;
}

/** The buckets of one side in such a column: whole numbers, cut as `spans` say. */
export interface BucketColumn extends NumberColumn {
  readonly spans: readonly Span[];
}

/**
 * The payload of a histogram that its sender counted in integers, out of columns instead of arrays: the bytes that `histogramPayload` writes
 * of it, and a view like its. No bucket may be above the count.
 */
export function columnsPayload(head: HistogramHead, positive: BucketColumn, negative: BucketColumn, customValues: NumberColumn): Uint8Array {
  const isVarint = isWhole(head.count);
  writeHead(head, true, isVarint);
  writeSide(positive.spans, positive.values, isVarint, positive.length);
  writeSide(negative.spans, negative.values, isVarint, negative.length);
  out.unsigned(customValues.length);
  for (let i = 0; i < customValues.length; i++) writeFloat(customValues.values[i]!);
  return out.written();
}

/** Throws DecodeError on what `encodeHistogram` cannot have written. */
export function decodeHistogram(payload: Uint8Array): FloatHistogram {
  const reader = new ByteReader(payload);
  const flags = reader.byte();
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new DecodeError(`histogram: flags ${flags} are not known`);
  const isVarint = (flags & VARINT_FLAG) !== 0;
  const schema = signedVarint(reader);
  const zeroThreshold = reader.float64();
  const sum = reader.float64();
  const count = isVarint ? reader.varint() : reader.float64();
  const zeroCount = isVarint ? reader.varint() : reader.float64();
  const positive = readSide(reader, isVarint);
  const negative = readSide(reader, isVarint);
  const customValues = readFloats(reader, reader.varint());
  if (!reader.done) throw new DecodeError(`histogram: ${reader.end - reader.position} bytes too many`);
  return {
    counterResetHint: HINTS[flags & HINT_MASK]!,
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positiveSpans: positive.spans,
    negativeSpans: negative.spans,
    positiveBuckets: positive.buckets,
    negativeBuckets: negative.buckets,
    customValues,
  };
}

/** Whether the sender of the histogram counted in integers. */
export function isIntegerHistogram(payload: Uint8Array): boolean {
  return (payload[0]! & INTEGER_FLAG) !== 0;
}

function canBeVarints({ count, zeroCount, positiveBuckets, negativeBuckets }: FloatHistogram): boolean {
  return isWhole(count) && isWhole(zeroCount) && areWhole(positiveBuckets) && areWhole(negativeBuckets);
}

function areWhole(counts: readonly number[]): boolean {
  for (let i = 0; i < counts.length; i++) if (!isWhole(counts[i]!)) return false;
  return true;
}

function isWhole(value: number): boolean {
  // Differences of two of these still fit a signed varint; -0 would come back as 0.
  return value > 0 ? value <= SIGNED_VARINT_MAX && value === Math.trunc(value) : value === 0 && 1 / value > 0;
}

function writeHead(head: HistogramHead, isInteger: boolean, isVarint: boolean): void {
  out.clear();
  out.byte(HINTS.indexOf(head.counterResetHint) | (isInteger ? INTEGER_FLAG : 0) | (isVarint ? VARINT_FLAG : 0));
  out.signed(head.schema);
  writeFloat(head.zeroThreshold);
  writeFloat(head.sum);
  if (isVarint) {
    out.unsigned(head.count);
    out.unsigned(head.zeroCount);
  } else {
    writeFloat(head.count);
    writeFloat(head.zeroCount);
  }
}

/** The buckets of a side that come as an array; reused. */
let column = new Float64Array(256);

function writeSide(spans: readonly Span[], buckets: Float64Array | readonly number[], isVarint: boolean, length = buckets.length): void {
  out.unsigned(spans.length);
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i]!;
    out.signed(span.offset);
    out.unsigned(span.length);
  }
  out.unsigned(length);
  if (!isVarint) {
    for (let i = 0; i < length; i++) writeFloat(buckets[i]!);
    return;
  }
  if (!(buckets instanceof Float64Array)) {
    if (length > column.length) column = new Float64Array(Math.max(length, column.length * 2));
    column.set(buckets);
  }
  out.bucketDifferences(buckets instanceof Float64Array ? buckets : column, length);
}

function readSide(reader: ByteReader, isVarint: boolean): { readonly spans: readonly Span[]; readonly buckets: readonly number[] } {
  const spans: Span[] = [];
  for (let count = reader.varint(); count > 0; count--) spans.push({ offset: signedVarint(reader), length: reader.varint() });
  const bucketCount = reader.varint();
  if (bucketCount > BUCKETS_MAX) throw new DecodeError(`histogram: ${bucketCount} buckets`);
  if (!isVarint) return { spans, buckets: readFloats(reader, bucketCount) };
  const buckets: number[] = [];
  for (let i = 0, bucket = 0; i < bucketCount; i++) buckets.push((bucket += signedVarint(reader)));
  return { spans, buckets };
}

function readFloats(reader: ByteReader, count: number): readonly number[] {
  if (count * 8 > reader.end - reader.position) throw new DecodeError(`histogram: ${count} numbers in ${reader.end - reader.position} bytes`);
  const floats: number[] = [];
  for (let i = 0; i < count; i++) floats.push(reader.float64());
  return floats;
}

function writeFloat(value: number): void {
  numbers[0] = value;
  out.uint32(numberBits[0]!);
  out.uint32(numberBits[1]!);
}
