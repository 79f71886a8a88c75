import type { Random } from '../../storage/runtime/random.ts';
import { fromBase64Url, toBase64Url } from '../base64url.ts';

/** How a place in the feeds of all shards, a sequence for each by its number, is written as the id of an event: it is what `Last-Event-ID` brings back. */
export interface PlaceForm {
  /** Whether ids say nothing of how much is written, so that how often they come must not say it either. */
  readonly isSealed: boolean;
  format(cursors: readonly number[]): Promise<string>;
  /** Undefined when it is none, or one of a number of shards that is none of `shardCounts`. */
  parse(text: string, shardCounts: readonly number[]): Promise<number[] | undefined>;
}

/** Sequences joined by commas. */
export const plainPlaces: PlaceForm = {
  isSealed: false,
  format: async (cursors) => cursors.join(','),
  parse: async (text, shardCounts) => {
    if (!/^\d{1,15}(?:,\d{1,15})*$/.test(text)) return undefined;
    const cursors = text.split(',').map(Number);
    return shardCounts.includes(cursors.length) ? cursors : undefined;
  },
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = new TextEncoder().encode('places in the change feed of readers who are restricted');

/**
 * For readers who may not see all series: sequences count what everybody writes, so they are encrypted (AES-GCM), anew each time, and only
 * what was encrypted here is taken back: a sequence that could be tried would tell which ones there are.
 */
export class SealedPlaces implements PlaceForm {
  readonly isSealed = true;
  readonly #secret: Uint8Array<ArrayBuffer>;
  readonly #random: Random;
  #key: CryptoKey | undefined;

  /** `secret` is the tenant's; the key is derived from it. */
  constructor(secret: Uint8Array<ArrayBuffer>, random: Random) {
    this.#secret = secret;
    this.#random = random;
  }

  async format(cursors: readonly number[]): Promise<string> {
    const nonce = new Uint8Array(NONCE_BYTES);
    this.#random.fill(nonce);
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, await this.#aesKey(), Float64Array.from(cursors)));
    const bytes = new Uint8Array(NONCE_BYTES + sealed.length);
    bytes.set(nonce);
    bytes.set(sealed, NONCE_BYTES);
    return toBase64Url(bytes);
  }

  async parse(text: string, shardCounts: readonly number[]): Promise<number[] | undefined> {
    const isOne = shardCounts.some((shardCount) => text.length === Math.ceil(((NONCE_BYTES + shardCount * 8 + TAG_BYTES) * 4) / 3));
    if (!isOne || !/^[\w-]+$/.test(text)) return undefined;
    const bytes = fromBase64Url(text);
    try {
      const iv = bytes.subarray(0, NONCE_BYTES);
      const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, await this.#aesKey(), bytes.subarray(NONCE_BYTES));
      return Array.from(new Float64Array(opened));
    } catch {
      return undefined;
    }
  }

  async #aesKey(): Promise<CryptoKey> {
    if (this.#key !== undefined) return this.#key;
    const secret = await crypto.subtle.importKey('raw', this.#secret, 'HKDF', false, ['deriveKey']);
    const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: PURPOSE };
    return (this.#key = await crypto.subtle.deriveKey(derivation, secret, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']));
  }
}
