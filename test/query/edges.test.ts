import { gunzipSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { acceptedCoding } from '../../query/compression.ts';
import { withCors } from '../../query/cors.ts';
import { memoryApi } from './api.ts';

describe('request ids', () => {
  test('a sane one is echoed, any other replaced', async () => {
    const { ask } = await memoryApi();
    const idOf = async (given?: string) => (await ask('/api/v1/labels', given === undefined ? {} : { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await idOf('grafana-1/2:a')).toBe('grafana-1/2:a');
    expect(await idOf()).toMatch(/^[0-9a-f]{32}$/);
    for (const bad of ['a b', '<script>', 'x'.repeat(129)]) expect(await idOf(bad)).toMatch(/^[0-9a-f]{32}$/);
    expect(await idOf()).not.toBe(await idOf());
  });

  test('a key is none', async () => {
    const { ask } = await memoryApi();
    const idOf = async (given: string, authorization?: string) =>
      (await ask('/api/v1/labels', { headers: { 'x-request-id': given, ...(authorization === undefined ? {} : { authorization }) } })).headers.get('x-request-id');
    expect(await idOf('grafana-7', 'Bearer 0123abcd')).toBe('grafana-7');
    for (const [given, authorization] of [['0123abcd', 'Bearer 0123abcd'], ['key=0123abcd', 'bearer  0123abcd '], ['dXNlcjpwYXNz', 'Basic dXNlcjpwYXNz'], ['1/vrv_0123456789AB_x', undefined]] as const) {
      expect(await idOf(given, authorization)).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  test('errors have one too', async () => {
    const { ask } = await memoryApi();
    for (const path of ['/api/v1/query?query=(', '/api/v1/nothing', '/nothing']) expect((await ask(path)).headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('CORS', () => {
  const headersFor = async (corsOrigin: string | undefined, origin: string | undefined, method = 'GET') => {
    const { ask } = await memoryApi(corsOrigin === undefined ? {} : { corsOrigin });
    return (await ask('/api/v1/labels', { method, headers: origin === undefined ? {} : { origin } })).headers;
  };

  test('every origin by default', async () => {
    const headers = await headersFor(undefined, 'http://a.test');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS');
    expect((await headersFor(undefined, undefined)).get('access-control-allow-origin')).toBeNull();
  });

  test('the pattern must match the whole origin; the answer always varies with it', async () => {
    const pattern = 'https?://(a|b)\\.test';
    expect((await headersFor(pattern, 'http://a.test')).get('access-control-allow-origin')).toBe('http://a.test');
    for (const origin of ['http://a.test.evil', 'xhttp://a.test', undefined]) {
      const headers = await headersFor(pattern, origin);
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('vary')).toContain('Origin');
    }
  });

  test('a preflight is answered everywhere under the API', async () => {
    const { ask } = await memoryApi();
    for (const path of ['/api/v1/labels', '/api/v1/anything/else']) {
      const answer = await ask(path, { method: 'OPTIONS', headers: { origin: 'http://a.test' } });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    }
    expect((await ask('/elsewhere', { method: 'OPTIONS' })).status).toBe(404);
  });

  test('a pattern that cannot be read is said at once', () => {
    expect(() => withCors('(')).toThrow(/^VARVE_CORS_ORIGIN is "\("/);
  });
});

describe('compression', () => {
  test('the coding that the client likes best', () => {
    const cases: [string, string | undefined][] = [
      ['', undefined], ['br', undefined], ['gzip', 'gzip'], ['deflate', 'deflate'], ['deflate, gzip', 'gzip'], ['gzip;q=0.5, deflate', 'deflate'],
      ['gzip;q=0', undefined], ['*', 'gzip'], ['*;q=0', undefined], ['gzip;q=0, *', 'deflate'], ['GZIP', 'gzip'], ['gzip;q=x', undefined],
    ];
    for (const [header, coding] of cases) expect(acceptedCoding(header), header).toBe(coding);
  });

  test('large answers are compressed and small ones are not', async () => {
    const api = await memoryApi();
    for (let i = 0; i < 100; i++) api.write(0, { __name__: 'm', i: String(i) }, [i]);
    const path = '/api/v1/series?match[]=m';
    const plain = await api.ask(path);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('vary')).toContain('Accept-Encoding');
    const text = await plain.text();
    for (const [coding, unpack] of [['gzip', gunzipSync], ['deflate', inflateSync]] as const) {
      const answer = await api.ask(path, { headers: { 'accept-encoding': coding } });
      expect([answer.headers.get('content-encoding'), answer.headers.get('content-length'), answer.headers.get('content-type')]).toEqual([coding, null, 'application/json']);
      const packed = new Uint8Array(await answer.arrayBuffer());
      expect(packed.length).toBeLessThan(text.length / 2);
      expect(unpack(packed).toString()).toBe(text);
    }
    expect((await api.ask('/api/v1/labels', { headers: { 'accept-encoding': 'gzip' } })).headers.get('content-encoding')).toBeNull();
  });
});

test('methods: 405 with what is allowed, and nothing elsewhere', async () => {
  const { ask } = await memoryApi();
  const answer = await ask('/api/v1/status/flags', { method: 'POST' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  expect((await ask('/api/v1/query', { method: 'PUT' })).headers.get('allow')).toBe('GET, POST');
  expect((await ask('/api/v1/nothing')).status).toBe(404);
});
