import { crc32 } from 'node:zlib';
import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter, decodeTimestamps, decodeValues, encodeTimestamps, encodeValues } from '../chunk/index.ts';
import { signedVarint } from '../chunk/timestamps.ts';
import { compress, decompress } from '../chunk/zstd.ts';
import { assert } from '../runtime/assert.ts';

/*
 * A segment row: samples of some series over some time, columnar, never changed once written. FORMAT.md draws it.
 *
 *   u8 version │ u8 0 │ u16 0 │ u32 CRC-32 of all that follows
 *   u32 bytes of the time columns, compressed │ the same, plain │ u32 bytes of the directory
 *   time columns   zstd: varint count of columns, then per column varint samples, timestamps (chunk/timestamps.ts)
 *   directory      varint series, varint frames; per frame varint series, compressed bytes, plain bytes;
 *                  per series signed varint ref (difference to the one before), varint time column, varint bytes in its frame
 *   frames         zstd: the value columns (chunk/values.ts) of the frame's series, one after the other
 *
 * Series scraped together share their timestamps, so each distinct time column is stored once a row. A frame is the unit of
 * decompression: reading one series costs its frame, not the row.
 */
const VERSION = 1;
const HEADER_BYTES = 20;
const CRC_END = 8;
/** Candidates that a series' timestamps are compared with before a new time column is made. */
const RECENT_TIME_COLUMNS = 4;

interface SeriesEntry {
  readonly ref: number;
  readonly timeColumn: number;
  readonly bytes: number;
}

export interface SegmentRow {
  readonly bytes: Uint8Array;
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

/** Collects series, in the order in which they are to be stored, into one segment row. */
export class SegmentWriter {
  readonly #frameBytesTarget: number;
  readonly #times = new ColumnWriter();
  readonly #frame = new ColumnWriter();
  #timeColumns: Float64Array[] = [];
  #series: SeriesEntry[] = [];
  #frames: { series: number; plainBytes: number; compressed: Uint8Array }[] = [];
  #frameSeries = 0;
  #compressedBytes = 0;
  #sampleCount = 0;
  #minTimeMs = Infinity;
  #maxTimeMs = -Infinity;

