import type { ObjectInfo, ObjectListPage, ObjectListRequest, ObjectReader } from '../../storage/object-reader.ts';
import { utf8Length } from '../../storage/model/utf8-length.ts';
import { S3Error } from './s3-error.ts';
import { KEY_BYTES_MAX } from './object-path.ts';
import { S3_NAMESPACE, xmlDocument } from './xml.ts';

/** What S3 gives and R2 takes at most. */
const KEYS_MAX = 1000;

/** A ListObjectsV2 request, read from its parameters. */
export interface ListRequest {
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly keysMax: number;
  readonly startAfter: string | undefined;
  readonly continuationToken: string | undefined;
  readonly isUrlEncoded: boolean;
  /** What stands before the store's keys in the request and in its answer: mostly nothing, or the bucket's name and a slash where the client takes the mount for the bucket. */
  readonly keysBegin: string;
}

export interface Listing {
  readonly objects: readonly ObjectInfo[];
  readonly prefixes: readonly string[];
  readonly nextToken: string | undefined;
}

export function readListRequest(parameters: URLSearchParams, keysBegin: string): ListRequest {
  const keysText = parameters.get('max-keys') ?? String(KEYS_MAX);
  if (!/^\d{1,9}$/.test(keysText)) throw new S3Error('InvalidArgument', 400, 'max-keys must be a whole number');
  const encoding = parameters.get('encoding-type');
  if (encoding !== null && encoding !== 'url') throw new S3Error('InvalidArgument', 400, 'encoding-type must be url');
  for (const name of ['prefix', 'start-after', 'delimiter']) {
    if (utf8Length(parameters.get(name) ?? '') > KEY_BYTES_MAX) throw new S3Error('InvalidArgument', 400, `${name} is longer than a key can be, which is ${KEY_BYTES_MAX} bytes`);
  }
  return {
    prefix: parameters.get('prefix') ?? '',
    delimiter: parameters.get('delimiter') || undefined,
    keysMax: Math.min(Number(keysText), KEYS_MAX),
    startAfter: parameters.get('start-after') || undefined,
    continuationToken: parameters.get('continuation-token') ?? undefined,
    isUrlEncoded: encoding === 'url',
    keysBegin,
  };
}

/**
 * Lists what can be seen under a prefix: keys that begin with `visiblePrefix`, whatever prefix is asked for. A shorter prefix shows the way
 * there and nothing beside it.
 */
export async function listObjects(reader: ObjectReader, visiblePrefix: string, request: ListRequest): Promise<Listing> {
  const { prefix, delimiter, keysMax, keysBegin } = request;
  const visible = keysBegin + visiblePrefix;
  const startAfter = request.continuationToken === undefined ? request.startAfter : readToken(request.continuationToken);
  const isWithin = prefix.startsWith(visible);
  if (keysMax === 0 || (!isWithin && !visible.startsWith(prefix))) return NOTHING;
  const end = isWithin || delimiter === undefined ? -1 : visible.indexOf(delimiter, prefix.length);
  if (end >= 0) {
    const common = visible.slice(0, end + delimiter!.length);
    const page = await listNames(reader, keysBegin, { prefix: visible, delimiter: undefined, startAfter, limit: 1 });
    return page.objects.length === 0 ? NOTHING : { ...NOTHING, prefixes: [common] };
  }
  const page = await listNames(reader, keysBegin, { prefix: isWithin ? prefix : visible, delimiter, startAfter, limit: keysMax });
  const [lastKey = '', lastPrefix = ''] = [page.objects.at(-1)?.key, page.prefixes.at(-1)];
  if (!page.isTruncated) return { ...page, nextToken: undefined };
  // Behind a common prefix is what is behind everything that it stands for.
  return { ...page, nextToken: tokenOf(lastPrefix > lastKey ? `${lastPrefix}\u{10ffff}` : lastKey) };
}

const NOTHING: Listing = { objects: [], prefixes: [], nextToken: undefined };

/** A page of names, which are keys behind `keysBegin`, as the prefix is. */
async function listNames(reader: ObjectReader, keysBegin: string, { startAfter, ...request }: ObjectListRequest): Promise<ObjectListPage> {
  const begun = startAfter !== undefined && startAfter.startsWith(keysBegin);
  if (startAfter !== undefined && !begun && startAfter > keysBegin) return { ...NOTHING, isTruncated: false };
  const page = await reader.list({ ...request, prefix: request.prefix.slice(keysBegin.length), startAfter: begun ? startAfter.slice(keysBegin.length) || undefined : undefined });
  return { ...page, objects: page.objects.map((object) => ({ ...object, key: keysBegin + object.key })), prefixes: page.prefixes.map((prefix) => keysBegin + prefix) };
}

/** The answer as S3 writes it. */
export function listingXml(bucket: string, request: ListRequest, { objects, prefixes, nextToken }: Listing): string {
  const text = (key: string): string => (request.isUrlEncoded ? encodeURIComponent(key).replaceAll('%2F', '/') : key);
  const result = {
    Name: bucket,
    Prefix: text(request.prefix),
    Delimiter: request.delimiter && text(request.delimiter),
    StartAfter: request.startAfter && text(request.startAfter),
    EncodingType: request.isUrlEncoded ? 'url' : undefined,
    MaxKeys: request.keysMax,
    KeyCount: objects.length + prefixes.length,
    IsTruncated: nextToken !== undefined,
    ContinuationToken: request.continuationToken,
    NextContinuationToken: nextToken,
    Contents: objects.map(({ key, uploadedMs, etag, sizeBytes }) => ({ Key: text(key), LastModified: new Date(uploadedMs).toISOString(), ETag: `"${etag}"`, Size: sizeBytes, StorageClass: 'STANDARD' })),
    CommonPrefixes: prefixes.map((prefix) => ({ Prefix: text(prefix) })),
  };
  return xmlDocument({ ListBucketResult: result }, S3_NAMESPACE);
}

/** A token is the key to go on behind. It gives nothing that `start-after` would not. */
function tokenOf(key: string): string {
  return btoa(encodeURIComponent(key));
}

function readToken(token: string): string {
  try {
    return decodeURIComponent(atob(token));
  } catch {
    throw new S3Error('InvalidArgument', 400, 'the continuation token is not one of this server');
  }
}
