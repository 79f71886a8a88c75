import { expect, test } from 'vitest';
import { decodeSeriesBlock, encodeSeriesBlock, type SeriesDefinition } from '../../../../storage/shard/index/series-block.ts';
import { expectDamageNoticed } from '../every-bit.ts';

const DEFINITIONS: SeriesDefinition[] = [
  { low: 1, high: 0xffffffff, check: 3, labels: ['__name__', 'up', 'job', 'é😀'] },
  { low: 0, high: 0, check: 0, labels: [] },
  { low: 7, high: 8, check: 9, labels: ['a', 'x'.repeat(300)] },
];

function read(buffer: ArrayBuffer): SeriesDefinition[] {
  const definitions: SeriesDefinition[] = [];
  decodeSeriesBlock(buffer, 'series block 5', (definition) => definitions.push(definition));
  return definitions;
}

test('definitions come back', () => {
  for (const definitions of [[], DEFINITIONS]) expect(read(encodeSeriesBlock(definitions).buffer as ArrayBuffer)).toEqual(definitions);
});

test('refs with gaps come back as differences to the first', () => {
  const offsets = (refs: readonly number[]): number[] => {
    const read: number[] = [];
    decodeSeriesBlock(encodeSeriesBlock(DEFINITIONS, refs).buffer as ArrayBuffer, 'block', (_, offset) => read.push(offset));
    return read;
  };
  expect(offsets([5, 6, 7])).toEqual([0, 1, 2]);
  expect(offsets([5, 6, 300])).toEqual([0, 1, 295]);
  expect(offsets([0, 9, 10])).toEqual([0, 9, 10]);
});

test('any damage is noticed', () => {
  expectDamageNoticed(encodeSeriesBlock(DEFINITIONS), read);
  expectDamageNoticed(encodeSeriesBlock(DEFINITIONS, [3, 5, 900]), read);
});

test('another version is refused by name', () => {
  const bytes = encodeSeriesBlock(DEFINITIONS);
  bytes[0] = 3;
  expect(() => read(bytes.buffer as ArrayBuffer)).toThrow('series block 5: version 3, this build knows up to 2');
});
