import { gatherFields } from './gather-fields.ts';
import { grown } from './grown.ts';
import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, WireReader } from './wire-reader.ts';
import { isLargeColumn, readPlainSample, readSample, WriteColumns } from './write-columns.ts';

/*
 * Remote write 2.0, message io.prometheus.write.v2.Request (remote_write_spec_2_0.md and prompb/io/prometheus/write/v2):
 *
 *   Request     4: repeated string symbols      5: repeated TimeSeries
 *   TimeSeries  1: repeated uint32 labels_refs  2: repeated Sample  3: repeated Histogram  4: repeated Exemplar  5: Metadata
 *               6: int64 created_timestamp (ms; in drafts, before samples had their own)
 *   Sample      1: double value                 2: int64 timestamp (ms)     3: int64 start_timestamp (ms)
 *   Exemplar    1: repeated uint32 labels_refs  2: double value     3: int64 timestamp (ms)
 *   Metadata    1: enum type                    3: uint32 help_ref  4: uint32 unit_ref
 *
 * Refs are positions among the symbols, of which the first is empty. Histogram: remote-write-histogram.ts.
 */

/** Fields that mean something to us where they stand, one bit a number. */
const REQUEST_FIELDS = (1 << 4) | (1 << 5);
const SERIES_FIELDS = 0x7e;
const EXEMPLAR_FIELDS = (1 << 1) | (1 << 2) | (1 << 3);
const METADATA_FIELDS = (1 << 1) | (1 << 3) | (1 << 4);

const REQUEST_SYMBOL = fieldTag(4, WIRE_BYTES);
const REQUEST_SERIES = fieldTag(5, WIRE_BYTES);
const LABELS_REFS = fieldTag(1, WIRE_BYTES);
const LABELS_REF = fieldTag(1, WIRE_VARINT);
const SERIES_SAMPLE = fieldTag(2, WIRE_BYTES);
const SERIES_HISTOGRAM = fieldTag(3, WIRE_BYTES);
const SERIES_EXEMPLAR = fieldTag(4, WIRE_BYTES);
const SERIES_METADATA = fieldTag(5, WIRE_BYTES);
const SERIES_CREATED = fieldTag(6, WIRE_VARINT);
const EXEMPLAR_VALUE = fieldTag(2, WIRE_FIXED64);
const EXEMPLAR_TIMESTAMP = fieldTag(3, WIRE_VARINT);
const METADATA_TYPE = fieldTag(1, WIRE_VARINT);
const METADATA_HELP = fieldTag(3, WIRE_VARINT);
const METADATA_UNIT = fieldTag(4, WIRE_VARINT);

/** In front of every error. */
const REMOTE_WRITE = 'remote write 2.0';

const INITIAL_SYMBOLS = 4096;
/** The first reference that takes more than two bytes. */
const LONG_REF = 2 ** 14;
/** Of plain samples (readPlainSample): the bytes of one, and of one whose value is zero, which is not sent; and how they begin. Constants of another module are not folded. */
const PLAIN_BYTES = 16;
const PLAIN_ZERO_BYTES = 7;
const SAMPLE_VALUE = fieldTag(1, WIRE_FIXED64);
const SAMPLE_TIMESTAMP = fieldTag(2, WIRE_VARINT);
const VALUE_BYTES = 9;

/**
 * A Request as columns. Symbol `i` lies in bytes `symbolStart[i]` to `symbolEnd[i]` of the message. Series `i` has the references of its
 * labels (name, value, …) still encoded, one varint after the other, in bytes `refsStart[i]` to `refsEnd[i]`; and of its metadata the type
 * and the references of help text and unit, zeros where none was sent.
 */
export class RequestColumns extends WriteColumns {
  symbolCount = 0;
  symbolStart = new Uint32Array(INITIAL_SYMBOLS);
  symbolEnd = new Uint32Array(INITIAL_SYMBOLS);
  refsStart = new Uint32Array(this.seriesCapacity);
  refsEnd = new Uint32Array(this.seriesCapacity);
  metadataType = new Uint32Array(this.seriesCapacity);
  helpRef = new Uint32Array(this.seriesCapacity);
  unitRef = new Uint32Array(this.seriesCapacity);
  /** Where each sample that is plain (readPlainSample) begins in the message, and how many are. */
  samplesAt = new Uint32Array(this.timestampsMs.length);
  plainSampleCount = 0;
  /** Start timestamp of each sample, Unix ms, 0 where unknown. Zeros behind the last sample, too, as in `createdMs`. */
  startsMs = new Float64Array(this.timestampsMs.length);
  /** The same of all samples and histograms of a series that have none themselves. */
  createdMs = new Float64Array(this.seriesCapacity);

