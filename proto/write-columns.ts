import { DecodeError } from './decode-error.ts';
import { grown } from './grown.ts';
import { fieldMask, fieldTag, WIRE_FIXED64, WIRE_VARINT, type WireReader } from './wire-reader.ts';

const INITIAL_SERIES = 4096;
/** Columns longer than this are not kept for the next request: a large request must not hold their memory for good. Common ones have 2,000 series. */
const KEPT_ENTRIES_MAX = 64 * 1024;

/** Whether a column is too long to be kept for the next request. */
export function isLargeColumn({ length }: { readonly length: number }): boolean {
  return length > KEPT_ENTRIES_MAX + 1;
}

/** Fields of a message that are decoded later, if at all: where each lies, and which series it belongs to. */
export class FieldSpans {
  count = 0;
  series = new Uint32Array(16);
  start = new Uint32Array(16);
  end = new Uint32Array(16);

  add(series: number, start: number, end: number): void {
    const index = this.count++;
    if (index >= this.series.length) {
      this.series = grown(this.series);
      this.start = grown(this.start);
      this.end = grown(this.end);
    }
    this.series[index] = series;
    this.start[index] = start;
    this.end[index] = end;
  }

  /** Forgets the newest fields, those of `series`. */
  takeBack(series: number): void {
    while (this.count > 0 && this.series[this.count - 1] === series) this.count--;
  }
}

/**
 * What both versions of remote write have in common, as columns that are reused from request to request. Series `i` has the samples from
 * `sampleStart[i]` to `sampleStart[i + 1]`. Values are kept as bits (low word first), which keeps stale markers. Histograms and exemplars
 * are found, in the order of their series, but not decoded.
 */
export class WriteColumns {
  seriesCount = 0;
  sampleCount = 0;
  sampleStart = new Uint32Array(INITIAL_SERIES + 1);
  timestampsMs = new Float64Array(INITIAL_SERIES);
  valueBits = new Uint32Array(INITIAL_SERIES * 2);
  readonly histograms = new FieldSpans();
  readonly exemplars = new FieldSpans();
  /** Whether it is known that each series has one sample, no more and no fewer. */
  hasOneSampleEach = false;
  /** Whether any sample has a start timestamp, which only 2.0 knows. */
  hasStarts = false;
  /** Whether bytes of the message were moved, see takeBack. */
  hasMoved = false;
  readonly #entriesMax: number;

  /** A request with more of anything than this is refused: two bytes of a message can ask for sixteen of memory. */
  constructor(entriesMax = Infinity) {
    this.#entriesMax = entriesMax;
  }

  clear(): void {
    this.seriesCount = this.sampleCount = 0;
    this.sampleStart[0] = 0;
    this.histograms.count = this.exemplars.count = 0;
    this.hasStarts = this.hasMoved = false;
  }

  /** Whether they have become larger than what is kept from request to request. */
  get isLarge(): boolean {
    return isLargeColumn(this.sampleStart) || isLargeColumn(this.timestampsMs) || isLargeColumn(this.histograms.series) || isLargeColumn(this.exemplars.series);
  }

  get seriesCapacity(): number {
    return this.sampleStart.length - 1;
  }

  /** Doubles the room for series; whoever adds columns grows them too. */
  growSeries(): void {
    this.checkGrowth(this.seriesCapacity, 'series');
    const starts = new Uint32Array(this.seriesCapacity * 2 + 1);
    starts.set(this.sampleStart);
    this.sampleStart = starts;
  }

  growSamples(): void {
    this.checkGrowth(this.timestampsMs.length, 'samples');
    this.timestampsMs = grown(this.timestampsMs);
    this.valueBits = grown(this.valueBits);
  }

  checkGrowth(length: number, what: string): void {
    if (length >= this.#entriesMax) throw new DecodeError(`remote write: more than ${length} ${what} in one request, the limit writeEntriesMax; send smaller requests`);
  }

  addHistogram(series: number, start: number, end: number): void {
    this.#add(this.histograms, 'histograms', series, start, end);
  }

  addExemplar(series: number, start: number, end: number): void {
    this.#add(this.exemplars, 'exemplars', series, start, end);
  }

  /**
   * Forgets what has been read of the newest series, whose labels turn out to lie apart. The columns want them in one run: the walker gathers
   * them in front, once, and reads the series again. Field by field, a series of a million labels behind a long field would take hours.
   */
  takeBack(series: number): void {
    this.hasMoved = true;
    this.sampleCount = this.sampleStart[series]!;
    this.histograms.takeBack(series);
    this.exemplars.takeBack(series);
  }

  #add(spans: FieldSpans, what: string, series: number, start: number, end: number): void {
    this.checkGrowth(spans.count, what);
    spans.add(series, start, end);
  }
}

