import { crc32 } from 'node:zlib';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../../proto/varint.ts';
import { decodeSampleColumn, decodeTimestamps, decodeValuesInto, isPlainColumn, type SampleColumn } from '../../chunk/index.ts';
import { decompress } from '../../chunk/zstd.ts';
import { lowerBound } from '../run/piece.ts';
import type { SampleRun } from '../run/sample-run.ts';
import { CRC_END, HEADER_BYTES, SEGMENT_VERSION, SEGMENT_VERSION_BEFORE } from './segment.ts';

/** Decoded timestamps that a reader remembers, half a megabyte, before it begins anew: neighbouring series may be of targets that are scraped at other times. */
const DECODED_TIMES_MAX = 64 * 1024;

/** Its ref, time column and place in its frame. */
const DIRECTORY_BYTES_PER_SERIES = 4 + 4 + 4;

/** Reads a segment row (segment.ts): the directory at once, frames one at a time. */
export class SegmentReader {
  /** The series in the row, in its order; one in several pieces comes several times. */
  readonly refs: Uint32Array;
  /** By position: which of the row's time columns the series has. */
  readonly timeColumns: Uint32Array;
  readonly #bytes: number;
  readonly #timeLengths: Uint32Array;
  readonly #times: FrameReader;
  readonly #values: FrameReader;
  /** By time column. */
  #decodedTimes: (Float64Array | undefined)[] = [];
  #decodedTimesLength = 0;

  /** `where` names the row in errors. */
  constructor(buffer: ArrayBuffer, where: string) {
    const bytes = new Uint8Array(buffer);
    this.#bytes = bytes.length;
    const header = new ByteReader(bytes);
    const version = header.byte();
    if (version !== SEGMENT_VERSION && version !== SEGMENT_VERSION_BEFORE) {
      throw new Error(`${where}: version ${version}, this build knows ${SEGMENT_VERSION_BEFORE} and ${SEGMENT_VERSION}`);
    }
    if (header.take(3).some((byte) => byte !== 0)) throw new Error(`${where}: bytes 1 to 3 are not zero`);
    const wantCrc = header.uint32();
    const crc = crc32(bytes.subarray(CRC_END));
    if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
    const directoryBytes = header.uint32();
    const plainBytes = header.uint32();
    const directory = new ByteReader(decompress(bytes.subarray(HEADER_BYTES, HEADER_BYTES + directoryBytes), plainBytes, `${where}: directory`));
    const [seriesCount, valueFrames, timeColumns, timeFrames] = column(directory, 4) as unknown as [number, number, number, number];
    const times = frames(directory, timeFrames, HEADER_BYTES + directoryBytes);
    const values = frames(directory, valueFrames, times.end);
    if (values.end !== bytes.length) throw new Error(`${where}: frames end at byte ${values.end} of ${bytes.length}`);
    this.#timeLengths = column(directory, timeColumns);
    this.#times = new FrameReader(bytes, times.frames, column(directory, timeColumns), `${where}: times`);
    this.refs = differences(directory, seriesCount);
    this.timeColumns = differences(directory, seriesCount);
    this.#values = new FrameReader(bytes, values.frames, column(directory, seriesCount), `${where}: values`);
    if (!directory.done) throw new Error(`${where}: directory: ${directory.end - directory.position} bytes too many`);
  }

  /** What an open row takes: where its series are few bytes each, their directory is several times the row. */
  get memoryBytes(): number {
    return this.#bytes + this.refs.length * DIRECTORY_BYTES_PER_SERIES;
  }

