import { digestOf, isSameDigest } from '../../storage/access/digest.ts';
import { hmacSha256 } from '../../storage/access/signing-key.ts';
import { bytesOfHex, hexOf } from '../../storage/runtime/hex.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { MINUTE_MS } from '../../storage/runtime/units.ts';
import { S3Error } from '../s3/s3-error.ts';
import { wirePathOf } from '../s3/object-path.ts';

/*
 * AWS Signature Version 4 for S3, as its documentation lays it down ("Authenticating Requests"): in the `Authorization` header, or in the
 * query of a presigned URL. Bodies are not looked at: what is signed here has none.
 */
const ALGORITHM = 'AWS4-HMAC-SHA256';
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
/** As in S3. */
const PRESIGNED_SECONDS_MAX = 7 * 86_400;

/** What a signed request says of itself; nothing of it is believed before the signature is checked. */
export interface SignedRequest {
  readonly accessKeyId: string;
  /** `YYYYMMDD`. */
  readonly day: string;
  readonly region: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly time: string;
  readonly timeMs: number;
  /** From `timeMs` on; `undefined` for the header, which counts for as long as clocks may differ. */
  readonly expiresMs: number | undefined;
  /** In lower case, as listed by the signer. */
  readonly signedHeaders: readonly string[];
  readonly signature: Uint8Array;
}

/** Reads who has signed a request; `undefined` where there is no such signature. Throws where there is one that cannot be read. */
export function readSignature(request: Request): SignedRequest | undefined {
  const header = request.headers.get('authorization');
  const query = new URL(request.url).searchParams;
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) {
    if (header !== null) throw new S3Error('InvalidArgument', 400, 'a request is signed in its URL or in the header Authorization, not in both');
    return readPresigned(query);
  }
  return header?.startsWith(ALGORITHM) === true ? readHeader(header, request.headers) : undefined;
}

function readHeader(header: string, headers: Headers): SignedRequest {
  const malformed = (why: string): S3Error => new S3Error('AuthorizationHeaderMalformed', 400, `the header Authorization cannot be read: ${why}`);
  if (header.length > LIMITS.signatureBytesMax) throw malformed(`it is longer than ${LIMITS.signatureBytesMax} bytes (signatureBytesMax)`);
  const parts = /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/.exec(header.trim());
  if (parts === null) throw malformed('it must have Credential, SignedHeaders and Signature');
  const time = headers.get('x-amz-date') ?? '';
  return { ...readCredential(parts[1]!, time, malformed), expiresMs: undefined, signedHeaders: readHeaderNames(parts[2]!, malformed), signature: bytesOfHex(parts[3]!) };
}

function readPresigned(query: URLSearchParams): SignedRequest {
  const malformed = (why: string): S3Error => new S3Error('AuthorizationQueryParametersError', 400, `the URL is not signed as it must be: ${why}`);
  const parameter = (name: string): string => {
    const [value, ...more] = query.getAll(name);
    if (value === undefined || more.length > 0 || value.length > LIMITS.signatureBytesMax) throw malformed(`${name} must be there once`);
    return value;
  };
  if (parameter('X-Amz-Algorithm') !== ALGORITHM) throw malformed(`X-Amz-Algorithm must be ${ALGORITHM}`);
  const expires = parameter('X-Amz-Expires');
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > PRESIGNED_SECONDS_MAX) throw malformed(`X-Amz-Expires must be from 1 to ${PRESIGNED_SECONDS_MAX}`);
  const signature = parameter('X-Amz-Signature');
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed('X-Amz-Signature must be 64 hexadecimal digits');
  const signedHeaders = readHeaderNames(parameter('X-Amz-SignedHeaders'), malformed);
  return { ...readCredential(parameter('X-Amz-Credential'), parameter('X-Amz-Date'), malformed), expiresMs: Number(expires) * 1000, signedHeaders, signature: bytesOfHex(signature) };
}

/** Names of headers in lower case, with semicolons between: what is none cannot be looked up either. */
function readHeaderNames(text: string, malformed: (why: string) => S3Error): string[] {
  const names = text.split(';');
  if (!names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))) throw malformed('what is signed must be names of headers in lower case, with semicolons between them');
  return names;
}

