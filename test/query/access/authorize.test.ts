import { describe, expect, test, vi } from 'vitest';
import { routeRule } from '../../../query/access/route-scopes.ts';
import { nodeApp } from '../../fakes/node-app.ts';

const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';
const bearer = { authorization: `Bearer ${ADMIN_KEY}` };

describe('the table of routes and scopes', () => {
  const { routes } = nodeApp({}).app;

  test('knows every route', () => {
    expect(routes.length).toBeGreaterThan(10);
    expect(routes.filter(({ path }) => routeRule(path) === undefined).map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test('calls middleware only what answers nothing itself', () => {
    // A route behind a wildcard would be open to everybody: only what app.use() mounts may be called middleware.
    for (const { method, path } of routes) {
      if (routeRule(path) === 'middleware') expect([method, path]).toEqual(['ALL', expect.stringMatching(/\/\*$/)]);
    }
  });

  test('holds nothing by inheritance', () => {
    for (const name of ['__proto__', 'constructor', 'toString', '']) expect(routeRule(name)).toBeUndefined();
  });

  test('a route that is not in it is refused, also to operators', async () => {
    const { app } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    app.get('/api/v1/new', (context) => context.text('secret'));
    const answer = await app.request('/api/v1/new', { headers: bearer });
    expect([answer.status, await answer.json()]).toEqual([403, { status: 'error', errorType: 'forbidden', error: 'GET /api/v1/new is not in the table of routes and scopes' }]);
  });
});

/** Every route with a method that it has, `:name` filled in. */
function everyRoute(): { method: string; path: string; rule: ReturnType<typeof routeRule> }[] {
  return nodeApp({}).app.routes
    .filter(({ path }) => routeRule(path) !== 'middleware')
    .map(({ method, path }) => ({ method: method === 'ALL' ? 'GET' : method, path: path.replace(/:\w+(?:\{[^}]*\})?/g, 'x').replace('*', 'x'), rule: routeRule(path) }));
}

describe('readiness', () => {
  const ready = async (variables: Parameters<typeof nodeApp>[0], url: string, headers: Record<string, string> = {}) => {
    const { app, shards, keyring } = nodeApp(variables);
    const answer = await app.request(url, { headers });
    return { status: answer.status, text: await answer.text(), woken: shards.shardNames, keyringCalls: keyring.calls.size };
  };

  test('is told to everybody, and only who may use the shards wakes them', async () => {
    const isReady = { status: 200, text: 'Varve is Ready.\n' };
    const keyed = { VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_SHARDS: '2' };
    expect(await ready(keyed, 'https://example.com/-/ready')).toMatchObject({ ...isReady, woken: [], keyringCalls: 0 });
    expect(await ready({}, 'https://example.com/-/ready')).toMatchObject({ ...isReady, woken: [], keyringCalls: 0 });
    expect(await ready(keyed, 'https://example.com/-/ready', { authorization: 'Bearer wrong' })).toMatchObject({ ...isReady, woken: [] });
    expect(await ready(keyed, 'https://example.com/-/ready', bearer)).toMatchObject({ ...isReady, woken: ['default/shard/1/0', 'default/shard/1/1'] });
    expect(await ready({ VARVE_OPEN: 'loopback' }, 'http://127.0.0.1/-/ready')).toMatchObject({ ...isReady, woken: ['default/shard/1/0'] });
    expect(await ready({ VARVE_OPEN: 'loopback' }, 'https://rebound.example/-/ready')).toMatchObject({ ...isReady, woken: [] });
  });

  test('is denied to who may use a shard that does not answer', async () => {
    const { app, shards } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    shards.faults.push('lose-request', 'lose-request');
    const answer = await app.request('/-/ready', { headers: bearer });
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringMatching(/^Varve is not ready: shard 0 cannot be reached/)]);
    expect((await app.request('/-/ready', { headers: bearer })).status).toBe(200);
  });
});

