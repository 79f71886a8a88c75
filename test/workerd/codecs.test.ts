import { describe, expect, test } from 'vitest';
import snappyModule from '../../.build/snappy.wasm';
import { DecodeError } from '../../proto/decode-error.ts';
import { snappyEncode, snappyJsDecoder, snappyWasmDecoder } from '../../proto/snappy.ts';
import { compress, decompress, ZSTD_BLOCK_BYTES } from '../../storage/chunk/zstd.ts';

/*
 * What differs between workerd and Node: the zstd of node:zlib is another implementation of that module, and WebAssembly comes from an
 * imported module only.
 */

/** The same bytes at every run, and nothing that could be compressed. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    bytes[i] = (state ^ (state >>> 13)) >>> 24;
  }
  return bytes;
}

const SHAPES: readonly [name: string, make: (length: number) => Uint8Array][] = [
  ['zeros', (length) => new Uint8Array(length)],
  ['text', (length) => Uint8Array.from({ length }, (_, i) => 'node_cpu_seconds_total{cpu="0"} '.charCodeAt(i % 32))],
  ['noise', noise],
  ['half noise', (length) => noise(length).map((byte, i) => (i % 2 === 0 ? byte : 0))],
];

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

describe('zstd blocks', () => {
  const lengths = [0, 1, 2, 100];
  for (const blocks of [1, 2, 3, 24]) for (const beside of [-1, 0, 1]) lengths.push(blocks * ZSTD_BLOCK_BYTES + beside);
  // Around the sizes at which workerd's one-shot functions are known to fail.
  lengths.push(40_959, 40_960, 40_961, 65_535, 65_537);

  test.each(SHAPES)('%s of every length around a block', (_name, make) => {
    for (const length of lengths) {
      const plain = make(length);
      const compressed = compress(plain);
      expect(compressed.length).toBeLessThan(length * 1.01 + 32);
      expect(same(decompress(compressed, length, 'test'), plain), `${length} bytes`).toBe(true);
    }
  });

  test('noise of every length up to a kilobyte, and many seeds of a whole block', () => {
    for (let length = 0; length <= 1024; length++) expect(same(decompress(compress(noise(length)), length, 'test'), noise(length)), `${length} bytes`).toBe(true);
    for (let seed = 1; seed <= 50; seed++) {
      const plain = noise(ZSTD_BLOCK_BYTES, seed);
      expect(same(decompress(compress(plain), plain.length, 'test'), plain), `seed ${seed}`).toBe(true);
    }
  });

  test('damage is an error or the same bytes, never other lengths', () => {
    const plain = SHAPES[1]![1](5000);
    const compressed = compress(plain);
    for (let cut = 0; cut < compressed.length; cut++) expect(() => decompress(compressed.subarray(0, cut), 5000, 'test'), `cut at ${cut}`).toThrow();
    for (const length of [4999, 5001, 0]) expect(() => decompress(compressed, length, 'test')).toThrow();
  });
});

describe('snappy', () => {
  const limit = 32 * 1024 * 1024;
  const wasm = snappyWasmDecoder(snappyModule, limit);
  const js = snappyJsDecoder(limit);

  test.each(SHAPES)('%s: WebAssembly and JavaScript agree', (_name, make) => {
    for (const length of [0, 1, 59, 60, 61, 65_535, 65_536, 65_537, 1_000_000]) {
      const plain = make(length);
      const compressed = snappyEncode(plain);
      expect(same(wasm(compressed), plain), `wasm, ${length} bytes`).toBe(true);
      expect(same(js(compressed), plain), `js, ${length} bytes`).toBe(true);
    }
  });

  test('memory grows for a large body and is given back', () => {
    const large = new Uint8Array(20_000_000).fill(7);
    const small = SHAPES[1]![1](2000);
    const compressed = snappyEncode(large);
    expect(same(wasm(compressed), large)).toBe(true);
    expect(same(wasm(snappyEncode(small)), small)).toBe(true);
    expect(same(wasm(compressed), large)).toBe(true);
  });

  test('damage ends in a DecodeError or in bytes of the declared length, and the next body decodes', () => {
    const plain = SHAPES[1]![1](600);
    const compressed = snappyEncode(plain);
    for (const decode of [wasm, js]) {
      for (let position = 0; position < compressed.length; position++) {
        for (let bit = 0; bit < 8; bit++) {
          const damaged = compressed.slice();
          damaged[position]! ^= 1 << bit;
          try {
            decode(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }
      expect(same(decode(compressed), plain)).toBe(true);
    }
  });
});
