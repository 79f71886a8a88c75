import { constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { bodyPieces } from '../../ingest/body-stream.ts';
import { decompress, type ContentEncoding } from '../../ingest/decompress.ts';
import { maskedCrc32c } from '../../proto/snappy-framed.ts';
import { snappyEncode, snappyJsDecoder } from '../../proto/snappy.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { ManualTimers } from '../fakes/manual-timers.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzRounds, mutate } from '../proto/fuzz-bytes.ts';

/*
 * Mutations of compressed bodies: each comes out or is refused in our own words, nothing is longer than its limit, nothing takes long, and what is
 * valid comes out as before.
 */
const BYTES_MAX = 2000;
const LIMITS = limitsWith({ importBodyBytesMax: BYTES_MAX, importChunkBytes: 512 });
/** Of a thousand inputs: a decompressor that does not end. */
const THOUSAND_MS_MAX = 10_000;

const PLAIN = [
  Buffer.from(Array.from({ length: 30 }, (_, i) => `up{i="${i}"} ${i * i * 7919}\n`).join('')),
  Buffer.alloc(1999, 'ab'),
  Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 2654435761) >>> 24)),
  Buffer.from('x'),
];

/** The first half in a block, the second as it is. */
function framed(plain: Buffer): Buffer {
  const chunk = (type: number, part: Buffer, content: Uint8Array): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(type + (content.length + 4) * 256);
    head.writeUInt32LE(maskedCrc32c(part), 4);
    return Buffer.concat([head, content]);
  };
  const [first, second] = [plain.subarray(0, plain.length >> 1), plain.subarray(plain.length >> 1)];
  return Buffer.concat([Buffer.from([0xff, 6, 0, 0]), Buffer.from('sNaPpY'), chunk(0, first, snappyEncode(first)), chunk(1, second, second)]);
}

const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

interface Format {
  readonly encoding: ContentEncoding;
  readonly pack: (plain: Buffer) => Uint8Array;
}

const FORMATS: Readonly<Record<string, Format>> = {
  gzip: { encoding: 'gzip', pack: (plain) => gzipSync(plain) },
  deflate: { encoding: 'deflate', pack: (plain) => deflateSync(plain) },
  'deflate without a header': { encoding: 'deflate', pack: (plain) => deflateRawSync(plain) },
  zstd: { encoding: 'zstd', pack: (plain) => zstdCompressSync(plain) },
  'zstd in frames': { encoding: 'zstd', pack: (plain) => Buffer.concat([zstdCompressSync(plain.subarray(0, 100), checksummed), zstdCompressSync(plain.subarray(100))]) },
  snappy: { encoding: 'snappy', pack: (plain) => snappyEncode(plain) },
  'framed snappy': { encoding: 'snappy', pack: framed },
};

const snappy = snappyJsDecoder(BYTES_MAX);

function whole(body: Uint8Array, encoding: ContentEncoding): Uint8Array {
  return decompress(body, encoding, snappy, BYTES_MAX, 'bytesMax');
}

async function streamed(body: Uint8Array, encoding: ContentEncoding): Promise<Buffer> {
  const request = new Request('http://varve/', { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers: { 'content-encoding': encoding } });
  const pieces: Uint8Array[] = [];
  for await (const piece of bodyPieces(request, LIMITS, new ManualTimers().start)) {
    expect(piece.length).toBeLessThanOrEqual(LIMITS.importChunkBytes);
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces);
}

async function fuzz({ encoding, pack }: Format, rounds: number, unpack: (body: Uint8Array, encoding: ContentEncoding) => Uint8Array | Promise<Uint8Array>): Promise<void> {
  const random = new SeededRandom(FUZZ_SEED);
  const packed = PLAIN.map(pack);
  const check = async (): Promise<void> => {
    for (const [i, body] of packed.entries()) expect(Buffer.compare(await unpack(body, encoding), PLAIN[i]!)).toBe(0);
  };
  let [taken, refused, startMs] = [0, 0, performance.now()];
  for (let round = 0; round < rounds; round++) {
    const body = mutate(random.pick(packed), random);
    try {
      expect((await unpack(body.slice(), encoding)).length).toBeLessThanOrEqual(BYTES_MAX);
      taken++;
    } catch (error) {
      const isRefusal = error instanceof VarveError && (error.kind === 'bad-data' || error.kind === 'too-large');
      if (!isRefusal) throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(body).toString('hex')}: ${String(error)}`, { cause: error });
      refused++;
    }
    // Node lets a decompressor that has failed go in the next turn of its event loop; a Worker has one turn a body at the most.
    if (round % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (round % 1000 !== 0) continue;
    await check();
    expect(performance.now() - startMs, `rounds up to ${round}`).toBeLessThan(THOUSAND_MS_MAX);
    startMs = performance.now();
  }
  await check();
  expect(taken).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(rounds / 10);
}

test.each(Object.entries(FORMATS))('whole: %s', { timeout: 3_600_000 }, (_, format) => fuzz(format, fuzzRounds(2_000), whole));

// An import reads what comes in streams, and has no snappy, and zlib's format alone.
const STREAMED = ['gzip', 'deflate', 'zstd', 'zstd in frames'] as const;
test.each(STREAMED)('in pieces: %s', { timeout: 3_600_000 }, (name) => fuzz(FORMATS[name]!, Math.ceil(fuzzRounds(2_000) / 5), streamed));
