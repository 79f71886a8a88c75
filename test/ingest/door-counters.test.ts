import { expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { ImportStack } from './import/import-stack.ts';
import { NOW_MS, sampleOf, WriteApp } from './write-app.ts';

const BASE = 'http://127.0.0.1';
const HA = { VARVE_HA_TRACKER: 'on' };

/** Lines of /metrics whose names begin so. */
async function metrics({ node }: WriteApp, ...begins: readonly string[]): Promise<string[]> {
  const text = await (await node.app.fetch(new Request(`${BASE}/metrics`))).text();
  return text.split('\n').filter((line) => begins.some((begin) => line.startsWith(begin)));
}

test('what is refused counts for its own kind of reason, whatever else the request was refused for', async () => {
  const stack = new ImportStack({ limits: limitsWith({ activeSeriesMax: 2 }) });
  const { rejections } = await stack.text('a 1\nb 1\nbad\nc 1\nd 1\ne 1\n');
  expect(rejections.kind).toBe('cardinality');
  const refused = stack.counters.samples().filter(({ name }) => name === 'varve_ingest_rejected_samples_total');
  expect(refused.map(({ labels, value }) => [labels['kind'], value])).toEqual([['bad-data', 1], ['cardinality', 3]]);
});

test('exemplars that imports and OTLP leave out are counted as those of remote write are', async () => {
  const app = new WriteApp();
  const long = 'x'.repeat(200);
  const text = `m_total 1 # {trace="${long}"} 1\nm_total 2 # {trace="t"} 1 9000000000\n# EOF\n`;
  const answer = await app.post(new TextEncoder().encode(text), { 'content-type': 'application/openmetrics-text' }, '/api/v1/import/prometheus');
  expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(/^2 exemplars refused, 2 samples stored: /)]);
  const exemplar = (timeMs: number) => ({ timeUnixNano: `${timeMs}000000`, asDouble: 1 });
  const point = { timeUnixNano: `${NOW_MS}000000`, asDouble: 1, exemplars: [exemplar(NOW_MS), exemplar(1), ...Array.from({ length: LIMITS.otlpExemplarsPerPointMax }, () => exemplar(NOW_MS))] };
  const request = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'g', gauge: { dataPoints: [point] } }] }] }] });
  const exported = await app.post(new TextEncoder().encode(request), { 'content-type': 'application/json' }, '/v1/metrics');
  expect([exported.status, exported.text]).toEqual([200, expect.stringContaining('otlpExemplarsPerPointMax')]);
  expect(await metrics(app, 'varve_ingest_rejected_exemplars')).toEqual([
    'varve_ingest_rejected_exemplars_total{protocol="import-prometheus",kind="bad-data"} 2',
    'varve_ingest_rejected_exemplars_total{protocol="otlp-json",kind="bad-data"} 3',
  ]);
});

test('what an elected replica sends is stored and counted; another’s is acknowledged, and counted as dropped', async () => {
  const app = new WriteApp(HA);
  const labels = (replica: string): string[] => ['__name__', 'm', '__replica__', replica, 'cluster', 'c'];
  for (const replica of ['a', 'b', 'a']) expect(await app.send(sampleOf(labels(replica), 1))).toMatchObject({ status: 204, written: ['1', '0', '0'] });
  const older = snappyEncode(encodeWriteRequest([{ labels: labels('b'), timestampsMs: [NOW_MS], values: [1] }]));
  expect(await app.post(older, { 'content-type': 'application/x-protobuf' })).toMatchObject({ status: 204, written: [undefined, undefined, undefined] });
  expect(await metrics(app, 'varve_ingest_samples_total', 'varve_ha_dropped_requests_total')).toEqual([
    'varve_ingest_samples_total{protocol="remote-write-v2"} 2',
    'varve_ha_dropped_requests_total 2',
  ]);
});
