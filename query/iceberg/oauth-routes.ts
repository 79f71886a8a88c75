import { Hono } from 'hono';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Authenticator } from '../access/authenticate.ts';
import { readCredentials } from '../access/credentials.ts';
import { requestIdOf } from '../request-id.ts';
import { failure } from '../respond.ts';
import { readShortText } from '../../ingest/short-body.ts';

const CLIENT_CREDENTIALS = 'client_credentials';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * `POST /v1/oauth/tokens` of the Iceberg REST catalog, for clients that are configured with `credential` and not with `token`: a key as the
 * client's secret is given back as the access token, if it is valid. Clients that renew a token by exchanging it get it back too.
 * Tokens end with their key: revoking it needs nothing more.
 */
export function oauthRoutes(authenticator: Authenticator): Hono {
  return new Hono().post('/v1/oauth/tokens', async (context) => {
    const request = context.req.raw;
    try {
      const form = new URLSearchParams(await readShortText(request, 'icebergBodyBytesMax'));
      const secret = secretOf(form, request.headers);
      if (typeof secret !== 'string') return secret;
      await authenticator.authenticate(new Request(request.url, { headers: withBearer(request.headers, secret) }));
      const token = { access_token: secret, token_type: 'bearer', issued_token_type: ACCESS_TOKEN };
      return Response.json(token, { headers: { 'cache-control': 'no-store' } });
    } catch (error) {
      if (error instanceof VarveError && error.kind === 'unauthenticated') return oauthError('invalid_client', 401, error.message);
      if (error instanceof VarveError && (error.kind === 'bad-data' || error.kind === 'too-large')) return oauthError('invalid_request', 400, error.message);
      return failure(error, requestIdOf(context));
    }
  });
}

/** The key that a request for a token has with it, or why it has none. */
function secretOf(form: URLSearchParams, headers: Headers): string | Response {
  const grantType = form.get('grant_type');
  if (grantType !== CLIENT_CREDENTIALS && grantType !== TOKEN_EXCHANGE) return oauthError('unsupported_grant_type', 400, `grant_type must be ${CLIENT_CREDENTIALS} or ${TOKEN_EXCHANGE}`);
  const field = grantType === CLIENT_CREDENTIALS ? 'client_secret' : 'subject_token';
  const secret = form.get(field) ?? readCredentials(headers)?.secret;
  if (secret === undefined) return oauthError('invalid_request', 400, `${field} must be the key`);
  // It goes into a header.
  return /^[\x21-\x2b\x2d-\x7e]+$/.test(secret) ? secret : oauthError('invalid_client', 401, 'this key is not valid');
}

function withBearer(headers: Headers, secret: string): Headers {
  const changed = new Headers(headers);
  changed.set('authorization', `Bearer ${secret}`);
  return changed;
}

/** RFC 6749, section 5.2. */
function oauthError(error: string, status: number, description: string): Response {
  return Response.json({ error, error_description: description }, { status, headers: { 'cache-control': 'no-store' } });
}
