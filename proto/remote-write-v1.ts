import { gatherFields } from './gather-fields.ts';
import { grown } from './grown.ts';
import { fieldTag, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, WireReader } from './wire-reader.ts';
import { FieldSpans, isLargeColumn, readPlainSample, readSample, WriteColumns } from './write-columns.ts';

/*
 * Remote write 1.0, message prometheus.WriteRequest (remote_write_spec.md and prompb):
 *
 *   WriteRequest    1: repeated TimeSeries   3: repeated MetricMetadata
 *   TimeSeries      1: repeated Label  2: repeated Sample  3: repeated Exemplar  4: repeated Histogram
 *   Label           1: string name     2: string value
 *   Sample          1: double value    2: int64 timestamp (ms)
 *   Exemplar        1: repeated Label  2: double value  3: int64 timestamp (ms)
 *   MetricMetadata  1: enum type       2: string metric_family_name  4: string help  5: string unit
 *
 * Histogram: remote-write-histogram.ts.
 */

/** Fields that mean something to us where they stand, one bit a number. */
const REQUEST_FIELDS = (1 << 1) | (1 << 3);
const SERIES_FIELDS = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4);
const LABEL_FIELDS = (1 << 1) | (1 << 2);
const EXEMPLAR_FIELDS = (1 << 1) | (1 << 2) | (1 << 3);
const METADATA_FIELDS = (1 << 1) | (1 << 2) | (1 << 4) | (1 << 5);

const REQUEST_SERIES = fieldTag(1, WIRE_BYTES);
const REQUEST_METADATA = fieldTag(3, WIRE_BYTES);
const SERIES_LABEL = fieldTag(1, WIRE_BYTES);
const SERIES_SAMPLE = fieldTag(2, WIRE_BYTES);
const SERIES_EXEMPLAR = fieldTag(3, WIRE_BYTES);
const SERIES_HISTOGRAM = fieldTag(4, WIRE_BYTES);
const LABEL_NAME = fieldTag(1, WIRE_BYTES);
const LABEL_VALUE = fieldTag(2, WIRE_BYTES);
const EXEMPLAR_LABEL = fieldTag(1, WIRE_BYTES);
const EXEMPLAR_VALUE = fieldTag(2, WIRE_FIXED64);
const EXEMPLAR_TIMESTAMP = fieldTag(3, WIRE_VARINT);
const METADATA_TYPE = fieldTag(1, WIRE_VARINT);
const METADATA_FAMILY = fieldTag(2, WIRE_BYTES);
const METADATA_HELP = fieldTag(4, WIRE_BYTES);
const METADATA_UNIT = fieldTag(5, WIRE_BYTES);

/** In front of every error. */
export const REMOTE_WRITE = 'remote write';

/**
 * A WriteRequest as columns. Series `i` has its label fields, one after the other and still encoded, in bytes `labelsStart[i]` to
 * `labelsEnd[i]` of the message; strings are only made by `readLabels`, for the few series that need them.
 */
export class WriteRequestColumns extends WriteColumns {
  labelsStart = new Uint32Array(this.seriesCapacity);
  labelsEnd = new Uint32Array(this.seriesCapacity);
  /** Metadata belongs to no series: the column `series` means nothing. */
  readonly metadata = new FieldSpans();

  override clear(): void {
    super.clear();
    this.metadata.count = 0;
  }

  override get isLarge(): boolean {
    return super.isLarge || isLargeColumn(this.metadata.series);
  }

  override growSeries(): void {
    super.growSeries();
    this.labelsStart = grown(this.labelsStart);
    this.labelsEnd = grown(this.labelsEnd);
  }

  addMetadata(start: number, end: number): void {
    this.checkGrowth(this.metadata.count, 'metadata entries');
    this.metadata.add(0, start, end);
  }
}

/**
 * Decodes a whole message into columns. Unknown fields are skipped; anything cut off, of the wrong wire type or outside its parent is a
 * DecodeError. A field that should occur once and comes again replaces the earlier one, as protobuf has it. The message may be changed:
 * labels that lie apart are gathered in front of their series' other fields.
 */
export function decodeWriteRequest(bytes: Uint8Array, columns: WriteRequestColumns): void {
  new Walker(bytes, columns).walk();
}

class Walker {
  readonly #bytes: Uint8Array;
  readonly #reader: WireReader;
  readonly #columns: WriteRequestColumns;

