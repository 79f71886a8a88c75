import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { routeRule } from '../../../query/access/route-scopes.ts';
import { readConfig } from '../../../storage/runtime/config.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';

/*
 * What a hostile client sends at the door: every route spelled in every way that some reader of paths may understand, headers of all sizes, and
 * a look for secrets in everything that comes out.
 */
const ADMIN_KEY = 'canary-of-the-operator-0123456789abcdef';

let system: NodeApp;
let writer: string;

beforeAll(async () => {
  system = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const answer = await system.app.request('/api/v1/admin/keys', { method: 'POST', headers, body: '{"scopes":["write"]}' });
  writer = ((await answer.json()) as { data: { secret: string } }).data.secret;
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Other spellings of a path. URLs that clients send are normalised by the runtime before we see them; what is left of these is not. */
function spellings(path: string): string[] {
  const percent = (character: string): string => `%${character.charCodeAt(0).toString(16)}`;
  const last = path.at(-1)!;
  const all = [
    path.toUpperCase(), path.replace('api', 'Api'), `/${path}`, path.replace('/', '//'), path.replaceAll('/', '//'), `${path}/`, `${path}//`, `${path}.`, `${path}/.`, `${path}/..`,
    `${path}/x/..`, `${path};`, `${path};x=y`, `${path}%20`, `${path}%00`, `${path}%0a`, `${path}%2f`, `${path}%3f`, `${path}%23`, `${path}\u200b`, `/.${path}`, `/..${path}`,
    `/x/..${path}`, `/%2e${path}`, `/%2e%2e${path}`, `/x/%2e%2e${path}`, `/%252e%252e${path}`, path.replaceAll('/', '%2f'), path.replaceAll('/', '%252f'), path.replaceAll('/', '%5c'),
    path.replaceAll('/', '\\'), path.replace(/\/(?=[^/]*$)/, '%2f'), path.replace(last, percent(last)), path.replace(last, `%25${percent(last).slice(1)}`),
    [...path].map((character) => (character === '/' ? '/' : percent(character))).join(''), [...path].map((character) => (character === '/' ? '/' : percent(character).toUpperCase().replace('%', '%25'))).join(''),
    `${path}?x=/-/healthy`, `${path}#/-/healthy`, `/-/healthy/..${path}`, `/-/healthy/%2e%2e${path}`, `/-/healthy%2f..${path}`, `/-/healthy/..%2f..${path}`, `/-/healthy;${path}`, `/-/healthy\\..${path}`,
    `/api/v1/write/..${path}`, `/api/v1/write%2f..%2f..%2f..${path}`, `${path}/%c0%af`, `${path}%c0%ae`, path.replace('/', '/%ef%bc%8f'), `${path}%e3%80%82`,
  ];
  return [...new Set(all.map((spelling) => (/^[/\\]/.test(spelling) ? spelling : `/${spelling}`)))];
}

/** Each once, whatever methods it has: all of them are tried. */
const closedPaths = [...new Set(nodeApp({}).app.routes.map(({ path }) => path))].filter((path) => routeRule(path) !== 'open' && routeRule(path) !== 'middleware');

describe('no spelling of a path goes round the door', () => {
  const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND'];
  /** As the runtime hands them on: spellings that it makes the same are one request. */
  const spelled = (paths: readonly string[]): Set<string> =>
    new Set(paths.flatMap((path) => spellings(path.replace(/:\w+(?:\{[^}]*\})?/g, 'x')).map((spelling) => new URL(`http://varve.example${spelling}`).href)));
  const pathOf = (url: string): string => new URL(url).pathname;
  const isOpen = (url: string): boolean => pathOf(url) === '/' || pathOf(url).startsWith('/-/healthy');
  const decoded = (path: string): string => path.replace(/%[2-7][0-9a-f]/gi, (byte) => decodeURIComponent(byte));
  /** Iceberg's catalog says 406 to what would change it, S3 403 to whoever has no key. */
  const refusals = (path: string): number[] => [404, 405, ...(path.startsWith('/iceberg/') ? [406] : []), ...(path.startsWith('/objects') ? [403] : [])];

  test.each(METHODS)('%s without a key, and no object hears of it', async (method) => {
    const calls = [...system.shards.calls, ...system.keyring.calls];
    for (const url of spelled(closedPaths)) {
      const { status } = await system.app.request(url, { method });
      const allowed = [isOpen(url) ? 200 : 401, ...(method === 'OPTIONS' ? [204] : [])];
      expect([...allowed, ...refusals(decoded(pathOf(url)))], `${method} ${url}`).toContain(status);
    }
    expect([...system.shards.calls, ...system.keyring.calls]).toEqual(calls);
  });

  test.each(METHODS)('%s by a writer, to what he may not do', async (method) => {
    for (const url of spelled(closedPaths.filter((path) => routeRule(path) !== 'write'))) {
      if (isOpen(url)) continue;
      const { status } = await system.app.request(url, { method, headers: { authorization: `Bearer ${writer}` } });
      expect([...(method === 'OPTIONS' ? [204] : []), 403, ...refusals(decoded(pathOf(url)))], `${method} ${url}`).toContain(status);
    }
  });
});

describe('headers', () => {
  const statusOf = async (headers: Record<string, string>): Promise<number> => (await system.app.request('/api/v1/labels', { headers })).status;

  test.each([
    ['a megabyte', 'x'.repeat(1 << 20)],
    ['a megabyte of a scheme', `Bearer ${'x'.repeat(1 << 20)}`],
    ['spaces', `Bearer${' '.repeat(900)}x`],
    ['many schemes', 'Bearer '.repeat(140)],
    ['base64 of nothing', 'Basic '],
    ['base64 of bytes', `Basic ${btoa('\u00ff\u0000:\u00fe')}`],
    ['base64 that is long', `Basic ${btoa(`u:${'p'.repeat(600)}`)}`],
    ['bytes above ASCII', 'Bearer \u00ff\u00fe'],
    ['a key with a line break', `Bearer vrv_000000000000_${'0'.repeat(43)}_000000%0a`],
    ['a key of zeros', `Bearer vrv_000000000000_${'0'.repeat(43)}_000000`],
    ['__proto__', 'Bearer __proto__'],
    ['constructor', 'constructor constructor'],
  ])('an Authorization of %s is 401, and costs no call', async (_, authorization) => {
    const calls = [...system.keyring.calls];
    expect(await statusOf({ authorization })).toBe(401);
    expect([...system.keyring.calls]).toEqual(calls);
  });

  test('headers that proxies set give nothing', async () => {
    for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-user', 'x-real-ip', 'cf-connecting-ip', 'x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-webauth-user', 'forwarded', 'host']) {
      expect(await statusOf({ [name]: 'localhost' }), name).toBe(401);
    }
    expect((await system.app.request('/api/v1/labels', { headers: { 'x-original-url': '/-/healthy', 'x-rewrite-url': '/-/healthy' } })).status).toBe(401);
  });
});

