import type { KeyringApi } from '../../storage/access/keyring-api.ts';
import { KeyringStore } from '../../storage/access/keyring-store.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { NodeSql } from './node-sql.ts';

/** The keyring object in this process: messages and answers copied as RPC copies them. It counts calls, keeps the audit log, and can be away. */
export class MemoryKeyring {
  readonly audit: Readonly<Record<string, unknown>>[] = [];
  readonly calls = new Map<keyof KeyringApi, number>();
  isAway = false;
  readonly #store: KeyringStore;

  constructor(clock: Clock) {
    this.#store = new KeyringStore(new NodeSql(), clock, (event) => this.audit.push(event));
  }

  stub(): KeyringApi {
    const call = async <T>(method: keyof KeyringApi, body: (store: KeyringStore) => T | Promise<T>): Promise<T> => {
      this.calls.set(method, this.callsOf(method) + 1);
      await new Promise((resolve) => setImmediate(resolve));
      if (this.isAway) throw new Error('Network connection lost.');
      return structuredClone(await body(this.#store));
    };
    return {
      verify: (request) => call('verify', (store) => store.verify(structuredClone(request))),
      signingKey: (request) => call('signingKey', (store) => store.signingKey(structuredClone(request))),
      hasHadKeys: () => call('hasHadKeys', (store) => store.hasHadKeys()),
      create: (request) => call('create', (store) => store.create(structuredClone(request))),
      list: (request) => call('list', (store) => store.list(structuredClone(request))),
      revoke: (request) => call('revoke', (store) => store.revoke(structuredClone(request))),
    };
  }

  callsOf(method: keyof KeyringApi): number {
    return this.calls.get(method) ?? 0;
  }
}
