import type { ColumnWriter } from '../../chunk/index.ts';
import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import type { SampleRun } from '../../shard/run/sample-run.ts';
import type { ColumnChunkWriter } from '../parquet/column-chunk-writer.ts';
import { encodeTimestampsMicros } from '../parquet/delta-binary-packed.ts';
import { writeRun } from '../parquet/hybrid-runs.ts';
import { DELTA_BINARY_PACKED, PLAIN, type Bounds, type ColumnChunk, type Encoding } from '../parquet/parquet-footer.ts';
import { PAGE_BYTES_TARGET } from '../parquet/zstd-frame.ts';

/* The columns of samples: timestamp, value, histogram, start timestamp. A row has a value or a histogram. */

/** Rows of a page of numbers of 8 bytes that surely compress into one frame. */
export const SAMPLE_PAGE_ROWS = PAGE_BYTES_TARGET / 8;
/**
 * Rows of a page of numbers that compress well, as most do: the compressor sees more series at once (FORMAT.md has the figures), and a reader
 * unpacks 128 KiB for one of them.
 */
const LARGE_PAGE_ROWS = 4 * SAMPLE_PAGE_ROWS;

const MICROS_PER_MS = 1000n;

/** Unix ms, no nulls; with bounds. */
export function writeTimestamps({ timestampsMs, length }: Pick<SampleRun, 'timestampsMs' | 'length'>, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  let leastMs = Infinity;
  let greatestMs = -Infinity;
  writeNumberPages(length, chunk, DELTA_BINARY_PACKED, (start, end) => {
    let pageLeastMs = Infinity;
    let pageGreatestMs = -Infinity;
    for (let i = start; i < end; i++) {
      const timestampMs = timestampsMs[i]!;
      if (timestampMs < pageLeastMs) pageLeastMs = timestampMs;
      if (timestampMs > pageGreatestMs) pageGreatestMs = timestampMs;
    }
    encodeTimestampsMicros(timestampsMs, start, end, chunk.plain);
    leastMs = Math.min(leastMs, pageLeastMs);
    greatestMs = Math.max(greatestMs, pageGreatestMs);
    return timestampBounds(pageLeastMs, pageGreatestMs);
  });
  return chunk.finish(0, timestampBounds(leastMs, greatestMs));
}