  override clear(): void {
    if (this.hasStarts) {
      this.startsMs.fill(0);
      this.createdMs.fill(0);
    }
    super.clear();
    this.symbolCount = this.plainSampleCount = 0;
    this.hasOneSampleEach = true;
  }

  override get isLarge(): boolean {
    return super.isLarge || isLargeColumn(this.symbolStart);
  }

  override growSeries(): void {
    super.growSeries();
    this.refsStart = grown(this.refsStart);
    this.refsEnd = grown(this.refsEnd);
    this.metadataType = grown(this.metadataType);
    this.helpRef = grown(this.helpRef);
    this.unitRef = grown(this.unitRef);
    this.createdMs = grown(this.createdMs);
  }

  override growSamples(): void {
    super.growSamples();
    this.startsMs = grown(this.startsMs);
    this.samplesAt = grown(this.samplesAt);
  }

  growSymbols(): void {
    this.checkGrowth(this.symbolStart.length, 'symbols');
    this.symbolStart = grown(this.symbolStart);
    this.symbolEnd = grown(this.symbolEnd);
  }
}

/**
 * Decodes a whole message into columns. Unknown fields are skipped; anything cut off, of the wrong wire type or outside its parent is a
 * DecodeError. A field that should occur once and comes again replaces the earlier one. The message may be changed: references that lie apart
 * are gathered in front of their series' other fields.
 */
export function decodeRequest(bytes: Uint8Array, columns: RequestColumns): void {
  new Walker(bytes, columns).walk();
}

class Walker {
  readonly #bytes: Uint8Array;
  readonly #reader: WireReader;
  readonly #columns: RequestColumns;

  constructor(bytes: Uint8Array, columns: RequestColumns) {
    this.#bytes = bytes;
    this.#reader = new WireReader(bytes, REMOTE_WRITE);
    this.#columns = columns;
  }

  walk(): void {
    const columns = this.#columns;
    const reader = this.#reader;
    columns.clear();
    const end = this.#bytes.length;
    while (reader.position < end) {
      reader.position = this.#plainSeries(reader.position);
      if (reader.position === end) break;
      const tag = reader.varint(end);
      if (tag === REQUEST_SERIES) this.#series(reader.length(end));
      else if (tag === REQUEST_SYMBOL) this.#symbol(reader.length(end));
      else reader.skipUnknown(tag, end, REQUEST_FIELDS);
    }
    if (columns.symbolCount > 0 && columns.symbolEnd[0] !== columns.symbolStart[0]) throw reader.error('the first symbol is not empty');
  }

