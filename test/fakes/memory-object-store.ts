import { createHash } from 'node:crypto';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { ObjectHead, ObjectStore, PutOutcome } from '../../storage/object-store.ts';

/** Objects in a map. Counts operations and bytes, so that a test can hold a reader to what it may cost. */
export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #pageSize: number;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly counts = { head: 0, get: 0, create: 0, delete: 0, list: 0 };
  bytesRead = 0;
  bytesWritten = 0;

  /** Keys in one page of a listing; R2 has 1,000. */
  constructor(pageSize = 1000, clock: Pick<Clock, 'nowMs'> = { nowMs: () => 0 }) {
    this.#pageSize = pageSize;
    this.#clock = clock;
  }

  /** A store of its own with the same objects, which never change. */
  copy(clock: Pick<Clock, 'nowMs'> = this.#clock): MemoryObjectStore {
    const copy = new MemoryObjectStore(this.#pageSize, clock);
    for (const [key, object] of this.#objects) copy.#objects.set(key, object);
    return copy;
  }

  /** Equal for stores that have the same objects. */
  fingerprint(): string {
    return JSON.stringify([...this.#objects].map(([key, { etag, uploadedMs }]) => [key, etag, uploadedMs]).sort());
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    this.counts.head++;
    const object = this.#objects.get(key);
    return object === undefined ? undefined : headOf(key, object);
  }

  async get(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined> {
    this.counts.get++;
    const body = this.#objects.get(key)?.body;
    if (body === undefined) return undefined;
    const bytes = range === undefined ? body.slice() : body.slice(range.offset, range.offset + range.length);
    if (range !== undefined && bytes.length !== range.length) throw new Error(`object ${key}: got ${bytes.length} bytes, want ${range.length}`);
    this.bytesRead += bytes.length;
    return bytes;
  }

  async create(key: string, body: Uint8Array): Promise<PutOutcome> {
    this.counts.create++;
    if (new TextEncoder().encode(key).length > 1024) throw new Error(`object key of more than 1,024 bytes`);
    if (this.#objects.has(key)) return 'exists';
    this.#objects.set(key, { body: body.slice(), etag: createHash('md5').update(body).digest('hex'), uploadedMs: this.#clock.nowMs() });
    this.bytesWritten += body.length;
    return 'done';
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.counts.delete++;
    if (keys.length > 1000) throw new Error(`${keys.length} keys in one delete, R2 takes 1000`);
    for (const key of keys) this.#objects.delete(key);
  }

  async list(prefix: string, cursor?: string): Promise<{ readonly objects: readonly ObjectHead[]; readonly cursor: string | undefined }> {
    this.counts.list++;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && (cursor === undefined || key > cursor)).sort();
    const page = keys.slice(0, this.#pageSize);
    return { objects: page.map((key) => headOf(key, this.#objects.get(key)!)), cursor: keys.length > page.length ? page.at(-1) : undefined };
  }
}

interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly uploadedMs: number;
}

function headOf(key: string, { body, etag, uploadedMs }: StoredObject): ObjectHead {
  return { key, sizeBytes: body.length, etag, uploadedMs };
}
