import { beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { presigned, s3KeyOf, signedHeadersOf, type Signing } from './sign.ts';
import { ADMIN_KEY, BASE, NOON, s3System, type S3System } from './system.ts';

const OBJECT = `${BASE}/varve-archive/team-a/archive/samples/data/timestamp_day=2024-01-01/0.parquet`;
let system: S3System;
let key: string;

beforeAll(async () => {
  system = await s3System();
  key = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
});

const codeOf = (text: string): string | undefined => /<Code>(\w+)<\/Code>/.exec(text)?.[1];

async function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<[number, string | undefined]> {
  const answer = await system.app.request(url, { method, headers });
  return [answer.status, codeOf(await answer.text())];
}

const signed = (change: Partial<Signing> = {}, url = OBJECT, method = 'GET') => signedHeadersOf(method, url, { ...system.signing(key), ...change });

describe('signed in the header', () => {
  test('by the holder of a key: id of the key, SHA-256 of the key', async () => {
    const answer = await system.app.request(OBJECT, { headers: signed() });
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 100]);
    expect(s3KeyOf(key).secretAccessKey).toMatch(/^[0-9a-f]{64}$/);
  });

  test('in every spelling of the path, with parameters in any order and headers of the client’s own', async () => {
    const encoded = OBJECT.replaceAll('=', '%3D').replace('samples', '%73amples').replace('team-a/archive', 'team-a%2Farchive');
    expect(await ask(encoded, signed({}, OBJECT))).toEqual([200, undefined]);
    const list = `${BASE}/varve-archive?prefix=team-a%2Farchive%2Fsamples%2F&list-type=2&delimiter=%2F&max-keys=3&start-after=a%20b%2Bc~*'()`;
    expect(await ask(list, signed({}, list))).toEqual([200, undefined]);
    expect(await ask(OBJECT, { ...signed({ headers: { range: 'bytes=0-4', 'x-amz-meta-note': '  two   words ' }, signedHeaders: ['host', 'range', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-meta-note'] }) })).toEqual([403, 'SignatureDoesNotMatch']);
    const tidy = signed({ headers: { range: 'bytes=0-4', 'x-amz-meta-note': 'two words' } });
    expect(await ask(OBJECT, { ...tidy, 'x-amz-meta-note': '  two   words ' })).toEqual([206, undefined]);
    expect(await ask(OBJECT, signed({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }))).toEqual([200, undefined]);
    for (const region of ['us-east-1', 'auto', 'eu-west-3']) expect(await ask(OBJECT, signed({ region }))).toEqual([200, undefined]);
    expect(await ask(OBJECT, signed({}, OBJECT, 'HEAD'), 'HEAD')).toEqual([200, undefined]);
  });

  test('with an Accept-Encoding that Cloudflare has replaced on the way', async () => {
    const headers = signed({ headers: { 'accept-encoding': 'identity' } });
    const arrived = (sent: string): Request => Object.assign(new Request(OBJECT, { headers: { ...headers, 'accept-encoding': 'gzip, br' } }), { cf: { clientAcceptEncoding: sent } });
    expect([(await system.app.fetch(arrived('identity'))).status, (await system.app.fetch(arrived('gzip'))).status]).toEqual([200, 403]);
  });

  test('by the operator, who sees all tenants', async () => {
    const operator = { ...s3KeyOf(`x_admin_${ADMIN_KEY}`), accessKeyId: 'admin', secretAccessKey: s3KeyOf(ADMIN_KEY).secretAccessKey };
    for (const tenant of ['team-a', 'default']) {
      const url = OBJECT.replace('team-a', tenant);
      expect(await ask(url, signed(operator, url))).toEqual([200, undefined]);
    }
  });

  const refused = (what: string, headers: () => Record<string, string>, code: string, status = 403, url = OBJECT, method = 'GET'): void => {
    test(`refused: ${what}`, async () => {
      expect(await ask(url, headers(), method)).toEqual(method === 'HEAD' ? [status, undefined] : [status, code]);
    });
  };
  refused('another secret', () => signed({ secretAccessKey: s3KeyOf(`${key}x`).secretAccessKey }), 'SignatureDoesNotMatch');
  refused('the key itself as secret', () => signed({ secretAccessKey: key }), 'SignatureDoesNotMatch');
  refused('an empty secret', () => signed({ secretAccessKey: '' }), 'SignatureDoesNotMatch');
  refused('another key’s id', () => signed({ accessKeyId: '0'.repeat(12) }), 'InvalidAccessKeyId');
  refused('an id of another form', () => signed({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }), 'InvalidAccessKeyId');
  refused('the id of no local key', () => signed({ accessKeyId: 'local' }), 'InvalidAccessKeyId');
  refused('a signature for another object', () => signed({}, OBJECT.replace('0.parquet', '3.parquet')), 'SignatureDoesNotMatch');
  refused('a signature for another method', () => signed({}, OBJECT, 'HEAD'), 'SignatureDoesNotMatch');
  refused('a signature for another host', () => ({ ...signed({}, OBJECT.replace('varve.example', 'other.example')), host: 'varve.example' }), 'SignatureDoesNotMatch');
  refused('a range that was changed on the way', () => ({ ...signed({ headers: { range: 'bytes=0-1' } }), range: 'bytes=0-9' }), 'SignatureDoesNotMatch');
  refused('an amz header that was added on the way', () => ({ ...signed(), 'x-amz-copy-source': '/x' }), 'AccessDenied');
  refused('a host that is not signed', () => signed({ signedHeaders: ['x-amz-content-sha256', 'x-amz-date'] }), 'AccessDenied');
  refused('a clock that is behind', () => signed({ timeMs: NOON - LIMITS.signatureClockSkewMs - 1000 }), 'RequestTimeTooSkewed');
  refused('a clock that is ahead', () => signed({ timeMs: NOON + LIMITS.signatureClockSkewMs + 1000 }), 'RequestTimeTooSkewed');
  refused('a time of last year', () => signed({ timeMs: NOON - 365 * 86_400_000 }), 'RequestTimeTooSkewed');
  refused('a day that is not the time’s', () => ({ ...signed(), 'x-amz-date': '20240113T120000Z' }), 'AuthorizationHeaderMalformed', 400);
  refused('no time', () => ({ ...signed(), 'x-amz-date': '' }), 'AuthorizationHeaderMalformed', 400);
  refused('a time that is none', () => ({ ...signed(), 'x-amz-date': '20241399T996060Z' }), 'AuthorizationHeaderMalformed', 400);
  refused('another service', () => signed({ service: 'sts' }), 'AuthorizationHeaderMalformed', 400);
  refused('a short signature', () => ({ ...signed(), authorization: signed()['authorization']!.slice(0, -1) }), 'AuthorizationHeaderMalformed', 400);
  refused('two signatures', () => ({ ...signed(), authorization: `${signed()['authorization']}, ${signed()['authorization']}` }), 'AuthorizationHeaderMalformed', 400);
  refused('nothing but the scheme', () => ({ authorization: 'AWS4-HMAC-SHA256' }), 'AuthorizationHeaderMalformed', 400);
  refused('a header as long as a page', () => ({ ...signed(), authorization: `${signed()['authorization']!.replace('host', `host;${'x'.repeat(LIMITS.signatureBytesMax)}`)}` }), 'AuthorizationHeaderMalformed', 400);
  refused('a name that no header has', () => ({ ...signed(), authorization: signed()['authorization']!.replace('host;', 'host;a:b;') }), 'AuthorizationHeaderMalformed', 400);
  refused('a header without a name', () => ({ ...signed(), authorization: signed()['authorization']!.replace('host;', 'host;;') }), 'AuthorizationHeaderMalformed', 400);
  refused('nobody', () => ({}), 'AccessDenied');
  refused('a bearer token that is no key', () => ({ authorization: 'Bearer x' }), 'AccessDenied');
});

describe('presigned', () => {
  const url = (seconds: number, change: Partial<Signing> = {}) => presigned('GET', OBJECT, seconds, { ...system.signing(key), ...change });

  test('a URL is good for as long as it says, and no longer than seven days', async () => {
    expect(await ask(url(60), {})).toEqual([200, undefined]);
    expect(await ask(url(60, { timeMs: NOON - 59_000 }), {})).toEqual([200, undefined]);
    expect(await ask(url(604_800, { timeMs: NOON - 6 * 86_400_000 }), {})).toEqual([200, undefined]);
    expect(await ask(url(60, { timeMs: NOON - 61_000 }), {})).toEqual([403, 'AccessDenied']);
    expect(await ask(url(60, { timeMs: NOON + LIMITS.signatureClockSkewMs + 1000 }), {})).toEqual([403, 'AccessDenied']);
    for (const seconds of [0, -1, 604_801, 1e7, NaN]) expect(await ask(url(seconds), {})).toEqual([400, 'AuthorizationQueryParametersError']);
  });

  test('a URL that was changed is refused', async () => {
    const good = url(60);
    expect(await ask(good.replace('0.parquet', '3.parquet'), {})).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await ask(good.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'), {})).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await ask(`${good}&response-content-type=text/html`, {})).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await ask(`${good}&X-Amz-Signature=${'0'.repeat(64)}`, {})).toEqual([400, 'AuthorizationQueryParametersError']);
    expect(await ask(good.replace('X-Amz-SignedHeaders=host', 'X-Amz-SignedHeaders=host%3Ba%20b'), {})).toEqual([400, 'AuthorizationQueryParametersError']);
    expect(await ask(good.replace(/&X-Amz-Expires=60/, ''), {})).toEqual([400, 'AuthorizationQueryParametersError']);
    expect(await ask(good, { authorization: `Bearer ${key}` })).toEqual([400, 'InvalidArgument']);
    expect(await ask(good, { 'x-amz-security-token': 'x' })).toEqual([403, 'AccessDenied']);
  });
});

describe('a key', () => {
  test('that only writes, or is restricted by matchers, signs in vain', async () => {
    for (const fields of [{ scopes: ['write'], tenant: 'team-a' }, { scopes: ['admin'], tenant: 'team-a' }, { scopes: ['read'], tenant: 'team-a', match: '{team="a"}' }]) {
      const other = await system.makeKey(fields);
      expect(await ask(OBJECT, signed(system.signing(other)))).toEqual([403, 'AccessDenied']);
    }
  });

  test('that is revoked or expired signs no more', async () => {
    const system = await s3System();
    const short = await system.makeKey({ scopes: ['read'], tenant: 'team-a', expires_in: '1h' });
    const revoked = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
    const status = async (which: string): Promise<number> => (await system.app.request(OBJECT, { headers: signedHeadersOf('GET', OBJECT, system.signing(which)) })).status;
    expect([await status(short), await status(revoked)]).toEqual([200, 200]);
    await system.app.request(`/api/v1/admin/keys/${s3KeyOf(revoked).accessKeyId}`, { method: 'DELETE', headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(await status(revoked)).toBe(403);
    system.clock.advance(3_600_000);
    expect(await status(short)).toBe(403);
  });

  test('asks the keyring once in a while, and unknown ones once', async () => {
    const system = await s3System();
    const known = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
    for (let i = 0; i < 10; i++) {
      await system.app.request(OBJECT, { headers: signedHeadersOf('GET', OBJECT, system.signing(known)) });
      await system.app.request(OBJECT, { headers: signedHeadersOf('GET', OBJECT, { ...system.signing(known), accessKeyId: '0'.repeat(12) }) });
    }
    expect(system.keyring.callsOf('signingKey')).toBe(2);
  });

  test('that is wrong too often shuts out its network, and no other', async () => {
    const system = await s3System();
    const known = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
    const from = (address: string, id: string) =>
      system.app.request(OBJECT, { headers: { ...signedHeadersOf('GET', OBJECT, { ...system.signing(known), accessKeyId: id }), 'cf-connecting-ip': address } });
    for (let i = 0; i < LIMITS.failuresPerMinuteMax; i++) expect((await from('192.0.2.1', `0000000000${10 + i}`)).status).toBe(403);
    expect((await from('192.0.2.1', '000000000099')).status).toBe(503);
    expect((await from('192.0.2.2', '000000000098')).status).toBe(403);
  });

  test('a signature counts nowhere else', async () => {
    for (const path of ['/api/v1/labels', '/iceberg/v1/config', '/api/v1/status/tsdb']) {
      const url = `https://varve.example${path}`;
      expect((await system.app.request(url, { headers: signed({}, url) })).status).toBe(401);
    }
  });
});

test('an open server on loopback takes any signature, and none', async () => {
  const open = await s3System({ VARVE_OPEN: 'loopback' });
  const url = OBJECT.replace('https://varve.example', 'http://127.0.0.1:8787');
  for (const headers of [{}, { authorization: 'AWS4-HMAC-SHA256 nonsense' }, signedHeadersOf('GET', url, { accessKeyId: 'x', secretAccessKey: 'y', timeMs: 0 })]) {
    expect((await open.app.request(url, { headers })).status).toBe(200);
  }
  expect((await open.app.request(url.replace('127.0.0.1', 'rebound.example'))).status).toBe(403);
});
