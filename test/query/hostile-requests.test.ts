import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { NOON, memoryApi } from './api.ts';
import { byteStream } from '../fakes/byte-stream.ts';

/*
 * What a hostile or careless client may ask of the query API. Each answer is in the API's envelope with the id of the request, is no 500, tells
 * nothing of our code, and leaves nothing in the log.
 */
let api: Awaited<ReturnType<typeof memoryApi>>;

beforeAll(async () => {
  api = await memoryApi();
  api.write(0, { __name__: 'up', job: 'a' }, [1, 2, 3]);
});

const log = vi.spyOn(console, 'error');
afterEach(() => {
  expect(log).not.toHaveBeenCalled();
  log.mockClear();
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

interface Envelope {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: unknown;
  readonly warnings?: readonly string[];
}

async function ask(path: string, init?: RequestInit): Promise<{ status: number; json: Envelope; headers: Headers }> {
  const answer = await api.ask(path, init);
  const text = await answer.text();
  const { status, headers } = answer;
  expect([headers.get('content-type'), status < 500 || status === 503], `${path.slice(0, 100)}: ${status}`).toEqual(['application/json', true]);
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(text).not.toMatch(/\.[jt]s:\d|node:|\bat \w+ \(/);
  const json = JSON.parse(text) as Envelope;
  expect(json.status).toBe(status === 200 ? 'success' : 'error');
  return { status, json, headers };
}

async function refused(path: string, error: string | RegExp, init?: RequestInit, status = 400, errorType = 'bad_data'): Promise<void> {
  const answer = await ask(path, init);
  expect([answer.status, answer.json.errorType, answer.json.error], path.slice(0, 100)).toEqual([status, errorType, typeof error === 'string' ? error : expect.stringMatching(error)]);
}

const post = (body: string | Uint8Array, headers: Record<string, string> = FORM): RequestInit => ({ method: 'POST', headers, body: body as BodyInit });

describe('much of everything', () => {
  test('long URLs, paths and values', async () => {
    expect((await ask(`/api/v1/query?query=${'x'.repeat(60_000)}`)).status).toBe(200);
    await refused(`/api/v1/query?query=${'x'.repeat(70_000)}`, 'invalid parameter "query": 70000 characters, the limit queryTextCharactersMax is 65536');
    await refused(`/api/v1/format_query?query=${'x'.repeat(70_000)}`, 'invalid parameter "query": 70000 characters, the limit queryTextCharactersMax is 65536');
    expect((await ask(`/api/v1/label/${'x'.repeat(100_000)}/values`)).json.data).toEqual([]);
    await refused(`/api/v1/${'x'.repeat(100_000)}`, /^there is nothing at /, undefined, 404, 'not_found');
    await refused(`/api/v1/labels?limit=${'9'.repeat(100_000)}`, /value out of range$/);
  });

  test('a hundred thousand parameters', async () => {
    await refused(`/api/v1/labels?${'match[]=up&'.repeat(1e5)}`, '100000 match[] parameters, the limit selectorsPerRequestMax is 1000');
    await refused('/api/v1/series', /90000 match\[\] parameters, the limit selectorsPerRequestMax is 1000$/, post('match[]=up&'.repeat(9e4)));
    expect((await ask('/api/v1/query', post(`query=1&${'a=b&'.repeat(1e5)}`))).status).toBe(200);
    await refused('/api/v1/query', 'the body is larger than the limit queryBodyBytesMax of 1048576 bytes; send smaller requests', post(`query=1&${'a=b&'.repeat(1e6)}`), 413);
  });

  test('deep nesting', async () => {
    for (const [open, close] of [['(', ')'], ['-', ''], ['sum(', ')'], ['x[1m:', '1m]']] as const) {
      for (const route of ['query', 'parse_query', 'format_query']) await refused(`/api/v1/${route}`, /^invalid parameter "query": /, post(`query=${open.repeat(9000)}1${close.repeat(9000)}`));
    }
  });

  test('patterns that would take for ever', async () => {
    const pattern = encodeURIComponent(`{job=~"${'(a*)*'.repeat(500)}b"}`);
    expect((await ask(`/api/v1/series?match[]=${pattern}`)).json.data).toEqual([]);
    const large = Array.from({ length: 10 }, (_, i) => `match[]=${encodeURIComponent(`{job=~"(a?b|c){1000}${i}"}`)}`);
    expect((await ask(`/api/v1/series?${large.slice(0, 5).join('&')}`)).json.data).toEqual([]);
    await refused(`/api/v1/series?${large.join('&')}`, /regular expressions of the request are too large together$/);
  });
});

describe('selecting series that would take a shard hours', () => {
  const VALUES = 450;
  const tooLarge = /^the matchers take too long for so many values of labels \(selectionMatchWorkMax is 1000000000\)/;
  const large = '{page=~"(a?b|c|.?){900}[xy]"}';
  let full: typeof api;

  beforeAll(async () => {
    full = await memoryApi();
    for (let i = 0; i < VALUES; i++) full.write(0, { __name__: 'hits', page: `${i}${'/page'.repeat(400)}` }, [1]);
  });

  const f = (path: string, init?: RequestInit): void =>
    test(path.slice(0, 40), async () => {
      const answer = await full.ask(path, init);
      expect([answer.status, ((await answer.json()) as Envelope).error]).toEqual([422, expect.stringMatching(tooLarge)]);
    });
  const selected = encodeURIComponent(large);
  f(`/api/v1/query?query=count(${selected})`);
  f(`/api/v1/query_exemplars?query=${selected}`);
  f(`/api/v1/series?match[]=${selected}`);
  f(`/api/v1/labels?match[]=${selected}`);
  f(`/api/v1/label/page/values?match[]=up&match[]=${selected}`);
  f(`/api/v1/search/metric_names?match[]=${selected}`);
  f(`/api/v1/query?query=hits${encodeURIComponent('{page!~"(a?b|c|.?){700}[xy]"}')}`);

  test('of the change feed, the stream ends', async () => {
    const answer = await full.ask(`/api/v1/cdc?cursor=0&live=false&match[]=${selected}`);
    await expect(answer.text()).rejects.toThrow(tooLarge);
  });

  test('a usual pattern is tried on all of them', async () => {
    const { data } = (await (await full.ask(`/api/v1/series?match[]=${encodeURIComponent('{page=~"[0-9]+7/.*(page|book)$"}')}`)).json()) as Envelope;
    expect(data).toHaveLength(44);
  });
});

describe('what is no text, or no form', () => {
  test('bytes that are not UTF-8', async () => {
    await refused('/api/v1/query?query=%ff%fe', /unexpected character: '�'/);
    await refused('/api/v1/query', /unexpected character/, post(Uint8Array.from([...Buffer.from('query='), 0xc3, 0x28, 0xff])));
    await refused('/api/v1/label/%ff%fe/values', 'invalid label name: "%ff%fe"');
    await refused('/api/v1/label/%ED%A0%80/values', 'invalid label name: "%ED%A0%80"');
    await refused('/api/v1/label/%/values', 'invalid label name: "%"');
    await refused('/api/v1/query?query=%00', /unexpected character: '\\x00'/);
  });

  test('names that mean something to JavaScript are names', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) expect((await ask(`/api/v1/label/${name}/values`)).json.data).toEqual([]);
    await refused('/api/v1/constructor', 'there is nothing at /api/v1/constructor', undefined, 404, 'not_found');
  });

  test('a body of another type says nothing', async () => {
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', 'x', '; charset=', 'application/x-www-form-urlencoded2']) {
      await refused('/api/v1/query', /no expression found in input$/, post('query=1', { 'content-type': type }));
      expect((await ask('/api/v1/query?query=1', post('query=2', { 'content-type': type }))).json.data).toEqual({ resultType: 'scalar', result: [NOON / 1000, '1'] });
    }
    expect((await ask('/api/v1/query', post('query=1', { 'content-type': 'Application/X-WWW-Form-Urlencoded ; charset=latin1' }))).status).toBe(200);
  });

  test('a form that breaks off is its client’s affair, and other bodies likewise', async () => {
    const breaking = (): ReadableStream<Uint8Array> =>
      byteStream({ start: (controller) => controller.enqueue(Buffer.from('query=1')), pull: () => Promise.reject(new Error('connection lost')) });
    const init = (): RequestInit => ({ method: 'POST', headers: FORM, body: breaking(), duplex: 'half' }) as RequestInit;
    for (const path of ['/api/v1/query', '/api/v1/read', '/iceberg/v1/oauth/tokens']) await refused(path, 'the client hung up before all of the body had arrived', init(), 499, 'canceled');
    const key = { ...init(), headers: { 'content-type': 'application/json' } };
    await refused('/api/v1/admin/keys', 'the client hung up before all of the body had arrived', key, 499, 'canceled');
  });

  test('two Host headers, of which the runtime makes no URL', async () => {
    const app = (await import('../fakes/node-app.ts')).nodeApp({ VARVE_OPEN: 'loopback' }).app;
    const request = new Proxy(new Request('http://127.0.0.1/api/v1/labels'), {
      get: (target, name) => (name === 'url' ? 'http://127.0.0.1:80,evil.test/api/v1/labels' : (Reflect.get(target, name, target) as unknown)),
    });
    const answer = await app.fetch(request);
    expect([answer.status, await answer.json()]).toEqual([400, { status: 'error', errorType: 'bad_data', error: 'the header Host does not name one host' }]);
  });
});

