import type { ObjectStore } from '../../storage/object-store.ts';
import { liveBytes } from './live-bytes.ts';

/** An object store that says how much is alive when it is called: for each object that is written, and at every `getsEach`-th read. Bodies are not kept, unless asked for: they would be in the store, and not here. */
export class WeighingObjectStore implements ObjectStore {
  readonly #inner: ObjectStore;
  readonly #keepsBodies: boolean;
  readonly #getsEach: number;
  #gets = 0;
  mostBytes = 0;
  bodyBytes = 0;

  constructor(inner: ObjectStore, keepsBodies: boolean, getsEach = 1) {
    this.#inner = inner;
    this.#keepsBodies = keepsBodies;
    this.#getsEach = getsEach;
  }

  weigh(): void {
    this.mostBytes = Math.max(this.mostBytes, liveBytes());
  }

  head: ObjectStore['head'] = (key) => this.#inner.head(key);
  list: ObjectStore['list'] = (prefix, cursor) => this.#inner.list(prefix, cursor);
  delete: ObjectStore['delete'] = (keys) => this.#inner.delete(keys);

  get: ObjectStore['get'] = (key, range) => {
    if (this.#gets++ % this.#getsEach === 0) this.weigh();
    return this.#inner.get(key, range);
  };

  create: ObjectStore['create'] = (key, body) => {
    this.weigh();
    this.bodyBytes += body.length;
    return this.#inner.create(key, this.#keepsBodies ? body : new Uint8Array(0));
  };
}
