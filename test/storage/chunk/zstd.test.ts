import { expect, test } from 'vitest';
import { compress, decompress, ZSTD_BLOCK_BYTES } from '../../../storage/chunk/zstd.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const SIZES = [0, 1, 100, ...[1, 2, 3, 8].flatMap((blocks) => [-1, 0, 1].map((more) => blocks * ZSTD_BLOCK_BYTES + more))];

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededRandom(length).fill(bytes);
  return bytes;
}

test.each(SIZES)('%d bytes come back, noise or not', (size) => {
  for (const plain of [noise(size), new Uint8Array(size).fill(7)]) {
    expect(Buffer.compare(decompress(compress(plain), size, 'x'), plain)).toBe(0);
  }
});

test('noise grows by less than a hundredth, and no block above what the platform takes', () => {
  const plain = noise(10 * ZSTD_BLOCK_BYTES);
  expect(compress(plain).length).toBeLessThan(plain.length * 1.01);
  expect(compress(noise(ZSTD_BLOCK_BYTES)).length).toBeLessThan(40_960);
});

test('another length than was stored is refused, with the place', () => {
  for (const size of [100, ZSTD_BLOCK_BYTES, ZSTD_BLOCK_BYTES + 1]) {
    const compressed = compress(noise(size));
    for (const wrong of [size - 1, size + 1, 0]) expect(() => decompress(compressed, wrong, 'segment 7'), `${size} as ${wrong}`).toThrow('segment 7');
  }
});

test('a length that there are no blocks for does not cost the memory', () => {
  expect(() => decompress(compress(noise(100)), 2 ** 40, 'segment 7')).toThrow(/^segment 7: 1 blocks for/);
});

test('cut off or damaged blocks are refused', () => {
  const compressed = compress(noise(ZSTD_BLOCK_BYTES + 5000));
  for (let length = 0; length < compressed.length; length += 997) expect(() => decompress(compressed.subarray(0, length), ZSTD_BLOCK_BYTES + 5000, 'x')).toThrow();
  const damaged = compressed.slice();
  damaged[5] = damaged[5]! ^ 0xff;
  expect(() => decompress(damaged, ZSTD_BLOCK_BYTES + 5000, 'x')).toThrow();
});

test('a block that unpacks into more than a block does not cost the memory', () => {
  const bomb = compress(new Uint8Array(ZSTD_BLOCK_BYTES).fill(1));
  expect(() => decompress(bomb, 10, 'x')).toThrow('x: ');
});
