import { crc32 } from 'node:zlib';
import { grown } from '../../../proto/grown.ts';
import { ColumnWriter, encodeSampleColumn, encodeTimestamps, type JoinedDecimals, type SampleColumnSource } from '../../chunk/index.ts';
import { compress } from '../../chunk/zstd.ts';
import { assert } from '../../runtime/assert.ts';
import { NO_COLUMN, TimeColumns } from './time-columns.ts';

/*
 * A segment row: samples of some series over some time, columnar, never changed once written. FORMAT.md draws it.
 *
 *   u8 version │ 3 × u8 0 │ u32 CRC-32 of all that follows │ u32 bytes of the directory, compressed │ the same, plain
 *   directory      zstd; columns of varints: counts of series, value frames, time columns, time frames;
 *                  per time frame columns, compressed bytes, plain bytes; per value frame series, compressed bytes, plain bytes;
 *                  samples of each time column; bytes of each time column; signed ref of each series (difference to the one before);
 *                  signed time column of each series (likewise); bytes of each series in its frame
 *   time frames    zstd: time columns (chunk/timestamps.ts), one after the other
 *   value frames   zstd: the sample columns (chunk/sample-column.ts) of the frame's series, one after the other
 *
 * Series scraped together share their timestamps, so each distinct time column is stored once a row. A frame is the unit of
 * decompression: reading one series costs its two frames, not the row.
 */
export const SEGMENT_VERSION = 4;
/** The one before, which is still read: it knew fewer codecs of values, and was the same otherwise. Not 3: one flipped bit would make it 2. */
export const SEGMENT_VERSION_BEFORE = 2;
export const HEADER_BYTES = 16;
export const CRC_END = 8;

/** One series' samples to be written. */
export interface SeriesSamples extends SampleColumnSource {
  readonly timestampsMs: Float64Array;
}

export interface SegmentRow {
  readonly bytes: Uint8Array;
  /** The series in the row, in its order; one that was stored in pieces comes several times, its pieces in the order of time. */
  readonly refs: Uint32Array;
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

const INITIAL_SERIES = 1024;

/** Collects series, in the order in which they are to be stored, into one segment row. */
export class SegmentWriter {
  readonly #times = new TimeColumns();
  readonly #timeFrames: FrameWriter;
  readonly #valueFrames: FrameWriter;
  readonly #directory = new ColumnWriter();
  #seriesCount = 0;
  /** By series: its ref, its time column, the bytes of its values. */
  #refs = new Uint32Array(INITIAL_SERIES);
  #timeColumnOf = new Uint32Array(INITIAL_SERIES);
  #valueBytes = new Uint32Array(INITIAL_SERIES);
  #sampleCount = 0;
  #minTimeMs = Infinity;
  #maxTimeMs = -Infinity;