function readCredential(credential: string, time: string, malformed: (why: string) => S3Error): Pick<SignedRequest, 'accessKeyId' | 'day' | 'region' | 'time' | 'timeMs'> {
  const parts = /^([0-9A-Za-z]{1,64})\/(\d{8})\/([0-9a-z-]{1,64})\/s3\/aws4_request$/.exec(credential);
  if (parts === null) throw malformed('the credential must be ACCESS-KEY-ID/YYYYMMDD/REGION/s3/aws4_request');
  const [, accessKeyId = '', day = '', region = ''] = parts;
  const [, year, month, date, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const timeMs = Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(timeMs)) throw malformed('X-Amz-Date must be YYYYMMDDTHHMMSSZ');
  if (day !== time.slice(0, 8)) throw malformed('the day of the credential is not the day of X-Amz-Date');
  return { accessKeyId, day, region, time, timeMs };
}

/** Whether it was signed now, as far as clocks may differ, and for now. Checked before any key is looked up. */
export function checkSigningTime({ timeMs, expiresMs }: SignedRequest, nowMs: number): void {
  const aheadMs = timeMs - nowMs;
  if (expiresMs === undefined && Math.abs(aheadMs) > LIMITS.signatureClockSkewMs) {
    throw new S3Error('RequestTimeTooSkewed', 403, `the request was signed at ${new Date(timeMs).toISOString()} and it is ${new Date(nowMs).toISOString()}: more than ${LIMITS.signatureClockSkewMs / MINUTE_MS} minutes apart`);
  }
  if (aheadMs > LIMITS.signatureClockSkewMs) throw new S3Error('AccessDenied', 403, 'the URL is signed for later');
  if (expiresMs !== undefined && nowMs > timeMs + expiresMs) throw new S3Error('AccessDenied', 403, 'the signed URL has expired');
}

/** Whether a request is signed by the holder of a day's signing key (storage/access/signing-key.ts). */
export async function isSignedWith(dayKey: Uint8Array, signed: SignedRequest, request: Request): Promise<boolean> {
  const scope = `${signed.day}/${signed.region}/s3/aws4_request`;
  const hashed = hexOf(await digestOf(canonicalRequest(signed, request)));
  let key = dayKey;
  for (const step of [signed.region, 's3', 'aws4_request']) key = await hmacSha256(key, step);
  return isSameDigest(await hmacSha256(key, `${ALGORITHM}\n${signed.time}\n${scope}\n${hashed}`), signed.signature);
}

/** Throws where a header that must be signed is not: one that is added on the way must not change what is asked for. */
function canonicalRequest({ signedHeaders, expiresMs }: SignedRequest, request: Request): string {
  const { headers, url, method } = request;
  const needed = ['host', ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  const unsigned = needed.find((name) => !signedHeaders.includes(name));
  if (unsigned !== undefined) throw new S3Error('AccessDenied', 403, `the header ${unsigned} is not signed`);
  const valueOf = (name: string): string => (sentHeader(request, name) ?? (name === 'host' ? new URL(url).host : '')).trim().replaceAll(/ +/g, ' ');
  const isPresigned = expiresMs !== undefined;
  const payload = headers.get('x-amz-content-sha256') ?? (isPresigned ? UNSIGNED_PAYLOAD : undefined);
  if (payload === undefined) throw new S3Error('InvalidRequest', 400, 'the header x-amz-content-sha256 is missing');
  return [
    method,
    canonicalPath(url),
    canonicalQuery(url),
    ...signedHeaders.map((name) => `${name}:${valueOf(name)}`),
    '',
    signedHeaders.join(';'),
    payload,
  ].join('\n');
}

/** A header as the client has sent it: Cloudflare puts its own `Accept-Encoding` in the place of the client's, which some SDKs sign. */
function sentHeader(request: Request, name: string): string | null {
  const sent = name === 'accept-encoding' ? (request as { readonly cf?: { readonly clientAcceptEncoding?: string } }).cf?.clientAcceptEncoding : undefined;
  return sent ?? request.headers.get(name);
}

/** Each segment encoded once, whatever spelling the client has sent. */
function canonicalPath(url: string): string {
  return wirePathOf(url).split('/').map((segment) => encoded(decoded(segment))).join('/').replaceAll('%2F', '/');
}

function canonicalQuery(url: string): string {
  const start = url.indexOf('?');
  if (start < 0) return '';
  const pairs = url.slice(start + 1).replace(/#.*$/s, '').split('&').filter((pair) => pair !== '').map((pair) => {
    const equals = pair.indexOf('=');
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return [encoded(decoded(name.replaceAll('+', ' '))), encoded(decoded(value.replaceAll('+', ' ')))] as const;
  });
  return pairs
    .filter(([name]) => name !== 'X-Amz-Signature')
    .sort(([aName, aValue], [bName, bValue]) => compared(aName, bName) || compared(aValue, bValue))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Of texts in ASCII. */
function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', 400, 'the URL is not percent-encoded UTF-8');
  }
}

/** All but the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
