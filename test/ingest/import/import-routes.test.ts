import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { importRoutes } from '../../../ingest/import/import-routes.ts';
import { otlpRoutes } from '../../../ingest/otlp/otlp-routes.ts';
import { remoteWriteRoutes } from '../../../ingest/remote-write/remote-write-routes.ts';
import { VarveError } from '../../../storage/runtime/errors.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';

const KEY = 'an-operator-chose-this-at-random-0123456789';

class Client {
  readonly node: NodeApp = nodeApp({ VARVE_ADMIN_KEY: KEY });

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return Promise.resolve(this.node.app.request(path, { ...init, headers: { authorization: `Bearer ${KEY}`, ...init.headers } }));
  }

  post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
    return this.request(path, { method: 'POST', body: body as string, headers });
  }

  async query(query: string): Promise<unknown> {
    const answer = (await (await this.request(`/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as { data: { result: { metric: unknown; value: unknown[] }[] } };
    return answer.data.result.map(({ metric, value }) => [metric, value[1]]);
  }
}

describe('POST /api/v1/import/prometheus', () => {
  test('204, and what was imported is found by a query', async () => {
    const client = new Client();
    const answer = await client.post('/api/v1/import/prometheus?extra_label=job=x&extra_label=env=a%3Db', gzipSync('up{i="1"} 5\n'), { 'content-encoding': 'gzip' });
    expect([answer.status, await answer.text(), answer.headers.get('varve-late-samples')]).toEqual([204, '', null]);
    expect(await client.query('up')).toEqual([[{ __name__: 'up', i: '1', job: 'x', env: 'a=b' }, '5']]);
  });

  test('the timestamp parameter', async () => {
    const client = new Client();
    const atMs = client.node.clock.nowMs() - 3_600_000;
    await client.post(`/api/v1/import/prometheus?timestamp=${atMs}`, 'up 5\n');
    expect(await client.query('up')).toEqual([]);
    expect(await client.query('up offset 1h')).toEqual([[{ __name__: 'up' }, '5']]);
  });

  test('bad lines are 400 with their count, the good ones are stored', async () => {
    const client = new Client();
    const answer = await client.post('/api/v1/import/prometheus', 'up 5\nbad\n');
    expect([answer.status, await answer.text()]).toEqual([400, '1 sample refused, 1 stored: line 2: there is no value: "bad"\n']);
    expect(await client.query('up')).toHaveLength(1);
  });

  test('says how many samples wait for the archive', async () => {
    const answer = await new Client().post('/api/v1/import/prometheus', 'up 5 1000000000000\n');
    expect([answer.status, answer.headers.get('varve-late-samples')]).toEqual([204, '1']);
  });

  test('exemplars that are too old to be kept cost nothing else, and are told', async () => {
    const client = new Client();
    const nowS = client.node.clock.nowMs() / 1000;
    const exemplars = [`# {trace_id="a"} 1 1000000000`, `# {trace_id="b"} 2 ${nowS - 7 * 86_400}`, `# {trace_id="c"} 3 ${nowS}`];
    const text = `${exemplars.map((exemplar, i) => `hits_total{i="${i}"} 1 ${i === 0 ? 1_000_000_000 : nowS} ${exemplar}\n`).join('')}# EOF\n`;
    const answer = await client.post('/api/v1/import/prometheus', text, { 'content-type': 'application/openmetrics-text; version=1.0.0' });
    const told = ['varve-late-samples', 'varve-exemplars-left-out'].map((name) => answer.headers.get(name));
    expect([answer.status, await answer.text(), told]).toEqual([204, '', ['1', '2']]);
    expect(await client.query('hits_total')).toHaveLength(2);
    const metrics = await (await client.request('/metrics')).text();
    expect(metrics).toContain('varve_ingest_exemplars_left_out_total{protocol="import-prometheus"} 2');
    expect(metrics).not.toMatch(/varve_ingest_rejected_exemplars_total\{.*import-prometheus.*\} [1-9]/);
  });

  test.each([
    ['?extra_label=x', {}, 400, 'extra_label'],
    ['?extra_label==x', {}, 400, 'extra_label'],
    ['?extra_label=a=1&extra_label=a=2', {}, 400, 'twice'],
    ['?timestamp=yesterday', {}, 400, 'timestamp'],
    ['', { 'content-encoding': 'br' }, 415, 'br is not supported'],
    ['', { 'content-encoding': 'gzip' }, 400, 'not valid gzip'],
  ])('%s %j is %i', async (query, headers, status, text) => {
    const answer = await new Client().post(`/api/v1/import/prometheus${query}`, 'up 5\n', headers);
    const message = await answer.text();
    expect([answer.status, message]).toEqual([status, expect.stringContaining(text)]);
    // Nothing was read, and the same again would be refused again.
    expect(message).not.toContain('sending all of it again');
  });

  test('an empty body is fine', async () => {
    expect((await new Client().post('/api/v1/import/prometheus', '')).status).toBe(204);
  });
});

