import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader, varintLength, writeVarint } from '../../proto/varint.ts';

const VALUES = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49 - 1, 2 ** 49, Number.MAX_SAFE_INTEGER];

function reader(...bytes: number[]): ByteReader {
  return new ByteReader(Uint8Array.from(bytes));
}

describe('varint', () => {
  test.each(VALUES)('%d comes back, in as many bytes as announced', (value) => {
    const bytes = new Uint8Array(10);
    const end = writeVarint(bytes, 0, value);
    expect(end).toBe(varintLength(value));
    const read = new ByteReader(bytes, 0, end);
    expect(read.varint()).toBe(value);
    expect(read.done).toBe(true);
  });

  test('is refused when cut off, above 2^53 or without end', () => {
    expect(() => reader().varint()).toThrow(DecodeError);
    expect(() => reader(0x80).varint()).toThrow(DecodeError);
    expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).varint()).toThrow('above 2^53');
    expect(() => reader(...Array.from({ length: 12 }, () => 0xff)).varint()).toThrow('above 2^53');
  });
});

describe('ByteReader', () => {
  test('reads little-endian, in turn', () => {
    const read = reader(7, 0x78, 0x56, 0x34, 0x92, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 1, 2);
    expect(read.byte()).toBe(7);
    expect(read.uint32()).toBe(0x92345678);
    expect(read.float64()).toBe(1);
    expect([...read.take(2)]).toEqual([1, 2]);
    expect(read.done).toBe(true);
  });

  test('never leaves its range, even inside a larger array', () => {
    const bytes = new Uint8Array(100).fill(1).subarray(10, 90);
    for (const read of [(r: ByteReader) => r.take(9), (r: ByteReader) => r.take(-1 >>> 0), (r: ByteReader) => (r.take(5), r.uint32()), (r: ByteReader) => (r.take(1), r.float64())]) {
      expect(() => read(new ByteReader(bytes, 4, 12))).toThrow(DecodeError);
    }
    const empty = new ByteReader(bytes, 12, 12);
    expect(() => empty.byte()).toThrow('want 1 bytes at byte 12, got 0');
  });
});
