import { Hono } from 'hono';
import { readShortBody } from '../../ingest/short-body.ts';
import { mediaTypeOf } from '../../proto/media-type.ts';
import { digestOf } from '../../storage/access/digest.ts';
import { isKeyId, newKey } from '../../storage/access/key-text.ts';
import { KEYRING_RPC_VERSION, type KeyRecord } from '../../storage/access/keyring-api.ts';
import { callObject } from '../../storage/call-object.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Random } from '../../storage/runtime/random.ts';
import { answer } from '../answer.ts';
import { success } from '../respond.ts';
import { accessOf } from '../tenant.ts';
import type { KeyringStub, KeyVerifier } from './key-verifier.ts';
import { readNewKeyRequest } from './new-key-request.ts';

export interface KeyServices {
  readonly keyring: KeyringStub;
  readonly verifier: KeyVerifier;
  readonly random: Random;
}

/**
 * Keys over HTTP, to be mounted at `/api/v1/admin`: `GET /keys`, `POST /keys` (new-key-request.ts; the only answer that ever shows a
 * secret), `DELETE /keys/ID`. A key of one tenant sees the keys of that tenant.
 */
export function keyRoutes({ keyring, verifier, random }: KeyServices): Hono {
  const routes = new Hono();
  routes.get('/keys', (context) =>
    answer(context, async () => {
      const { tenant } = accessOf(context).grant;
      const keys = await callObject(() => keyring().list({ version: KEYRING_RPC_VERSION, tenant }), 'keyring');
      return success(keys.map(shownKey));
    }),
  );
  routes.post('/keys', (context) =>
    answer(context, async () => {
      const request = context.req.raw;
      // Not what a form of somebody else's page can send.
      if (mediaTypeOf(request.headers.get('content-type')) !== 'application/json') throw new VarveError('not-supported', 'send the request for a key as application/json');
      const { tenant, grant } = accessOf(context);
      const wanted = readNewKeyRequest(await readShortBody(request, 'keyRequestBytesMax'), grant, tenant);
      const { id, text } = newKey(random);
      const call = { version: KEYRING_RPC_VERSION, id, digest: await digestOf(text), createdBy: grant.holder, ...wanted };
      const made = await callObject(() => keyring().create(call), 'keyring');
      if (made.status === 'refused') throw new VarveError('limit', made.message);
      verifier.forget();
      return notStored(success({ secret: text, ...shownKey(made.key) }));
    }),
  );
  routes.delete('/keys/:id', (context) =>
    answer(context, async () => {
      const id = context.req.param('id');
      const { grant } = accessOf(context);
      const call = { version: KEYRING_RPC_VERSION, id, tenant: grant.tenant, revokedBy: grant.holder };
      // A whole key in the URL would be in logs: it is neither looked up nor repeated.
      const revoked = isKeyId(id) ? await callObject(() => keyring().revoke(call), 'keyring') : { status: 'unknown' as const };
      if (revoked.status === 'unknown') throw new VarveError('not-found', 'there is no key with this id');
      verifier.forget();
      return success(shownKey(revoked.key));
    }),
  );
  return routes;
}

/** A key as the API shows it: times as RFC 3339, matchers as a selector. */
function shownKey(key: KeyRecord): Record<string, unknown> {
  const time = (timeMs: number | undefined): string | undefined => (timeMs === undefined ? undefined : new Date(timeMs).toISOString());
  return {
    id: key.id,
    ...(key.tenant === undefined ? { all_tenants: true } : { tenant: key.tenant }),
    scopes: key.scopes,
    ...(key.matchers.length === 0 ? {} : { match: `{${key.matchers.map(({ name, type, value }) => `${quotedName(name)}${type}${JSON.stringify(value)}`).join(',')}}` }),
    description: key.description,
    created: time(key.createdMs),
    created_by: key.createdBy,
    expires: time(key.expiresMs),
    revoked: time(key.revokedMs),
    revoked_by: key.revokedBy,
    last_used: time(key.lastUsedMs),
  };
}

function quotedName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

function notStored(response: Response): Response {
  response.headers.set('cache-control', 'no-store');
  return response;
}
