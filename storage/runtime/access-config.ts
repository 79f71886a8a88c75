import { VarveError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { Secret } from './secret.ts';

/** The variables that decide who is served. Secrets among them are set with `wrangler secret put`. */
export interface AccessVariables {
  readonly VARVE_ADMIN_KEY?: string;
  readonly VARVE_OPEN?: string;
  readonly VARVE_LOCAL_KEY?: string;
  readonly VARVE_ACCESS_TEAM_DOMAIN?: string;
  readonly VARVE_ACCESS_AUD?: string;
  readonly VARVE_ACCESS_SCOPES?: string;
  readonly VARVE_ACCESS_TENANT?: string;
}

/** Whom Cloudflare Access lets through, and what they may do here. */
export interface CloudflareAccessConfig {
  /** `https://<team>.cloudflareaccess.com`: the issuer of tokens, and where their keys are. */
  readonly issuer: string;
  /** The audience tags of the applications in front of this Worker. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly tenant: string;
}

export interface AccessConfig {
  /** Without any key, serve whoever is on this machine. Only the launcher says so, and only where it listens on loopback. */
  readonly isOpenOnLoopback: boolean;
  /** May do everything in all tenants: what the first keys are made with. */
  readonly adminKey: Secret | undefined;
  /** What the launcher on the same machine made for itself, anew at each start: may do as much, but does not count as a key that somebody has made. */
  readonly localKey: Secret | undefined;
  readonly cloudflareAccess: CloudflareAccessConfig | undefined;
}

export function readAccessConfig(variables: AccessVariables): AccessConfig {
  return {
    isOpenOnLoopback: readOpen(variables.VARVE_OPEN),
    adminKey: readKey('VARVE_ADMIN_KEY', variables.VARVE_ADMIN_KEY),
    localKey: readKey('VARVE_LOCAL_KEY', variables.VARVE_LOCAL_KEY),
    cloudflareAccess: readCloudflareAccess(variables),
  };
}

function readOpen(text: string | undefined): boolean {
  if (text !== undefined && text !== 'loopback') throw new VarveError('bad-data', `VARVE_OPEN is ${JSON.stringify(text)}; it is set by npm start, to "loopback" or not at all`);
  return text !== undefined;
}

/** An empty or short secret is a mistake that must not open the door. Its text is never shown. */
function readKey(name: string, text: string | undefined): Secret | undefined {
  if (text === undefined) return undefined;
  if (text.length < LIMITS.adminKeyLengthMin) {
    throw new VarveError('bad-data', `${name} has ${text.length} characters; it must have at least ${LIMITS.adminKeyLengthMin} (adminKeyLengthMin)`);
  }
  if (!/^[\x21-\x7e]+$/.test(text)) throw new VarveError('bad-data', `${name} must be printable ASCII without spaces: it is sent in a header`);
  return new Secret(text);
}

function readCloudflareAccess(variables: AccessVariables): CloudflareAccessConfig | undefined {
  const { VARVE_ACCESS_TEAM_DOMAIN: domain, VARVE_ACCESS_AUD: audience } = variables;
  if (domain === undefined && audience === undefined) return undefined;
  if (domain === undefined || audience === undefined) throw new VarveError('bad-data', 'VARVE_ACCESS_TEAM_DOMAIN and VARVE_ACCESS_AUD are needed together');
  const host = domain.replace(/^https:\/\//, '').replace(/\/$/, '');
  // Keys come from there: it must be the place that only Access can speak for.
  if (!/^[a-z0-9-]+\.cloudflareaccess\.com$/.test(host)) throw new VarveError('bad-data', `VARVE_ACCESS_TEAM_DOMAIN is ${JSON.stringify(domain)}; it must be like team.cloudflareaccess.com`);
  const audiences = audience.split(',').map((tag) => tag.trim());
  if (!audiences.every((tag) => /^[0-9a-f]{64}$/.test(tag))) throw new VarveError('bad-data', 'VARVE_ACCESS_AUD must be the audience tag of the Access application (64 hexadecimal digits), or several with commas between');
  const scopes = (variables.VARVE_ACCESS_SCOPES ?? 'read').split(',').map((scope) => scope.trim());
  if (!scopes.every((scope) => ['read', 'write', 'admin'].includes(scope))) throw new VarveError('bad-data', 'VARVE_ACCESS_SCOPES must be one or more of read, write, admin, with commas between');
  return { issuer: `https://${host}`, audiences, scopes, tenant: variables.VARVE_ACCESS_TENANT ?? 'default' };
}
