import type { ObjectHead, ObjectStore, PutOutcome } from '../../storage/object-store.ts';

export interface StoreFault {
  /** Position of the call that fails, from 0: of all calls, or, where it fails after its effect, of those that have one. A read that fails is the same either way. */
  readonly call: number;
  /** Whether the call's effect is there: after it the outcome is unknown to the caller. */
  readonly when: 'before' | 'after';
}

/** An object store that breaks at one call, or is wholly down for as long as `isDown` says so. */
export class FaultyObjectStore implements ObjectStore {
  readonly #inner: ObjectStore;
  readonly #fault: StoreFault | undefined;
  /** Those that the fault counts. */
  calls = 0;
  isDown = false;

  constructor(inner: ObjectStore, fault?: StoreFault) {
    this.#inner = inner;
    this.#fault = fault;
  }

  head(key: string): Promise<ObjectHead | undefined> {
    return this.#call(() => this.#inner.head(key), false);
  }

  get(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined> {
    return this.#call(() => this.#inner.get(key, range), false);
  }

  create(key: string, body: Uint8Array): Promise<PutOutcome> {
    return this.#call(() => this.#inner.create(key, body), true);
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#call(() => this.#inner.delete(keys), true);
  }

  list(prefix: string, cursor?: string): Promise<{ readonly objects: readonly ObjectHead[]; readonly cursor: string | undefined }> {
    return this.#call(() => this.#inner.list(prefix, cursor), false);
  }

  async #call<T>(effect: () => Promise<T>, isWrite: boolean): Promise<T> {
    const isFaulty = (isWrite || this.#fault?.when !== 'after') && this.calls++ === this.#fault?.call;
    if (this.isDown || (isFaulty && this.#fault?.when === 'before')) throw new Error('the object store does not answer');
    const result = await effect();
    if (isFaulty) throw new Error('the answer of the object store was lost');
    return result;
  }
}
