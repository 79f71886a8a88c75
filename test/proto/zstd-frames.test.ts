import { constants, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ZstdFrames } from '../../proto/zstd-frames.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

function randomFrame(random: SeededRandom): Uint8Array {
  if (random.oneIn(5)) {
    const content = random.below(300);
    return Uint8Array.from([0x50 + random.below(16), 0x2a, 0x4d, 0x18, content & 0xff, content >> 8, 0, 0, ...Array.from({ length: content }, () => random.below(256))]);
  }
  const plain = new Uint8Array(random.pick([0, 1, 255, 256, 65_791, 65_792, 300_000]));
  // Blocks that are compressed, raw, and one byte repeated.
  if (random.oneIn(3)) random.fill(plain);
  else if (random.oneIn(2)) plain.forEach((_, i) => (plain[i] = i >> 7));
  const params = { [constants.ZSTD_c_checksumFlag]: random.below(2), [constants.ZSTD_c_contentSizeFlag]: random.below(2) };
  return zstdCompressSync(plain, { params });
}

/** Where it stops, on its way over pieces of the lengths that `pieceBytes` says. */
function stopsIn(bytes: Uint8Array, pieceBytes: () => number): { readonly stops: readonly number[]; readonly count: number } {
  const frames = new ZstdFrames();
  const stops: number[] = [];
  for (let start = 0; start < bytes.length; start = stops.at(-1)!) stops.push(frames.advance(bytes, start, Math.min(start + pieceBytes(), bytes.length)));
  return { stops, count: frames.count };
}

test('ends are found however the bytes are cut', () => {
  const random = new SeededRandom(3);
  for (let round = 0; round < 60; round++) {
    const frames = Array.from({ length: random.between(1, 6) }, () => randomFrame(random));
    const bytes = Buffer.concat(frames);
    const ends = frames.map(((sum) => ({ length }) => (sum += length))(0));
    expect(stopsIn(bytes, () => bytes.length)).toEqual({ stops: ends, count: frames.length });
    const cut = stopsIn(bytes, () => random.between(1, 50));
    expect(cut.stops).toEqual(expect.arrayContaining(ends));
    expect(cut.count).toBe(frames.length);
  }
});

test('what cannot be a frame is refused', () => {
  const frame = zstdCompressSync('up 1\n');
  const f = (bytes: Uint8Array, message: string): void => expect(() => stopsIn(bytes, () => bytes.length)).toThrow(message);
  f(Buffer.from('up 1\n'), 'zstd: no frame at the beginning');
  f(Buffer.concat([frame, Buffer.from('up 1\n')]), 'zstd: no frame behind frame 1');
  f(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x07, 0, 0), 'zstd: a block of the reserved type');
});
