import { crc32c } from './crc32c.ts';
import { DecodeError } from './decode-error.ts';
import { BitWriter } from './bit-writer.ts';
import { encodeHistogramChunk, type ReadHistogram } from './histogram-chunk.ts';
import { writeLabels, writeSpans } from './prometheus-parts.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { varintLength, writeVarint } from './varint.ts';
import { fieldMask, fieldTag, WIRE_BYTES, WIRE_VARINT, WireReader } from './wire-reader.ts';
import { XOR_CHUNK_SAMPLES_MAX, XorChunkWriter } from './xor-chunk.ts';

/*
 * Prometheus' remote-read protocol (`prompb/remote.proto`): a ReadRequest in, and either one ReadResponse with all samples out, or a stream
 * of frames that each hold a ChunkedReadResponse.
 */

/** In the order of the protocol's enumeration. */
const RESPONSE_TYPES = ['samples', 'streamed-xor-chunks'] as const;
export type ReadResponseType = (typeof RESPONSE_TYPES)[number];
const MATCH_TYPES = ['=', '!=', '=~', '!~'] as const;

export interface ReadMatcher {
  readonly name: string;
  readonly type: (typeof MATCH_TYPES)[number];
  readonly value: string;
}

/** Times are Unix milliseconds, both inclusive. Hints are left out: they allow a server to answer less, and never ask it to. */
export interface ReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly ReadMatcher[];
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  /** What to answer with: the first of the client's types that is known; samples when it names none, as old clients do. */
  readonly responseType: ReadResponseType;
}

/** One series: labels as name, value, name, value; the bits of values as two words a sample, low first. */
export interface ReadSeries {
  readonly labels: readonly string[];
  readonly timestampsMs: Float64Array;
  readonly valueBits: Uint32Array;
  /** Set where a sample is a native histogram, whose value bits then mean nothing; `undefined` when there is none. */
  readonly histograms: readonly (ReadHistogram | undefined)[] | undefined;
}

/** Fields that mean something to us where they stand. */
const REQUEST_FIELDS = fieldMask(1, 2);
const QUERY_FIELDS = fieldMask(1, 2, 3);
const MATCHER_FIELDS = fieldMask(1, 2, 3);

const REQUEST_QUERY = fieldTag(1, WIRE_BYTES);
const REQUEST_TYPE = fieldTag(2, WIRE_VARINT);
const REQUEST_TYPES = fieldTag(2, WIRE_BYTES);
const QUERY_START = fieldTag(1, WIRE_VARINT);
const QUERY_END = fieldTag(2, WIRE_VARINT);
const QUERY_MATCHER = fieldTag(3, WIRE_BYTES);
const MATCHER_TYPE = fieldTag(1, WIRE_VARINT);
const MATCHER_NAME = fieldTag(2, WIRE_BYTES);
const MATCHER_VALUE = fieldTag(3, WIRE_BYTES);

export function decodeReadRequest(bytes: Uint8Array): ReadRequest {
  const reader = new WireReader(bytes, 'remote read');
  const queries: ReadQuery[] = [];
  const accepted: number[] = [];
  for (const end = bytes.length; reader.position < end; ) {
    const tag = reader.tag(end);
    if (tag === REQUEST_QUERY) queries.push(decodeQuery(reader, reader.length(end)));
    else if (tag === REQUEST_TYPE) accepted.push(reader.varint(end));
    else if (tag === REQUEST_TYPES) {
      // Packed, as proto3 has it.
      for (const last = reader.length(end); reader.position < last; ) accepted.push(reader.varint(last));
    } else reader.skipUnknown(tag, end, REQUEST_FIELDS);
  }
  const known = accepted.find((type) => RESPONSE_TYPES[type] !== undefined);
  if (known === undefined && accepted.length > 0) throw new DecodeError(`none of the accepted response types ${accepted.join(', ')} is known; want 0 (samples) or 1 (streamed XOR chunks)`);
  return { queries, responseType: RESPONSE_TYPES[known ?? 0]! };
}

/** Times are the nearest doubles: those beyond 2^53 stand for the beginning and the end of all time. */
function decodeQuery(reader: WireReader, end: number): ReadQuery {
  let startMs = 0;
  let endMs = 0;
  const matchers: ReadMatcher[] = [];
  while (reader.position < end) {
    const tag = reader.tag(end);
    if (tag === QUERY_START) startMs = Number(reader.exactInt64(end));
    else if (tag === QUERY_END) endMs = Number(reader.exactInt64(end));
    else if (tag === QUERY_MATCHER) matchers.push(decodeMatcher(reader, reader.length(end)));
    else reader.skipUnknown(tag, end, QUERY_FIELDS);
  }
  return { startMs, endMs, matchers };
}