/** Doubles, null where a histogram stands; with bounds, which leave NaN out. */
export function writeValues({ bits, values, length }: Pick<SampleRun, 'bits' | 'values' | 'length'>, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  let nullCount = 0;
  let nanCount = 0;
  let least = Infinity;
  let greatest = -Infinity;
  for (let i = 0; i < length; i++) {
    const value = values[i]!;
    if (bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH) nullCount++;
    // Bounds know no NaN.
    else if (value !== value) nanCount++;
    else {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  writeNumberPages(length, chunk, PLAIN, (start, end) => {
    const nulls = writeLevels(start, end, chunk.plain, (i) => bits[i * 2 + 1] !== HISTOGRAM_BITS_HIGH);
    // As bits, so that stale markers survive.
    if (nulls === 0) appendBits(bits, start, end, chunk.plain);
    else for (let i = start; i < end; i++) if (bits[i * 2 + 1] !== HISTOGRAM_BITS_HIGH) appendBits(bits, i, i + 1, chunk.plain);
    return undefined;
  });
  const bounds = nullCount + nanCount < length ? { lower: doubleBytes(least === 0 ? -0 : least), upper: doubleBytes(greatest === 0 ? 0 : greatest) } : undefined;
  return chunk.finish(nullCount, bounds, { nanCount });
}

/** Payloads (chunk/FORMAT.md), null where a float stands. */
export function writeHistograms({ bits, payloads, length }: SampleRun, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  let nullCount = 0;
  const writePage = (start: number, end: number): void => {
    nullCount += writeLevels(start, end, chunk.plain, (i) => bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH);
    for (let i = start; payloads.length > 0 && i < end; i++) {
      if (bits[i * 2 + 1] !== HISTOGRAM_BITS_HIGH) continue;
      const payload = payloads[bits[i * 2]!]!;
      chunk.plain.uint32(payload.length);
      chunk.plain.append(payload);
    }
    chunk.page(start, end - start, PLAIN);
  };
  if (payloads.length === 0) {
    writePage(0, length);
    return chunk.finish(nullCount, undefined);
  }
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < length; i++) {
    const payloadBytes = bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH ? payloads[bits[i * 2]!]!.length + 4 : 0;
    if (i > start && (bytes + payloadBytes > PAGE_BYTES_TARGET || i - start === SAMPLE_PAGE_ROWS)) {
      writePage(start, i);
      start = i;
      bytes = 0;
    }
    bytes += payloadBytes;
  }
  writePage(start, length);
  return chunk.finish(nullCount, undefined);
}

/** Unix ms, null where it is 0, unknown. */
export function writeStartTimestamps({ startsMs, length }: SampleRun, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  if (startsMs === undefined) {
    chunk.plain.uint32(levelRunBytes(length));
    writeRun(chunk.plain, 0, length, 1);
    chunk.page(0, length, PLAIN);
    return chunk.finish(length, undefined);
  }
  let nullCount = 0;
  let lastMs = NaN;
  let last = new Uint8Array(8);
  forPages(length, (start, end) => {
    nullCount += writeLevels(start, end, chunk.plain, (i) => startsMs[i] !== 0);
    for (let i = start; i < end; i++) {
      const startMs = startsMs[i]!;
      if (startMs === 0) continue;
      if (startMs !== lastMs) {
        last = microsBytes(startMs);
        lastMs = startMs;
      }
      chunk.plain.append(last);
    }
    chunk.page(start, end - start, PLAIN);
  });
  return chunk.finish(nullCount, undefined);
}

/** Writes large pages, and in place of one that does not fit into a frame small ones. `content` may be asked for the same rows twice. */
function writeNumberPages(length: number, chunk: ColumnChunkWriter, encoding: Encoding, content: (start: number, end: number) => Bounds | undefined): void {
  for (let start = 0; start < length; start += LARGE_PAGE_ROWS) {
    const end = Math.min(start + LARGE_PAGE_ROWS, length);
    if (chunk.tryPage(start, end - start, encoding, content(start, end))) continue;
    for (let from = start; from < end; from += SAMPLE_PAGE_ROWS) {
      const to = Math.min(from + SAMPLE_PAGE_ROWS, end);
      chunk.page(from, to - from, encoding, content(from, to));
    }
  }
}

/** Rows of small pages, the end left out. */
export function forPages(length: number, each: (start: number, end: number) => void): void {
  for (let start = 0; start < length; start += SAMPLE_PAGE_ROWS) each(start, Math.min(start + SAMPLE_PAGE_ROWS, length));
}

function appendBits(bits: Uint32Array, start: number, end: number, plain: ColumnWriter): void {
  plain.append(new Uint8Array(bits.buffer, bits.byteOffset + start * 8, (end - start) * 8));
}

/** Writes definition levels of rows and says how many are null. */
export function writeLevels(start: number, end: number, plain: ColumnWriter, isDefined: (row: number) => boolean): number {
  const levels = runsOfLevels(start, end, isDefined);
  plain.uint32(levels.bytes);
  for (const { value, length } of levels.runs) writeRun(plain, value, length, 1);
  return levels.nullCount;
}

interface LevelRuns {
  readonly runs: readonly { readonly value: number; readonly length: number }[];
  readonly bytes: number;
  readonly nullCount: number;
}

function runsOfLevels(start: number, end: number, isDefined: (i: number) => boolean): LevelRuns {
  const runs: { value: number; length: number }[] = [];
  let nullCount = 0;
  for (let from = start, to = start; from < end; from = to) {
    const value = isDefined(from);
    while (++to < end && isDefined(to) === value);
    runs.push({ value: value ? 1 : 0, length: to - from });
    if (!value) nullCount += to - from;
  }
  return { runs, bytes: runs.reduce((sum, { length }) => sum + levelRunBytes(length), 0), nullCount };
}

/** A varint and a byte. */
function levelRunBytes(length: number): number {
  return length * 2 < 0x80 ? 2 : length * 2 < 0x4000 ? 3 : 4;
}

function timestampBounds(leastMs: number, greatestMs: number): Bounds {
  return { lower: microsBytes(leastMs), upper: microsBytes(greatestMs) };
}

/** A time as microseconds, 64 bits, little-endian. */
function microsBytes(timestampMs: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(timestampMs) * MICROS_PER_MS, true);
  return bytes;
}

function doubleBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}