  #symbol(end: number): void {
    const columns = this.#columns;
    const index = columns.symbolCount++;
    if (index >= columns.symbolStart.length) columns.growSymbols();
    columns.symbolStart[index] = this.#reader.position;
    columns.symbolEnd[index] = end;
    this.#reader.position = end;
  }

  /**
   * The hot loop: series as Prometheus sends floats, of less than 128 bytes: references, one plain sample, metadata if any, with references of at
   * most two bytes. Answers where it came upon anything else.
   */
  #plainSeries(start: number): number {
    const columns = this.#columns;
    const { bytes, view } = this.#reader;
    const { refsStart, refsEnd, metadataType, helpRef, unitRef, sampleStart, samplesAt, timestampsMs, valueBits } = columns;
    const end = bytes.length;
    let position = start | 0;
    let sample = columns.sampleCount;
    // Nearly all samples of a request have the time of the one before: its six bytes, little-endian, and what they are.
    let timeFirst = 0;
    let timeLast = -1;
    let timestampMs = 0;
    let index = columns.seriesCount;
    const indexEnd = index + Math.min(refsStart.length - index, samplesAt.length - sample);
    for (; index < indexEnd && position + 4 <= end && bytes[position] === REQUEST_SERIES && bytes[position + 2] === LABELS_REFS; index++, sample++) {
      const length = bytes[position + 1]!;
      const seriesEnd = position + 2 + length;
      if (length < 2 || length >= 0x80 || seriesEnd > end) break;
      const refsAt = position + 4;
      // A length of 128 and more, which goes on in another byte, ends behind the series.
      const sampleTag = refsAt + bytes[position + 3]!;
      const sampleAt = sampleTag + 2;
      if (sampleAt > seriesEnd || bytes[sampleTag] !== SERIES_SAMPLE) break;
      const sampleEnd = sampleAt + bytes[sampleTag + 1]!;
      if (sampleEnd > seriesEnd) break;
      let type = 0;
      let help = 0;
      let unit = 0;
      if (sampleEnd < seriesEnd) {
        let at = sampleEnd + 2;
        if (at > seriesEnd || bytes[sampleEnd] !== SERIES_METADATA || at + bytes[sampleEnd + 1]! !== seriesEnd) break;
        if (at + 2 <= seriesEnd && bytes[at] === METADATA_TYPE) {
          type = bytes[at + 1]!;
          if (type >= 0x80) break;
          at += 2;
        }
        if (at + 2 <= seriesEnd && bytes[at] === METADATA_HELP) {
          help = bytes[at + 1]!;
          at += 2;
          if (help >= 0x80) help = at < seriesEnd ? (help & 0x7f) | (bytes[at++]! << 7) : LONG_REF;
        }
        if (at + 2 <= seriesEnd && bytes[at] === METADATA_UNIT) {
          unit = bytes[at + 1]!;
          at += 2;
          if (unit >= 0x80) unit = at < seriesEnd ? (unit & 0x7f) | (bytes[at++]! << 7) : LONG_REF;
        }
        if (at !== seriesEnd || help >= LONG_REF || unit >= LONG_REF) break;
      }
      // As readPlainSample does it for one sample.
      const isZero = sampleEnd - sampleAt === PLAIN_ZERO_BYTES;
      if (isZero ? bytes[sampleAt] !== SAMPLE_TIMESTAMP : sampleEnd - sampleAt !== PLAIN_BYTES || bytes[sampleAt] !== SAMPLE_VALUE || bytes[sampleAt + VALUE_BYTES] !== SAMPLE_TIMESTAMP) break;
      const first = view.getInt32(sampleEnd - 6, true);
      const last = view.getUint16(sampleEnd - 2, true);
      if (first !== timeFirst || last !== timeLast) {
        if ((first & 0x80808080) !== (0x80808080 | 0) || (last & 0x8080) !== 0x0080) break;
        const low = (first & 0x7f) | ((first >>> 1) & 0x3f80) | ((first >>> 2) & 0x1fc000) | ((first >>> 3) & 0xfe00000);
        const high = (last & 0x7f) | ((last >>> 1) & 0x3f80);
        timestampMs = high * 0x10000000 + low;
        timeFirst = first;
        timeLast = last;
      }
      timestampsMs[sample] = timestampMs;
      valueBits[sample * 2] = isZero ? 0 : view.getUint32(sampleAt + 1, true);
      valueBits[sample * 2 + 1] = isZero ? 0 : view.getUint32(sampleAt + 5, true);
      refsStart[index] = refsAt;
      refsEnd[index] = sampleTag;
      metadataType[index] = type;
      helpRef[index] = help;
      unitRef[index] = unit;
      samplesAt[sample] = sampleAt;
      sampleStart[index + 1] = sample + 1;
      position = seriesEnd;
    }
    columns.plainSampleCount += sample - columns.sampleCount;
    columns.sampleCount = sample;
    columns.seriesCount = index;
    return position;
  }

  #series(end: number): void {
    const columns = this.#columns;
    const index = columns.seriesCount++;
    if (index >= columns.refsStart.length) columns.growSeries();
    const start = this.#reader.position;
    columns.refsStart[index] = columns.refsEnd[index] = start;
    columns.metadataType[index] = columns.helpRef[index] = columns.unitRef[index] = 0;
    if (!this.#fields(index, end)) this.#scatteredRefs(index, start, end);
    columns.sampleStart[index + 1] = columns.sampleCount;
    if (columns.sampleCount !== columns.sampleStart[index]! + 1) columns.hasOneSampleEach = false;
  }

  /** Answers false when it comes upon references and there have been some: then nothing of the series counts. */
  #fields(index: number, end: number): boolean {
    const columns = this.#columns;
    const reader = this.#reader;
    while (reader.position < end) {
      const tag = reader.varint(end);
      switch (tag) {
        case LABELS_REFS: {
          const refsEnd = reader.length(end);
          if (!this.#setRefs(index, reader.position, refsEnd)) return false;
          reader.position = refsEnd;
          break;
        }
        case LABELS_REF: {
          const refStart = reader.position;
          reader.varint(end);
          if (!this.#setRefs(index, refStart, reader.position)) return false;
          break;
        }
        case SERIES_SAMPLE: {
          const sampleEnd = reader.length(end);
          this.#sample(reader.position, sampleEnd);
          reader.position = sampleEnd;
          break;
        }
        case SERIES_METADATA:
          this.#metadata(index, reader.length(end));
          break;
        case SERIES_CREATED:
          columns.createdMs[index] = reader.int64(end);
          columns.hasStarts = true;
          break;
        case SERIES_HISTOGRAM:
        case SERIES_EXEMPLAR: {
          const fieldEnd = reader.length(end);
          if (tag === SERIES_EXEMPLAR) columns.addExemplar(index, reader.position, fieldEnd);
          else columns.addHistogram(index, reader.position, fieldEnd);
          reader.position = fieldEnd;
          break;
        }
        default:
          reader.skipUnknown(tag, end, SERIES_FIELDS);
      }
    }
    return true;
  }

  /** The references of a series that has none yet; false when it has. */
  #setRefs(index: number, start: number, end: number): boolean {
    const { refsStart, refsEnd } = this.#columns;
    if (refsStart[index] !== refsEnd[index]) return false;
    refsStart[index] = start;
    refsEnd[index] = end;
    return true;
  }

  /** References that stand one by one, or in several fields: they become one run in front of the other fields, which are then read anew. */
  #scatteredRefs(index: number, start: number, end: number): void {
    const columns = this.#columns;
    const reader = this.#reader;
    columns.takeBack(index);
    columns.createdMs[index] = columns.metadataType[index] = columns.helpRef[index] = columns.unitRef[index] = 0;
    const { gatheredEnd, othersEnd } = gatherFields(reader, { start, end }, (tag) => tag === LABELS_REFS || tag === LABELS_REF, 'varints');
    columns.refsStart[index] = start;
    columns.refsEnd[index] = reader.position = gatheredEnd;
    this.#fields(index, othersEnd);
    reader.position = end;
  }

  #sample(start: number, end: number): void {
    const columns = this.#columns;
    const reader = this.#reader;
    const index = columns.sampleCount++;
    if (index >= columns.timestampsMs.length) columns.growSamples();
    if (readPlainSample(reader, start, end, columns, index)) {
      columns.samplesAt[index] = start;
      columns.plainSampleCount++;
      return;
    }
    reader.position = start;
    readSample(reader, end, columns, index, columns.startsMs);
  }

  #metadata(index: number, end: number): void {
    const columns = this.#columns;
    const reader = this.#reader;
    // Of a message that comes twice protobuf merges the fields.
    let type = columns.metadataType[index]!;
    let helpRef = columns.helpRef[index]!;
    let unitRef = columns.unitRef[index]!;
    while (reader.position < end) {
      const tag = reader.varint(end);
      if (tag === METADATA_TYPE) type = reader.int32(end);
      else if (tag === METADATA_HELP) helpRef = reader.varint(end);
      else if (tag === METADATA_UNIT) unitRef = reader.varint(end);
      else reader.skipUnknown(tag, end, METADATA_FIELDS);
    }
    columns.metadataType[index] = type;
    columns.helpRef[index] = helpRef;
    columns.unitRef[index] = unitRef;
  }
}

