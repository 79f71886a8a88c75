import { crc32 } from 'node:zlib';
import { ColumnWriter, encodeSampleColumn, encodeTimestamps, type SampleColumnSource } from '../chunk/index.ts';
import { compress } from '../chunk/zstd.ts';
import { assert } from '../runtime/assert.ts';

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

/** Columns of one hash that a new one is compared with. */
const TIME_CANDIDATES_MAX = 8;

/** One series' samples to be written. */
export interface SeriesSamples extends SampleColumnSource {
  readonly timestampsMs: Float64Array;
}

interface SeriesEntry {
  readonly ref: number;
  readonly timeColumn: number;
  readonly bytes: number;
}

export interface SegmentRow {
  readonly bytes: Uint8Array;
  /** The series in the row, in its order; one that was stored in pieces comes several times, its pieces in the order of time. */
  readonly refs: readonly number[];
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

/** Collects series, in the order in which they are to be stored, into one segment row. */
export class SegmentWriter {
  readonly #times: FrameWriter;
  readonly #values: FrameWriter;
  /** The row's time columns, and by hash which ones may be the one looked for. */
  #timeColumns: Float64Array[] = [];
  readonly #timeColumnsOf = new Map<number, number[]>();
  #timeLengths: number[] = [];
  #timeBytes: number[] = [];
  #series: SeriesEntry[] = [];
  #sampleCount = 0;
  #minTimeMs = Infinity;
  #maxTimeMs = -Infinity;

