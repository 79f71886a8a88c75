import { gatherFields } from './gather-fields.ts';
import { grown } from './grown.ts';
import { fieldMask, WIRE_BYTES, WIRE_FIXED64, type WireReader } from './wire-reader.ts';

/*
 * Data points of OTLP (opentelemetry/proto/metrics/v1/metrics.proto), each kind read into one object that is used again and again.
 *
 *   all                        2: fixed64 start_time_unix_nano  3: fixed64 time_unix_nano
 *   NumberDataPoint            4: double as_double  5: Exemplar  6: sfixed64 as_int  7: KeyValue  8: uint32 flags
 *   HistogramDataPoint         4: fixed64 count  5: double sum  6: fixed64 bucket_counts  7: double explicit_bounds  8: Exemplar
 *                              9: KeyValue  10: uint32 flags  11: double min  12: double max
 *   ExponentialHistogramData…  1: KeyValue  4: fixed64 count  5: double sum  6: sint32 scale  7: fixed64 zero_count  8, 9: Buckets positive,
 *                              negative  10: uint32 flags  11: Exemplar  12: double min  13: double max  14: double zero_threshold
 *   Buckets                    1: sint32 offset  2: uint64 bucket_counts
 *   SummaryDataPoint           4: fixed64 count  5: double sum  6: ValueAtQuantile  7: KeyValue  8: uint32 flags
 *   ValueAtQuantile            1: double quantile  2: double value
 */
export type PointKind = 'number' | 'histogram' | 'exponential' | 'summary';

/** Field number of the attributes of each kind of point. */
export const ATTRIBUTES_FIELD: Readonly<Record<PointKind, number>> = { number: 7, histogram: 9, exponential: 1, summary: 7 };

/** Bit 0 of a point's flags: there is no value, and none will come for a while (DataPointFlags). */
const NO_RECORDED_VALUE = 1;

/** The count and the sum have the same numbers in all kinds that have them. */
export const COUNT = (4 << 3) | WIRE_FIXED64;
export const SUM = (5 << 3) | WIRE_FIXED64;
const START_TIME = (2 << 3) | WIRE_FIXED64;
const TIME = (3 << 3) | WIRE_FIXED64;
const MS_PER_2_32_NS = 4294;
/** 2^32 ns are 4294 ms and these. */
const REST_OF_2_32_NS = 967_296;

/** Milliseconds of a fixed64 of nanoseconds, rounded down, exactly: the nanoseconds themselves do not fit a number. */
export function readUnixNanoMs(view: DataView, position: number): number {
  const low = view.getUint32(position, true);
  const high = view.getUint32(position + 4, true);
  return high * MS_PER_2_32_NS + Math.floor((high * REST_OF_2_32_NS + low) / 1_000_000);
}

export function readUint64(view: DataView, position: number): number {
  return view.getUint32(position + 4, true) * 2 ** 32 + view.getUint32(position, true);
}

/** Who may have seen the attributes of a point before. */
export interface KnownAttributes {
  /**
   * How many bytes of the message from `start` on, and not beyond `end`, are attributes that have been read before from the same bytes: one field or several, each
   * whole. 0 when it is not known. More may follow them.
   */
  attributesFrom(start: number, end: number): number;
}

const scratch = new Float64Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** What all points have. Spans are positions in the message. */
export abstract class Point {
  timeMs = 0;
  /** 0 when the sender does not say. */
  startMs = 0;
  flags = 0;
  /** The attributes, in one run of fields. */
  attributesStart = 0;
  attributesEnd = 0;
  exemplarCount = 0;
  exemplarStart = new Uint32Array(16);
  exemplarEnd = new Uint32Array(16);

  protected abstract readonly attributesTag: number;
  protected abstract readonly exemplarTag: number;
  protected abstract clear(): void;
  /** Reads a field of this kind; false when it is none. */
  protected abstract field(cursor: WireReader, tag: number, end: number): boolean;
  protected abstract readonly fields: number;

  get hasNoRecordedValue(): boolean {
    return (this.flags & NO_RECORDED_VALUE) !== 0;
  }

  /** Reads the message from the cursor's position to `end`. It may move fields about within the message. */
  read(cursor: WireReader, end: number, known: KnownAttributes): void {
    const start = cursor.position;
    if (this.#readOnce(cursor, end, known)) return;
    gatherFields(cursor, { start, end }, (tag) => tag === this.attributesTag, 'fields');
    cursor.position = start;
    this.#readOnce(cursor, end, known);
  }

  /** False when the attributes are not in one run. */
  #readOnce(cursor: WireReader, end: number, known: KnownAttributes): boolean {
    const { attributesTag, exemplarTag } = this;
    this.timeMs = this.startMs = this.flags = this.exemplarCount = 0;
    this.attributesStart = this.attributesEnd = cursor.position;
    this.clear();
    while (cursor.position < end) {
      const fieldStart = cursor.position;
      const tag = cursor.tag(end);
      if (tag === attributesTag) {
        let length = 0;
        if (this.attributesStart === this.attributesEnd) {
          this.attributesStart = fieldStart;
          length = known.attributesFrom(fieldStart, end);
        } else if (this.attributesEnd !== fieldStart) return false;
        cursor.position = this.attributesEnd = length === 0 ? cursor.length(end) : fieldStart + length;
      } else if (tag === TIME) this.timeMs = readUnixNanoMs(cursor.view, cursor.fixed64(end));
      else if (tag === START_TIME) this.startMs = readUnixNanoMs(cursor.view, cursor.fixed64(end));
      else if (this.field(cursor, tag, end)) continue;
      else if (tag === exemplarTag) this.#exemplar(cursor, end);
      else cursor.skipUnknown(tag, end, this.fields);
    }
    return true;
  }

  #exemplar(cursor: WireReader, end: number): void {
    const index = this.exemplarCount++;
    if (index >= this.exemplarStart.length) {
      this.exemplarStart = grown(this.exemplarStart);
      this.exemplarEnd = grown(this.exemplarEnd);
    }
    const exemplarEnd = cursor.length(end);
    this.exemplarStart[index] = cursor.position;
    this.exemplarEnd[index] = cursor.position = exemplarEnd;
  }
}

const AS_DOUBLE = (4 << 3) | WIRE_FIXED64;
const AS_INT = (6 << 3) | WIRE_FIXED64;

export class NumberPoint extends Point {
  hasValue = false;
  /** The value as float64 bits, which keeps the payload of a NaN. */
  bitsLow = 0;
  bitsHigh = 0;
  protected readonly attributesTag = (7 << 3) | WIRE_BYTES;
  protected readonly exemplarTag = (5 << 3) | WIRE_BYTES;
  protected readonly fields = fieldMask(2, 3, 4, 5, 6, 7, 8);

  protected clear(): void {
    this.hasValue = false;
    this.bitsLow = this.bitsHigh = 0;
  }

  protected field(cursor: WireReader, tag: number, end: number): boolean {
    if (tag === AS_DOUBLE) {
      const at = cursor.fixed64(end);
      this.bitsLow = cursor.view.getUint32(at, true);
      this.bitsHigh = cursor.view.getUint32(at + 4, true);
      this.hasValue = true;
    } else if (tag === AS_INT) {
      const at = cursor.fixed64(end);
      scratch[0] = cursor.view.getInt32(at + 4, true) * 2 ** 32 + cursor.view.getUint32(at, true);
      this.bitsLow = scratchBits[0]!;
      this.bitsHigh = scratchBits[1]!;
      this.hasValue = true;
    } else if (tag === 8 << 3) this.flags = cursor.int32(end);
    else return false;
    return true;
  }
}
