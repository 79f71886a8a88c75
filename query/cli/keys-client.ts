import type { Fetch } from '../../storage/runtime/fetch.ts';
import type { LocalServer } from './local-key.ts';
import { UsageError } from './usage-error.ts';

/** A key as the admin API shows it. */
export interface ShownKey {
  readonly id: string;
  readonly tenant?: string;
  readonly scopes: readonly string[];
  readonly match?: string;
  readonly description: string;
  readonly created: string;
  readonly created_by: string;
  readonly expires?: string;
  readonly revoked?: string;
  readonly last_used?: string;
}

/** The admin API of keys, of a running Varve. */
export class KeysClient {
  readonly url: string;
  readonly #key: string;
  readonly #fetch: Fetch;

  constructor(server: LocalServer, fetch: Fetch) {
    this.url = server.url.replace(/\/+$/, '');
    this.#key = server.key;
    this.#fetch = fetch;
  }

  create(fields: Readonly<Record<string, unknown>>): Promise<ShownKey & { readonly secret: string }> {
    return this.#call('', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) });
  }

  list(): Promise<readonly ShownKey[]> {
    return this.#call('', {});
  }

  revoke(id: string): Promise<ShownKey> {
    return this.#call(`/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async #call<T>(path: string, init: { method?: string; headers?: Record<string, string>; body?: string }): Promise<T> {
    const url = `${this.url}/api/v1/admin/keys${path}`;
    let answer: Response;
    try {
      // A key must not follow a redirect to somebody else.
      answer = await this.#fetch(url, { ...init, redirect: 'error', headers: { authorization: `Bearer ${this.#key}`, ...init.headers } });
    } catch (error) {
      throw new UsageError(`${this.url} cannot be reached: ${error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)}`);
    }
    const text = await answer.text();
    let envelope: { data?: T; error?: string };
    try {
      envelope = JSON.parse(text) as typeof envelope;
    } catch {
      throw new UsageError(`${url} is not Varve's: it answered ${answer.status} and no JSON`);
    }
    if (!answer.ok || envelope.data === undefined) throw new UsageError(`${this.url} answered ${answer.status}: ${envelope.error ?? 'no reason given'}`);
    return envelope.data;
  }
}