  constructor(frameBytesTarget: number) {
    this.#times = new FrameWriter(frameBytesTarget);
    this.#values = new FrameWriter(frameBytesTarget);
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  /** About what the row takes so far. */
  get bytes(): number {
    // Open time columns count as if they did not compress: irregular ones hardly do, and regular ones are short and few.
    return this.#values.compressedBytes + this.#values.openBytes / 4 + this.#times.compressedBytes + this.#times.openBytes + this.#series.length * 4;
  }

  /** Adds one series' samples `start` to `end`, timestamps rising. */
  add(ref: number, samples: SeriesSamples, start: number, end: number): void {
    const { timestampsMs } = samples;
    if (end <= start) assert(false, `series ${ref} without samples in a segment`);
    const timeColumn = this.#timeColumn(timestampsMs, start, end);
    const bytes = this.#values.add((out) => encodeSampleColumn(samples, start, end, out));
    this.#series.push({ ref, timeColumn, bytes });
    this.#sampleCount += end - start;
    this.#minTimeMs = Math.min(this.#minTimeMs, timestampsMs[start]!);
    this.#maxTimeMs = Math.max(this.#maxTimeMs, timestampsMs[end - 1]!);
  }

  /** The row; the writer is empty afterwards. */
  finish(): SegmentRow {
    this.#times.close();
    this.#values.close();
    const directory = this.#encodeDirectory();
    const compressedDirectory = compress(directory);
    const bytes = new Uint8Array(HEADER_BYTES + compressedDirectory.length + this.#times.compressedBytes + this.#values.compressedBytes);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, SEGMENT_VERSION);
    view.setUint32(8, compressedDirectory.length, true);
    view.setUint32(12, directory.length, true);
    let position = HEADER_BYTES;
    for (const part of [compressedDirectory, ...this.#times.frames.map((frame) => frame.bytes), ...this.#values.frames.map((frame) => frame.bytes)]) {
      bytes.set(part, position);
      position += part.length;
    }
    view.setUint32(4, crc32(bytes.subarray(CRC_END)), true);
    const row = {
      bytes,
      refs: this.#series.map((series) => series.ref),
      seriesCount: this.#series.length,
      sampleCount: this.#sampleCount,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
    };
    this.#reset();
    return row;
  }

  #timeColumn(timestampsMs: Float64Array, start: number, end: number): number {
    // Neighbours in label order are often of other targets, which are scraped at other times: all columns of the row are candidates.
    const hash = hashTimes(timestampsMs, start, end);
    let candidates = this.#timeColumnsOf.get(hash);
    if (candidates === undefined) this.#timeColumnsOf.set(hash, (candidates = []));
    for (const candidate of candidates) {
      if (isSameColumn(this.#timeColumns[candidate]!, timestampsMs, start, end)) return candidate;
    }
    const added = this.#timeColumns.push(timestampsMs.slice(start, end)) - 1;
    // Whoever crafts timestamps to share a hash costs bytes, not time.
    if (candidates.length < TIME_CANDIDATES_MAX) candidates.push(added);
    this.#timeLengths.push(end - start);
    this.#timeBytes.push(this.#times.add((out) => encodeTimestamps(timestampsMs, start, end, out)));
    return added;
  }

  #encodeDirectory(): Uint8Array {
    const out = new ColumnWriter();
    for (const count of [this.#series.length, this.#values.frames.length, this.#timeLengths.length, this.#times.frames.length]) out.unsigned(count);
    for (const frame of [...this.#times.frames, ...this.#values.frames]) {
      for (const number of [frame.columns, frame.bytes.length, frame.plainBytes]) out.unsigned(number);
    }
    for (const length of this.#timeLengths) out.unsigned(length);
    for (const bytes of this.#timeBytes) out.unsigned(bytes);
    this.#series.forEach(({ ref }, i) => out.signed(ref - (this.#series[i - 1]?.ref ?? 0)));
    this.#series.forEach(({ timeColumn }, i) => out.signed(timeColumn - (this.#series[i - 1]?.timeColumn ?? 0)));
    for (const { bytes } of this.#series) out.unsigned(bytes);
    return out.written();
  }

  #reset(): void {
    this.#times.reset();
    this.#values.reset();
    this.#timeColumns = [];
    this.#timeColumnsOf.clear();
    this.#timeLengths = [];
    this.#timeBytes = [];
    this.#series = [];
    this.#sampleCount = 0;
    this.#minTimeMs = Infinity;
    this.#maxTimeMs = -Infinity;
  }
}

/** Packs columns into compressed frames of about one size. */
class FrameWriter {
  frames: { readonly columns: number; readonly plainBytes: number; readonly bytes: Uint8Array }[] = [];
  compressedBytes = 0;
  readonly #bytesTarget: number;
  readonly #open = new ColumnWriter();
  #columns = 0;

  constructor(bytesTarget: number) {
    this.#bytesTarget = bytesTarget;
  }

  get openBytes(): number {
    return this.#open.length;
  }

  /** Adds what `write` writes as one column and returns its length. */
  add(write: (out: ColumnWriter) => void): number {
    const start = this.#open.length;
    write(this.#open);
    const bytes = this.#open.length - start;
    this.#columns++;
    if (this.#open.length >= this.#bytesTarget) this.close();
    return bytes;
  }

  close(): void {
    if (this.#columns === 0) return;
    const bytes = compress(this.#open.written());
    this.frames.push({ columns: this.#columns, plainBytes: this.#open.length, bytes });
    this.compressedBytes += bytes.length;
    this.#columns = 0;
    this.#open.clear();
  }

  reset(): void {
    this.frames = [];
    this.compressedBytes = 0;
  }
}

/** Of the ends, the middle and the length: columns that differ elsewhere alone are rare. */
function hashTimes(timestampsMs: Float64Array, start: number, end: number): number {
  const middle = (start + end) >>> 1;
  let hash = end - start;
  for (const at of [start, middle, end - 1]) hash = (Math.imul(hash, 0x01000193) ^ (timestampsMs[at]! % 0xffff_ffff)) | 0;
  return hash;
}

function isSameColumn(column: Float64Array, timestampsMs: Float64Array, start: number, end: number): boolean {
  if (column.length !== end - start) return false;
  for (let i = 0; i < column.length; i++) {
    if (column[i] !== timestampsMs[start + i]) return false;
  }
  return true;
}
