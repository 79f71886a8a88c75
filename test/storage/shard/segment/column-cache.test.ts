import { expect, test } from 'vitest';
import { ColumnCache } from '../../../../storage/shard/segment/column-cache.ts';
import { SegmentReader } from '../../../../storage/shard/segment/segment-reader.ts';
import { SegmentWriter } from '../../../../storage/shard/segment/segment.ts';

const SAMPLES = 100;
const SERIES = 4;
/** Four series that share their times: 5 × 100 for columns, and 6 for the directory. */
const ROW_WEIGHT = (SERIES + 1) * SAMPLES + 6;

function row(): ArrayBuffer {
  const writer = new SegmentWriter(10_000);
  for (let ref = 0; ref < SERIES; ref++) {
    const values = Float64Array.from({ length: SAMPLES }, (_, i) => ref * 1000 + i);
    const timestampsMs = Float64Array.from({ length: SAMPLES }, (_, i) => i * 1000);
    writer.add(ref, { timestampsMs, values, bits: new Uint32Array(values.buffer), payloads: [], startsMs: undefined }, 0, SAMPLES);
  }
  return writer.finish().bytes.slice().buffer;
}

function readAll(cache: ColumnCache, segment: number): { opened: number; values: number[] } {
  let opened = 0;
  const reader = new SegmentReader(row(), 'row');
  const decoded = cache.row(segment, () => (opened++, reader));
  const values = Array.from(decoded.refs, (_, i) => new Float64Array(decoded.piece(i).bits.buffer)[7]!);
  return { opened, values };
}

const VALUES = [7, 1007, 2007, 3007];

test('what was decoded is not opened again', () => {
  const cache = new ColumnCache(10_000);
  expect(readAll(cache, 1)).toMatchObject({ values: VALUES });
  expect(readAll(cache, 1)).toEqual({ opened: 0, values: VALUES });
  expect(cache.weight).toBe(ROW_WEIGHT);
  cache.delete(1);
  cache.delete(1);
  expect(cache.weight).toBe(0);
});

test('the row used longest ago goes first', () => {
  const cache = new ColumnCache(ROW_WEIGHT * 2);
  for (const segment of [1, 2, 1, 3]) readAll(cache, segment);
  expect(cache.weight).toBe(ROW_WEIGHT * 2);
  expect(readAll(cache, 1).opened).toBe(0);
  expect(readAll(cache, 2).opened).toBeGreaterThan(0);
});

test('a row larger than the cache is read all the same, and what fits of it stays', () => {
  const cache = new ColumnCache(250);
  for (let i = 0; i < 3; i++) expect(readAll(cache, 1).values).toEqual(VALUES);
  expect(cache.weight).toBeLessThanOrEqual(250);
  expect(cache.weight).toBeGreaterThan(SAMPLES);
  const none = new ColumnCache(0);
  for (let i = 0; i < 3; i++) expect(readAll(none, 1).values).toEqual(VALUES);
});