/**
 * Bytes of a sample as nearly all are: tag and eight bytes of the value, tag and six bytes of a timestamp between 1971 and 2109; of a value of
 * zero there is nothing. Both versions of remote write have the same fields there.
 */
const PLAIN_SAMPLE_BYTES = 16;
const PLAIN_ZERO_BYTES = 7;
const VALUE_TAG = 0x09;
const TIMESTAMP_TAG = 0x10;

/** The end of the sample of one of those forms that begins at `at`. */
export function plainSampleEnd(bytes: Uint8Array, at: number): number {
  return at + (bytes[at] === VALUE_TAG ? PLAIN_SAMPLE_BYTES : PLAIN_ZERO_BYTES);
}

/** Reads a sample of one of those forms, from `at` to `end`, into the columns; answers false, with nothing read, when it is of another one. */
export function readPlainSample(reader: WireReader, at: number, end: number, columns: WriteColumns, index: number): boolean {
  const { bytes, view } = reader;
  const isZero = end - at === PLAIN_ZERO_BYTES;
  if (isZero ? bytes[at] !== TIMESTAMP_TAG : end - at !== PLAIN_SAMPLE_BYTES || bytes[at] !== VALUE_TAG || bytes[at + 9] !== TIMESTAMP_TAG) return false;
  const first = view.getUint32(end - 6, true);
  const last = view.getUint16(end - 2, true);
  // Of the six bytes all but the last one go on.
  if ((first & 0x80808080) !== (0x80808080 | 0) || (last & 0x8080) !== 0x0080) return false;
  const low = (first & 0x7f) | ((first >>> 1) & 0x3f80) | ((first >>> 2) & 0x1fc000) | ((first >>> 3) & 0xfe00000);
  const high = (last & 0x7f) | ((last >>> 1) & 0x3f80);
  columns.timestampsMs[index] = high * 0x10000000 + low;
  columns.valueBits[index * 2] = isZero ? 0 : view.getUint32(at + 1, true);
  columns.valueBits[index * 2 + 1] = isZero ? 0 : view.getUint32(at + 5, true);
  return true;
}

const SAMPLE_VALUE = fieldTag(1, WIRE_FIXED64);
const SAMPLE_TIMESTAMP = fieldTag(2, WIRE_VARINT);
const SAMPLE_START = fieldTag(3, WIRE_VARINT);
const SAMPLE_FIELDS = fieldMask(1, 2);
const SAMPLE_FIELDS_WITH_START = fieldMask(1, 2, 3);

/** Reads a sample of any form, from the reader's position to `end`, into the columns; with `startsMs`, as 2.0 has it, its start timestamp too. */
export function readSample(reader: WireReader, end: number, columns: WriteColumns, index: number, startsMs?: Float64Array): void {
  // Proto3 leaves out zeros: a sample without a value field is 0.
  columns.valueBits[index * 2] = 0;
  columns.valueBits[index * 2 + 1] = 0;
  columns.timestampsMs[index] = 0;
  while (reader.position < end) {
    const tag = reader.varint(end);
    if (tag === SAMPLE_VALUE) {
      const at = reader.fixed64(end);
      columns.valueBits[index * 2] = reader.view.getUint32(at, true);
      columns.valueBits[index * 2 + 1] = reader.view.getUint32(at + 4, true);
    } else if (tag === SAMPLE_TIMESTAMP) columns.timestampsMs[index] = reader.int64(end);
    else if (tag === SAMPLE_START && startsMs !== undefined) {
      startsMs[index] = reader.int64(end);
      columns.hasStarts = true;
    }
    else reader.skipUnknown(tag, end, startsMs === undefined ? SAMPLE_FIELDS : SAMPLE_FIELDS_WITH_START);
  }
}
