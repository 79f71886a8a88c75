import { parseMetricSelector } from '../../promql/parser/index.ts';
import { SCOPES, type Grant, type Scope } from '../../storage/access/access.ts';
import type { CreateKeyRequest } from '../../storage/access/keyring-api.ts';
import { checkTenantName } from '../../storage/access/tenant-name.ts';
import { matcherMatchesEmpty } from '../../storage/model/compile-matcher.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { aboutParameter, requiredDuration } from '../parameters.ts';

/** What a new key shall be, apart from who makes it and its secret. */
export type NewKeyRequest = Pick<CreateKeyRequest, 'tenant' | 'scopes' | 'matchers' | 'description' | 'expiresInMs'>;

const FIELDS = ['tenant', 'all_tenants', 'scopes', 'match', 'description', 'expires_in'];

/**
 * Reads the JSON of a request for a key, `{"scopes": ["read"], "tenant": "team-a", "match": "{team=\"a\"}", "description": "…",
 * "expires_in": "90d"}`, and checks that its maker may give so much: no key makes one that can do more than itself. `requestTenant` is
 * the tenant of the request, which counts where the JSON names none.
 */
export function readNewKeyRequest(body: Uint8Array, maker: Grant, requestTenant: string): NewKeyRequest {
  const fields = readFields(body);
  const tenant = readTenant(fields, maker, requestTenant);
  const scopes = readScopes(fields.get('scopes'), maker);
  const matchers = readMatchers(fields.get('match'));
  if (matchers.length > 0 && (scopes.length > 1 || scopes[0] !== 'read')) throw badData('"match" restricts what is read: a key that has it can only have the scope read');
  return { tenant, scopes, matchers, description: readDescription(fields.get('description')), expiresInMs: readExpiry(fields.get('expires_in')) };
}

function readFields(body: Uint8Array): ReadonlyMap<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body));
  } catch {
    throw badData('the body is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw badData('the body must be a JSON object');
  const unknown = Object.keys(parsed).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw badData(`unknown field ${JSON.stringify(unknown.slice(0, 100))}; there are ${FIELDS.join(', ')}`);
  return new Map(Object.entries(parsed));
}

function readTenant(fields: ReadonlyMap<string, unknown>, maker: Grant, requestTenant: string): string | undefined {
  const allTenants = fields.get('all_tenants') ?? false;
  const named = fields.get('tenant');
  if (typeof allTenants !== 'boolean') throw badData('"all_tenants" must be true or false');
  if (named !== undefined && typeof named !== 'string') throw badData('"tenant" must be a string');
  if (allTenants && named !== undefined) throw badData('"tenant" and "all_tenants" exclude each other');
  if (allTenants) {
    if (maker.tenant !== undefined) throw new VarveError('forbidden', 'this key is for one tenant, and cannot make keys for all');
    return undefined;
  }
  const tenant = named === undefined ? requestTenant : checkTenantName(named, '"tenant"');
  if (maker.tenant !== undefined && tenant !== maker.tenant) throw new VarveError('forbidden', 'this key is for one tenant, and cannot make keys for another');
  return tenant;
}

function readScopes(value: unknown, maker: Grant): Scope[] {
  const wrong = (): VarveError => badData(`"scopes" must be a list of one or more of ${SCOPES.join(', ')}`);
  if (!Array.isArray(value) || value.length === 0) throw wrong();
  const wanted = new Set<unknown>(value);
  for (const scope of wanted) {
    if (!SCOPES.some((known) => known === scope)) throw wrong();
  }
  const scopes = SCOPES.filter((scope) => wanted.has(scope));
  const tooMuch = scopes.find((scope) => !maker.scopes.includes(scope));
  if (tooMuch !== undefined) throw new VarveError('forbidden', `this key does not have the scope ${tooMuch}, so it cannot give it`);
  return scopes;
}

/**
 * As a selector, which is how everybody writes matchers. A matcher that also matches series without the label would let through whatever
 * nobody has labelled, so it is refused.
 */
function readMatchers(value: unknown): readonly Matcher[] {
  if (value === undefined) return [];
  if (typeof value !== 'string') throw badData('"match" must be a selector such as "{team=\\"a\\"}"');
  const matchers = aboutParameter('match', () => parseMetricSelector(value));
  if (matchers.length === 0 || matchers.length > LIMITS.keyMatchersMax) throw badData(`"match" must have 1 to ${LIMITS.keyMatchersMax} matchers (keyMatchersMax)`);
  for (const { name, type, value: pattern } of matchers) {
    const matchesEmpty = aboutParameter('match', () => matcherMatchesEmpty({ name, type, value: pattern }));
    if (matchesEmpty) throw badData(`the matcher ${name}${type}${JSON.stringify(pattern)} also matches series without the label ${name}: a key restricted by it would see what nobody has labelled`);
  }
  return matchers;
}

function readDescription(value: unknown = ''): string {
  if (typeof value !== 'string') throw badData('"description" must be a string');
  if (value.length > LIMITS.keyDescriptionCharactersMax) throw badData(`"description" has ${value.length} characters; keyDescriptionCharactersMax is ${LIMITS.keyDescriptionCharactersMax}`);
  // It is printed in terminals and logs.
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value) || !value.isWellFormed()) throw badData('"description" must be one line of text');
  return value;
}

function readExpiry(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw badData('"expires_in" must be a duration such as "90d"');
  const durationMs = requiredDuration(new URLSearchParams({ expires_in: value }), 'expires_in');
  if (durationMs <= 0) throw badData('"expires_in" must be more than nothing');
  return durationMs;
}
