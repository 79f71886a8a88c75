import { SCOPES, type Grant } from '../../storage/access/access.ts';
import { digestOf, isSameDigest } from '../../storage/access/digest.ts';
import { ADMIN_ACCESS_KEY_ID, LOCAL_ACCESS_KEY_ID, signingKeyOfDay } from '../../storage/access/signing-key.ts';
import type { AccessConfig } from '../../storage/runtime/access-config.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { Secret } from '../../storage/runtime/secret.ts';
import { S3Error } from '../s3/s3-error.ts';
import { ACCESS_TOKEN_HEADER, AccessTokenVerifier } from './access-jwt.ts';
import { checkFromLoopback, checkSameOrigin } from './browser-checks.ts';
import { readCredentials, unauthenticated } from './credentials.ts';
import { FailureLimiter, sourceOf } from './failure-limiter.ts';
import type { KeyVerifier, SigningKey } from './key-verifier.ts';
import { checkSigningTime, isSignedWith, readSignature } from './signature-v4.ts';

/** A key that is a variable. */
interface FixedKey {
  readonly key: Secret;
  readonly accessKeyId: string;
  readonly grant: Grant;
  digest: Uint8Array | undefined;
}

/** Who asks: what they may do, and the user name that came with the key. */
export interface Authenticated {
  readonly grant: Grant;
  readonly user: string;
}

const everything = (holder: string): Grant => ({ tenant: undefined, scopes: SCOPES, matchers: [], holder });
const OPEN: Authenticated = { grant: everything('open access on loopback'), user: '' };

const KEY_NEEDED = 'a key is needed: send it as "Authorization: Bearer KEY", or as the password of Basic authentication';
const NO_KEYS =
  'Varve has no keys yet, so it serves nobody; set the secret VARVE_ADMIN_KEY ("openssl rand -hex 32" makes one, "npx wrangler secret put VARVE_ADMIN_KEY" sets it), and make keys with it';

/**
 * Finds out who asks. The order is by cost: variables, then what this isolate remembers, then the keyring, and that one only for what has
 * the form of a key and comes from where not too many wrong ones have come from.
 */
export class Authenticator {
  readonly #config: AccessConfig;
  readonly #clock: Clock;
  readonly #keys: KeyVerifier;
  readonly #failures: FailureLimiter;
  /** Keys that are variables, with their digests once those are known. */
  readonly #fixed: FixedKey[] = [];
  readonly #accessTokens: AccessTokenVerifier | undefined;

  constructor(config: AccessConfig, keys: KeyVerifier, clock: Clock, fetch: Fetch) {
    this.#config = config;
    this.#clock = clock;
    this.#accessTokens = config.cloudflareAccess === undefined ? undefined : new AccessTokenVerifier(config.cloudflareAccess, fetch, clock);
    this.#keys = keys;
    this.#failures = new FailureLimiter(clock);
    if (config.adminKey !== undefined) this.#fixed.push({ key: config.adminKey, accessKeyId: ADMIN_ACCESS_KEY_ID, grant: everything('VARVE_ADMIN_KEY'), digest: undefined });
    if (config.localKey !== undefined) this.#fixed.push({ key: config.localKey, accessKeyId: LOCAL_ACCESS_KEY_ID, grant: everything('npm start'), digest: undefined });
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

  /** As `authenticate`, where a signature counts as well: on routes that S3 clients use, which only read objects. */
  async authenticateSigned(request: Request): Promise<Authenticated> {
    if (this.#config.isOpenOnLoopback && !(await this.#hasKeys())) return this.authenticate(request);
    const signed = readSignature(request);
    if (signed === undefined) return this.authenticate(request);
    checkSigningTime(signed, this.#clock.nowMs());
    const source = sourceOf(request.headers);
    const key = await this.#signingKey(signed.accessKeyId, signed.day, source);
    if (key === undefined) throw new S3Error('InvalidAccessKeyId', 403, 'no key has this access key id: it is the id of a key, which is the part between vrv_ and the next _');
    if (!(await isSignedWith(key.dayKey, signed, request))) {
      this.#failures.add(source);
      throw new S3Error('SignatureDoesNotMatch', 403, 'the signature is not that of the key; its secret access key is the SHA-256 of the whole key in hexadecimal');
    }
    return { grant: key.grant, user: '' };
  }

  /** As `authenticate`, of a request that need not be anybody's: `undefined` of whoever shows nothing, or nothing valid. Then no object has been asked. */
  async authenticateIfShown(request: Request): Promise<Authenticated | undefined> {
    const isShown = request.headers.has('authorization') || (this.#accessTokens !== undefined && request.headers.has(ACCESS_TOKEN_HEADER));
    if (!isShown && !this.#config.isOpenOnLoopback) return undefined;
    return this.authenticate(request).catch(() => undefined);
  }

  async #signingKey(id: string, day: string, source: string | undefined): Promise<SigningKey | undefined> {
    const fixed = this.#fixed.find(({ accessKeyId }) => accessKeyId === id);
    if (fixed !== undefined) return { grant: fixed.grant, dayKey: await signingKeyOfDay(await digestOfFixed(fixed), day) };
    const recalled = this.#keys.recallSigning(id, day);
    if (recalled !== undefined || this.#keys.isKnownUnsigned(id)) return recalled;
    this.#checkFailures(source);
    const key = await this.#keys.signingKey(id, day);
    if (key === undefined) this.#failures.add(source);
    return key;
  }

  #checkFailures(source: string | undefined): void {
    const waitSeconds = this.#failures.waitSeconds(source);
    // 503 and not 401: the key may well be valid, and a sender that is told otherwise drops its samples.
    if (waitSeconds === 0) return;
    const message = `too many keys that are not valid came from your network (failuresPerMinuteMax is ${LIMITS.failuresPerMinuteMax}); try again in ${waitSeconds} seconds`;
    throw new VarveError('overloaded', message, { retryAfterSeconds: waitSeconds });
  }

  /** Whether there is anything yet by which a request could be let in. */
  #hasKeys(): boolean | Promise<boolean> {
    return this.#config.adminKey !== undefined || this.#accessTokens !== undefined || this.#keys.hasHadKeys();
  }

  async #grant(secret: string, source: string | undefined): Promise<Grant> {
    const digest = await digestOf(secret);
    for (const fixed of this.#fixed) {
      if (isSameDigest(digest, await digestOfFixed(fixed))) return fixed.grant;
    }
    const recalled = this.#keys.recall(digest);
    if (recalled !== undefined) return recalled;
    if (this.#keys.isKnownInvalid(secret, digest)) throw await this.#invalid();
    this.#checkFailures(source);
    const grant = await this.#keys.verify(secret, digest);
    if (grant !== undefined) return grant;
    this.#failures.add(source);
    throw await this.#invalid();
  }

  async #invalid(): Promise<VarveError> {
    return (await this.#hasKeys()) ? unauthenticated('this key is not valid: unknown, revoked or expired') : new VarveError('unavailable', NO_KEYS);
  }
}

async function digestOfFixed(fixed: FixedKey): Promise<Uint8Array> {
  return (fixed.digest ??= await digestOf(fixed.key.reveal()));
}
