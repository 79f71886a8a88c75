/** An object as its readers see it. Objects never change once written, so what is known of one stays true until it is gone. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  /** When it was written, Unix milliseconds. */
  readonly uploadedMs: number;
}

export interface ObjectListRequest {
  readonly prefix: string;
  /** Keys that have it behind the prefix are folded into one common prefix, up to and with the first of it. */
  readonly delimiter: string | undefined;
  /** Only keys behind this one, in the order of UTF-8. */
  readonly startAfter: string | undefined;
  /** Keys and common prefixes together; at least 1. */
  readonly limit: number;
}

export interface ObjectListPage {
  readonly objects: readonly ObjectInfo[];
  readonly prefixes: readonly string[];
  readonly isTruncated: boolean;
}

/** Reading for somebody outside, as a port: bodies are passed on as they come and never stand in memory. */
export interface ObjectReader {
  head(key: string): Promise<ObjectInfo | undefined>;
  /** The bytes from `offset`, which lie within the object; `undefined` when there is no such object. */
  open(key: string, range?: { readonly offset: number; readonly length: number }): Promise<ReadableStream<Uint8Array> | undefined>;
  list(request: ObjectListRequest): Promise<ObjectListPage>;
}

/** As r2ObjectStore. */
export function r2ObjectReader(bucket: R2Bucket, keyPrefix = ''): ObjectReader {
  const infoOf = (object: R2Object): ObjectInfo => ({ key: object.key.slice(keyPrefix.length), sizeBytes: object.size, etag: object.etag, uploadedMs: object.uploaded.getTime() });
  return {
    async head(key) {
      const object = await bucket.head(keyPrefix + key);
      return object === null ? undefined : infoOf(object);
    },
    async open(key, range) {
      const object = await bucket.get(keyPrefix + key, range === undefined ? {} : { range });
      return object === null ? undefined : object.body;
    },
    async list({ prefix, delimiter, startAfter, limit }) {
      const page = await bucket.list({ prefix: keyPrefix + prefix, limit, ...(delimiter === undefined ? {} : { delimiter }), ...(startAfter === undefined ? {} : { startAfter: keyPrefix + startAfter }) });
      return { objects: page.objects.map(infoOf), prefixes: page.delimitedPrefixes.map((each) => each.slice(keyPrefix.length)), isTruncated: page.truncated };
    },
  };
}