test('what makes readiness fail on our side is in the log, and not told', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { app, router } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
  vi.spyOn(router, 'tenant').mockRejectedValue(new Error('BUG: secret'));
  const answer = await app.request('/-/ready', { headers: { ...bearer, 'x-request-id': 'probe-1' } });
  expect([answer.status, await answer.text()]).toEqual([503, 'Varve is not ready: internal error (request probe-1)\n']);
  expect(log).toHaveBeenCalledWith('internal error (request probe-1):', expect.any(Error));
  log.mockRestore();
});

describe('without a key in the request', () => {
  test('nothing but health is answered, and the page that is the same for all', async () => {
    const { app, shards } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const open: string[] = [];
    for (const { method, path } of everyRoute()) {
      const answer = await app.request(path, { method });
      if (answer.status === 401) expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="varve", Basic realm="varve", charset="UTF-8"');
      // S3 has no 401.
      else if (path.startsWith('/objects')) expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
      else open.push(path);
      if (path === '/' || path === '/-/healthy') expect(shards.calls.size).toBe(0);
    }
    expect(open.sort()).toEqual(['/', '/-/healthy', '/-/ready', '/health', '/iceberg/v1/oauth/tokens', '/influx/health', '/influx/ping', '/ping']);
  });

  test('a Worker that has no key at all serves nobody, and says how to make one', async () => {
    const { app, shards } = nodeApp({});
    for (const { method, path, rule } of everyRoute()) {
      if (rule === 'open') continue;
      const answer = await app.request(path, { method, headers: bearer });
      expect([answer.status, await answer.text()], path).toEqual([503, expect.stringContaining('npx wrangler secret put VARVE_ADMIN_KEY')]);
    }
    expect(shards.calls.size).toBe(0);
  });

  test('senders of OTLP get its status message, in the encoding of their request', async () => {
    const { app } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const post = (path: string, contentType: string) => app.request(path, { method: 'POST', headers: { 'content-type': contentType } });
    for (const path of ['/v1/metrics', '/api/v1/otlp/v1/metrics']) {
      const json = await post(path, 'application/json; charset=utf-8');
      expect([json.status, json.headers.get('content-type'), json.headers.has('www-authenticate')]).toEqual([401, 'application/json', true]);
      expect(await json.json()).toEqual({ code: 16, message: expect.stringContaining('a key is needed') as unknown });
      const protobuf = await post(path, 'application/x-protobuf');
      expect([protobuf.status, protobuf.headers.get('content-type')]).toEqual([401, 'application/x-protobuf']);
      // Field 1, a varint: google.rpc.Code UNAUTHENTICATED.
      expect([...new Uint8Array(await protobuf.arrayBuffer()).subarray(0, 2)]).toEqual([8, 16]);
    }
  });

  test('writers get plain text', async () => {
    const { app } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const answer = await app.request('/api/v1/write', { method: 'POST' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'text/plain; charset=utf-8']);
    expect(await answer.text()).toBe('a key is needed: send it as "Authorization: Bearer KEY", or as the password of Basic authentication\n');
  });

  test('a path that is no route costs nothing', async () => {
    const { app, shards } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const answers = await Promise.all(['/nothing', '/api/v1/nothing', '/api/v1/query/', '/API/v1/query'].map((path) => app.request(path)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    const other = await app.request('/api/v1/query', { method: 'DELETE' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, POST']);
    expect(shards.calls.size).toBe(0);
  });
});

describe('the admin key', () => {
  const { app } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
  const ask = async (headers: Record<string, string>): Promise<[number, unknown]> => {
    const answer = await app.request('/api/v1/query?query=1', { headers });
    return [answer.status, ((await answer.json()) as { error?: string }).error];
  };
  const basic = (text: string): Record<string, string> => ({ authorization: `Basic ${btoa(text)}` });

  test.each([
    ['Bearer', bearer],
    ['bearer in lower case, and spaces', { authorization: `  bearer   ${ADMIN_KEY} ` }],
    ['Token, as InfluxDB’s clients send it', { authorization: `Token ${ADMIN_KEY}` }],
    ['Basic without a user', basic(`:${ADMIN_KEY}`)],
    ['Basic with a tenant as user', basic(`team-a:${ADMIN_KEY}`)],
  ])('as %s', async (_, headers) => {
    expect(await ask(headers)).toEqual([200, undefined]);
  });

  test.each([
    ['empty', { authorization: '' }, /cannot be read/],
    ['a scheme alone', { authorization: 'Bearer' }, /cannot be read/],
    ['a wrong key', { authorization: `Bearer ${ADMIN_KEY}x` }, /not valid/],
    ['a key cut off', { authorization: `Bearer ${ADMIN_KEY.slice(0, -1)}` }, /not valid/],
    ['twice in one header', { authorization: `Bearer ${ADMIN_KEY}, Bearer ${ADMIN_KEY}` }, /cannot be read/],
    ['another scheme', { authorization: `Digest ${ADMIN_KEY}` }, /scheme .* not one of/],
    ['Basic that is not base64', { authorization: `Basic ${ADMIN_KEY}` }, /not base64/],
    ['Basic without a colon', basic(ADMIN_KEY), /no password/],
    ['Basic with the key as user', basic(`${ADMIN_KEY}:`), /not valid/],
    ['longer than any key', { authorization: `Bearer ${'k'.repeat(2000)}` }, /longer than any key/],
  ])('%s is 401', async (_, headers, text) => {
    expect(await ask(headers)).toEqual([401, expect.stringMatching(text)]);
  });

  test('in the URL does not count', async () => {
    expect((await app.request(`/api/v1/query?query=1&key=${ADMIN_KEY}&access_token=${ADMIN_KEY}`)).status).toBe(401);
  });

  test('chooses the tenant, which has data of its own', async () => {
    const { app: other, shards } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    for (const headers of [bearer, { ...bearer, 'x-scope-orgid': 'team-a' }, basic(`team-b:${ADMIN_KEY}`)]) {
      expect((await other.request('/api/v1/labels', { headers })).status).toBe(200);
    }
    expect(shards.shardNames).toEqual(['default/shard/1/0', 'team-a/shard/1/0', 'team-b/shard/1/0']);
  });
});

describe('open on loopback', () => {
  const { app, shards } = nodeApp({ VARVE_OPEN: 'loopback' });
  const status = async (url: string, init: RequestInit = {}): Promise<number> => (await app.request(url, init)).status;

  test.each(['http://localhost:8787', 'http://127.0.0.1:8787', 'http://127.8.7.6', 'http://[::1]:8787', 'http://varve.localhost', 'http://2130706433'])('%s is this machine', async (base) => {
    expect(await status(`${base}/api/v1/labels`)).toBe(200);
  });

  test.each(['http://evil.example', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example', 'http://192.168.0.1', 'http://0.0.0.0', 'http://[::]', 'http://127.evil', 'http://varve'])(
    '%s is not: its name was rebound',
    async (base) => {
      const calls = [...shards.calls];
      expect(await status(`${base}/api/v1/labels`)).toBe(403);
      expect(await status(`${base}/-/healthy`)).toBe(200);
      expect([...shards.calls]).toEqual(calls);
    },
  );

  test('what a web page makes a browser send is refused', async () => {
    const url = 'http://localhost:8787/api/v1/query?query=1';
    expect(await status(url, { headers: { origin: 'https://evil.example' } })).toBe(403);
    expect(await status(url, { method: 'POST', headers: { origin: 'null' } })).toBe(403);
    expect(await status(url, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } })).toBe(403);
    expect(await status(url, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })).toBe(403);
    expect(await status(url, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })).toBe(200);
    expect(await status(url, { headers: { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' } })).toBe(200);
  });

  test('a header names the tenant', async () => {
    expect(await status('http://localhost/api/v1/labels', { headers: { 'x-scope-orgid': 'team-c' } })).toBe(200);
    expect(shards.shardNames).toContain('team-c/shard/1/0');
  });

  test('an admin key closes it', async () => {
    const closed = nodeApp({ VARVE_OPEN: 'loopback', VARVE_ADMIN_KEY: ADMIN_KEY }).app;
    expect((await closed.request('http://localhost/api/v1/labels')).status).toBe(401);
  });
});
