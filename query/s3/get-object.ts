import type { ObjectInfo, ObjectReader } from '../../storage/object-reader.ts';
import type { LruCache } from '../../storage/runtime/lru-cache.ts';
import { readRange } from './byte-range.ts';
import { S3Error } from './s3-error.ts';

/**
 * Answers GET and HEAD of an object with its bytes, or the range that is wanted. `known` remembers objects, so that a file that is read
 * in many ranges is looked up once; `visible` begins all keys that the reader may see.
 */
export async function getObject(reader: ObjectReader, known: LruCache<string, ObjectInfo>, request: Request, visible: string, key: string): Promise<Response> {
  if (!key.startsWith(visible)) throw noSuchKey();
  const isHead = request.method === 'HEAD';
  // What is remembered of an object may be that of one that is gone: opening it will tell, and for HEAD nothing is opened.
  const info = (isHead ? undefined : known.get(key)) ?? (await reader.head(key));
  if (info === undefined) throw noSuchKey();
  known.set(key, info, 1);
  const headers: Record<string, string> = {
    etag: `"${info.etag}"`,
    'last-modified': new Date(info.uploadedMs).toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    // A proxy that compresses it would break ranges.
    'cache-control': 'private, no-transform',
  };
  const condition = failedCondition(request.headers, info);
  if (condition === 412) throw new S3Error('PreconditionFailed', 412, 'the object is not the one that If-Match or If-Unmodified-Since asks for');
  if (condition === 304) return new Response(null, { status: 304, headers });
  const range = readRange(isRangeOf(info, request.headers) ? (request.headers.get('range') ?? undefined) : undefined, info.sizeBytes);
  if (range.kind === 'unsatisfiable') throw new S3Error('InvalidRange', 416, `the object has ${info.sizeBytes} bytes, and none of them are in the range`, { 'content-range': `bytes */${info.sizeBytes}` });
  const isPart = range.kind === 'part';
  if (isPart) headers['content-range'] = `bytes ${range.offset}-${range.offset + range.length - 1}/${info.sizeBytes}`;
  headers['content-length'] = String(isPart ? range.length : info.sizeBytes);
  const status = isPart ? 206 : 200;
  if (isHead) return new Response(null, { status, headers });
  const body = await reader.open(key, isPart ? range : undefined);
  if (body !== undefined) return new Response(body, { status, headers });
  known.delete(key);
  throw noSuchKey();
}

/** Whether the object of another tenant exists is not told. */
export function noSuchKey(): S3Error {
  return new S3Error('NoSuchKey', 404, 'there is no object with this key that the request may read');
}

/** Which of a request's conditions does not hold, as the status that says so (RFC 9110, section 13.2.2); `undefined`: the object is sent. */
function failedCondition(headers: Headers, { etag, uploadedMs }: ObjectInfo): 304 | 412 | undefined {
  const ifMatch = headers.get('if-match');
  const unmodifiedSince = secondsOf(headers.get('if-unmodified-since'));
  const ifNoneMatch = headers.get('if-none-match');
  const modifiedSince = secondsOf(headers.get('if-modified-since'));
  const uploaded = Math.floor(uploadedMs / 1000);
  if (ifMatch !== null ? !namesEtag(ifMatch, etag) : unmodifiedSince !== undefined && uploaded > unmodifiedSince) return 412;
  if (ifNoneMatch !== null ? namesEtag(ifNoneMatch, etag) : modifiedSince !== undefined && uploaded <= modifiedSince) return 304;
  return undefined;
}

/** Whether the object is the one that the client has a part of already: of another one it wants everything. */
function isRangeOf({ etag, uploadedMs }: ObjectInfo, headers: Headers): boolean {
  const ifRange = headers.get('if-range');
  return ifRange === null || ifRange === `"${etag}"` || secondsOf(ifRange) === Math.floor(uploadedMs / 1000);
}

/** HTTP's dates have no fractions of a second. */
function secondsOf(date: string | null): number | undefined {
  const timeMs = date === null ? NaN : Date.parse(date);
  return Number.isNaN(timeMs) ? undefined : Math.floor(timeMs / 1000);
}

/** Some clients leave the quotes out. */
function namesEtag(header: string, etag: string): boolean {
  return header.split(',').some((one) => ['*', etag, `"${etag}"`, `W/"${etag}"`].includes(one.trim()));
}
