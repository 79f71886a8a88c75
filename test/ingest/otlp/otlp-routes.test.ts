import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { OTLP_PATHS } from '../../../ingest/door-paths.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { nodeApp } from '../../fakes/node-app.ts';
import { exemplar, exponentialHistogram, exponentialPoint, gauge, metricsRequest, numberPoint, resourceMetrics } from '../../proto/otlp-fields.ts';

/** Where nodeApp's clock stands. */
const NOW_MS = Date.UTC(2024, 0, 14, 12);
const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

const { app } = nodeApp({ VARVE_OPEN: 'loopback' });

function post(path: string, body: Uint8Array | string, headers: Record<string, string>): Promise<Response> {
  return Promise.resolve(app.request(`http://127.0.0.1${path}`, { method: 'POST', body: typeof body === 'string' ? body : body.slice(), headers }));
}

function points(name: string, ...values: readonly (number | undefined)[]): Uint8Array {
  return metricsRequest(resourceMetrics({}, [gauge(name, values.map((value, i) => numberPoint({ timeMs: NOW_MS + i, ...(value === undefined ? {} : { value }) })))]));
}

async function valueOf(query: string): Promise<string | undefined> {
  const answer = await app.request(`http://127.0.0.1/api/v1/query?query=${encodeURIComponent(query)}&time=${NOW_MS / 1000 + 1}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result[0]?.value[1];
}

test.each(OTLP_PATHS)('%s takes metrics', async (path) => {
  const name = `at${path.replace(/\W/g, '_')}`;
  const answer = await post(path, points(name, 42), { 'content-type': PROTOBUF });
  expect([answer.status, answer.headers.get('content-type'), (await answer.arrayBuffer()).byteLength]).toEqual([200, PROTOBUF, 0]);
  expect(await valueOf(name)).toBe('42');
  expect((await app.request(`http://127.0.0.1${path}`)).status).toBe(405);
});

describe('content types and encodings', () => {
  const json = (name: string): string => `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"${name}","gauge":{"dataPoints":[{"timeUnixNano":"${NOW_MS}000000","asDouble":7}]}}]}]}]}`;
  const utf8 = new TextEncoder();
  function f(name: string, body: Uint8Array, contentType: string, contentEncoding?: string): void {
    test(name, async () => {
      const answer = await post('/v1/metrics', body, { 'content-type': contentType, ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }) });
      expect(answer.status).toBe(200);
      if (contentType.startsWith(JSON_TYPE)) expect(await answer.json()).toEqual({});
      expect(await valueOf(name)).toBe('7');
    });
  }
  f('json', utf8.encode(json('json')), JSON_TYPE);
  f('json_with_charset', utf8.encode(json('json_with_charset')), 'Application/JSON; charset=utf-8');
  f('json_gzip', gzipSync(json('json_gzip')), JSON_TYPE, 'gzip');
  f('protobuf_gzip', gzipSync(points('protobuf_gzip', 7)), PROTOBUF, 'gzip');
  f('protobuf_zstd', zstdCompressSync(points('protobuf_zstd', 7)), `${PROTOBUF}; q=1`, 'zstd');
  f('protobuf_snappy', snappyEncode(points('protobuf_snappy', 7)), 'application/protobuf', 'snappy');
});

test.each(['resourceSpans', 'resource_logs'])('%s alone is passed over, as OTLP demands, and its sender is told', async (name) => {
  const answer = await post('/v1/metrics', JSON.stringify({ schema: 1, [name]: [{ scopeSpans: [{}] }] }), { 'content-type': JSON_TYPE });
  const errorMessage = `the request has ${name} and no resourceMetrics: nothing is stored, since metrics alone are taken here`;
  expect([answer.status, await answer.json()]).toEqual([200, { partialSuccess: { rejectedDataPoints: '0', errorMessage } }]);
});

test.each(['{}', '{"resourceMetrics":[]}', '{"resources":[]}', '{"resourceMetrics":[{"resourceSpans":[]}]}'])('%s has nothing, and nothing is told', async (body) => {
  const answer = await post('/v1/metrics', body, { 'content-type': JSON_TYPE });
  expect([answer.status, await answer.json()]).toEqual([200, {}]);
});

test('floats, histograms and exemplars are counted apart', async () => {
  const own = nodeApp({ VARVE_OPEN: 'loopback' }).app;
  const times = { timeMs: NOW_MS };
  const body = metricsRequest(
    resourceMetrics({}, [
      gauge('g', [numberPoint({ ...times, value: 1, exemplars: [exemplar({ value: 1, timeMs: NOW_MS })] }), numberPoint({ timeMs: NOW_MS + 1, value: 2 })]),
      exponentialHistogram('e', [exponentialPoint({ ...times, count: 1, sum: 2, scale: 0, positive: { offset: 0, counts: [1] } })]),
    ]),
  );
  expect((await own.request('http://127.0.0.1/v1/metrics', { method: 'POST', body: body.slice(), headers: { 'content-type': PROTOBUF } })).status).toBe(200);
  const lines = (await (await own.request('http://127.0.0.1/metrics')).text()).split('\n').filter((line) => line.startsWith('varve_ingest_') && line.includes('otlp'));
  expect(lines.sort()).toEqual([
    'varve_ingest_exemplars_total{protocol="otlp-protobuf"} 1',
    'varve_ingest_histograms_total{protocol="otlp-protobuf"} 1',
    // There before anything is refused: an increase is the difference to what was there.
    'varve_ingest_rejected_samples_total{protocol="otlp-protobuf",kind="bad-data"} 0',
    'varve_ingest_rejected_samples_total{protocol="otlp-protobuf",kind="cardinality"} 0',
    'varve_ingest_samples_total{protocol="otlp-protobuf"} 2',
  ]);
});

