import { constants, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { DecodeError } from '../proto/decode-error.ts';
import { decodeSnappyFramed, isSnappyFramed } from '../proto/snappy-framed.ts';
import { snappyPlainLength, type SnappyDecode } from '../proto/snappy.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';

export const CONTENT_ENCODINGS = ['identity', 'gzip', 'deflate', 'zstd', 'snappy'] as const;
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

/**
 * zstd's window, which the sender chooses and the decoder holds: 16 MiB, since a frame that knows its length has all of it as its window,
 * and bodies of more are refused anyway.
 */
const ZSTD_WINDOW_LOG_MAX = 24;

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
    const message = error instanceof Error ? error.message : String(error);
    // Node says it with a code, workerd with words.
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' || message === 'Memory limit exceeded') throw tooLarge();
    throw badData(`the body is not ${encoding}: ${message}`);
  }
}

/** `undefined`, or what else a decompressor throws, when it would be longer than `bytesMax` and some slack. */
function decompressed(body: Uint8Array, encoding: ContentEncoding, snappy: SnappyDecode, bytesMax: number): Uint8Array | undefined {
  const options = { maxOutputLength: bytesMax + SLACK_BYTES };
  switch (encoding) {
    case 'identity':
      return body;
    case 'gzip':
      return gunzipSync(body, options);
    case 'deflate':
      // The name means zlib's format; some senders leave its header out.
      return hasZlibHeader(body) ? inflateSync(body, options) : inflateRawSync(body, options);
    case 'zstd':
      return zstdDecompressSync(body, { ...options, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } });
    case 'snappy':
      // The framed format is what the OpenTelemetry Collector called snappy for years.
      if (isSnappyFramed(body)) return decodeSnappyFramed(body, snappy, bytesMax);
      return snappyPlainLength(body, Infinity) > bytesMax ? undefined : snappy(body);
  }
}

/** RFC 1950: method 8 in the low bits, and both bytes together a multiple of 31. */
function hasZlibHeader(body: Uint8Array): boolean {
  return (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0;
}
