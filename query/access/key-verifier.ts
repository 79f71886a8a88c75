import type { Grant } from '../../storage/access/access.ts';
import { isKeyId, keyId } from '../../storage/access/key-text.ts';
import { KEYRING_RPC_VERSION, type KeyRecord, type KeyringApi } from '../../storage/access/keyring-api.ts';
import { callObject } from '../../storage/call-object.ts';
import { lastsStill, type Clock } from '../../storage/runtime/clock.ts';
import { hexOf } from '../../storage/runtime/hex.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { LruCache } from '../../storage/runtime/lru-cache.ts';

/** A new stub of the keyring for each call; one that threw is dead. */
export type KeyringStub = () => KeyringApi;

interface Known {
  readonly key: KeyRecord;
  /** When the keyring said so (Unix ms). */
  readonly sinceMs: number;
}

interface KnownSigning extends Known {
  readonly dayKey: Uint8Array;
}

/** A key's grant, and what its signatures of one day are checked with. */
export interface SigningKey {
  readonly grant: Grant;
  readonly dayKey: Uint8Array;
}

/**
 * What this isolate knows of keys. A valid key is asked for again after keyCacheMs, so a revocation counts everywhere after that long; one
 * that is not valid after keyMissCacheMs. Both are found by the SHA-256 of the whole key, which nobody can aim. Those that are not valid
 * have a cache of their own: strangers cannot push out what is in use.
 */
export class KeyVerifier {
  readonly #keyring: KeyringStub;
  readonly #clock: Clock;
  readonly #valid = new LruCache<string, Known>(LIMITS.keyCacheEntriesMax);
  /** When the keyring said so (Unix ms). */
  readonly #invalid = new LruCache<string, number>(LIMITS.keyCacheEntriesMax);
  readonly #signing = new LruCache<string, KnownSigning>(LIMITS.signingKeyCacheEntriesMax);
  /** Ids that have no signing key, and when the keyring said so. */
  readonly #noSigning = new LruCache<string, number>(LIMITS.signingKeyCacheEntriesMax);
  #hasHadKeys = false;
  #noKeysSinceMs = -Infinity;
  /** How often everything was forgotten. */
  #forgets = 0;

  constructor(keyring: KeyringStub, clock: Clock) {
    this.#keyring = keyring;
    this.#clock = clock;
  }

  /** A key's grant, if it is known here to be valid. */
  recall(digest: Uint8Array): Grant | undefined {
    const nowMs = this.#clock.nowMs();
    const known = this.#valid.get(hexOf(digest));
    if (known === undefined || !isGood(known, nowMs)) return undefined;
    return toGrant(known.key);
  }

  /** Whether a text cannot be a valid key, as far as that is known here: no object is asked. */
  isKnownInvalid(text: string, digest: Uint8Array): boolean {
    if (keyId(text) === undefined) return true;
    return this.#isMissed(this.#invalid.get(hexOf(digest)));
  }

  /** Asks the keyring. */
  async verify(text: string, digest: Uint8Array): Promise<Grant | undefined> {
    const id = keyId(text);
    if (id === undefined) return undefined;
    const answer = await callObject(() => this.#keyring().verify({ version: KEYRING_RPC_VERSION, id, digest }), 'keyring');
    const nowMs = this.#clock.nowMs();
    if (answer.status === 'invalid') {
      this.#invalid.set(hexOf(digest), nowMs, 1);
      return undefined;
    }
    this.#hasHadKeys = true;
    this.#valid.set(hexOf(digest), { key: answer.key, sinceMs: nowMs }, 1);
    return toGrant(answer.key);
  }

  /** What signatures of a day by a key's id are checked with, if it is known here. */
  recallSigning(id: string, day: string): SigningKey | undefined {
    const nowMs = this.#clock.nowMs();
    const known = this.#signing.get(`${id}/${day}`);
    if (known === undefined || !isGood(known, nowMs)) return undefined;
    return { grant: toGrant(known.key), dayKey: known.dayKey };
  }

  /** Whether an id cannot be a valid key's, as far as that is known here. */
  isKnownUnsigned(id: string): boolean {
    if (!isKeyId(id)) return true;
    return this.#isMissed(this.#noSigning.get(id));
  }

  /** Asks the keyring what signatures are checked with. */
  async signingKey(id: string, day: string): Promise<SigningKey | undefined> {
    const answer = await callObject(() => this.#keyring().signingKey({ version: KEYRING_RPC_VERSION, id, day }), 'keyring');
    const nowMs = this.#clock.nowMs();
    if (answer.status === 'invalid') {
      this.#noSigning.set(id, nowMs, 1);
      return undefined;
    }
    this.#hasHadKeys = true;
    this.#signing.set(`${id}/${day}`, { key: answer.key, dayKey: answer.dayKey, sinceMs: nowMs }, 1);
    return { grant: toGrant(answer.key), dayKey: answer.dayKey };
  }

  /** Whether there ever was a key. "Not yet" is believed for keyMissCacheMs. A promise only where the keyring has to be asked. */
  hasHadKeys(): boolean | Promise<boolean> {
    if (this.#hasHadKeys) return true;
    return !this.#isMissed(this.#noKeysSinceMs) && this.#askWhetherThereAreKeys();
  }

  async #askWhetherThereAreKeys(): Promise<boolean> {
    const asked = this.#forgets;
    // Another answer may come in between, and say more: this one opens nothing that has been closed.
    if (await callObject(() => this.#keyring().hasHadKeys(), 'keyring')) this.#hasHadKeys = true;
    else if (asked === this.#forgets) this.#noKeysSinceMs = this.#clock.nowMs();
    return this.#hasHadKeys;
  }

  #isMissed(sinceMs = -Infinity): boolean {
    return lastsStill(sinceMs, LIMITS.keyMissCacheMs, this.#clock.nowMs());
  }

  /** Forgets everything: a key was made or revoked here, and whoever did it expects to see it at once. */
  forget(): void {
    this.#forgets++;
    this.#valid.clear();
    this.#invalid.clear();
    this.#signing.clear();
    this.#noSigning.clear();
    this.#noKeysSinceMs = -Infinity;
  }
}

function toGrant({ id, tenant, scopes, matchers }: KeyRecord): Grant {
  return { tenant, scopes, matchers, holder: `key ${id}` };
}

function isGood({ key: { expiresMs = Infinity }, sinceMs }: Known, nowMs: number): boolean {
  return lastsStill(sinceMs, LIMITS.keyCacheMs, nowMs) && expiresMs > nowMs;
}
