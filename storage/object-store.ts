import { assert } from './runtime/assert.ts';

export interface ObjectHead {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** When it was written, Unix milliseconds by the store's clock. */
  readonly uploadedMs: number;
}

/** `done`, or `exists` when the condition did not hold. A throw means unknown: look with `head` before deciding anything. */
export type PutOutcome = 'done' | 'exists';

/**
 * An object store as a port: R2 in production, Miniflare's R2 on a laptop, a map in tests.
 * Reads after writes are consistent. Keys are at most 1,024 bytes and begin with the tenant.
 */
export interface ObjectStore {
  head(key: string): Promise<ObjectHead | undefined>;
  /** The bytes from `offset`, `undefined` when there is no such object. A shorter answer than asked for is an error of the store. */
  get(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined>;
  /** Creates an object; an existing one is left as it is. Objects never change once written. */
  create(key: string, body: Uint8Array): Promise<PutOutcome>;
  delete(keys: readonly string[]): Promise<void>;
  /** Keys under a prefix, in order, a page at a time. */
  list(prefix: string, cursor?: string): Promise<{ readonly objects: readonly ObjectHead[]; readonly cursor: string | undefined }>;
}

/** R2 takes at most this many keys in one delete. */
const R2_DELETE_KEYS_MAX = 1000;

/** All keys of the bucket that are meant begin with `keyPrefix`, which those here do not have. */
export function r2ObjectStore(bucket: R2Bucket, keyPrefix = ''): ObjectStore {
  const headOf = (object: R2Object): ObjectHead => ({ key: object.key.slice(keyPrefix.length), sizeBytes: object.size, etag: object.etag, uploadedMs: object.uploaded.getTime() });
  return {
    async head(key) {
      const object = await bucket.head(keyPrefix + key);
      return object === null ? undefined : headOf(object);
    },
    async get(key, range) {
      const object = await bucket.get(keyPrefix + key, range === undefined ? {} : { range });
      if (object === null) return undefined;
      const bytes = new Uint8Array(await object.arrayBuffer());
      const wanted = range?.length ?? object.size;
      if (bytes.length !== wanted) throw new Error(`object ${key}: got ${bytes.length} bytes, want ${wanted}`);
      return bytes;
    },
    async create(key, body) {
      const stored = await bucket.put(keyPrefix + key, body, { onlyIf: { etagDoesNotMatch: '*' } });
      return stored === null ? 'exists' : 'done';
    },
    async delete(keys) {
      assert(keys.length <= R2_DELETE_KEYS_MAX, `${keys.length} keys in one delete, at most ${R2_DELETE_KEYS_MAX}`);
      if (keys.length > 0) await bucket.delete(keys.map((key) => keyPrefix + key));
    },
    async list(prefix, cursor) {
      const page = await bucket.list({ prefix: keyPrefix + prefix, ...(cursor === undefined ? {} : { cursor }) });
      return { objects: page.objects.map(headOf), cursor: page.truncated ? page.cursor : undefined };
    },
  };
}
