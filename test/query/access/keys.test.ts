import { describe, expect, test } from 'vitest';
import { keyId } from '../../../storage/access/key-text.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';

const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';

type Json = Record<string, unknown>;

/** An API with an operator, and what tests do with it. */
class Api {
  readonly system: NodeApp = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });

  async ask(path: string, key: string, init: RequestInit = {}): Promise<{ status: number; data: unknown; error: string }> {
    const answer = await this.system.app.request(path, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } });
    const { data, error } = (await answer.json()) as { data: unknown; error: string };
    return { status: answer.status, data, error };
  }

  async post(fields: unknown, key = ADMIN_KEY, headers: Record<string, string> = {}) {
    const body = typeof fields === 'string' ? fields : JSON.stringify(fields);
    return this.ask('/api/v1/admin/keys', key, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  }

  async make(fields: Json, key = ADMIN_KEY): Promise<{ secret: string; id: string }> {
    const { status, data, error } = await this.post(fields, key);
    expect([status, error]).toEqual([200, undefined]);
    return data as { secret: string; id: string };
  }

  async statusOf(key: string, path = '/api/v1/query?query=1'): Promise<number> {
    return (await this.ask(path, key)).status;
  }
}

describe('making a key', () => {
  test('shows its secret once, and works at once', async () => {
    const api = new Api();
    const made = (await api.post({ scopes: ['write', 'read'], tenant: 'team-a', description: 'Prometheus in Ulm', expires_in: '90d' })).data as Json;
    const { secret, ...shown } = made;
    expect(shown).toEqual({
      id: keyId(secret as string), tenant: 'team-a', scopes: ['read', 'write'], description: 'Prometheus in Ulm', created: '2024-01-14T12:00:00.000Z',
      created_by: 'VARVE_ADMIN_KEY', expires: '2024-04-13T12:00:00.000Z',
    });
    expect(await api.statusOf(secret as string)).toBe(200);
    expect((await api.ask('/api/v1/admin/keys', ADMIN_KEY)).data).toEqual([{ ...shown, last_used: '2024-01-14T12:00:00.000Z' }]);
    expect(JSON.stringify(api.system.keyring.audit)).not.toContain((secret as string).slice(17, 40));
  });

  test('for the tenant of the request, or for all', async () => {
    const api = new Api();
    expect((await api.post({ scopes: ['read'] })).data).toMatchObject({ tenant: 'default' });
    expect((await api.post({ scopes: ['read'] }, ADMIN_KEY, { 'x-scope-orgid': 'team-b' })).data).toMatchObject({ tenant: 'team-b' });
    const all = (await api.post({ scopes: ['read'], all_tenants: true })).data as Json;
    expect(all).toMatchObject({ all_tenants: true });
    expect(all).not.toHaveProperty('tenant');
  });

  test('no answer with a secret is kept by anybody on the way', async () => {
    const { system } = new Api();
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const answer = await system.app.request('/api/v1/admin/keys', { method: 'POST', headers, body: '{"scopes":["read"]}' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each<[string, unknown, RegExp]>([
    ['nothing', '', /not JSON/],
    ['bytes that are no text', '\ud800"', /not JSON|must be a JSON object/],
    ['a list', [], /must be a JSON object/],
    ['null', null, /must be a JSON object/],
    ['no scopes', {}, /"scopes" must be a list/],
    ['an empty list of scopes', { scopes: [] }, /"scopes" must be a list/],
    ['a scope as text', { scopes: 'read' }, /"scopes" must be a list/],
    ['an unknown scope', { scopes: ['read', 'root'] }, /"scopes" must be a list/],
    ['a scope by inheritance', { scopes: ['__proto__'] }, /"scopes" must be a list/],
    ['an unknown field', { scopes: ['read'], scope: 'admin' }, /unknown field "scope"/],
    ['__proto__', '{"scopes":["read"],"__proto__":{"all_tenants":true}}', /unknown field "__proto__"/],
    ['constructor', '{"scopes":["read"],"constructor":{"prototype":{"x":1}}}', /unknown field "constructor"/],
    ['a tenant that is none', { scopes: ['read'], tenant: 'a|b' }, /names several tenants/],
    ['a tenant that climbs', { scopes: ['read'], tenant: '../x' }, /no tenant name/],
    ['a tenant that is a number', { scopes: ['read'], tenant: 7 }, /"tenant" must be a string/],
    ['one tenant and all', { scopes: ['read'], tenant: 'a', all_tenants: true }, /exclude each other/],
    ['all tenants as text', { scopes: ['read'], all_tenants: 'false' }, /must be true or false/],
    ['a match that is no selector', { scopes: ['read'], match: 'team=' }, /match/],
    ['a match that is a query', { scopes: ['read'], match: 'sum(up)' }, /match/],
    ['an empty match', { scopes: ['read'], match: '{}' }, /1 to 16 matchers/],
    ['a match that lets the unlabelled through', { scopes: ['read'], match: '{team!="b"}' }, /also matches series without the label team/],
    ['a match of anything', { scopes: ['read'], match: '{team=~".*"}' }, /also matches series without the label team/],
    ['a match beside one that lets the unlabelled through', { scopes: ['read'], match: '{env="x",team!~"b"}' }, /also matches series without the label team/],
    ['a match that is no pattern', { scopes: ['read'], match: '{team=~"("}' }, /match/],
    ['a match on a writer', { scopes: ['read', 'write'], match: '{team="a"}' }, /can only have the scope read/],
    ['a match on an administrator', { scopes: ['admin'], match: '{team="a"}' }, /can only have the scope read/],
    ['a long description', { scopes: ['read'], description: 'x'.repeat(201) }, /keyDescriptionCharactersMax/],
    ['a description that moves the cursor', { scopes: ['read'], description: 'a\u001b[2J' }, /one line of text/],
    ['an expiry that is no duration', { scopes: ['read'], expires_in: 'soon' }, /expires_in/],
    ['an expiry in the past', { scopes: ['read'], expires_in: '0s' }, /more than nothing/],
  ])('from %s is refused', async (_, fields, text) => {
    const api = new Api();
    const { status, error } = await api.post(fields);
    expect([status, error]).toEqual([400, expect.stringMatching(text)]);
    expect(api.system.keyring.callsOf('create')).toBe(0);
  });

  test('takes JSON only, which no form of another site can send, and not much of it', async () => {
    const api = new Api();
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'text/plain;x=application/json', '']) {
      expect((await api.post('{"scopes":["read"]}', ADMIN_KEY, { 'content-type': type })).status).toBe(415);
    }
    expect((await api.post({ scopes: ['read'], description: 'x'.repeat(LIMITS.keyRequestBytesMax) })).status).toBe(413);
  });

  test('selectors are shown back as they count', async () => {
    const api = new Api();
    const made = (await api.post({ scopes: ['read'], match: 'm{team=~"a|b", "with.dots"="x\\"y"}' })).data as Json;
    expect(made['match']).toBe('{team=~"a|b","with.dots"="x\\"y",__name__="m"}');
  });
});

describe('nobody makes a key that can do more than his own', () => {
  test('neither more scopes, nor another tenant, nor all', async () => {
    const api = new Api();
    const keeper = await api.make({ scopes: ['read', 'admin'], tenant: 'team-a' });
    expect((await api.post({ scopes: ['read'] }, keeper.secret)).data).toMatchObject({ tenant: 'team-a', created_by: `key ${keeper.id}` });
    for (const fields of [{ scopes: ['write'] }, { scopes: ['read', 'write'] }, { scopes: ['read'], tenant: 'team-b' }, { scopes: ['read'], all_tenants: true }]) {
      expect((await api.post(fields, keeper.secret)).status, JSON.stringify(fields)).toBe(403);
    }
    expect((await api.post({ scopes: ['read'] }, keeper.secret, { 'x-scope-orgid': 'team-b' })).status).toBe(403);
  });

  test('only administrators see, make and revoke keys', async () => {
    const api = new Api();
    for (const scopes of [['read'], ['write'], ['read', 'write']]) {
      const { secret, id } = await api.make({ scopes });
      const answers = [await api.ask('/api/v1/admin/keys', secret), await api.post({ scopes }, secret), await api.ask(`/api/v1/admin/keys/${id}`, secret, { method: 'DELETE' })];
      for (const { status, error } of answers) expect([status, error]).toEqual([403, `this key may not administer: it has the scope ${scopes.join(', ')}`]);
    }
  });

  test('administrators of a tenant see and revoke keys of that tenant', async () => {
    const api = new Api();
    const a = await api.make({ scopes: ['admin'], tenant: 'team-a' });
    const b = await api.make({ scopes: ['read'], tenant: 'team-b' });
    const all = await api.make({ scopes: ['read'], all_tenants: true });
    expect(((await api.ask('/api/v1/admin/keys', a.secret)).data as Json[]).map(({ id }) => id)).toEqual([a.id]);
    for (const { id, secret } of [b, all]) {
      expect((await api.ask(`/api/v1/admin/keys/${id}`, a.secret, { method: 'DELETE' })).status).toBe(404);
      expect(await api.statusOf(secret)).toBe(200);
    }
  });
});

describe('scopes', () => {
  test('a reader cannot write and a writer cannot read', async () => {
    const api = new Api();
    const reader = await api.make({ scopes: ['read'] });
    const writer = await api.make({ scopes: ['write'] });
    const administrator = await api.make({ scopes: ['admin'] });
    for (const [key, path, status] of [[reader, '/api/v1/labels', 200], [writer, '/api/v1/labels', 403], [administrator, '/api/v1/labels', 403], [writer, '/metrics', 403]] as const) {
      expect((await api.system.app.request(path, { headers: { authorization: `Bearer ${key.secret}` } })).status).toBe(status);
    }
    const calls = [...api.system.shards.calls];
    for (const key of [reader, administrator]) {
      const answer = await api.system.app.request('/api/v1/write', { method: 'POST', headers: { authorization: `Bearer ${key.secret}` } });
      expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('this key may not write: it has the scope')]);
    }
    expect([...api.system.shards.calls]).toEqual(calls);
  });
});