  constructor(bytes: Uint8Array, columns: WriteRequestColumns) {
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
      const tag = reader.varint(end);
      if (tag === REQUEST_SERIES) this.#series(reader.length(end));
      else if (tag === REQUEST_METADATA) {
        const fieldEnd = reader.length(end);
        columns.addMetadata(reader.position, fieldEnd);
        reader.position = fieldEnd;
      } else reader.skipUnknown(tag, end, REQUEST_FIELDS);
    }
  }

  #series(end: number): void {
    const columns = this.#columns;
    const index = columns.seriesCount++;
    if (index >= columns.labelsStart.length) columns.growSeries();
    const bytes = this.#bytes;
    const reader = this.#reader;
    const labelsStart = reader.position;
    // The hot loop: nearly all labels are shorter than 128 bytes, and the position stays in a local.
    let position = labelsStart | 0;
    while (position < end && bytes[position] === SERIES_LABEL) {
      const length = bytes[position + 1]!;
      if (length < 0x80 && position + 2 + length <= end) position += 2 + length;
      else {
        reader.position = position + 1;
        position = reader.length(end);
      }
    }
    reader.position = position;
    columns.labelsStart[index] = labelsStart;
    columns.labelsEnd[index] = position;
    while (reader.position < end) {
      const fieldStart = reader.position;
      const tag = reader.varint(end);
      if (tag === SERIES_SAMPLE) this.#sample(reader.length(end));
      else if (tag === SERIES_LABEL) {
        if (fieldStart !== columns.labelsEnd[index]) return this.#scatteredLabels(index, labelsStart, end);
        columns.labelsEnd[index] = reader.position = reader.length(end);
      } else if (tag === SERIES_EXEMPLAR || tag === SERIES_HISTOGRAM) {
        const fieldEnd = reader.length(end);
        if (tag === SERIES_EXEMPLAR) columns.addExemplar(index, reader.position, fieldEnd);
        else columns.addHistogram(index, reader.position, fieldEnd);
        reader.position = fieldEnd;
      } else reader.skipUnknown(tag, end, SERIES_FIELDS);
    }
    columns.sampleStart[index + 1] = columns.sampleCount;
  }

  /** Begins anew with a series that has a label behind other fields. */
  #scatteredLabels(index: number, start: number, end: number): void {
    this.#columns.takeBack(index);
    this.#columns.seriesCount = index;
    gatherFields(this.#reader, { start, end }, (tag) => tag === SERIES_LABEL, 'fields');
    this.#reader.position = start;
    this.#series(end);
  }

  #sample(end: number): void {
    const columns = this.#columns;
    const reader = this.#reader;
    const index = columns.sampleCount++;
    if (index >= columns.timestampsMs.length) columns.growSamples();
    if (readPlainSample(reader, reader.position, end, columns, index)) {
      reader.position = end;
      return;
    }
    readSample(reader, end, columns, index);
  }
}

/** How many labels a run of label fields has; nothing is made of them. */
export function countLabels(bytes: Uint8Array, start: number, end: number): number {
  const reader = new WireReader(bytes, REMOTE_WRITE);
  reader.position = start;
  let labelCount = 0;
  for (; reader.position < end; labelCount++) {
    reader.varint(end); // the tag, which the walker has checked
    reader.position = reader.length(end);
  }
  return labelCount;
}

/** The labels in a run of label fields as name, value, name, value, …, in the sender's order, unchecked but for UTF-8. */
export function readLabels(bytes: Uint8Array, start: number, end: number): string[] {
  const reader = new WireReader(bytes, REMOTE_WRITE);
  const labels: string[] = [];
  reader.position = start;
  while (reader.position < end) {
    reader.varint(end); // the tag, which the walker has checked
    readLabel(reader, reader.length(end), labels);
  }
  return labels;
}

/** The label whose content lies between the position and `end`. */
function readLabel(reader: WireReader, end: number, labels: string[]): void {
  let name = '';
  let value = '';
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === LABEL_NAME) name = reader.string(end);
    else if (tag === LABEL_VALUE) value = reader.string(end);
    else reader.skipUnknown(tag, end, LABEL_FIELDS);
  }
  labels.push(name, value);
}

/** An exemplar: labels as `readLabels` has them, bits of the value with the low word first, and a time of 0 where none was sent. */
export interface WireExemplar {
  readonly labels: readonly string[];
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly timestampMs: number;
}

export function readExemplar(bytes: Uint8Array, start: number, end: number): WireExemplar {
  const reader = new WireReader(bytes, REMOTE_WRITE);
  const labels: string[] = [];
  let [bitsLow, bitsHigh, timestampMs] = [0, 0, 0];
  reader.position = start;
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === EXEMPLAR_LABEL) readLabel(reader, reader.length(end), labels);
    else if (tag === EXEMPLAR_VALUE) {
      reader.skipField(tag, end);
      bitsLow = reader.view.getUint32(reader.position - 8, true);
      bitsHigh = reader.view.getUint32(reader.position - 4, true);
    } else if (tag === EXEMPLAR_TIMESTAMP) timestampMs = reader.int64(end);
    else reader.skipUnknown(tag, end, EXEMPLAR_FIELDS);
  }
  return { labels, bitsLow, bitsHigh, timestampMs };
}

/** Metadata of a metric family. `type`: 0 unknown, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set. */
export interface WireMetadata {
  readonly type: number;
  readonly metric: string;
  readonly help: string;
  readonly unit: string;
}

export function readMetadata(bytes: Uint8Array, start: number, end: number): WireMetadata {
  const reader = new WireReader(bytes, REMOTE_WRITE);
  const metadata = { type: 0, metric: '', help: '', unit: '' };
  reader.position = start;
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === METADATA_TYPE) metadata.type = reader.int32(end);
    else if (tag === METADATA_FAMILY) metadata.metric = reader.string(end);
    else if (tag === METADATA_HELP) metadata.help = reader.string(end);
    else if (tag === METADATA_UNIT) metadata.unit = reader.string(end);
    else reader.skipUnknown(tag, end, METADATA_FIELDS);
  }
  return metadata;
}
