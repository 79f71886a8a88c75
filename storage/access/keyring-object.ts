import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../runtime/clock.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import type { CreateKeyAnswer, CreateKeyRequest, KeyRecord, KeyringApi, ListKeysRequest, RevokeKeyAnswer, RevokeKeyRequest, SigningKeyAnswer, SigningKeyRequest, VerifyKeyAnswer, VerifyKeyRequest } from './keyring-api.ts';
import { KeyringStore } from './keyring-store.ts';

/** The keys of all tenants, in one object: linearizable, and the only one that an unknown key can reach. A thin shell around KeyringStore. */
export class Keyring extends DurableObject implements KeyringApi {
  readonly #store: KeyringStore;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    this.#store = new KeyringStore(durableObjectSql(state.storage), systemClock, (event) => console.log(JSON.stringify(event)));
  }

  async verify(request: VerifyKeyRequest): Promise<VerifyKeyAnswer> {
    return this.#store.verify(request);
  }

  async signingKey(request: SigningKeyRequest): Promise<SigningKeyAnswer> {
    return this.#store.signingKey(request);
  }

  async hasHadKeys(): Promise<boolean> {
    return this.#store.hasHadKeys();
  }

  async create(request: CreateKeyRequest): Promise<CreateKeyAnswer> {
    return this.#store.create(request);
  }

  async list(request: ListKeysRequest): Promise<readonly KeyRecord[]> {
    return this.#store.list(request);
  }

  async revoke(request: RevokeKeyRequest): Promise<RevokeKeyAnswer> {
    return this.#store.revoke(request);
  }
}