  constructor(frameBytesTarget: number) {
    this.#timeFrames = new FrameWriter(frameBytesTarget);
    this.#valueFrames = new FrameWriter(frameBytesTarget);
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** About what the row takes so far. */
  get bytes(): number {
    // Open time columns count as if they did not compress: irregular ones hardly do, and regular ones are short and few.
    return this.#valueFrames.compressedBytes + this.#valueFrames.open.length / 4 + this.#timeFrames.compressedBytes + this.#timeFrames.open.length + this.#seriesCount * 4;
  }

  /** Adds one series' samples `start` to `end`, timestamps rising. */
  add(ref: number, samples: SeriesSamples, start: number, end: number): void {
    if (end <= start) assert(false, `series ${ref} without samples in a segment`);
    const timeColumn = this.timeColumn(samples.timestampsMs, start, end);
    encodeSampleColumn(samples, start, end, this.#valueFrames.open);
    this.#endSeries(ref, timeColumn);
  }

  /** Adds one series' values, which belong to a time column of this row; says whether they could be written. */
  addJoined(ref: number, timeColumn: number, values: JoinedDecimals): boolean {
    if (values.length !== this.#times.lengthOf(timeColumn)) assert(false, `${values.length} values of series ${ref} at ${this.#times.lengthOf(timeColumn)} times`);
    if (!values.encode(this.#valueFrames.open)) return false;
    this.#endSeries(ref, timeColumn);
    return true;
  }

  #endSeries(ref: number, timeColumn: number): void {
    const index = this.#seriesCount++;
    if (index === this.#refs.length) this.#grow();
    this.#refs[index] = ref;
    this.#timeColumnOf[index] = timeColumn;
    this.#valueBytes[index] = this.#valueFrames.endColumn();
    this.#sampleCount += this.#times.lengthOf(timeColumn);
  }

  /** The row; the writer is empty afterwards. */
  finish(): SegmentRow {
    this.#timeFrames.close();
    this.#valueFrames.close();
    const frames = [...this.#timeFrames.frames, ...this.#valueFrames.frames];
    const directory = this.#encodeDirectory(frames);
    const compressedDirectory = compress(directory);
    const bytes = new Uint8Array(HEADER_BYTES + compressedDirectory.length + this.#timeFrames.compressedBytes + this.#valueFrames.compressedBytes);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, SEGMENT_VERSION);
    view.setUint32(8, compressedDirectory.length, true);
    view.setUint32(12, directory.length, true);
    let position = HEADER_BYTES;
    for (const part of [compressedDirectory, ...frames.map((frame) => frame.bytes)]) {
      bytes.set(part, position);
      position += part.length;
    }
    view.setUint32(4, crc32(bytes.subarray(CRC_END)), true);
    const row = {
      bytes,
      refs: this.#refs.slice(0, this.#seriesCount),
      seriesCount: this.#seriesCount,
      sampleCount: this.#sampleCount,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
    };
    this.#reset();
    return row;
  }

  /** The number of the column of these timestamps, rising: good until the row is finished. */
  timeColumn(timestampsMs: Float64Array, start: number, end: number): number {
    const known = this.#times.find(timestampsMs, start, end);
    if (known !== NO_COLUMN) return known;
    if (timestampsMs[start]! < this.#minTimeMs) this.#minTimeMs = timestampsMs[start]!;
    if (timestampsMs[end - 1]! > this.#maxTimeMs) this.#maxTimeMs = timestampsMs[end - 1]!;
    encodeTimestamps(timestampsMs, start, end, this.#timeFrames.open);
    return this.#times.add(timestampsMs, start, end, this.#timeFrames.endColumn());
  }

  #encodeDirectory(frames: readonly Frame[]): Uint8Array {
    const out = this.#directory;
    out.clear();
    const { count: timeColumns } = this.#times;
    for (const count of [this.#seriesCount, this.#valueFrames.frames.length, timeColumns, this.#timeFrames.frames.length]) out.unsigned(count);
    for (const frame of frames) {
      for (const number of [frame.columns, frame.bytes.length, frame.plainBytes]) out.unsigned(number);
    }
    for (let i = 0; i < timeColumns; i++) out.unsigned(this.#times.lengthOf(i));
    for (let i = 0; i < timeColumns; i++) out.unsigned(this.#times.bytesOf(i));
    out.signedDifferences(this.#refs, this.#seriesCount);
    out.signedDifferences(this.#timeColumnOf, this.#seriesCount);
    out.unsignedAll(this.#valueBytes, this.#seriesCount);
    return out.written();
  }

  #grow(): void {
    this.#refs = grown(this.#refs);
    this.#timeColumnOf = grown(this.#timeColumnOf);
    this.#valueBytes = grown(this.#valueBytes);
  }

  #reset(): void {
    this.#timeFrames.reset();
    this.#valueFrames.reset();
    this.#times.reset();
    this.#seriesCount = 0;
    this.#sampleCount = 0;
    this.#minTimeMs = Infinity;
    this.#maxTimeMs = -Infinity;
  }
}

interface Frame {
  readonly columns: number;
  readonly plainBytes: number;
  readonly bytes: Uint8Array;
}

/** Packs columns into compressed frames of about one size. */
class FrameWriter {
  frames: Frame[] = [];
  compressedBytes = 0;
  /** Where the next column is to be written. */
  readonly open = new ColumnWriter();
  readonly #bytesTarget: number;
  #columns = 0;
  #columnStart = 0;

  constructor(bytesTarget: number) {
    this.#bytesTarget = bytesTarget;
  }

  /** A column has been written: its length. */
  endColumn(): number {
    const bytes = this.open.length - this.#columnStart;
    this.#columns++;
    this.#columnStart = this.open.length;
    if (this.#columnStart >= this.#bytesTarget) this.close();
    return bytes;
  }

  close(): void {
    if (this.#columns === 0) return;
    const bytes = compress(this.open.written());
    this.frames.push({ columns: this.#columns, plainBytes: this.open.length, bytes });
    this.compressedBytes += bytes.length;
    this.#columns = 0;
    this.#columnStart = 0;
    this.open.clear();
  }

  reset(): void {
    this.frames = [];
    this.compressedBytes = 0;
  }
}
