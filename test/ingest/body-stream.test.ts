import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deflateSync, gzipSync, zstdCompressSync, constants } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bodyPieces } from '../../ingest/body-stream.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { ManualTimers } from '../fakes/manual-timers.ts';
import { byteStream } from '../fakes/byte-stream.ts';

interface Options {
  readonly encoding?: string;
  readonly limits?: typeof LIMITS;
  readonly timers?: ManualTimers;
}

function request(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, encoding?: string): Request {
  const iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const body = byteStream({
    pull: async (sink) => {
      const next = await iterator.next();
      if (next.done === true) sink.close();
      else sink.enqueue(next.value);
    },
  });
  const headers = encoding === undefined ? {} : { 'content-encoding': encoding };
  return new Request('http://varve/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}

async function read(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, { encoding, limits = LIMITS, timers = new ManualTimers() }: Options = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bodyPieces(request(chunks, encoding), limits, timers.start)) {
    expect(piece.length).toBeLessThanOrEqual(limits.importChunkBytes);
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces);
}

const text = Buffer.from(Array.from({ length: 50_000 }, (_, i) => `up{instance="${i % 97}"} ${i * i}\n`).join(''));

function* inPieces(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

describe('a body comes out as it was', () => {
  function comesOut(encoding: string | undefined, packed: Uint8Array): void {
    test.each([1_000_000_000, 65_536, 1237])(`${encoding}, in chunks of %i`, async (length) => {
      expect((await read(inPieces(packed, length), encoding === undefined ? {} : { encoding })).equals(text)).toBe(true);
    });
  }
  comesOut(undefined, text);
  comesOut('identity', text);
  comesOut('gzip', gzipSync(text));
  comesOut('X-GZIP', gzipSync(text));
  comesOut('gzip', Buffer.concat([gzipSync(text.subarray(0, 1000)), gzipSync(text.subarray(1000))]));
  comesOut('deflate', deflateSync(text));
  comesOut('zstd', zstdCompressSync(text));
  comesOut('zstd', Buffer.concat([zstdCompressSync(text.subarray(0, 1000)), zstdCompressSync(''), ...Array.from(inPieces(text.subarray(1000), 3000), (piece) => zstdCompressSync(piece))]));
});

describe('refused', () => {
  test('an unknown encoding', async () => {
    await expect(read([text], { encoding: 'br' })).rejects.toMatchObject({ kind: 'not-supported', message: expect.stringContaining('br') });
    await expect(read([text], { encoding: 'toString' })).rejects.toMatchObject({ kind: 'not-supported' });
  });

  test.each([
    ['gzip', gzipSync(text).subarray(0, 5000)],
    ['gzip', text],
    ['deflate', deflateSync(text).subarray(0, 5000)],
    ['zstd', zstdCompressSync(text).subarray(0, 5000)],
    ['zstd', text],
  ])('damaged %s', async (encoding, packed) => {
    await expect(read(inPieces(packed, 999), { encoding })).rejects.toMatchObject({ kind: 'bad-data', message: expect.stringContaining(`not valid ${encoding}`) });
  });

  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('bytes behind the end of %s, in the same chunk and in later ones', async (encoding, packed) => {
    for (const chunks of [[Buffer.concat([packed, text])], [packed, text], [packed, text, text, text]]) {
      await expect(read(chunks, { encoding })).rejects.toMatchObject({ kind: 'bad-data', message: expect.stringContaining(`not valid ${encoding}`) });
    }
  });

  test.each(['gzip', 'deflate', 'zstd'])('an empty body that is called %s', async (encoding) => {
    await expect(read([], { encoding })).rejects.toMatchObject({ kind: 'bad-data', message: expect.stringContaining(`not valid ${encoding}`) });
  });

  test('a zstd frame that asks for a window above the limit', async () => {
    const packed = zstdCompressSync(Buffer.alloc(1 << 25, text), { params: { [constants.ZSTD_c_windowLog]: 25, [constants.ZSTD_c_enableLongDistanceMatching]: 1 } });
    await expect(read([packed], { encoding: 'zstd' })).rejects.toMatchObject({ kind: 'bad-data' });
  });

  test('more than the limit, also of what was compressed', async () => {
    const limits = limitsWith({ importBodyBytesMax: 100_000 });
    await expect(read([text], { limits })).rejects.toMatchObject({ kind: 'too-large', message: expect.stringContaining('importBodyBytesMax') });
    await expect(read([gzipSync(text)], { limits, encoding: 'gzip' })).rejects.toMatchObject({ kind: 'too-large' });
  });

  test('a sender who has gone', async () => {
    async function* breaking(begun: Uint8Array): AsyncGenerator<Uint8Array> {
      yield begun;
      throw new Error('gone');
    }
    const gone = { kind: 'canceled', cause: new Error('gone') };
    await expect(read(breaking(text))).rejects.toMatchObject(gone);
    await expect(read(breaking(gzipSync(text).subarray(0, 100)), { encoding: 'gzip' })).rejects.toMatchObject(gone);
  });
});

test('a sender who falls silent is given up, one who is only slow is not', async () => {
  const timers = new ManualTimers();
  async function* slow(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 5; i++) {
      await timers.advance(LIMITS.importIdleMsMax - 1);
      yield text.subarray(0, 10);
    }
    await timers.advance(LIMITS.importIdleMsMax);
    await new Promise(() => {});
  }
  await expect(read(slow(), { timers })).rejects.toMatchObject({ kind: 'timeout', message: expect.stringContaining('importIdleMsMax') });
  expect(timers.pendingCount).toBe(0);
});

test.each(['identity', 'gzip'])('no timer stays behind a body that ends, breaks off or is left, nor runs while nobody waits: %s', async (encoding) => {
  const packed = encoding === 'gzip' ? gzipSync(text) : text;
  const timers = new ManualTimers();
  await read(inPieces(packed, 999), { encoding, timers });
  expect(timers.startedCount).toBeGreaterThan(10);
  expect(timers.pendingCount).toBe(0);
  function* breaking(): Generator<Uint8Array> {
    yield packed.subarray(0, 5000);
    throw new Error('gone');
  }
  await expect(read(breaking(), { encoding, timers })).rejects.toThrow();
  expect(timers.pendingCount).toBe(0);
  for await (const _ of bodyPieces(request(inPieces(packed, 999), encoding), LIMITS, timers.start)) {
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers.pendingCount).toBe(0);
    break;
  }
  expect(timers.pendingCount).toBe(0);
});

