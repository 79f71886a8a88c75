import { SCOPES, type Grant } from '../../storage/access/access.ts';
import { checkTenantName } from '../../storage/access/tenant-name.ts';
import type { CloudflareAccessConfig } from '../../storage/runtime/access-config.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { fromBase64Url } from '../base64url.ts';
import { AccessCerts } from './access-certs.ts';
import { unauthenticated } from './credentials.ts';

/** Where Access puts the token of each request that it has let through. The cookie of the same content is never read. */
export const ACCESS_TOKEN_HEADER = 'cf-access-jwt-assertion';

const KEY_ID_LENGTH_MAX = 256;
const HOLDER_LENGTH_MAX = 200;

type Claims = Readonly<Record<string, unknown>>;

/**
 * Checks tokens of Cloudflare Access (JWT, RFC 7519). Also behind Access each request is checked: other names of the same Worker may not have
 * it in front. The algorithm is RS256 whatever the token says, and the key is the team's whatever else a token's header names.
 */
export class AccessTokenVerifier {
  readonly #config: CloudflareAccessConfig;
  readonly #certs: AccessCerts;
  readonly #clock: Clock;
  readonly #grant: Omit<Grant, 'holder'>;

  constructor(config: CloudflareAccessConfig, fetch: Fetch, clock: Clock) {
    this.#config = config;
    this.#certs = new AccessCerts(config.issuer, fetch, clock);
    this.#clock = clock;
    this.#grant = {
      tenant: checkTenantName(config.tenant, 'VARVE_ACCESS_TENANT'),
      scopes: SCOPES.filter((scope) => config.scopes.includes(scope)),
      matchers: [],
    };
  }

  /** Throws for what is no token of this team for this application, now. */
  async verify(token: string): Promise<Grant> {
    if (token.length > LIMITS.accessTokenBytesMax) throw invalid('it is too long');
    // Of many dots no more are looked at than tell that there are too many.
    const [header, payload, signature, ...rest] = token.split('.', 4);
    if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) throw invalid('it does not have three parts');
    const { alg, kid, crit } = readJson(header);
    if (alg !== 'RS256') throw invalid('it is not signed with RS256');
    if (crit !== undefined) throw invalid('it has extensions that must be understood');
    if (typeof kid !== 'string' || kid.length > KEY_ID_LENGTH_MAX) throw invalid('it names no key');
    const key = await this.#certs.key(kid);
    if (key === undefined) throw invalid('its key is not the team’s');
    const isSigned = await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, readBytes(signature), new TextEncoder().encode(`${header}.${payload}`));
    if (!isSigned) throw invalid('its signature is wrong');
    const claims = readJson(payload);
    this.#checkClaims(claims);
    return { ...this.#grant, holder: holderOf(claims) };
  }

  #checkClaims({ iss, aud, exp, nbf, type }: Claims): void {
    const nowMs = this.#clock.nowMs();
    if (iss !== this.#config.issuer) throw invalid('another team has issued it');
    const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    if (!this.#config.audiences.some((audience) => audiences.includes(audience))) throw invalid('it is for another application');
    if (typeof exp !== 'number' || !(exp * 1000 > nowMs - LIMITS.accessClockSkewMs)) throw invalid('it has expired');
    if (nbf !== undefined && (typeof nbf !== 'number' || !(nbf * 1000 <= nowMs + LIMITS.accessClockSkewMs))) throw invalid('it is not valid yet');
    if (type !== undefined && type !== 'app') throw invalid('it is no token of an application');
  }
}

/** A person's address, or the name of a service token, as it may stand in a log. */
function holderOf({ email, common_name }: Claims): string {
  const name = typeof email === 'string' && email !== '' ? email : typeof common_name === 'string' ? `service token ${common_name}` : 'somebody';
  return `Access: ${name.slice(0, HOLDER_LENGTH_MAX).replace(/[^\x20-\x7e]/g, '?')}`;
}

function invalid(reason: string): Error {
  return unauthenticated(`the token of Cloudflare Access is not valid: ${reason}`);
}

function readJson(part: string): Claims {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(readBytes(part)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Claims;
  } catch {
    // Said below.
  }
  throw invalid('it is not JSON');
}

function readBytes(part: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(part)) throw invalid('it is not base64url');
  try {
    return fromBase64Url(part);
  } catch {
    throw invalid('it is not base64url');
  }
}
