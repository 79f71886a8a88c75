import { expect, test } from 'vitest';
import { writeTimestamps, writeValues } from '../../../storage/archive/files/sample-columns.ts';
import { ColumnChunkWriter } from '../../../storage/archive/parquet/column-chunk-writer.ts';
import { readTimestampPage, readValuePage } from '../../../storage/archive/parquet/page-reader.ts';
import { tryZstdFrame, unpackFrame, zstdFrame } from '../../../storage/archive/parquet/zstd-frame.ts';
import { ColumnWriter } from '../../../storage/chunk/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const ROWS = 20_000;

/** The pages of a column of numbers, and the numbers that are read back out of them. */
function valuesOf(values: Float64Array) {
  const out = new ColumnWriter(1024);
  const bits = new Uint32Array(values.buffer);
  const { pages } = writeValues({ bits, values, length: values.length }, new ColumnChunkWriter(out));
  const read = pages.flatMap(({ offset, bytes, firstRow }, i) => {
    const rows = (pages[i + 1]?.firstRow ?? values.length) - firstRow;
    return [...new Float64Array(readValuePage(out.written().slice(offset, offset + bytes), rows, 'a page').bits.buffer)];
  });
  return { firstRows: pages.map(({ firstRow }) => firstRow), read };
}

test('values that compress stand in large pages', () => {
  const values = Float64Array.from({ length: ROWS }, (_, i) => Math.floor(i / 10));
  const { firstRows, read } = valuesOf(values);
  expect(firstRows).toEqual([0, 16_384]);
  expect(read).toEqual([...values]);
});

test('a page that does not fit into a frame becomes small ones, and only that one', () => {
  const random = new SeededRandom(1);
  const bytes = new Uint8Array(16_384 * 8);
  random.fill(bytes);
  const noise = new Float64Array(bytes.buffer).map((value) => (Number.isNaN(value) ? 1 : value));
  const values = new Float64Array(16_384 + ROWS);
  values.set(noise);
  const { firstRows, read } = valuesOf(values);
  expect(firstRows).toEqual([0, 4096, 8192, 12_288, 16_384, 32_768]);
  expect(read).toEqual([...values]);
});

test('timestamps likewise', () => {
  const random = new SeededRandom(2);
  const times = Float64Array.from({ length: ROWS }, () => random.below(2 ** 40));
  const out = new ColumnWriter(1024);
  const { pages } = writeTimestamps({ timestampsMs: times, length: ROWS }, new ColumnChunkWriter(out));
  expect(pages.map(({ firstRow }) => firstRow)).toEqual([0, 4096, 8192, 12_288, 16_384]);
  const { offset, bytes } = pages[1]!;
  expect(readTimestampPage(out.written().slice(offset, offset + bytes), 4096, 'a page')).toEqual(times.slice(4096, 8192));
});

test('what cannot be cut and does not compress is a frame of raw blocks', () => {
  const random = new SeededRandom(3);
  for (const length of [36_000, 39_900, 40_000, 70_000, 300_000]) {
    const plain = new Uint8Array(length);
    random.fill(plain);
    const frame = zstdFrame(plain);
    expect(tryZstdFrame(plain) === undefined, `${length} bytes`).toBe(length >= 40_000);
    expect(new Uint8Array(unpackFrame(frame, length, 'a page'))).toEqual(plain);
    expect(frame.length - length).toBeLessThan(40);
  }
});