describe('secrets', () => {
  test('are in no answer, no log line and no metric, whatever is asked with them', async () => {
    const logged: string[] = [];
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void logged.push(args.map((arg) => inspect(arg)).join(' ')));
    const secrets = [ADMIN_KEY, writer];
    const texts: string[] = [];
    for (const { method, path } of system.app.routes) {
      if (routeRule(path) === 'middleware') continue;
      for (const secret of secrets) {
        for (const headers of [{ authorization: `Bearer ${secret}` }, { authorization: `Basic ${btoa(`x:${secret}`)}` }, { authorization: `Basic ${btoa(`${secret}:x`)}` }, { 'x-scope-orgid': secret, authorization: `Bearer ${secret}` }]) {
          const target = path.replace(/:\w+(?:\{[^}]*\})?/g, 'x');
          const answer = await system.app.request(`${target}?live=false&query=up`, { method: method === 'ALL' ? 'GET' : method, headers });
          texts.push(await answer.text(), inspect([...answer.headers]));
        }
      }
    }
    texts.push(...logged, JSON.stringify(system.keyring.audit), await (await system.app.request('/metrics', { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text());
    for (const secret of secrets) {
      const found = texts.find((text) => text.includes(secret.slice(-30)) || text.includes(btoa(`x:${secret}`)));
      expect(found).toBeUndefined();
    }
  });

  test('in the configuration print as <secret>', () => {
    const config = readConfig({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_LOCAL_KEY: ADMIN_KEY });
    for (const text of [JSON.stringify(config), inspect(config, { depth: 9, showHidden: true }), `${config.access.adminKey}`, String(config.access.localKey)]) expect(text).not.toContain('canary');
    expect(`${config.access.adminKey}`).toBe('<secret>');
    expect(config.access.adminKey!.reveal()).toBe(ADMIN_KEY);
  });

  test('that are short or empty open nothing', () => {
    for (const key of ['', 'short', 'x'.repeat(31), `${'x'.repeat(32)} `, `${'x'.repeat(32)}\n`, 'ü'.repeat(32)]) expect(() => readConfig({ VARVE_ADMIN_KEY: key }), key).toThrow('VARVE_ADMIN_KEY');
    expect(() => readConfig({ VARVE_ADMIN_KEY: 'short' })).not.toThrow(/short/);
    for (const value of ['', 'yes', 'true', 'LOOPBACK']) expect(() => readConfig({ VARVE_OPEN: value })).toThrow('VARVE_OPEN');
  });
});