test('a bomb comes out piece by piece, and nothing is read ahead of who consumes it', async () => {
  const packed = gzipSync(Buffer.alloc(512 * 1024 * 1024));
  let sent = 0;
  function* counted(): Generator<Uint8Array> {
    for (const piece of inPieces(packed, 4096)) {
      sent += piece.length;
      yield piece;
    }
  }
  let received = 0;
  const before = process.memoryUsage();
  for await (const piece of bodyPieces(request(counted(), 'gzip'), LIMITS, new ManualTimers().start)) {
    received += piece.length;
    if (received >= 16 * 1024 * 1024) break;
  }
  // The decompressor holds a little of what is compressed, and nothing more is taken from the sender.
  expect(sent).toBeLessThan(128 * 1024);
  const after = process.memoryUsage();
  expect(after.external - before.external).toBeLessThan(32 * 1024 * 1024);
});

test.each(['identity', 'gzip'])('nothing of a long body is kept, %s', async (encoding) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const chunk = encoding === 'gzip' ? gzipSync(Buffer.alloc(1024 * 1024, text)) : Buffer.alloc(1024 * 1024, text);
  function* chunks(): Generator<Uint8Array> {
    for (let i = 0; i < 256; i++) yield new Uint8Array(chunk);
  }
  let received = 0;
  let heldMax = 0;
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for await (const piece of bodyPieces(request(chunks(), encoding), LIMITS, new ManualTimers().start)) {
    const megabytes = Math.floor(received / 2 ** 24);
    received += piece.length;
    if (Math.floor(received / 2 ** 24) === megabytes) continue;
    collectGarbage();
    heldMax = Math.max(heldMax, process.memoryUsage().arrayBuffers - before);
  }
  expect(received).toBe(256 * 1024 * 1024);
  // Buffers are freed a little after they are collected.
  expect(heldMax).toBeLessThan(64 * 1024 * 1024);
});
