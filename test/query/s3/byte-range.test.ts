import { expect, test } from 'vitest';
import { readRange } from '../../../query/s3/byte-range.ts';

const SIZE = 1000;
const part = (offset: number, length: number) => ({ kind: 'part', offset, length });

test.each([
  ['bytes=0-0', part(0, 1)],
  ['bytes=0-', part(0, 1000)],
  ['bytes=10-19', part(10, 10)],
  ['bytes=990-2000', part(990, 10)],
  ['bytes=999-999', part(999, 1)],
  ['bytes=-1', part(999, 1)],
  ['bytes=-5000', part(0, 1000)],
  [' bytes=5-6 ', part(5, 2)],
  ['BYTES=5-6', part(5, 2)],
  [`bytes=0-${'9'.repeat(400)}`, part(0, 1000)],
  [`bytes=-${'9'.repeat(400)}`, part(0, 1000)],
])('%s is a part', (header, wanted) => {
  expect(readRange(header, SIZE)).toEqual(wanted);
});

test.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0', `bytes=${'9'.repeat(400)}-`, `bytes=${'9'.repeat(30)}-${'9'.repeat(400)}`])('%s has nothing of the object', (header) => {
  expect(readRange(header, SIZE)).toEqual({ kind: 'unsatisfiable' });
});

test.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=9-5', 'bytes=0-1,5-6', 'bytes=a-b', 'bytes=0x1-2', 'bytes=1.5-3', 'bytes=--5', 'items=0-5', 'bytes 0-5'])('%s is as if it were not there', (header) => {
  expect(readRange(header, SIZE)).toEqual({ kind: 'all' });
});

test('nothing of an empty object can be had in part', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(readRange(header, 0)).toEqual({ kind: 'unsatisfiable' });
});
