import { constants, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { concatBytes } from '../proto/concat-bytes.ts';
import { DecodeError } from '../proto/decode-error.ts';
import { decodeSnappyFramed, isSnappyFramed } from '../proto/snappy-framed.ts';
import { snappyPlainLength, type SnappyDecode } from '../proto/snappy.ts';
import { ZstdFrames } from '../proto/zstd-frames.ts';
import { badData, messageOf, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';

const CONTENT_ENCODINGS = ['identity', 'gzip', 'deflate', 'zstd', 'snappy'] as const;
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

/** workerd's decompressors refuse output that comes within a chunk of the bound that they are given: give them more and look afterwards. */
const SLACK_BYTES = 256 * 1024;

/** The content coding of a request, from its header; an empty header means none. */
export function readContentEncoding(header: string | null): ContentEncoding {
  const name = (header ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return 'identity';
  const spelled = name === 'x-gzip' ? 'gzip' : name === 'x-snappy-framed' ? 'snappy' : name;
  const encoding = CONTENT_ENCODINGS.find((known) => known === spelled);
  if (encoding === undefined) throw new VarveError('not-supported', `content encoding ${JSON.stringify(name.slice(0, 100))} is not supported here; send gzip, zstd, deflate, snappy or none`);
  return encoding;
}

/**
 * A body's plain bytes. What comes out is counted while it does: past `bytesMax` decompression stops, whatever the body says of itself.
 * `limitName` is for the message.
 */
export function decompress(body: Uint8Array, encoding: ContentEncoding, snappy: SnappyDecode, bytesMax: number, limitName: string): Uint8Array {
  const tooLarge = (): VarveError => new VarveError('too-large', `the body is larger than the limit ${limitName} of ${bytesMax} bytes when it is decompressed; send smaller requests`);
  // Not every decompressor minds.
  if (body.length === 0 && encoding !== 'identity') throw badData(`the body is not ${encoding}: it is empty`);
  try {
    const plain = decompressed(body, encoding, snappy, bytesMax);
    if (plain === undefined || plain.length > bytesMax) throw tooLarge();
    return plain;
  } catch (error) {
    if (error instanceof VarveError) throw error;
    if (error instanceof DecodeError) throw badData(error.message);
    const message = messageOf(error);
    // Node says it with a code, workerd with words.
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' || message === 'Memory limit exceeded') throw tooLarge();
    throw badData(`the body is not ${encoding}: ${message}`);
  }
}

/** `undefined`, or what else a decompressor throws, when it would be longer than `bytesMax` and some slack. */
function decompressed(body: Uint8Array, encoding: ContentEncoding, snappy: SnappyDecode, bytesMax: number): Uint8Array | undefined {
  switch (encoding) {
    case 'identity':
      return body;
    case 'gzip':
      // Which looks behind the end itself: for another member.
      return gunzipSync(body, { maxOutputLength: bytesMax + SLACK_BYTES });
    case 'deflate':
      return inflated(body, bytesMax);
    case 'zstd':
      return unpackedFrames(body, bytesMax);
    case 'snappy':
      // The framed format is what the OpenTelemetry Collector called snappy for years.
      if (isSnappyFramed(body)) return decodeSnappyFramed(body, snappy, bytesMax);
      return snappyPlainLength(body, Infinity) > bytesMax ? undefined : snappy(body);
  }
}

/** The name means zlib's format; some senders leave its header out. */
function inflated(body: Uint8Array, bytesMax: number): Uint8Array {
  const options = { maxOutputLength: bytesMax + SLACK_BYTES, info: true };
  // The types do not know of `info`.
  const result: unknown = hasZlibHeader(body) ? inflateSync(body, options) : inflateRawSync(body, options);
  const { buffer, engine } = result as { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  const left = body.length - engine.bytesWritten;
  if (left !== 0) throw badData(`the body is not deflate: ${left} bytes stand behind its end`);
  return buffer;
}

function unpackedFrames(body: Uint8Array, bytesMax: number): Uint8Array | undefined {
  const frames = new ZstdFrames();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let start = 0; start < body.length && length <= bytesMax; ) {
    const end = frames.advance(body, start, body.length);
    if (frames.count > LIMITS.zstdFramesMax) throw badData(`the body has more frames of zstd than the limit zstdFramesMax of ${LIMITS.zstdFramesMax}; send one frame`);
    const options = { maxOutputLength: bytesMax - length + SLACK_BYTES, params: { [constants.ZSTD_d_windowLogMax]: LIMITS.zstdWindowLogMax } };
    const part = zstdDecompressSync(body.subarray(start, end), options);
    parts.push(part);
    length += part.length;
    start = end;
  }
  return length > bytesMax ? undefined : parts.length === 1 ? parts[0] : concatBytes(parts, length);
}

/** RFC 1950: method 8 in the low bits, and both bytes together a multiple of 31. */
function hasZlibHeader(body: Uint8Array): boolean {
  return (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0;
}
