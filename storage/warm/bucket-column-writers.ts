import { forPages, SAMPLE_PAGE_ROWS, writeLevels } from '../archive/files/sample-columns.ts';
import type { ColumnChunkWriter } from '../archive/parquet/column-chunk-writer.ts';
import { encodeTimestampsMicros } from '../archive/parquet/delta-binary-packed.ts';
import { DELTA_BINARY_PACKED, PLAIN, type ColumnChunk } from '../archive/parquet/parquet-footer.ts';
import { PAGE_BYTES_TARGET } from '../archive/parquet/zstd-frame.ts';

/* The columns that roll-ups have and samples have not. */

/** Whole numbers from 0 to 2^53, without nulls. */
export function writeLongs(values: Float64Array, length: number, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  let least = Infinity;
  let greatest = -Infinity;
  forPages(length, (start, end) => {
    for (let i = start; i < end; i++) {
      const value = values[i]!;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
      chunk.plain.uint32(value >>> 0);
      chunk.plain.uint32(Math.floor(value / 2 ** 32));
    }
    chunk.page(start, end - start, PLAIN);
  });
  return chunk.finish(0, { lower: longBytes(least), upper: longBytes(greatest) });
}

/** Times in whole Unix ms, NaN where there is none. */
export function writeOptionalTimestamps(timestampsMs: Float64Array, length: number, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  const defined = new Float64Array(Math.min(length, SAMPLE_PAGE_ROWS));
  let nullCount = 0;
  forPages(length, (start, end) => {
    nullCount += writeLevels(start, end, chunk.plain, (row) => !Number.isNaN(timestampsMs[row]!));
    let count = 0;
    for (let row = start; row < end; row++) if (!Number.isNaN(timestampsMs[row]!)) defined[count++] = timestampsMs[row]!;
    encodeTimestampsMicros(defined, 0, count, chunk.plain);
    chunk.page(start, end - start, DELTA_BINARY_PACKED);
  });
  return chunk.finish(nullCount, undefined);
}

/** Bytes by row, null where there are none. */
export function writeOptionalBytes(rows: readonly (Uint8Array | undefined)[], chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  let nullCount = 0;
  let start = 0;
  let bytes = 0;
  const writePage = (end: number): void => {
    nullCount += writeLevels(start, end, chunk.plain, (row) => rows[row] !== undefined);
    for (let row = start; row < end; row++) {
      const value = rows[row];
      if (value === undefined) continue;
      chunk.plain.uint32(value.length);
      chunk.plain.append(value);
    }
    chunk.page(start, end - start, PLAIN);
    start = end;
    bytes = 0;
  };
  rows.forEach((value, row) => {
    const rowBytes = value === undefined ? 0 : value.length + 4;
    if (row > start && (bytes + rowBytes > PAGE_BYTES_TARGET || row - start === SAMPLE_PAGE_ROWS)) writePage(row);
    bytes += rowBytes;
  });
  writePage(rows.length);
  return chunk.finish(nullCount, undefined);
}

function longBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}