describe('methods', () => {
  test('one that a path does not have is told in the envelope', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND']) await refused('/api/v1/query', `method ${method} is not allowed here; use GET or POST`, { method }, 405);
    await refused('/api/v1/label/job/values', 'method POST is not allowed here; use GET', post('limit=1'), 405);
    const sender = await api.ask('/api/v1/write', { method: 'PUT' });
    expect([sender.status, sender.headers.get('allow'), await sender.text()]).toEqual([405, 'POST', 'method PUT is not allowed here; use POST\n']);
  });

  test('HEAD is GET without its body, and OPTIONS says nothing', async () => {
    for (const [path, status] of [['query?query=1', 200], ['query?query=(', 400], ['labels', 200], ['nothing', 404]] as const) {
      const answer = await api.ask(`/api/v1/${path}`, { method: 'HEAD' });
      expect([answer.status, await answer.text(), answer.headers.get('content-type')], path).toEqual([status, '', 'application/json']);
      const options = await api.ask(`/api/v1/${path}`, { method: 'OPTIONS' });
      expect([options.status, await options.text()]).toEqual([204, '']);
    }
  });
});

describe('parameters', () => {
  test('of one given twice the first counts, and a form before the URL', async () => {
    expect((await ask('/api/v1/query?query=1&query=2&time=1&time=x')).json.data).toEqual({ resultType: 'scalar', result: [1, '1'] });
    expect((await ask('/api/v1/query?query=2', post('query=1&time=5'))).json.data).toEqual({ resultType: 'scalar', result: [5, '1'] });
  });

  test('limit at its edges', async () => {
    for (const limit of ['0', '3', '+3', '9007199254740993', '9223372036854775807']) {
      expect((await ask(`/api/v1/labels?limit=${encodeURIComponent(limit)}`)).json, limit).toEqual({ status: 'success', data: ['__name__', 'job'] });
    }
    expect((await ask('/api/v1/labels?limit=1')).json).toEqual({ status: 'success', data: ['__name__'], warnings: ['results truncated due to limit'] });
    for (const limit of ['-1', '-9223372036854775808']) await refused(`/api/v1/labels?limit=${limit}`, 'invalid parameter "limit": limit must be non-negative');
    for (const limit of ['9223372036854775808', '99999999999999999999']) {
      await refused(`/api/v1/labels?limit=${limit}`, `invalid parameter "limit": strconv.Atoi: parsing "${limit}": value out of range`);
    }
    for (const limit of ['1e3', '1.5', '0x10', 'NaN', ' 1', '−1']) {
      await refused(`/api/v1/labels?limit=${encodeURIComponent(limit)}`, `invalid parameter "limit": strconv.Atoi: parsing ${JSON.stringify(limit)}: invalid syntax`);
    }
  });

  test('ranges that no one can evaluate', async () => {
    const range = (text: string): string => `/api/v1/query_range?query=vector(1)&${text}`;
    await refused(range('start=-8640000000000&end=8640000000000&step=0.001'), /^exceeded maximum resolution of 11,000 points/);
    await refused(range('start=-Inf&end=%2BInf&step=1'), 'invalid parameter "start": cannot parse "-Inf" to a valid timestamp');
    await refused(range('start=0&end=1&step=1e300'), 'invalid parameter "step": cannot parse "1e300" to a valid duration. It overflows int64');
    await refused(range('start=0&end=1&step=0.0001'), /^invalid parameter "step": zero or negative/);
    await refused(range('start=0&end=11001&step=1'), /^exceeded maximum resolution of 11,000 points/);
    // Prometheus counts whole steps.
    const { data } = (await ask(range('start=0&end=11000.5&step=1'))).json as { data: { result: { values: unknown[] }[] } };
    expect(data.result[0]!.values).toHaveLength(11_001);
    expect((await ask(range('start=-8640000000000&end=8640000000000&step=1728000000'))).status).toBe(200);
  });

  test('whatever a client accepts, it gets JSON; codings that make no sense are not used', async () => {
    for (const accept of ['application/x-nothing', 'text/html,'.repeat(2000), ';q=,,', '*/*;q=0']) expect((await ask('/api/v1/labels', { headers: { accept } })).status).toBe(200);
    for (const coding of ['gzip;q=abc', '*;q=0', 'identity;q=0, *;q=0', 'gzip;q=0.1,'.repeat(2000), ';;;,,,', 'br, zstd']) {
      expect((await ask('/api/v1/status/flags', { headers: { 'accept-encoding': coding } })).status, coding.slice(0, 50)).toBe(200);
    }
  });
});
