import { zstdCompressSync, constants } from 'node:zlib';
import { decompress as fzstdDecompress } from 'fzstd';
import { describe, expect, test } from 'vitest';
import { decompress, readContentEncoding } from '../../ingest/decompress.ts';
import { maskedCrc32c } from '../../proto/snappy-framed.ts';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { decompressContract } from '../contract/decompress.ts';

decompressContract();

const snappy = snappyJsDecoder(1000);

test('zstd: another decoder says the same', () => {
  for (const level of [1, 3, 19]) {
    const plain = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7);
    const body = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: level } });
    expect(Buffer.compare(fzstdDecompress(body), decompress(body, 'zstd', snappy, 1 << 20, 'x'))).toBe(0);
  }
});

test('zstd: a window beyond the limit is refused', () => {
  // A frame header that asks for 128 MiB of window, and an empty last block.
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x01, 0x00, 0x00);
  expect(() => decompress(frame, 'zstd', snappy, 1 << 20, 'x')).toThrow(expect.objectContaining({ kind: 'bad-data' }));
  const modest = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, (20 - 10) << 3, 0x01, 0x00, 0x00);
  expect(decompress(modest, 'zstd', snappy, 1 << 20, 'x').length).toBe(0);
});

test('the checksum of framed snappy is CRC-32C, rotated and shifted', () => {
  // RFC 3720, B.4: CRC-32C of 32 bytes of zeros is 8a9136aa.
  const crc = 0x8a9136aa;
  expect(maskedCrc32c(new Uint8Array(32))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

describe('content encodings', () => {
  function f(header: string | null, wanted: string): void {
    test(String(header), () => expect(readContentEncoding(header)).toBe(wanted));
  }
  f(null, 'identity');
  f('', 'identity');
  f(' GZIP ', 'gzip');
  f('x-gzip', 'gzip');
  f('x-snappy-framed', 'snappy');
  f('zstd', 'zstd');
  test('unknown ones', () => expect(() => readContentEncoding('br')).toThrow('content encoding "br" is not supported here'));
  test('more than one', () => expect(() => readContentEncoding('gzip, zstd')).toThrow(expect.objectContaining({ kind: 'not-supported' })));
});
