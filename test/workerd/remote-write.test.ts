import { evictAllDurableObjects, listDurableObjectIds } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import { bytesField, doubleField, request, varint, varintField } from '../proto/protobuf-fields.ts';
import { instant, list, postWrite } from './client.ts';

/*
 * A request of remote write 2.0 with all that one can hold, through the Worker, its WebAssembly and the objects, and read back after these
 * were evicted. Every case of the protocol is in test/ingest; bytes are put together by hand here, since workerd compiles no code at run time.
 */
const nowMs = Math.floor(Date.now() / 1000) * 1000 - 60_000;
const HEADERS = { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'content-encoding': 'snappy' };
const SYMBOLS = ['', '__name__', 'rw2_total', 'job', 'api', 'All of them.', 'trace_id', 'abc', 'rw2_seconds', 'How long.', 'seconds'];

const zigzag = (value: number): number[] => varint(value < 0 ? -value * 2 - 1 : value * 2);
const counter = bytesField(5, [
  ...bytesField(1, [1, 2, 3, 4]),
  ...bytesField(2, [...doubleField(1, 7.5), ...varintField(2, nowMs), ...varintField(3, nowMs - 60_000)]),
  ...bytesField(4, [...bytesField(1, [6, 7]), ...doubleField(2, 0.25), ...varintField(3, nowMs - 5)]),
  ...bytesField(5, [...varintField(1, 1), ...varintField(3, 5)]),
]);
const histogram = bytesField(5, [
  ...bytesField(1, [1, 8]),
  ...bytesField(3, [
    ...varintField(1, 6), ...doubleField(3, 9.5), ...varintField(6, 1),
    ...bytesField(11, [...varintField(1, 0), ...varintField(2, 2)]), ...bytesField(12, [...zigzag(2), ...zigzag(1)]),
    ...varintField(14, 1), ...varintField(15, nowMs),
  ]),
  ...bytesField(5, [...varintField(1, 3), ...varintField(3, 9), ...varintField(4, 10)]),
]);
const body = snappyEncode(request(...SYMBOLS.map((symbol) => bytesField(4, symbol)), counter, histogram));

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const answer = await postWrite(body, HEADERS);
    const written = ['samples', 'histograms', 'exemplars'].map((what) => answer.headers.get(`x-prometheus-remote-write-${what}-written`));
    expect([answer.status, await answer.text(), written]).toEqual([204, '', ['1', '1', '1']]);
  }
  await evictAllDurableObjects();
});

test('samples and histograms', async () => {
  expect(await instant('rw2_total', nowMs)).toEqual([{ metric: { __name__: 'rw2_total', job: 'api' }, value: [nowMs / 1000, '7.5'] }]);
  expect(await instant('rw2_seconds', nowMs)).toEqual([
    { metric: { __name__: 'rw2_seconds' }, histogram: [nowMs / 1000, { count: '6', sum: '9.5', buckets: [[3, '-0', '0', '1'], [0, '0.5', '1', '2'], [0, '1', '2', '3']] }] },
  ]);
  expect(await instant('histogram_count(rw2_seconds) + on () count_over_time(rw2_total[1m])', nowMs)).toEqual([{ metric: {}, value: [nowMs / 1000, '7'] }]);
});

test('exemplars', async () => {
  const found = await Promise.all(
    (await listDurableObjectIds(env.SHARD)).map(async (id) => {
      const selectors = [[{ name: '__name__', type: '=', value: 'rw2_total' }]] as const;
      const answer = await env.SHARD.get(id).selectExemplars({ version: SHARD_RPC_VERSION, selectors, startMs: nowMs - 10, endMs: nowMs });
      return answer.status === 'exemplars' ? answer.series.flatMap(({ exemplars }) => exemplars) : [];
    }),
  );
  expect(found.flat()).toEqual([{ labels: ['trace_id', 'abc'], value: 0.25, timestampMs: nowMs - 5 }]);
});

test('metadata', async () => {
  expect(await list('/api/v1/metadata', { metric: 'rw2_total' })).toEqual({ rw2_total: [{ type: 'counter', help: 'All of them.', unit: '' }] });
  expect(await list('/api/v1/metadata', { metric: 'rw2_seconds' })).toEqual({ rw2_seconds: [{ type: 'histogram', help: 'How long.', unit: 'seconds' }] });
});

test('a request that is refused in part says what was written', async () => {
  const nameless = bytesField(5, [...bytesField(1, [3, 4]), ...bytesField(2, [...doubleField(1, 1), ...varintField(2, nowMs)])]);
  const answer = await postWrite(snappyEncode(request(...SYMBOLS.map((symbol) => bytesField(4, symbol)), counter, nameless)), HEADERS);
  expect([answer.status, answer.headers.get('x-prometheus-remote-write-samples-written')]).toEqual([400, '1']);
  expect(await answer.text()).toMatch(/^1 sample refused, 1 sample, 1 exemplar stored: series 1: the label __name__ is missing/);
});
