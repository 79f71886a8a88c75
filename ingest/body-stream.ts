import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { ZstdFrames } from '../proto/zstd-frames.ts';
import { badData, messageOf, VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { StartTimer } from '../storage/runtime/timer.ts';
import { BodyReader } from './body-reader.ts';
import { readInTime } from './read-body.ts';

type StreamLimits = Pick<typeof LIMITS, 'importBodyBytesMax' | 'importChunkBytes' | 'importCompressedChunkBytes' | 'importZstdWindowLogMax' | 'importIdleMsMax'>;

const gunzip = (limits: StreamLimits) => createGunzip({ chunkSize: limits.importChunkBytes });

/** Content encodings that a streamed body may have. */
const DECOMPRESSORS = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: (limits: StreamLimits) => createInflate({ chunkSize: limits.importChunkBytes }),
  zstd: (limits: StreamLimits) =>
    createZstdDecompress({ chunkSize: limits.importChunkBytes, params: { [constants.ZSTD_d_windowLogMax]: limits.importZstdWindowLogMax } }),
} as const;

/**
 * A request's body, decompressed, in pieces of at most `importChunkBytes`, and never more than a few of them in memory: nothing is read
 * before the piece that came before it has been dealt with, so whoever consumes slowly makes the sender wait.
 *
 * Throws bad-data for damaged compression, too-large and timeout by their limits, and canceled when the client hangs up; what was handed out
 * before is good.
 */
export async function* bodyPieces(request: Request, limits: StreamLimits, startTimer: StartTimer): AsyncGenerator<Uint8Array> {
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  const isPlain = encoding === 'identity' || encoding === '';
  if (!isPlain && !isKnown(encoding)) throw new VarveError('not-supported', `content encoding ${encoding} is not supported here; send gzip, deflate, zstd or none`);
  if (request.body === null) return;
  const received = receivedChunks(request.body, limits, startTimer);
  let length = 0;
  for await (const chunk of isKnown(encoding) ? decompressed(received, encoding, limits) : received) {
    length += chunk.length;
    if (length > limits.importBodyBytesMax) {
      throw new VarveError('too-large', `the body is larger than the limit importBodyBytesMax of ${limits.importBodyBytesMax} bytes; send it in parts`);
    }
    for (let start = 0; start < chunk.length; start += limits.importChunkBytes) yield chunk.subarray(start, start + limits.importChunkBytes);
  }
}

function isKnown(encoding: string): encoding is keyof typeof DECOMPRESSORS {
  return Object.hasOwn(DECOMPRESSORS, encoding);
}

async function* decompressed(received: AsyncIterable<Uint8Array>, encoding: keyof typeof DECOMPRESSORS, limits: StreamLimits): AsyncGenerator<Uint8Array> {
  const seen: Seen = { failure: undefined, length: 0, isWhole: false };
  const pieces = cut(noting(received, seen), limits.importCompressedChunkBytes, encoding === 'zstd' ? new ZstdFrames() : undefined);
  const source = Readable.from(pieces, { objectMode: false, highWaterMark: 1 });
  const stream = pipeline(source, DECOMPRESSORS[encoding](limits), () => {
    // An error comes out of the stream below.
  });
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    // What went wrong while receiving is not the compression's fault.
    if (seen.failure !== undefined) throw seen.failure;
    throw badData(`the body is not valid ${encoding}: ${messageOf(error)}`);
  }
  // zlib's own format ends where it says, whatever comes behind it; the others look there themselves, or are cut there.
  if (encoding === 'deflate' && !(seen.isWhole && stream.bytesWritten === seen.length)) throw badData('the body is not valid deflate: there are bytes behind its end');
  if (seen.length === 0) throw badData(`the body is not valid ${encoding}: it is empty`);
}

/** What has been received: an error in place of the rest, bytes, and whether that was all. */
interface Seen {
  failure: unknown;
  length: number;
  isWhole: boolean;
}

async function* noting(received: AsyncIterable<Uint8Array>, seen: Seen): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of received) {
      seen.length += chunk.length;
      yield chunk;
    }
    seen.isWhole = true;
  } catch (error) {
    seen.failure = error;
    throw error;
  }
}

/** Small pieces, so that what a decompressor makes of one stays small, and no piece with the end of one frame and the beginning of the next. */
async function* cut(received: AsyncIterable<Uint8Array>, bytesMax: number, frames: ZstdFrames | undefined): AsyncGenerator<Uint8Array> {
  for await (const chunk of received) {
    for (let start = 0; start < chunk.length; ) {
      const most = Math.min(start + bytesMax, chunk.length);
      const end = frames === undefined ? most : frames.advance(chunk, start, most);
      yield chunk.subarray(start, end);
      start = end;
    }
  }
}

async function* receivedChunks(body: ReadableStream, limits: StreamLimits, startTimer: StartTimer): AsyncGenerator<Uint8Array> {
  const reader = new BodyReader(body);
  try {
    for (;;) {
      const chunk = await readInTime(startTimer, limits.importIdleMsMax, () => reader.read());
      if (chunk === 'expired') throw new VarveError('timeout', `nothing was received for importIdleMsMax (${limits.importIdleMsMax} ms); send the rest again`);
      if (chunk === undefined) return;
      yield chunk;
    }
  } finally {
    // The reader may be in the middle of a read that will never end.
    reader.cancel();
  }
}
