import { VarveError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { Secret } from './secret.ts';

/** The variables that decide who is served. Secrets among them are set with `wrangler secret put`. */
export interface AccessVariables {
  readonly VARVE_ADMIN_KEY?: string;
  readonly VARVE_OPEN?: string;
  readonly VARVE_LOCAL_KEY?: string;
}

export interface AccessConfig {
  /** Without any key, serve whoever is on this machine. Only the launcher says so, and only where it listens on loopback. */
  readonly isOpenOnLoopback: boolean;
  /** May do everything in all tenants: what the first keys are made with. */
  readonly adminKey: Secret | undefined;
  /** What the launcher on the same machine made for itself, anew at each start: may do as much, but does not count as a key that somebody has made. */
  readonly localKey: Secret | undefined;
}

export function readAccessConfig(variables: AccessVariables): AccessConfig {
  return { isOpenOnLoopback: readOpen(variables.VARVE_OPEN), adminKey: readKey('VARVE_ADMIN_KEY', variables.VARVE_ADMIN_KEY), localKey: readKey('VARVE_LOCAL_KEY', variables.VARVE_LOCAL_KEY) };
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