describe('InfluxDB', () => {
  test.each([
    ['/write?db=telegraf&precision=s', 'telegraf'],
    ['/api/v2/write?org=o&bucket=telegraf&precision=s', 'telegraf'],
    ['/influx/write?db=telegraf&precision=s', 'telegraf'],
    ['/influx/api/v2/write?bucket=telegraf&precision=s', 'telegraf'],
  ])('%s', async (path, db) => {
    const client = new Client();
    const answer = await client.post(path, gzipSync(`cpu,host=a usage=1.5 ${client.node.clock.nowMs() / 1000}\n`), { 'content-encoding': 'gzip', 'content-type': 'text/plain; charset=utf-8' });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(await client.query('cpu_usage')).toEqual([[{ __name__: 'cpu_usage', db, host: 'a' }, '1.5']]);
  });

  test('a partial write is 400, in the JSON of both versions', async () => {
    const client = new Client();
    const answer = await client.post('/api/v2/write?bucket=b', 'cpu usage=1\ncpu usage\n');
    const message = 'partial write: 1 sample refused, 1 stored: line 2: a field has no name or no value: "cpu usage"';
    expect([answer.status, await answer.json()]).toEqual([400, { code: 'invalid', message, error: message }]);
    expect(await client.query('cpu_usage')).toHaveLength(1);
  });

  test('a precision that there is not is 400, an empty one is none', async () => {
    const client = new Client();
    expect((await client.post('/write?precision=', 'cpu usage=1\n')).status).toBe(204);
    const answer = await client.post('/write?precision=fortnight', 'cpu usage=1\n');
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'invalid', error: expect.stringContaining('fortnight') })]);
  });

  test('probes', async () => {
    const client = new Client();
    for (const path of ['/ping', '/influx/ping']) {
      const answer = await client.request(path);
      expect([answer.status, answer.headers.get('x-influxdb-version')]).toEqual([204, '1.8.10']);
      expect((await client.request(path, { method: 'HEAD' })).status).toBe(204);
    }
    const health = await client.request('/health');
    expect([health.status, await health.json()]).toEqual([200, expect.objectContaining({ name: 'influxdb', status: 'pass' })]);
  });

  test('making a database is fine, a query is not', async () => {
    const client = new Client();
    const form = { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' };
    const made = await client.post('/query', `q=${encodeURIComponent('CREATE DATABASE "telegraf"')}`, form);
    expect([made.status, await made.json()]).toEqual([200, { results: [{ statement_id: 0 }] }]);
    expect((await client.request(`/query?q=${encodeURIComponent('show databases')}`)).status).toBe(200);
    const select = await client.post('/query', 'q=SELECT', form);
    expect([select.status, await select.json()]).toEqual([400, expect.objectContaining({ error: expect.stringContaining('PromQL') })]);
    const long = await client.post('/query', `q=${'x'.repeat(LIMITS.queryBodyBytesMax)}`, form);
    expect([long.status, await long.json()]).toEqual([413, expect.objectContaining({ error: expect.stringContaining('queryBodyBytesMax') })]);
  });
});

test('whoever is asked to come again hears when, whichever door has said so', async () => {
  const refused = Promise.reject(new VarveError('overloaded', 'full', { retryAfterSeconds: 42 }));
  refused.catch(() => {});
  const routes = importRoutes({ openTenant: () => refused, requestIdOf: () => undefined, door: {} as never });
  for (const path of ['/api/v1/import/prometheus', '/write', '/api/v2/write']) {
    const answer = await routes.request(path, { method: 'POST', body: 'm 1\n' });
    expect([answer.status, answer.headers.get('retry-after')], path).toEqual([503, '42']);
  }
});

test('what is our own fault is told and logged with the request’s id, whichever door', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
  try {
    const fault = new Error('a bug');
    const services = { openTenant: () => Promise.reject(fault), requestIdOf: () => 'r-1', counters: new Counters(), door: {}, remoteWrite: {}, otlp: {}, snappy: {}, bodies: {} } as never;
    const doors = [
      [importRoutes(services), '/api/v1/import/prometheus', 'text/plain'], [importRoutes(services), '/write', 'text/plain'],
      [remoteWriteRoutes(services), '/api/v1/write', 'application/x-protobuf'], [otlpRoutes(services), '/v1/metrics', 'application/json'],
    ] as const;
    for (const [routes, path, contentType] of doors) {
      const answer = await routes.request(path, { method: 'POST', body: 'm 1\n', headers: { 'content-type': contentType } });
      expect([answer.status, await answer.text()], path).toEqual([503, expect.stringContaining('internal error (request r-1)')]);
      expect(logged, path).toHaveBeenLastCalledWith('internal error (request r-1):', fault);
    }
    expect(logged).toHaveBeenCalledTimes(4);
  } finally {
    logged.mockRestore();
  }
});
