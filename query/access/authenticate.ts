import { SCOPES, type Grant } from '../../storage/access/access.ts';
import { digestOf, isSameDigest } from '../../storage/access/digest.ts';
import type { AccessConfig } from '../../storage/runtime/access-config.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import type { Secret } from '../../storage/runtime/secret.ts';
import { ACCESS_TOKEN_HEADER, AccessTokenVerifier } from './access-jwt.ts';
import { readCredentials, unauthenticated } from './credentials.ts';
import { FailureLimiter, sourceOf } from './failure-limiter.ts';
import type { KeyVerifier } from './key-verifier.ts';
import { checkFromLoopback, checkSameOrigin } from './browser-checks.ts';

/** Who asks: what they may do, and the user name that came with the key. */
export interface Authenticated {
  readonly grant: Grant;
  readonly user: string;
}

const everything = (holder: string): Grant => ({ tenant: undefined, scopes: SCOPES, matchers: [], holder });
const OPEN: Authenticated = { grant: everything('open access on loopback'), user: '' };

const NO_KEYS =
  'Varve has no keys yet, so it serves nobody; set the secret VARVE_ADMIN_KEY ("openssl rand -hex 32" makes one, "npx wrangler secret put VARVE_ADMIN_KEY" sets it), and make keys with it';

/**
 * Finds out who asks. The order is by cost: variables, then what this isolate remembers, then the keyring, and that one only for what has
 * the form of a key and comes from where not too many wrong ones have come from.
 */
export class Authenticator {
  readonly #config: AccessConfig;
  readonly #keys: KeyVerifier;
  readonly #failures: FailureLimiter;
  /** Keys that are variables, with their digests once those are known. */
  readonly #fixed: { readonly key: Secret; readonly grant: Grant; digest: Uint8Array | undefined }[] = [];

  readonly #accessTokens: AccessTokenVerifier | undefined;

  constructor(config: AccessConfig, keys: KeyVerifier, clock: Clock, fetch: Fetch) {
    this.#config = config;
    this.#accessTokens = config.cloudflareAccess === undefined ? undefined : new AccessTokenVerifier(config.cloudflareAccess, fetch, clock);
    this.#keys = keys;
    this.#failures = new FailureLimiter(clock);
    if (config.adminKey !== undefined) this.#fixed.push({ key: config.adminKey, grant: everything('VARVE_ADMIN_KEY'), digest: undefined });
    if (config.localKey !== undefined) this.#fixed.push({ key: config.localKey, grant: everything('npm start'), digest: undefined });
  }

  async authenticate(request: Request): Promise<Authenticated> {
    if (this.#config.isOpenOnLoopback && !(await this.#hasKeys())) {
      checkFromLoopback(request);
      return OPEN;
    }
    const credentials = readCredentials(request.headers);
    // A key that is there and wrong is an error, whatever else is there.
    const accessToken = request.headers.get(ACCESS_TOKEN_HEADER);
    if (credentials === undefined && this.#accessTokens !== undefined && accessToken !== null) {
      checkSameOrigin(request);
      return { grant: await this.#accessTokens.verify(accessToken), user: '' };
    }
    if (credentials === undefined) throw (await this.#hasKeys()) ? unauthenticated(KEY_NEEDED) : new VarveError('unavailable', NO_KEYS);
    return { grant: await this.#grant(credentials.secret, sourceOf(request.headers)), user: credentials.user };
  }

  /** Whether anybody can be let in by something that he has. */
  async #hasKeys(): Promise<boolean> {
    return this.#config.adminKey !== undefined || this.#accessTokens !== undefined || (await this.#keys.hasHadKeys());
  }

  async #grant(secret: string, source: string | undefined): Promise<Grant> {
    const digest = await digestOf(secret);
    for (const fixed of this.#fixed) {
      fixed.digest ??= await digestOf(fixed.key.reveal());
      if (isSameDigest(digest, fixed.digest)) return fixed.grant;
    }
    const recalled = this.#keys.recall(digest);
    if (recalled !== undefined) return recalled;
    if (this.#keys.isKnownInvalid(secret, digest)) throw await this.#invalid();
    const waitSeconds = this.#failures.waitSeconds(source);
    // 503 and not 401: the key may well be valid, and a sender that is told otherwise drops its samples.
    if (waitSeconds > 0) throw new VarveError('overloaded', `too many keys that are not valid came from your network (failuresPerMinuteMax); try again in ${waitSeconds} seconds`);
    const grant = await this.#keys.verify(secret, digest);
    if (grant !== undefined) return grant;
    this.#failures.add(source);
    throw await this.#invalid();
  }

  async #invalid(): Promise<VarveError> {
    return (await this.#hasKeys()) ? unauthenticated('this key is not valid: unknown, revoked or expired') : new VarveError('unavailable', NO_KEYS);
  }
}

const KEY_NEEDED = 'a key is needed: send it as "Authorization: Bearer KEY", or as the password of Basic authentication';
