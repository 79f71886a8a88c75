import { beforeAll, describe, expect, test } from 'vitest';
import { AccessTokenVerifier } from '../../../query/access/access-jwt.ts';
import type { Fetch } from '../../../storage/runtime/fetch.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { nodeApp } from '../../fakes/node-app.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const ISSUER = 'https://team.cloudflareaccess.com';
const AUDIENCE = 'a'.repeat(64);
const ALGORITHM = 'RSASSA-PKCS1-v1_5';
const claims = { iss: ISSUER, aud: [AUDIENCE], exp: NOON / 1000 + 600, nbf: NOON / 1000 - 60, type: 'app', email: 'ada@example.com' };

let ours: CryptoKeyPair;
let theirs: CryptoKeyPair;

beforeAll(async () => {
  ours = await keyPair(2048);
  theirs = await keyPair(2048);
});

async function keyPair(modulusLength: number): Promise<CryptoKeyPair> {
  const algorithm = { name: ALGORITHM, hash: 'SHA-256', modulusLength, publicExponent: Uint8Array.of(1, 0, 1) };
  return (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
}

const encode = (part: unknown): string => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

async function sign(payload: unknown, header: unknown = { alg: 'RS256', kid: 'k1', typ: 'JWT' }, by = ours): Promise<string> {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${Buffer.from(await crypto.subtle.sign(ALGORITHM, by.privateKey, Buffer.from(text))).toString('base64url')}`;
}

/** A team's keys over HTTP, and how often they were fetched. */
class Certs {
  fetches: string[] = [];
  answer: () => Promise<Response>;

  constructor(kid = 'k1', pair = ours) {
    this.answer = async () => Response.json({ keys: [{ ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid, use: 'sig' }], public_certs: [] });
  }

  readonly fetch: Fetch = (url) => {
    this.fetches.push(String(url));
    return this.answer();
  };
}

function system(certs = new Certs()) {
  const clock = new FixedClock(NOON);
  const verifier = new AccessTokenVerifier({ issuer: ISSUER, audiences: ['b'.repeat(64), AUDIENCE], scopes: ['read'], tenant: 'team-a' }, certs.fetch, clock);
  return { certs, clock, verifier };
}

test('a token of the team for the application gives what is configured, and its holder’s name for the log', async () => {
  const { verifier, certs } = system();
  expect(await verifier.verify(await sign(claims))).toEqual({ tenant: 'team-a', scopes: ['read'], matchers: [], holder: 'Access: ada@example.com' });
  expect(await verifier.verify(await sign({ ...claims, aud: AUDIENCE, email: undefined, common_name: 'robot.access', nbf: undefined, type: undefined }))).toMatchObject({
    holder: 'Access: service token robot.access',
  });
  expect(await verifier.verify(await sign({ ...claims, email: 'a\nb\u202e' }))).toMatchObject({ holder: 'Access: a?b?' });
  expect(certs.fetches).toEqual([`${ISSUER}/cdn-cgi/access/certs`]);
});

describe('refused is', () => {
  const refused = (what: string, make: () => string | Promise<string>, reason: RegExp): void => {
    test(what, async () => {
      const { verifier } = system();
      await expect(verifier.verify(await make())).rejects.toMatchObject({ kind: 'unauthenticated', message: expect.stringMatching(reason) as unknown });
    });
  };
  refused('another key’s signature', () => sign(claims, undefined, theirs), /signature is wrong/);
  refused('another key by name', () => sign(claims, { alg: 'RS256', kid: 'k2' }), /key is not the team/);
  refused('a payload changed afterwards', async () => (await sign(claims)).replace(encode(claims), encode({ ...claims, email: 'eve@example.com' })), /signature is wrong/);
  refused('no signature', async () => (await sign(claims)).replace(/[^.]+$/, ''), /signature is wrong/);
  refused('alg none', () => `${encode({ alg: 'none', kid: 'k1' })}.${encode(claims)}.`, /not signed with RS256/);
  refused('the public key as an HMAC secret', () => sign(claims, { alg: 'HS256', kid: 'k1' }), /not signed with RS256/);
  refused('another RSA algorithm', () => sign(claims, { alg: 'RS512', kid: 'k1' }), /not signed with RS256/);
  refused('no algorithm', () => sign(claims, { kid: 'k1' }), /not signed with RS256/);
  refused('no key id', () => sign(claims, { alg: 'RS256' }), /names no key/);
  refused('a key id that is no text', () => sign(claims, { alg: 'RS256', kid: ['k1'] }), /names no key/);
  refused('a key of the token’s own', () => sign(claims, { alg: 'RS256', kid: 'evil', jwk: {}, jku: 'https://evil.example' }, theirs), /key is not the team/);
  refused('critical extensions', () => sign(claims, { alg: 'RS256', kid: 'k1', crit: ['b64'] }), /must be understood/);
  refused('another issuer', () => sign({ ...claims, iss: 'https://evil.cloudflareaccess.com' }), /another team/);
  refused('no issuer', () => sign({ ...claims, iss: undefined }), /another team/);
  refused('another audience', () => sign({ ...claims, aud: ['c'.repeat(64)] }), /another application/);
  refused('part of an audience', () => sign({ ...claims, aud: AUDIENCE.slice(1) }), /another application/);
  refused('a longer text with the audience in it', () => sign({ ...claims, aud: `x${AUDIENCE}` }), /another application/);
  refused('no audience', () => sign({ ...claims, aud: undefined }), /another application/);
  refused('one that has expired', () => sign({ ...claims, exp: NOON / 1000 - 61 }), /expired/);
  refused('one that never expires', () => sign({ ...claims, exp: undefined }), /expired/);
  refused('an expiry that is no number', () => sign({ ...claims, exp: '9999999999' }), /expired/);
  refused('one for later', () => sign({ ...claims, nbf: NOON / 1000 + 61 }), /not valid yet/);
  refused('a begin that is no number', () => sign({ ...claims, nbf: 'never' }), /not valid yet/);
  refused('a token of the organisation', () => sign({ ...claims, type: 'org' }), /no token of an application/);
  refused('a payload that is a list', () => sign([claims]), /not JSON/);
  refused('a payload that is no JSON', () => sign('hello'), /not JSON/);
  refused('nothing', () => '', /three parts/);
  refused('two parts', () => 'a.b', /three parts/);
  refused('four parts', async () => `${await sign(claims)}.x`, /three parts/);
  refused('many dots', () => '.'.repeat(8000), /three parts/);
  refused('no base64url', async () => `${await sign(claims)}=`, /not base64url/);
  refused('too long a text', () => `a.b.${'c'.repeat(LIMITS.accessTokenBytesMax)}`, /too long/);
});

describe('the keys of the team', () => {
  test('are fetched once an hour, and once a minute for keys that are not known', async () => {
    const { verifier, certs, clock } = system();
    const good = async () => verifier.verify(await sign({ ...claims, exp: 2 * NOON }));
    const unknown = async () => expect(verifier.verify(await sign(claims, { alg: 'RS256', kid: 'new' }))).rejects.toThrow('key is not the team');
    for (let i = 0; i < 20; i++) await good();
    for (let i = 0; i < 20; i++) await unknown();
    expect(certs.fetches).toHaveLength(1);
    clock.advance(LIMITS.accessCertsIntervalMs);
    for (let i = 0; i < 20; i++) await unknown();
    expect(certs.fetches).toHaveLength(2);
    clock.advance(LIMITS.accessCertsFreshMs);
    await good();
    expect(certs.fetches).toHaveLength(3);
    // A clock that is set back keeps nobody waiting until it has caught up.
    clock.advance(-LIMITS.accessCertsFreshMs);
    await good();
    expect(certs.fetches).toHaveLength(4);
  });

  test('change: the new one counts within a minute, the old one no more', async () => {
    const { verifier, certs, clock } = system();
    await verifier.verify(await sign(claims));
    certs.answer = new Certs('k2', theirs).answer;
    clock.advance(LIMITS.accessCertsIntervalMs);
    expect(await verifier.verify(await sign(claims, { alg: 'RS256', kid: 'k2' }, theirs))).toBeDefined();
    await expect(verifier.verify(await sign(claims))).rejects.toThrow('key is not the team');
  });

  test('that cannot be fetched are believed for a day, and then nobody is let in', async () => {
    const { verifier, certs, clock } = system();
    const token = await sign({ ...claims, exp: 2 * NOON });
    await verifier.verify(token);
    certs.answer = () => Promise.reject(new Error('away'));
    clock.advance(LIMITS.accessCertsStaleMs - 1);
    expect(await verifier.verify(token)).toBeDefined();
    clock.advance(1);
    await expect(verifier.verify(token)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  const bad: [string, () => Promise<Response>][] = [
    ['an error', () => Promise.resolve(new Response('no', { status: 500 }))],
    ['a redirect', () => Promise.resolve(new Response(null, { status: 302, headers: { location: 'https://evil.example' } }))],
    ['no JSON', () => Promise.resolve(new Response('<html>'))],
    ['no key set', () => Promise.resolve(Response.json({}))],
    ['too much', () => Promise.resolve(new Response(`{"keys":[],"x":"${'x'.repeat(LIMITS.accessCertsBytesMax)}"}`))],
  ];
  test.each(bad)('when the answer is %s nobody is let in', async (_, answer) => {
    const certs = new Certs();
    certs.answer = answer;
    await expect(system(certs).verifier.verify(await sign(claims))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('of other kinds, and short ones, are left out', async () => {
    const short = await keyPair(1024);
    const certs = new Certs();
    const good = certs.answer;
    certs.answer = async () => {
      const { keys } = (await (await good()).json()) as { keys: object[] };
      const weak = { ...(await crypto.subtle.exportKey('jwk', short.publicKey)), kid: 'weak' };
      return Response.json({ keys: [null, {}, { kid: 'x', kty: 'oct', k: 'AAAA' }, { kid: 'y', kty: 'RSA', alg: 'PS256', n: 'AQ', e: 'AQAB' }, weak, ...keys] });
    };
    const { verifier } = system(certs);
    expect(await verifier.verify(await sign(claims))).toBeDefined();
    await expect(verifier.verify(await sign(claims, { alg: 'RS256', kid: 'weak' }, short))).rejects.toThrow('key is not the team');
  });

  test('are fetched once when many come at once, also when the first of them hangs up', async () => {
    const { verifier, certs } = system();
    const token = await sign(claims);
    const good = certs.answer;
    let release = (): void => {};
    certs.answer = async () => {
      await new Promise<void>((resolve) => (release = resolve));
      return good();
    };
    const first = verifier.verify(token);
    await new Promise((resolve) => setImmediate(resolve));
    const others = [verifier.verify(token), verifier.verify(token)];
    // Waiting moves the fake clock: they wait until the fetch must have ended, and fail if it has not.
    await Promise.allSettled(others);
    expect(certs.fetches).toHaveLength(1);
    release();
    expect(await first).toBeDefined();
    expect(await verifier.verify(token)).toBeDefined();
  });
});

describe('at the door', () => {
  const variables = { VARVE_ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com', VARVE_ACCESS_AUD: AUDIENCE, VARVE_OPEN: 'loopback' };
  const open = (more = {}) => nodeApp({ ...variables, ...more }, new Certs().fetch, NOON).app;

  test('a session reads; without one there is no entry, whatever VARVE_OPEN says', async () => {
    const app = open();
    const assertion = { 'cf-access-jwt-assertion': await sign(claims) };
    expect((await app.request('http://varve.example/api/v1/labels', { headers: assertion })).status).toBe(200);
    expect((await app.request('http://localhost/api/v1/labels')).status).toBe(401);
    expect((await app.request('/api/v1/labels', { headers: { cookie: `CF_Authorization=${await sign(claims)}` } })).status).toBe(401);
    expect((await app.request('/api/v1/write', { method: 'POST', headers: assertion })).status).toBe(403);
    expect((await app.request('/api/v1/admin/keys', { headers: assertion })).status).toBe(403);
    expect((await app.request('/api/v1/labels', { headers: { ...assertion, 'x-scope-orgid': 'team-b' } })).status).toBe(403);
  });

  test('a wrong key is an error, session or not', async () => {
    const headers = { 'cf-access-jwt-assertion': await sign(claims), authorization: 'Bearer nonsense' };
    expect((await open().request('/api/v1/labels', { headers })).status).toBe(401);
  });

  test('a session administers where it is said so, from pages of this origin only', async () => {
    const app = open({ VARVE_ACCESS_SCOPES: 'read, admin' });
    const make = async (headers: Record<string, string>): Promise<number> => {
      const init = { method: 'POST', headers: { 'cf-access-jwt-assertion': await sign(claims), 'content-type': 'application/json', ...headers }, body: '{"scopes":["read"]}' };
      return (await app.request('https://varve.example/api/v1/admin/keys', init)).status;
    };
    expect(await make({})).toBe(200);
    expect(await make({ origin: 'https://varve.example', 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await make({ origin: 'https://evil.example' })).toBe(403);
    expect(await make({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await make({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await make({ origin: 'http://varve.example' })).toBe(403);
  });

  test.each([
    [{ VARVE_ACCESS_AUD: undefined }, /needed together/],
    [{ VARVE_ACCESS_TEAM_DOMAIN: 'evil.example' }, /must be like team\.cloudflareaccess\.com/],
    [{ VARVE_ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com.evil.example' }, /must be like/],
    [{ VARVE_ACCESS_TEAM_DOMAIN: 'evil.example/.cloudflareaccess.com' }, /must be like/],
    [{ VARVE_ACCESS_AUD: '' }, /audience tag/],
    [{ VARVE_ACCESS_SCOPES: 'read,root' }, /VARVE_ACCESS_SCOPES/],
    [{ VARVE_ACCESS_TENANT: 'a|b' }, /several tenants/],
  ])('%j is refused', (more, text) => {
    expect(() => open(more)).toThrow(text);
  });
});
