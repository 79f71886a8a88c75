import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';

/** What an `Authorization` header carries. */
export interface Credentials {
  /** The key. */
  readonly secret: string;
  /** The user name of Basic authentication: empty, or the tenant. */
  readonly user: string;
}

/** Sent with every 401, so that a browser asks and a client library knows what is spoken. */
export const CHALLENGE = 'Bearer realm="varve", Basic realm="varve", charset="UTF-8"';

export function unauthenticated(message: string): VarveError {
  return new VarveError('unauthenticated', message);
}

/**
 * The credentials of a request: `Bearer KEY`, `Basic` with the key as password, or InfluxDB's `Token KEY`. `undefined` without the header;
 * throws where it is there and cannot be read, which a header given twice cannot either. Never from the URL, which ends up in logs.
 */
export function readCredentials(headers: Headers): Credentials | undefined {
  const header = headers.get('authorization');
  if (header === null) return undefined;
  // Before anything else looks at it: no key is nearly as long.
  if (header.length > LIMITS.authorizationBytesMax) throw unauthenticated('the header Authorization is longer than any key');
  const parts = /^(\w+) +([^\s,]+)$/.exec(header.trim());
  if (parts === null) throw unauthenticated('the header Authorization cannot be read; send "Bearer KEY" or Basic with the key as password');
  const [, scheme = '', value = ''] = parts;
  switch (scheme.toLowerCase()) {
    case 'bearer':
    case 'token':
      return { secret: value, user: '' };
    case 'basic':
      return basicCredentials(value);
    default:
      throw unauthenticated('the scheme in the header Authorization is not one of Bearer, Basic and Token');
  }
}

function basicCredentials(value: string): Credentials {
  let text: string;
  try {
    text = atob(value);
  } catch {
    throw unauthenticated('the header Authorization has scheme Basic, but is not base64');
  }
  const colon = text.indexOf(':');
  if (colon < 0) throw unauthenticated('the header Authorization has scheme Basic, but no password');
  return { user: text.slice(0, colon), secret: text.slice(colon + 1) };
}