  /** For whoever looks at the format. */
  get layout(): SegmentLayout {
    return { timeColumns: this.#timeLengths.length, timeFrames: this.#times.frames, valueFrames: this.#values.frames };
  }

  /** The encoded sample column (chunk/sample-column.ts) of the series at a position of `refs`. */
  sampleColumn(position: number): ByteReader {
    return this.#values.open(position);
  }

  /** How many samples the series at a position of `refs` has. */
  sampleCount(position: number): number {
    return this.#timeLengths[this.timeColumns[position]!]!;
  }

  /** Timestamps of the series at a position of `refs`. Shared between series: not to be written to. */
  timestampsMs(position: number): Float64Array {
    const at = this.timeColumns[position]!;
    const known = this.#decodedTimes[at];
    if (known !== undefined) return known;
    const times = decodeTimestamps(this.#times.open(at), this.#timeLengths[at]!);
    this.#decodedTimesLength += times.length;
    if (this.#decodedTimesLength > DECODED_TIMES_MAX) {
      this.#decodedTimes = [];
      this.#decodedTimesLength = times.length;
    }
    this.#decodedTimes[at] = times;
    return times;
  }

  /** Samples of the series at a position of `refs`. The caller's own. */
  samples(position: number): SampleColumn {
    return decodeSampleColumn(this.sampleColumn(position), this.sampleCount(position));
  }

  /** Appends the samples of the series at a position, from `fromMs` on, to a run: without an array of its own for each. */
  append(position: number, fromMs: number, run: SampleRun): void {
    const times = this.timestampsMs(position);
    const { length } = run;
    const column = this.sampleColumn(position);
    const skipped = times[0]! >= fromMs ? 0 : lowerBound(times, fromMs);
    if (!isPlainColumn(column) || run.startsMs !== undefined) {
      run.append({ timestampsMs: times, ...decodeSampleColumn(column, times.length) }, skipped, times.length);
      return;
    }
    run.reserve(length + times.length);
    decodeValuesInto(column, times.length, run.values, run.bits, length);
    if (skipped > 0) run.bits.copyWithin(length * 2, (length + skipped) * 2, (length + times.length) * 2);
    for (let i = skipped; i < times.length; i++) run.timestampsMs[length + i - skipped] = times[i]!;
    run.length = length + times.length - skipped;
  }
}

export interface SegmentLayout {
  /** Distinct ones. */
  readonly timeColumns: number;
  readonly timeFrames: readonly Frame[];
  readonly valueFrames: readonly Frame[];
}

export interface Frame {
  readonly columns: number;
  /** In the row, compressed. */
  readonly start: number;
  readonly end: number;
  readonly plainBytes: number;
}

/** Columns of a row that lie in frames, of which the last one used stays decompressed. */
class FrameReader {
  readonly #bytes: Uint8Array;
  readonly frames: readonly Frame[];
  readonly #where: string;
  /** Where each column ends in its frame; it begins where the one before ends, or with the frame. */
  readonly #ends: Uint32Array;
  /** The columns of the open frame. */
  #openFirst = 0;
  #openEnd = 0;
  #plain = new ByteReader(new Uint8Array(0));

  /** Takes `lengths` over. */
  constructor(bytes: Uint8Array, frames: readonly Frame[], lengths: Uint32Array, where: string) {
    this.#bytes = bytes;
    this.frames = frames;
    this.#where = where;
    this.#ends = lengths;
    let next = 0;
    frames.forEach(({ columns, plainBytes }, frame) => {
      let end = 0;
      for (const behind = next + columns; next < behind; next++) lengths[next] = end += lengths[next]!;
      if (end !== plainBytes) throw new Error(`${where}: the columns of frame ${frame} have ${end} bytes, want ${plainBytes}`);
    });
    if (next !== lengths.length) throw new Error(`${where}: ${next} columns in frames, want ${lengths.length}`);
  }

  /** A reader of the column, good until the next one is opened. */
  open(column: number): ByteReader {
    if (column < this.#openFirst || column >= this.#openEnd) this.#openFrameOf(column);
    this.#plain.moveTo(column === this.#openFirst ? 0 : this.#ends[column - 1]!, this.#ends[column]!);
    return this.#plain;
  }

  #openFrameOf(column: number): void {
    if (column >= this.#ends.length) throw new DecodeError(`${this.#where}: column ${column} of ${this.#ends.length}`);
    let first = 0;
    let frame = 0;
    while (column >= first + this.frames[frame]!.columns) first += this.frames[frame++]!.columns;
    const { start, end, columns, plainBytes } = this.frames[frame]!;
    this.#plain = new ByteReader(decompress(this.#bytes.subarray(start, end), plainBytes, this.#where));
    this.#openFirst = first;
    this.#openEnd = first + columns;
  }
}

/** A number takes a byte at least: no length makes us take memory for what is not there. */
function checkLength(reader: ByteReader, length: number): void {
  if (length > reader.end - reader.position) throw new DecodeError(`segment: ${length} numbers in ${reader.end - reader.position} bytes of the directory`);
}

function column(reader: ByteReader, length: number): Uint32Array {
  checkLength(reader, length);
  const numbers = new Uint32Array(length);
  const { bytes, end } = reader;
  for (let i = 0; i < length; i++) {
    // Most are short: one byte is read without a call.
    const byte = bytes[reader.position]!;
    if (byte < 0x80 && reader.position < end) {
      reader.position++;
      numbers[i] = byte;
    } else numbers[i] = reader.varint();
  }
  return numbers;
}

function differences(reader: ByteReader, length: number): Uint32Array {
  checkLength(reader, length);
  const numbers = new Uint32Array(length);
  const { bytes, end } = reader;
  for (let i = 0, number = 0; i < length; i++) {
    const { position } = reader;
    const first = bytes[position]!;
    const second = bytes[position + 1]!;
    const third = bytes[position + 2]!;
    // Refs of neighbours in label order lie apart: with many series most differences take two bytes, or three.
    if (first < 0x80 && position < end) {
      reader.position = position + 1;
      number += (first >>> 1) ^ -(first & 1);
    } else if (second < 0x80 && position + 1 < end) {
      reader.position = position + 2;
      number += (((first & 0x7f) | (second << 7)) >>> 1) ^ -(first & 1);
    } else if (third < 0x80 && position + 2 < end) {
      reader.position = position + 3;
      number += (((first & 0x7f) | ((second & 0x7f) << 7) | (third << 14)) >>> 1) ^ -(first & 1);
    } else number += signedVarint(reader);
    numbers[i] = number;
  }
  return numbers;
}

function frames(reader: ByteReader, count: number, start: number): { readonly frames: readonly Frame[]; readonly end: number } {
  const found: Frame[] = [];
  for (let i = 0; i < count; i++) {
    const columns = reader.varint();
    const end = start + reader.varint();
    found.push({ columns, start, end, plainBytes: reader.varint() });
    start = end;
  }
  return { frames: found, end: start };
}