describe('/metrics', () => {
  test('shows what the isolate has counted of all tenants to whoever may see all tenants, and nothing to restricted readers', async () => {
    const api = new Api();
    const metrics = async (key: string): Promise<[number, string]> => {
      const answer = await api.system.app.request('/metrics', { headers: { authorization: `Bearer ${key}` } });
      return [answer.status, await answer.text()];
    };
    expect(await metrics((await api.make({ scopes: ['read'], all_tenants: true })).secret)).toEqual([200, expect.stringContaining('varve_http_requests_total{')]);
    const [status, text] = await metrics((await api.make({ scopes: ['read'], tenant: 'team-a' })).secret);
    expect([status, text]).toEqual([200, expect.stringContaining('varve_shard_up{shard="0"} 1')]);
    expect(text).not.toContain('varve_http_requests_total{');
    for (const tenant of [{ tenant: 'team-a' }, { all_tenants: true }]) {
      expect(await metrics((await api.make({ scopes: ['read'], match: '{team="x"}', ...tenant })).secret)).toEqual([403, expect.stringContaining('restricted by label matchers')]);
    }
  });
});

describe('revoking', () => {
  test('counts at once where it was asked for, and everywhere within keyCacheMs', async () => {
    const api = new Api();
    const { secret, id } = await api.make({ scopes: ['read'] });
    expect(await api.statusOf(secret)).toBe(200);
    expect((await api.ask(`/api/v1/admin/keys/${id}`, ADMIN_KEY, { method: 'DELETE' })).data).toMatchObject({ id, revoked: expect.any(String) as unknown, revoked_by: 'VARVE_ADMIN_KEY' });
    expect(await api.statusOf(secret)).toBe(401);
    // Another isolate has not heard of it.
    const other = await api.make({ scopes: ['read'] });
    expect(await api.statusOf(other.secret)).toBe(200);
    await api.system.keyring.stub().revoke({ version: 1, id: other.id, tenant: undefined, revokedBy: 'another isolate' });
    api.system.clock.advance(LIMITS.keyCacheMs - 1);
    expect(await api.statusOf(other.secret)).toBe(200);
    api.system.clock.advance(1);
    expect(await api.statusOf(other.secret)).toBe(401);
  });

  test('an expiry counts to the millisecond, cached or not', async () => {
    const api = new Api();
    const { secret } = await api.make({ scopes: ['read'], expires_in: '10s' });
    expect(await api.statusOf(secret)).toBe(200);
    api.system.clock.advance(9_999);
    expect(await api.statusOf(secret)).toBe(200);
    api.system.clock.advance(1);
    expect(await api.statusOf(secret)).toBe(401);
  });

  test.each(['unknown', '', '..', '*', 'abcdefghijkl', '%2e%2e', 'a'.repeat(1000)])('%j, which is no key, is 404', async (id) => {
    const { status } = await new Api().ask(`/api/v1/admin/keys/${id}`, ADMIN_KEY, { method: 'DELETE' });
    expect([404, 405]).toContain(status);
  });
});

