import { expect, test } from 'vitest';
import { decodeSegmentList, encodeSegmentList } from '../../../../storage/shard/segment/segment-list.ts';
import { expectDamageNoticed } from '../every-bit.ts';

function read(buffer: ArrayBuffer): number[] {
  return decodeSegmentList(buffer, 'live segments');
}

test.each([[[]], [[1]], [[1, 2, 3]], [[7, 3, 9, 2 ** 40, 1]]])('%j comes back in its order', (segments) => {
  expect(read(encodeSegmentList(segments).buffer as ArrayBuffer)).toEqual(segments);
});

test('any damage is noticed', () => {
  expectDamageNoticed(encodeSegmentList([5, 6, 900, 4]), read);
});

test('another version is refused by name', () => {
  const bytes = encodeSegmentList([1]);
  bytes[0] = 9;
  expect(() => read(bytes.buffer as ArrayBuffer)).toThrow('live segments: version 9, this build knows 2');
});
