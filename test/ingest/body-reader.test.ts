import { expect, test } from 'vitest';
import { BodyReader } from '../../ingest/body-reader.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { byteStream } from '../fakes/byte-stream.ts';

async function piecesOf(chunks: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>[]> {
  const left = [...chunks];
  const reader = new BodyReader(
    byteStream({
      pull: (sink) => {
        const next = left.shift();
        if (next === undefined) sink.close();
        else sink.enqueue(next);
      },
    }),
  );
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let piece = await reader.read(); piece !== undefined; piece = await reader.read()) pieces.push(piece);
  return pieces;
}

const chunk = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + seed);

test('all bytes come in their order, however they arrive, and stay as they were', async () => {
  const { bodyPieceBytes } = LIMITS;
  const chunks = [1, 3, bodyPieceBytes, bodyPieceBytes - 1, 3 * bodyPieceBytes + 5, 2, bodyPieceBytes / 2, 1].map(chunk);
  const pieces = await piecesOf(chunks);
  // Looked at when all have been read: none is written over by a later one.
  expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(bodyPieceBytes);
});

test('a sender of few bytes at a time does not make each take a whole buffer', async () => {
  const pieces = await piecesOf(Array.from({ length: 50 }, (_, i) => chunk(1 + (i % 3) * 20_000, i)));
  const buffers = new Set(pieces.map(({ buffer }) => buffer));
  expect(buffers.size).toBe(pieces.length);
  for (const { length, buffer } of pieces) expect(buffer.byteLength).toBeLessThanOrEqual(Math.ceil((length * 4) / 3));
});

test('an empty body has no pieces', async () => {
  expect(await piecesOf([])).toEqual([]);
});