describe('the keyring is asked rarely', () => {
  test('once in keyCacheMs for a key that is valid, once in keyMissCacheMs for one that is not, never for nonsense', async () => {
    const api = new Api();
    const { keyring, clock } = api.system;
    const { secret } = await api.make({ scopes: ['read'] });
    for (let i = 0; i < 100; i++) expect(await api.statusOf(secret)).toBe(200);
    expect(keyring.callsOf('verify')).toBe(1);
    clock.advance(LIMITS.keyCacheMs);
    expect(await api.statusOf(secret)).toBe(200);
    expect(keyring.callsOf('verify')).toBe(2);
    const unknown = (await new Api().make({ scopes: ['read'], tenant: 'elsewhere' })).secret;
    await api.system.keyring.stub().revoke({ version: 1, id: keyId(secret)!, tenant: undefined, revokedBy: 'x' });
    clock.advance(LIMITS.keyCacheMs);
    for (let i = 0; i < 10; i++) expect(await api.statusOf(secret)).toBe(401);
    expect(keyring.callsOf('verify')).toBe(3);
    clock.advance(LIMITS.keyMissCacheMs);
    expect(await api.statusOf(secret)).toBe(401);
    expect(keyring.callsOf('verify')).toBe(4);
    for (const text of [unknown.slice(0, -1), `${unknown.slice(0, -1)}${unknown.endsWith('0') ? '1' : '0'}`, 'x', 'vrv_']) expect(await api.statusOf(text)).toBe(401);
    expect(keyring.callsOf('verify')).toBe(4);
  });

  test('a network that sends many wrong keys is refused for a while; the valid ones there go on', async () => {
    const api = new Api();
    const { keyring, clock } = api.system;
    const from = (address: string, key: string) => api.ask('/api/v1/query?query=1', key, { headers: { 'cf-connecting-ip': address } });
    const { secret } = await api.make({ scopes: ['read'] });
    expect((await from('203.0.113.7', secret)).status).toBe(200);
    const strangers = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const wrong: string[] = [];
    for (let i = 0; i < LIMITS.failuresPerMinuteMax + 5; i++) {
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
      await strangers.app.request('/api/v1/admin/keys', { method: 'POST', headers, body: '{"scopes":["read"]}' });
      const answer = await strangers.app.request('/api/v1/admin/keys', { method: 'POST', headers, body: '{"scopes":["read"]}' });
      wrong.push(((await answer.json()) as { data: { secret: string } }).data.secret);
    }
    // The same seed made the same first key; the others are unknown here.
    const unknown = wrong.filter((key) => key !== secret);
    const statuses: number[] = [];
    const before = keyring.callsOf('verify');
    for (const key of unknown) statuses.push((await from('203.0.113.7', key)).status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(LIMITS.failuresPerMinuteMax);
    expect(statuses.filter((status) => status === 503).length).toBe(unknown.length - LIMITS.failuresPerMinuteMax);
    expect(keyring.callsOf('verify') - before).toBe(LIMITS.failuresPerMinuteMax);
    expect((await from('203.0.113.7', secret)).status).toBe(200);
    expect((await from('203.0.113.8', unknown.at(-1)!)).status).toBe(401);
    clock.advance(20_000);
    for (const path of ['/api/v1/query?query=1', '/api/v1/write', '/v1/metrics', '/iceberg/v1/config', '/objects/varve-archive/x']) {
      const method = path.includes('write') || path.includes('metrics') ? 'POST' : 'GET';
      const refused = await api.system.app.request(path, { method, headers: { authorization: `Bearer ${unknown.at(-1)!}`, 'cf-connecting-ip': '203.0.113.7' } });
      expect([path, refused.status, refused.headers.get('retry-after')]).toEqual([path, 503, '40']);
    }
    clock.advance(40_000);
    expect((await from('203.0.113.7', unknown.at(-1)!)).status).toBe(401);
  });

  test('when it is away, what is remembered goes on, and others are told to try again', async () => {
    const api = new Api();
    const { secret } = await api.make({ scopes: ['read'] });
    expect(await api.statusOf(secret)).toBe(200);
    api.system.keyring.isAway = true;
    expect(await api.statusOf(secret)).toBe(200);
    expect(await api.statusOf(ADMIN_KEY)).toBe(200);
    api.system.clock.advance(LIMITS.keyCacheMs);
    const { status, error } = await api.ask('/api/v1/query?query=1', secret);
    expect([status, error]).toEqual([503, expect.stringContaining('keyring cannot be reached; try again later')]);
  });
});

describe('the first key', () => {
  const open = (): NodeApp => nodeApp({ VARVE_OPEN: 'loopback', VARVE_LOCAL_KEY: 'made-by-the-launcher-at-its-start-0123' });

  test('closes what was open on loopback, at once and for ever', async () => {
    const { app, clock, keyring } = open();
    const labels = async (headers: Record<string, string> = {}): Promise<number> => (await app.request('http://localhost/api/v1/labels', { headers })).status;
    expect(await labels()).toBe(200);
    const answer = await app.request('http://localhost/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"scopes":["read"]}' });
    const { secret, id } = ((await answer.json()) as { data: { secret: string; id: string } }).data;
    expect([await labels(), await labels({ authorization: `Bearer ${secret}` })]).toEqual([401, 200]);
    // What the launcher needs for itself goes on.
    expect(await labels({ authorization: 'Bearer made-by-the-launcher-at-its-start-0123' })).toBe(200);
    await keyring.stub().revoke({ version: 1, id, tenant: undefined, revokedBy: 'x' });
    clock.advance(LIMITS.keyCacheMs);
    expect([await labels(), await labels({ authorization: `Bearer ${secret}` })]).toEqual([401, 401]);
  });

  test('made by another isolate is seen within keyMissCacheMs', async () => {
    const { app, clock, keyring } = open();
    const status = async (): Promise<number> => (await app.request('http://localhost/api/v1/labels')).status;
    expect(await status()).toBe(200);
    await keyring.stub().create({ version: 1, id: 'abcdefghijkl', digest: new Uint8Array(32), tenant: 't', scopes: ['read'], matchers: [], description: '', createdBy: 'x', expiresInMs: undefined });
    clock.advance(LIMITS.keyMissCacheMs - 1);
    expect(await status()).toBe(200);
    clock.advance(1);
    expect(await status()).toBe(401);
  });

  test('a keyring that is away opens nothing', async () => {
    const { app, keyring } = open();
    keyring.isAway = true;
    expect((await app.request('http://localhost/api/v1/labels')).status).toBe(503);
  });

  test('on Cloudflare counts without VARVE_ADMIN_KEY too', async () => {
    const { app, clock, keyring } = nodeApp({});
    const status = async (): Promise<number> => (await app.request('/api/v1/labels')).status;
    expect(await status()).toBe(503);
    await keyring.stub().create({ version: 1, id: 'abcdefghijkl', digest: new Uint8Array(32), tenant: 't', scopes: ['read'], matchers: [], description: '', createdBy: 'x', expiresInMs: undefined });
    clock.advance(LIMITS.keyMissCacheMs);
    expect(await status()).toBe(401);
  });
});