/** An exemplar: refs of its labels (name, value, …, unchecked), bits of the value with the low word first, a time of 0 where none was sent. */
export interface WireExemplar {
  readonly refs: readonly number[];
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly timestampMs: number;
}

export function readExemplar(reader: WireReader, start: number, end: number): WireExemplar {
  const refs: number[] = [];
  let [bitsLow, bitsHigh, timestampMs] = [0, 0, 0];
  reader.position = start;
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === LABELS_REFS) {
      const refsEnd = reader.length(end);
      while (reader.position < refsEnd) refs.push(reader.varint(refsEnd));
    } else if (tag === LABELS_REF) refs.push(reader.varint(end));
    else if (tag === EXEMPLAR_VALUE) {
      reader.skipField(tag, end);
      bitsLow = reader.view.getUint32(reader.position - 8, true);
      bitsHigh = reader.view.getUint32(reader.position - 4, true);
    } else if (tag === EXEMPLAR_TIMESTAMP) timestampMs = reader.int64(end);
    else reader.skipUnknown(tag, end, EXEMPLAR_FIELDS);
  }
  return { refs, bitsLow, bitsHigh, timestampMs };
}

/** The references of a series' labels, from `start` to `end`: at most `countMax`, one more where there are more. */
export function readRefs(reader: WireReader, start: number, end: number, countMax: number): number[] {
  const refs: number[] = [];
  reader.position = start;
  while (reader.position < end && refs.length <= countMax) refs.push(reader.varint(end));
  return refs;
}

/** A reader of a message whose fields were found by `decodeRequest`. */
export function requestReader(bytes: Uint8Array): WireReader {
  return new WireReader(bytes, REMOTE_WRITE);
}