  constructor(frameBytesTarget: number) {
    this.#frameBytesTarget = frameBytesTarget;
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  /** About what the row takes so far. */
  get bytes(): number {
    return this.#compressedBytes + this.#frame.length / 4 + this.#series.length * 4;
  }

  /** Adds one series' samples `start` to `end`, timestamps rising. `values` and `bits` are two views of the same bytes. */
  add(ref: number, timestampsMs: Float64Array, values: Float64Array, bits: Uint32Array, start: number, end: number): void {
    assert(end > start, `series ${ref} without samples in a segment`);
    const frameStart = this.#frame.length;
    encodeValues(values, bits, start, end, this.#frame);
    this.#series.push({ ref, timeColumn: this.#timeColumn(timestampsMs, start, end), bytes: this.#frame.length - frameStart });
    this.#frameSeries++;
    this.#sampleCount += end - start;
    this.#minTimeMs = Math.min(this.#minTimeMs, timestampsMs[start]!);
    this.#maxTimeMs = Math.max(this.#maxTimeMs, timestampsMs[end - 1]!);
    if (this.#frame.length >= this.#frameBytesTarget) this.#closeFrame();
  }

  /** The row; the writer is empty afterwards. */
  finish(): SegmentRow {
    this.#closeFrame();
    const times = this.#encodeTimes();
    const compressedTimes = compress(times);
    const directory = this.#encodeDirectory();
    const bytes = new Uint8Array(HEADER_BYTES + compressedTimes.length + directory.length + this.#compressedBytes);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setUint32(8, compressedTimes.length, true);
    view.setUint32(12, times.length, true);
    view.setUint32(16, directory.length, true);
    let position = HEADER_BYTES;
    for (const part of [compressedTimes, directory, ...this.#frames.map((frame) => frame.compressed)]) {
      bytes.set(part, position);
      position += part.length;
    }
    view.setUint32(4, crc32(bytes.subarray(CRC_END)), true);
    const row = {
      bytes,
      seriesCount: this.#series.length,
      sampleCount: this.#sampleCount,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
    };
    this.#reset();
    return row;
  }

  #timeColumn(timestampsMs: Float64Array, start: number, end: number): number {
    const columns = this.#timeColumns;
    for (let i = columns.length - 1; i >= Math.max(0, columns.length - RECENT_TIME_COLUMNS); i--) {
      if (isSameColumn(columns[i]!, timestampsMs, start, end)) return i;
    }
    return columns.push(timestampsMs.slice(start, end)) - 1;
  }

  #closeFrame(): void {
    if (this.#frameSeries === 0) return;
    const compressed = compress(this.#frame.written());
    this.#frames.push({ series: this.#frameSeries, plainBytes: this.#frame.length, compressed });
    this.#compressedBytes += compressed.length;
    this.#frameSeries = 0;
    this.#frame.clear();
  }

  #encodeTimes(): Uint8Array {
    this.#times.clear();
    this.#times.unsigned(this.#timeColumns.length);
    for (const column of this.#timeColumns) {
      this.#times.unsigned(column.length);
      encodeTimestamps(column, 0, column.length, this.#times);
    }
    return this.#times.written();
  }

  #encodeDirectory(): Uint8Array {
    const out = new ColumnWriter();
    out.unsigned(this.#series.length);
    out.unsigned(this.#frames.length);
    for (const frame of this.#frames) {
      out.unsigned(frame.series);
      out.unsigned(frame.compressed.length);
      out.unsigned(frame.plainBytes);
    }
    let previousRef = 0;
    for (const series of this.#series) {
      out.signed(series.ref - previousRef);
      out.unsigned(series.timeColumn);
      out.unsigned(series.bytes);
      previousRef = series.ref;
    }
    return out.written();
  }

  #reset(): void {
    this.#timeColumns = [];
    this.#series = [];
    this.#frames = [];
    this.#compressedBytes = 0;
    this.#sampleCount = 0;
    this.#minTimeMs = Infinity;
    this.#maxTimeMs = -Infinity;
  }
}

function isSameColumn(column: Float64Array, timestampsMs: Float64Array, start: number, end: number): boolean {
  if (column.length !== end - start) return false;
  for (let i = 0; i < column.length; i++) {
    if (column[i] !== timestampsMs[start + i]) return false;
  }
  return true;
}

interface Frame {
  readonly start: number;
  readonly compressedBytes: number;
  readonly plainBytes: number;
}

/** Reads a segment row: the directory at once, time columns at the first need, frames one at a time. */
export class SegmentReader {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  readonly refs: Uint32Array;
  readonly #timeColumnOf: Uint32Array;
  readonly #frameOf: Uint32Array;
  readonly #startInFrame: Uint32Array;
  readonly #bytesInFrame: Uint32Array;
  readonly #frames: Frame[] = [];
  #timeColumns: readonly Float64Array[] | undefined;
  #openFrame = -1;
  #openFrameBytes: Uint8Array = new Uint8Array(0);

  /** `where` names the row in errors. */
  constructor(buffer: ArrayBuffer, where: string) {
    this.#bytes = new Uint8Array(buffer);
    this.#where = where;
    const reader = new ByteReader(this.#bytes);
    const version = reader.byte();
    if (version !== VERSION) throw new Error(`${where}: version ${version}, this build knows ${VERSION}`);
    reader.take(3);
    const wantCrc = reader.uint32();
    const crc = crc32(this.#bytes.subarray(CRC_END));
    if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
    const timesBytes = reader.uint32();
    reader.uint32();
    const directoryBytes = reader.uint32();
    reader.take(timesBytes);
    const directoryEnd = reader.position + directoryBytes;
    const seriesCount = reader.varint();
    const frameCount = reader.varint();
    this.refs = new Uint32Array(seriesCount);
    this.#timeColumnOf = new Uint32Array(seriesCount);
    this.#frameOf = new Uint32Array(seriesCount);
    this.#startInFrame = new Uint32Array(seriesCount);
    this.#bytesInFrame = new Uint32Array(seriesCount);
    let series = 0;
    let frameStart = directoryEnd;
    for (let frame = 0; frame < frameCount; frame++) {
      const seriesInFrame = reader.varint();
      const compressedBytes = reader.varint();
      this.#frames.push({ start: frameStart, compressedBytes, plainBytes: reader.varint() });
      frameStart += compressedBytes;
      this.#frameOf.fill(frame, series, series + seriesInFrame);
      series += seriesInFrame;
    }
    let ref = 0;
    for (let i = 0, start = 0; i < seriesCount; i++) {
      ref += signedVarint(reader);
      this.refs[i] = ref;
      this.#timeColumnOf[i] = reader.varint();
      const bytes = reader.varint();
      if (i > 0 && this.#frameOf[i] !== this.#frameOf[i - 1]) start = 0;
      this.#startInFrame[i] = start;
      this.#bytesInFrame[i] = bytes;
      start += bytes;
    }
    assert(reader.position === directoryEnd, `${where}: the directory ends at byte ${reader.position}, want ${directoryEnd}`);
  }

  /** Timestamps of the series at a position of `refs`. Shared between series: not to be written to. */
  timestampsMs(position: number): Float64Array {
    this.#timeColumns ??= this.#readTimes();
    return this.#timeColumns[this.#timeColumnOf[position]!]!;
  }

  /** Values of the series at a position of `refs`, as bits. */
  valueBits(position: number): Uint32Array {
    const frame = this.#frameOf[position]!;
    if (frame !== this.#openFrame) {
      const { start, compressedBytes, plainBytes } = this.#frames[frame]!;
      this.#openFrameBytes = decompress(this.#bytes.subarray(start, start + compressedBytes), plainBytes, this.#where);
      this.#openFrame = frame;
    }
    const start = this.#startInFrame[position]!;
    return decodeValues(new ByteReader(this.#openFrameBytes, start, start + this.#bytesInFrame[position]!), this.timestampsMs(position).length);
  }

  #readTimes(): readonly Float64Array[] {
    const header = new DataView(this.#bytes.buffer);
    const compressedBytes = header.getUint32(8, true);
    const plainBytes = header.getUint32(12, true);
    const reader = new ByteReader(decompress(this.#bytes.subarray(HEADER_BYTES, HEADER_BYTES + compressedBytes), plainBytes, this.#where));
    const columns: Float64Array[] = [];
    for (let count = reader.varint(); count > 0; count--) columns.push(decodeTimestamps(reader, reader.varint()));
    return columns;
  }
}
