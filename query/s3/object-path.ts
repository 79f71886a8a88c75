import { utf8Length } from '../../storage/model/utf8-length.ts';
import { S3Error } from './s3-error.ts';

/** R2's and S3's longest key, in UTF-8. */
export const KEY_BYTES_MAX = 1024;

/** Where the endpoint is mounted. At least three characters: clients that take the first segment for the bucket want a name of that length. */
export const S3_MOUNT = '/objects';

/** What a path under the endpoint is about. */
export type ObjectPath =
  | { readonly kind: 'service' }
  | { readonly kind: 'bucket' }
  | { readonly kind: 'object'; readonly key: string };

/**
 * Reads a path as it came over the wire, percent-encoding resolved once. What is checked against the reader's rights is the same string that
 * the store is asked for.
 */
export function readObjectPath(wirePath: string, bucket: string): ObjectPath {
  let path: string;
  try {
    // The mount may be spelled in other ways too: routes are found by what a path means.
    path = decodeURIComponent(wirePath).slice(S3_MOUNT.length);
  } catch {
    throw new S3Error('InvalidURI', 400, 'the path is not percent-encoded UTF-8');
  }
  if (path === '' || path === '/') return { kind: 'service' };
  const slash = path.indexOf('/', 1);
  const name = slash < 0 ? path.slice(1) : path.slice(1, slash);
  if (name !== bucket) throw new S3Error('NoSuchBucket', 404, `the one bucket here is ${bucket}`);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  if (key === '') return { kind: 'bucket' };
  if (utf8Length(key) > KEY_BYTES_MAX) throw new S3Error('KeyTooLongError', 400, `a key has at most ${KEY_BYTES_MAX} bytes`);
  return { kind: 'object', key };
}

/** The path of a URL as it stands there: nothing resolved, decoded or merged. */
export function wirePathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  return start < 0 ? '/' : /^[^?#]*/.exec(url.slice(start))![0];
}
