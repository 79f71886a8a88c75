import { test } from 'vitest';
import { decompress, type ContentEncoding } from '../../ingest/decompress.ts';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { fuzzRounds } from '../proto/fuzz-loop.ts';
import { BYTES_MAX, FORMATS, fuzzBodies } from './fuzz-bodies.ts';

const snappy = snappyJsDecoder(BYTES_MAX);

function whole(body: Uint8Array, encoding: ContentEncoding): Uint8Array {
  return decompress(body, encoding, snappy, BYTES_MAX, 'bytesMax');
}

test.each(Object.entries(FORMATS))('%s', { timeout: 3_600_000 }, (name, format) => fuzzBodies(name, format, fuzzRounds(2_000), whole));
