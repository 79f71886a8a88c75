import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompress, type ContentEncoding } from '../../ingest/decompress.ts';
import { maskedCrc32c } from '../../proto/snappy-framed.ts';
import { snappyEncode, snappyJsDecoder } from '../../proto/snappy.ts';

const LIMIT = 4 * 1024 * 1024;
const snappy = snappyJsDecoder(LIMIT);

/** Framed snappy of bytes, in chunks as the format wants them; every other one uncompressed. */
function snappyFramed(plain: Uint8Array): Uint8Array {
  const parts = [Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59), Uint8Array.of(0xfe, 2, 0, 0, 1, 2)];
  for (let start = 0; start < plain.length; start += 65_536) {
    const piece = plain.subarray(start, start + 65_536);
    const isCompressed = (start / 65_536) % 2 === 0;
    const content = isCompressed ? snappyEncode(piece) : piece;
    const chunk = new Uint8Array(8 + content.length);
    const length = content.length + 4;
    chunk.set([isCompressed ? 0 : 1, length & 0xff, (length >> 8) & 0xff, length >> 16]);
    new DataView(chunk.buffer).setUint32(4, maskedCrc32c(piece), true);
    chunk.set(content, 8);
    parts.push(chunk);
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Compressible, and no two pages of it the same. */
function sample(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 251) ^ ((i >> 9) & 0x0f));
}

/** What decoders pass over: the magic number, three bytes, and these. */
const SKIPPABLE_FRAME = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 0x28, 0xb5, 0x2f);

const CODERS: readonly (readonly [name: string, encoding: ContentEncoding, compress: (plain: Uint8Array) => Uint8Array])[] = [
  ['none', 'identity', (plain) => plain],
  ['gzip', 'gzip', (plain) => gzipSync(plain)],
  ['deflate', 'deflate', (plain) => deflateSync(plain)],
  ['deflate without a header', 'deflate', (plain) => deflateRawSync(plain)],
  ['zstd', 'zstd', (plain) => zstdCompressSync(plain)],
  ['snappy', 'snappy', snappyEncode],
  ['framed snappy', 'snappy', snappyFramed],
];

/** What must hold in Node and in workerd, whose decompressors are not the same. */
export function decompressContract(): void {
  const unpack = (body: Uint8Array, encoding: ContentEncoding, limit = LIMIT): Uint8Array => decompress(body, encoding, snappy, limit, 'testBytesMax');

  test.each(CODERS)('%s: bytes of all lengths come back', (_, encoding, compress) => {
    for (const length of [1, 100, 40_000, 65_536, 65_537, 500_000]) {
      const plain = sample(length);
      const got = unpack(compress(plain), encoding);
      expect(got.length).toBe(length);
      expect(got.every((byte, i) => byte === plain[i])).toBe(true);
    }
  });

  test.each(CODERS)('%s: the limit is exact', (name, encoding, compress) => {
    const body = compress(sample(300_000));
    if (name !== 'none') expect(body.length).toBeLessThan(300_000);
    expect(unpack(body, encoding, 300_000).length).toBe(300_000);
    expect(() => unpack(body, encoding, 299_999)).toThrow('the body is larger than the limit testBytesMax of 299999 bytes');
  });

  test.each(CODERS.filter(([name]) => name !== 'none' && name !== 'framed snappy'))('%s: a bomb is stopped', (_, encoding, compress) => {
    expect(() => unpack(compress(new Uint8Array(16 * 1024 * 1024)), encoding)).toThrow('testBytesMax');
  });

  test.each(CODERS.filter(([name]) => name !== 'none'))('%s: what is damaged or cut off is refused', (_, encoding, compress) => {
    const body = compress(sample(1000));
    for (const bad of [body.subarray(0, body.length - 3), Uint8Array.from([0xff, 0xff, ...body]), new Uint8Array(0)]) {
      expect(() => unpack(bad, encoding)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    }
  });

  test.each([
    ['gzip', [gzipSync(sample(70_000)), gzipSync(sample(1000))]],
    ['zstd', [zstdCompressSync(sample(70_000)), SKIPPABLE_FRAME, zstdCompressSync(new Uint8Array(0)), zstdCompressSync(sample(1000)), SKIPPABLE_FRAME]],
  ] as const)('%s: pieces that were compressed each for itself are one body', (encoding, pieces) => {
    const got = unpack(Buffer.concat(pieces), encoding);
    expect(Buffer.from(got).equals(Buffer.concat([sample(70_000), sample(1000)]))).toBe(true);
    expect(() => unpack(Buffer.concat(pieces), encoding, 70_999)).toThrow('testBytesMax of 70999');
  });

  test.each(CODERS.filter(([name]) => name !== 'none'))('%s: bytes behind the end are not passed over', (_, encoding, compress) => {
    for (const behind of ['x', 'some more bytes']) {
      expect(() => unpack(Buffer.concat([compress(sample(1000)), Buffer.from(behind)]), encoding)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    }
  });

  test('zstd: frames without end', () => {
    const empty = zstdCompressSync(new Uint8Array(0));
    expect(() => unpack(Buffer.concat(Array.from({ length: 2000 }, () => empty)), 'zstd')).toThrow('the limit zstdFramesMax of 1024');
  });

  test('snappy: a length that lies is refused before it is believed', () => {
    expect(() => unpack(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0), 'snappy')).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    const framed = snappyFramed(sample(1000));
    framed[20]! ^= 1;
    expect(() => unpack(framed, 'snappy')).toThrow(/checksum|corrupt/);
  });
}
