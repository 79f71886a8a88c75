import { lastsStill, type Clock } from '../../storage/runtime/clock.ts';
import { deadline } from '../../storage/runtime/deadline.ts';
import { messageOf, VarveError } from '../../storage/runtime/errors.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { readAnswer } from './read-answer.ts';

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const KEYS_MAX = 16;
/** Shorter RSA keys are not believed by anybody (RFC 7518, 3.3). */
const MODULUS_BYTES_MIN = 256;
const WAIT_STEP_MS = 25;
/** Between two fetches as long as there are no keys at all. */
const FIRST_INTERVAL_MS = 5000;

/** The public keys of a team's Access tokens, fetched when they are needed and kept for a while. */
export class AccessCerts {
  readonly #url: string;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #keys: ReadonlyMap<string, CryptoKey> = new Map();
  #fetchedMs = -Infinity;
  #triedMs = -Infinity;
  /** When the fetch that is under way began. A time and not a promise: that would never settle if its request's client hung up. */
  #fetchingSinceMs = -Infinity;

  constructor(issuer: string, fetch: Fetch, clock: Clock) {
    this.#url = `${issuer}/cdn-cgi/access/certs`;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** The key of this id; `undefined` when the team has none. Throws when nobody can say. */
  async key(id: string): Promise<CryptoKey | undefined> {
    if (this.#isWithin(this.#fetchedMs, LIMITS.accessCertsFreshMs) && this.#keys.has(id)) return this.#keys.get(id);
    if (this.#isWithin(this.#triedMs, this.#keys.size === 0 ? FIRST_INTERVAL_MS : LIMITS.accessCertsIntervalMs)) await this.#waitForFetch();
    else await this.#refresh();
    if (!this.#isWithin(this.#fetchedMs, LIMITS.accessCertsStaleMs)) throw new VarveError('unavailable', 'the keys of Cloudflare Access cannot be fetched; try again later');
    return this.#keys.get(id);
  }

  async #refresh(): Promise<void> {
    this.#triedMs = this.#clock.nowMs();
    this.#fetchingSinceMs = this.#triedMs;
    try {
      const answer = await this.#fetch(this.#url, { redirect: 'manual', signal: deadline(LIMITS.accessCertsTimeoutMs) });
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      this.#keys = await importKeys(await readAnswer(answer, LIMITS.accessCertsBytesMax));
      this.#fetchedMs = this.#clock.nowMs();
    } catch (error) {
      console.error(`access: ${this.#url}: ${messageOf(error)}`);
    }
    this.#fetchingSinceMs = -Infinity;
  }

  /** Whether it is less than so long since. */
  #isWithin(sinceMs: number, forMs: number): boolean {
    return lastsStill(sinceMs, forMs, this.#clock.nowMs());
  }

  /** Until the fetch of another request has ended, or must have. */
  async #waitForFetch(): Promise<void> {
    while (this.#isWithin(this.#fetchingSinceMs, LIMITS.accessCertsTimeoutMs)) await this.#clock.sleep(WAIT_STEP_MS);
  }
}

/** A JSON Web Key Set (RFC 7517): the RSA keys in it that sign with RS256. Others are left out. */
async function importKeys(bytes: Uint8Array): Promise<Map<string, CryptoKey>> {
  const { keys } = JSON.parse(new TextDecoder().decode(bytes)) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('no key set');
  const imported = new Map<string, CryptoKey>();
  for (const key of keys.slice(0, KEYS_MAX) as (Record<string, unknown> | null)[]) {
    const { kid, kty, alg, n, e } = key ?? {};
    if (typeof kid !== 'string' || kty !== 'RSA' || (alg ?? 'RS256') !== 'RS256' || typeof n !== 'string' || typeof e !== 'string') continue;
    if (n.length * 0.75 < MODULUS_BYTES_MIN) continue;
    imported.set(kid, await crypto.subtle.importKey('jwk', { kty, n, e, alg: 'RS256', ext: true }, ALGORITHM, false, ['verify']));
  }
  return imported;
}