describe('partial success', () => {
  test('protobuf: what was refused is counted and said', async () => {
    const answer = await post('/v1/metrics', points('partly', 1, undefined, 3), { 'content-type': PROTOBUF });
    expect(answer.status).toBe(200);
    // The exporter's own reader of answers.
    expect(ProtobufMetricsSerializer.deserializeResponse(new Uint8Array(await answer.arrayBuffer()))).toEqual({
      partialSuccess: { rejectedDataPoints: 1, errorMessage: '1 of 3 data points refused: metric "partly": a data point without a value' },
    });
    expect(await valueOf('partly')).toBe('3');
  });

  test('JSON', async () => {
    const dataPoints = `{"timeUnixNano":"${NOW_MS}000000","asInt":"1"},{"timeUnixNano":"5","asInt":"1"}`;
    const answer = await post('/v1/metrics', `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"p","gauge":{"dataPoints":[${dataPoints}]}}]}]}]}`, { 'content-type': JSON_TYPE });
    const body = new Uint8Array(await answer.arrayBuffer());
    expect(answer.status).toBe(200);
    expect(JsonMetricsSerializer.deserializeResponse(body)).toEqual({ partialSuccess: { rejectedDataPoints: '1', errorMessage: expect.stringContaining('too old') as string } });
  });
});

describe('errors are google.rpc.Status with the status that says whether to retry', () => {
  function f(name: string, send: () => Promise<Response>, status: number, code: number, message: RegExp): void {
    test(name, async () => {
      const answer = await send();
      const bytes = new Uint8Array(await answer.arrayBuffer());
      expect(answer.status).toBe(status);
      if (answer.headers.get('content-type') === JSON_TYPE) {
        expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({ code, message: expect.stringMatching(message) as string });
        return;
      }
      expect(answer.headers.get('content-type')).toBe(PROTOBUF);
      expect([...bytes.subarray(0, 3)]).toEqual([8, code, 18]);
      expect(new TextDecoder().decode(bytes.subarray(3))).toMatch(message);
    });
  }
  const all = points('x', 1);
  f('damage', () => post('/v1/metrics', all.subarray(0, -1), { 'content-type': PROTOBUF }), 400, 3, /reaches beyond its end/);
  f('JSON that is none', () => post('/v1/metrics', '{', { 'content-type': JSON_TYPE }), 400, 3, /OTLP JSON/);
  f('nothing that could be stored', () => post('/v1/metrics', points('x', undefined), { 'content-type': PROTOBUF }), 400, 3, /1 data point refused: metric "x"/);
  f('not what the encoding says', () => post('/v1/metrics', all, { 'content-type': PROTOBUF, 'content-encoding': 'gzip' }), 400, 3, /the body is not gzip/);
  f('another content type', () => post('/v1/metrics', all, { 'content-type': 'text/plain' }), 415, 3, /must be application\/x-protobuf or application\/json/);
  f('another content encoding', () => post('/v1/metrics', all, { 'content-type': PROTOBUF, 'content-encoding': 'br' }), 415, 3, /content encoding "br"/);
  f('too large', () => post('/v1/metrics', new Uint8Array(LIMITS.otlpUncompressedBytesMax + 1), { 'content-type': PROTOBUF }), 413, 3, /otlpUncompressedBytesMax/);
  f('a bomb', () => post('/v1/metrics', gzipSync(new Uint8Array(LIMITS.otlpUncompressedBytesMax + 1)), { 'content-type': PROTOBUF, 'content-encoding': 'gzip' }), 413, 3, /otlpUncompressedBytesMax/);

  test('storage that is away asks for a retry', async () => {
    const broken = nodeApp({ VARVE_OPEN: 'loopback' });
    await broken.app.request('http://127.0.0.1/api/v1/labels');
    broken.shards.faults.push('lose-request', 'lose-request');
    const answer = await broken.app.request('http://127.0.0.1/v1/metrics', { method: 'POST', body: all.slice(), headers: { 'content-type': PROTOBUF } });
    expect([answer.status, answer.headers.get('retry-after'), [...new Uint8Array(await answer.arrayBuffer())].slice(0, 3)]).toEqual([503, '5', [8, 14, 18]]);
  });
});

test('metadata is listed, and target_info can be joined', async () => {
  const { app: fresh } = nodeApp({ VARVE_OPEN: 'loopback', VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES: 'zone' });
  const body = metricsRequest(resourceMetrics({ 'service.name': 's', zone: 'z', v: '1' }, [gauge('temp', [numberPoint({ timeMs: NOW_MS, value: 3 })], { unit: 'Cel', description: 'How warm.' })]));
  await fresh.request('http://127.0.0.1/v1/metrics', { method: 'POST', body: body.slice(), headers: { 'content-type': PROTOBUF } });
  const metadata = (await (await fresh.request('http://127.0.0.1/api/v1/metadata')).json()) as { data: unknown };
  expect(metadata.data).toEqual({ temp_celsius: [{ type: 'gauge', help: 'How warm.', unit: 'celsius' }] });
  const query = encodeURIComponent('temp_celsius * on (job) group_left (v) target_info');
  const answer = (await (await fresh.request(`http://127.0.0.1/api/v1/query?query=${query}&time=${NOW_MS / 1000}`)).json()) as { data: { result: { metric: unknown }[] } };
  expect(answer.data.result[0]!.metric).toEqual({ job: 's', zone: 'z', v: '1' });
});
