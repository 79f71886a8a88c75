import { SCOPES, type Grant } from '../../storage/access/access.ts';
import { digestOf, isSameDigest } from '../../storage/access/digest.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { AccessConfig } from '../../storage/runtime/access-config.ts';
import { readCredentials, unauthenticated, type Credentials } from './credentials.ts';
import { checkFromLoopback } from './loopback.ts';

/** Who asks: what they may do, and the user name that came with the key. */
export interface Authenticated {
  readonly grant: Grant;
  readonly user: string;
}

const OPEN: Authenticated = { grant: { tenant: undefined, scopes: SCOPES, matchers: [], holder: 'open access on loopback' }, user: '' };

const NO_KEYS = 'Varve has no keys yet, so it serves nobody; set the secret VARVE_ADMIN_KEY ("openssl rand -hex 32" makes one, "npx wrangler secret put VARVE_ADMIN_KEY" sets it), and make keys with it';

/** Finds out who asks. Costs no call of an object before the header has the form of a key. */
export class Authenticator {
  readonly #config: AccessConfig;
  #adminDigest: Uint8Array | undefined;

  constructor(config: AccessConfig) {
    this.#config = config;
  }

  async authenticate(request: Request): Promise<Authenticated> {
    if (this.#isOpen()) {
      checkFromLoopback(request);
      return OPEN;
    }
    if (this.#config.adminKey === undefined) throw new VarveError('unavailable', NO_KEYS);
    const credentials = readCredentials(request.headers);
    if (credentials === undefined) throw unauthenticated('a key is needed: send it as "Authorization: Bearer KEY", or as the password of Basic authentication');
    return { grant: await this.#grant(credentials), user: credentials.user };
  }

  #isOpen(): boolean {
    return this.#config.isOpenOnLoopback && this.#config.adminKey === undefined;
  }

  async #grant({ secret }: Credentials): Promise<Grant> {
    const { adminKey } = this.#config;
    const digest = await digestOf(secret);
    if (adminKey !== undefined) {
      this.#adminDigest ??= await digestOf(adminKey.reveal());
      if (isSameDigest(digest, this.#adminDigest)) return { tenant: undefined, scopes: SCOPES, matchers: [], holder: 'VARVE_ADMIN_KEY' };
    }
    throw unauthenticated('this key is not valid: unknown, revoked or expired');
  }
}
