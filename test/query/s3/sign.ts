import { createHash, createHmac } from 'node:crypto';

/** How a client signs; all but the keys has what clients usually have. */
export interface Signing {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly timeMs: number;
  readonly region?: string;
  readonly service?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signedHeaders?: readonly string[];
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const escape = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** The access key id and secret access key of a key. */
export function s3KeyOf(key: string): { readonly accessKeyId: string; readonly secretAccessKey: string } {
  return { accessKeyId: key.split('_')[1]!, secretAccessKey: sha256(key) };
}

const timeText = (timeMs: number): string => new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');

function signatureOf(method: string, url: URL, path: string, headers: Readonly<Record<string, string>>, signedHeaders: readonly string[], payload: string, signing: Signing): string {
  const { timeMs, region = 'auto', service = 's3', secretAccessKey } = signing;
  const time = timeText(timeMs);
  const query = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature').map(([name, value]) => [escape(name), escape(value)] as const);
  query.sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1));
  const canonical = [method, path, query.map((pair) => pair.join('=')).join('&'), ...signedHeaders.map((name) => `${name}:${headers[name]}`), '', signedHeaders.join(';'), payload].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const key = [region, service, 'aws4_request'].reduce<Buffer>((previous, part) => hmac(previous, part), hmac(`AWS4${secretAccessKey}`, time.slice(0, 8)));
  return hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
}

/** Headers of a signed request, by an implementation that shares nothing with the one that checks them. `path` is the URL's, each segment encoded. */
export function signedHeadersOf(method: string, url: string, signing: Signing): Record<string, string> {
  const parsed = new URL(url);
  const { accessKeyId, timeMs, region = 'auto', service = 's3' } = signing;
  const empty = sha256('');
  const headers: Record<string, string> = { host: parsed.host, 'x-amz-date': timeText(timeMs), 'x-amz-content-sha256': empty, ...signing.headers };
  const names = [...(signing.signedHeaders ?? Object.keys(headers))].sort();
  const path = decodeURIComponent(parsed.pathname).split('/').map(escape).join('/');
  const signature = signatureOf(method, parsed, path, headers, names, headers['x-amz-content-sha256']!, signing);
  const credential = `${accessKeyId}/${timeText(timeMs).slice(0, 8)}/${region}/${service}/aws4_request`;
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}` };
}

/** A URL that carries its signature. */
export function presigned(method: string, url: string, expiresSeconds: number, signing: Signing): string {
  const parsed = new URL(url);
  const { accessKeyId, timeMs, region = 'auto' } = signing;
  parsed.searchParams.set('X-Amz-Algorithm', 'AWS4-HMAC-SHA256');
  parsed.searchParams.set('X-Amz-Credential', `${accessKeyId}/${timeText(timeMs).slice(0, 8)}/${region}/s3/aws4_request`);
  parsed.searchParams.set('X-Amz-Date', timeText(timeMs));
  parsed.searchParams.set('X-Amz-Expires', String(expiresSeconds));
  parsed.searchParams.set('X-Amz-SignedHeaders', 'host');
  const path = decodeURIComponent(parsed.pathname).split('/').map(escape).join('/');
  parsed.searchParams.set('X-Amz-Signature', signatureOf(method, parsed, path, { host: parsed.host }, ['host'], 'UNSIGNED-PAYLOAD', signing));
  return parsed.href;
}
