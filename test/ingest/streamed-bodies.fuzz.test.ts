import { test } from 'vitest';
import { bodyPieces } from '../../ingest/body-stream.ts';
import type { ContentEncoding } from '../../ingest/decompress.ts';
import { assert } from '../../storage/runtime/assert.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { ManualTimers } from '../fakes/manual-timers.ts';
import { fuzzRounds } from '../proto/fuzz-loop.ts';
import { BYTES_MAX, FORMATS, fuzzBodies } from './fuzz-bodies.ts';

const LIMITS = limitsWith({ importBodyBytesMax: BYTES_MAX, importChunkBytes: 512 });

async function streamed(body: Uint8Array, encoding: ContentEncoding): Promise<Buffer> {
  const request = new Request('http://varve/', { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers: { 'content-encoding': encoding } });
  const pieces: Uint8Array[] = [];
  for await (const piece of bodyPieces(request, LIMITS, new ManualTimers().start)) {
    assert(piece.length <= LIMITS.importChunkBytes, 'a piece longer than its limit');
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces);
}

// An import has no snappy, and zlib's format alone. The decompressors are those of whole bodies: a fifth of the rounds looks at what is around them.
const STREAMED = ['gzip', 'deflate', 'zstd', 'zstd in frames'] as const;
test.each(STREAMED)('%s', { timeout: 3_600_000 }, (name) => fuzzBodies(`${name}, streamed`, FORMATS[name]!, Math.ceil(fuzzRounds(2_000) / 5), streamed));
