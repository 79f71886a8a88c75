import { expect, test } from 'vitest';
import { SegmentReader } from '../../../../storage/shard/segment/segment-reader.ts';
import { SegmentWriter, type SegmentRow } from '../../../../storage/shard/segment/segment.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { expectDamageNoticed } from '../every-bit.ts';

interface Column {
  readonly ref: number;
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
}

function column(ref: number, length: number, startMs: number, bitsAt: (i: number) => readonly [number, number]): Column {
  const bits = new Uint32Array(length * 2);
  for (let i = 0; i < length; i++) bits.set(bitsAt(i), i * 2);
  return { ref, timestampsMs: Float64Array.from({ length }, (_, i) => startMs + i * 15_000), bits };
}

function rowOf(columns: readonly Column[], writer = new SegmentWriter(1000)): SegmentRow {
  for (const { ref, timestampsMs, bits } of columns) {
    writer.add(ref, { timestampsMs, values: new Float64Array(bits.buffer), bits, payloads: [], startsMs: undefined }, 0, timestampsMs.length);
  }
  return writer.finish();
}

function contentOf(row: SegmentRow): Column[] {
  const reader = new SegmentReader(row.bytes.slice().buffer, 'segment 1');
  return Array.from(reader.refs, (ref, i) => ({ ref, timestampsMs: reader.timestampsMs(i), bits: reader.samples(i).bits }));
}

function randomColumns(random: SeededRandom, count: number): Column[] {
  return Array.from({ length: count }, () => {
    const kind = random.below(3);
    return column(random.below(1000), random.between(1, 50), 1.7e12 + random.below(3) * 1000, (i) =>
      kind === 0 ? random.float64Bits() : kind === 1 ? [0, 0x3ff00000] : random.oneIn(5) ? [2, 0x7ff00000] : [...new Uint32Array(Float64Array.of(i * 10).buffer)] as [number, number],
    );
  });
}

test('random series come back, in their order, whatever the size of a frame', () => {
  const random = new SeededRandom(1);
  for (const frameBytes of [1, 100, 1000, 100_000]) {
    // The writer is used again: nothing of the row before may stay.
    const writer = new SegmentWriter(frameBytes);
    for (const count of [1, 2, 7, 300]) {
      const columns = randomColumns(random, count);
      const row = rowOf(columns, writer);
      expect(contentOf(row)).toEqual(columns);
      expect(row.seriesCount).toBe(count);
      expect(row.sampleCount).toBe(columns.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0));
      expect(row.minTimeMs).toBe(Math.min(...columns.map(({ timestampsMs }) => timestampsMs[0]!)));
      expect(row.maxTimeMs).toBe(Math.max(...columns.map(({ timestampsMs }) => timestampsMs.at(-1)!)));
    }
  }
});

test('series can be read in any order', () => {
  const columns = randomColumns(new SeededRandom(2), 100);
  const reader = new SegmentReader(rowOf(columns).bytes.slice().buffer, 'segment 1');
  for (const i of new SeededRandom(3).shuffle(columns.map((_, i) => i))) expect(reader.samples(i).bits).toEqual(columns[i]!.bits);
});

test('a series in two pieces, and refs that fall', () => {
  const columns = [column(9, 3, 0, () => [1, 1]), column(9, 3, 45_000, () => [2, 2]), column(0, 1, 0, () => [3, 3])];
  expect(contentOf(rowOf(columns))).toEqual(columns);
});

test('series scraped together share their timestamps', () => {
  const together = Array.from({ length: 500 }, (_, ref) => column(ref, 20, 1.7e12, () => [0, 0x3ff00000]));
  const apart = Array.from({ length: 500 }, (_, ref) => column(ref, 20, 1.7e12 + ref * ref, () => [0, 0x3ff00000]));
  expect(rowOf(together).bytes.length + 1000).toBeLessThan(rowOf(apart).bytes.length);
  expect(contentOf(rowOf(apart))).toEqual(apart);
  const reader = new SegmentReader(rowOf(together).bytes.slice().buffer, 'segment 1');
  expect(reader.timestampsMs(0)).toBe(reader.timestampsMs(499));
});

test('any damage is noticed', () => {
  const columns = randomColumns(new SeededRandom(4), 8);
  const { bytes } = rowOf(columns, new SegmentWriter(200));
  expectDamageNoticed(bytes, (damaged) => {
    const reader = new SegmentReader(damaged, 'segment 1');
    reader.refs.forEach((_, i) => reader.samples(i).bits);
  });
});

test('another version is refused by name', () => {
  const { bytes } = rowOf([column(1, 1, 0, () => [1, 1])]);
  bytes[0] = 9;
  expect(() => new SegmentReader(bytes.slice().buffer, 'segment 12')).toThrow('segment 12: version 9, this build knows 2 and 4');
});
