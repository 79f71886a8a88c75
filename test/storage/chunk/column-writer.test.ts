import { expect, test } from 'vitest';
import { ByteReader, signedVarint } from '../../../proto/varint.ts';
import { ColumnWriter, SIGNED_VARINT_MAX } from '../../../storage/chunk/column-writer.ts';

const UNSIGNED = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
const SIGNED = [0, 1, -1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31), SIGNED_VARINT_MAX, -SIGNED_VARINT_MAX];

test('what is written comes back, however small the buffer was', () => {
  const out = new ColumnWriter(1);
  for (const value of UNSIGNED) out.unsigned(value);
  for (const value of SIGNED) out.signed(value);
  out.byte(7);
  out.uint32(0xfedcba98);
  out.append(Uint8Array.of(1, 2, 3));
  const reader = new ByteReader(out.written());
  expect(UNSIGNED.map(() => reader.varint())).toEqual(UNSIGNED);
  expect(SIGNED.map(() => signedVarint(reader))).toEqual(SIGNED);
  expect([reader.byte(), reader.uint32(), ...reader.take(3)]).toEqual([7, 0xfedcba98, 1, 2, 3]);
  expect(reader.done).toBe(true);
  out.clear();
  expect(out.length).toBe(0);
});

test('what a signed varint cannot hold is our mistake', () => {
  for (const value of [SIGNED_VARINT_MAX + 1, -SIGNED_VARINT_MAX - 1, 0.5, NaN, Infinity]) expect(() => new ColumnWriter().signed(value)).toThrow('BUG');
});

test('differences of buckets are what they are one by one', () => {
  const buckets = [0, 0, 1, 64, 0, 65, 0, 8191, 0, 8192, 0, 8193, 1, 2 ** 30, 0, 2 ** 31, 2 ** 40, 0, SIGNED_VARINT_MAX, 0, ...Array.from({ length: 300 }, (_, i) => (i * 7919) % 20_011)];
  const [out, wanted] = [new ColumnWriter(1), new ColumnWriter()];
  out.bucketDifferences(Float64Array.from(buckets), buckets.length);
  buckets.forEach((bucket, i) => wanted.signed(bucket - (buckets[i - 1] ?? 0)));
  expect(out.written()).toEqual(wanted.written());
});