function decodeMatcher(reader: WireReader, end: number): ReadMatcher {
  let type = 0;
  let name = '';
  let value = '';
  while (reader.position < end) {
    const tag = reader.tag(end);
    if (tag === MATCHER_TYPE) type = reader.varint(end);
    else if (tag === MATCHER_NAME) name = reader.string(end);
    else if (tag === MATCHER_VALUE) value = reader.string(end);
    else reader.skipUnknown(tag, end, MATCHER_FIELDS);
  }
  const known = MATCH_TYPES[type];
  if (known === undefined) throw new DecodeError(`matcher type ${type}, want 0 to ${MATCH_TYPES.length - 1}`);
  return { name, type: known, value };
}

/** A ReadResponse: a QueryResult for each query, in order. */
export class ReadResponseWriter {
  readonly #out = new ProtobufWriter();

  async result(series: AsyncIterable<ReadSeries>): Promise<void> {
    // Series come one by one, and the length of what holds them stands before them: each result is written apart.
    const result = new ProtobufWriter();
    for await (const { labels, timestampsMs, valueBits, histograms } of series) {
      result.message(1, () => {
        writeLabels(result, 1, labels);
        for (let i = 0; i < timestampsMs.length; i++) {
          const histogram = histograms?.[i];
          if (histogram === undefined) result.sample(2, valueBits[i * 2]!, valueBits[i * 2 + 1]!, timestampsMs[i]!);
          else result.message(4, () => writeHistogram(result, histogram, timestampsMs[i]!));
        }
      });
    }
    this.#out.bytes(1, result.written());
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#out.written();
  }
}

/** In the order of the protocol's enumeration. */
const RESET_HINTS = ['unknown', 'reset', 'not-reset', 'gauge'] as const;

/** Prometheus' message Histogram, in its form with float counts. */
function writeHistogram(out: ProtobufWriter, histogram: ReadHistogram, timestampMs: number): void {
  out.double(2, histogram.count);
  out.double(3, histogram.sum);
  out.sint64(4, histogram.schema);
  out.double(5, histogram.zeroThreshold);
  out.double(7, histogram.zeroCount);
  writeSpans(out, 8, histogram.negativeSpans);
  out.doubles(10, histogram.negativeBuckets);
  writeSpans(out, 11, histogram.positiveSpans);
  out.doubles(13, histogram.positiveBuckets);
  out.int64(14, RESET_HINTS.indexOf(histogram.counterResetHint));
  out.int64(15, timestampMs);
  out.doubles(16, histogram.customValues);
}

/** `Chunk.Encoding`. */
const XOR = 1;
const FLOAT_HISTOGRAM = 3;

/**
 * Frames of the streamed form: length as a varint, CRC-32C of the message, the message. A frame holds chunks of one series; a series that
 * does not fit goes on, with its labels, in the next one.
 */
export async function* readFrames(series: AsyncIterable<ReadSeries>, queryIndex: number, bytesTarget: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const out = new ProtobufWriter();
  const chunks = new XorChunkWriter();
  const bits = new BitWriter();
  for await (const { labels, timestampsMs, valueBits, histograms } of series) {
    for (let from = 0; from < timestampsMs.length; ) {
      out.clear();
      out.message(1, () => {
        writeLabels(out, 1, labels);
        do {
          const histogram = histograms?.[from];
          const to = histogram === undefined ? floatsEnd(histograms, from, timestampsMs.length) : from + 1;
          const data = histogram === undefined ? chunks.encode(timestampsMs, valueBits, from, to) : encodeHistogramChunk(histogram, timestampsMs[from]!, bits);
          out.message(2, () => {
            out.int64(1, timestampsMs[from]!);
            out.int64(2, timestampsMs[to - 1]!);
            out.int64(3, histogram === undefined ? XOR : FLOAT_HISTOGRAM);
            out.bytes(4, data);
          });
          from = to;
        } while (from < timestampsMs.length && out.length < bytesTarget);
      });
      if (queryIndex > 0) out.int64(2, queryIndex);
      yield frame(out.written());
    }
  }
}

/** Where a chunk of floats ends that begins at `from`: when it is full, or before the next histogram. */
function floatsEnd(histograms: ReadSeries['histograms'], from: number, sampleCount: number): number {
  const end = Math.min(from + XOR_CHUNK_SAMPLES_MAX, sampleCount);
  if (histograms === undefined) return end;
  let to = from + 1;
  while (to < end && histograms[to] === undefined) to++;
  return to;
}

function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const lengthBytes = varintLength(message.length);
  const bytes = new Uint8Array(lengthBytes + 4 + message.length);
  writeVarint(bytes, 0, message.length);
  new DataView(bytes.buffer).setUint32(lengthBytes, crc32c(message));
  bytes.set(message, lengthBytes + 4);
  return bytes;
}
