import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { parseExposition } from '../../../proto/text-exposition.ts';
import { prefersProtobuf } from '../../../query/routes/accepts-protobuf.ts';
import { EMPTY_HISTOGRAM, type FloatHistogram } from '../../../storage/model/histogram.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { writeStale } from '../../../storage/model/sample.ts';
import { write } from '../../storage/shard/batches.ts';
import { memoryApi, NOON } from '../api.ts';

test('the newest sample of each series, families together, by name', async () => {
  const api = await memoryApi({ shardCount: 2 });
  api.write(0, { __name__: 'b_total', instance: 'x' }, [1, 2], NOON - 5000);
  api.write(1, { __name__: 'a', text: 'q"\\\n' }, [0.5], NOON - 5000);
  api.write(1, { __name__: 'b_total', 'odd.name': 'y' }, [1e21], NOON - 5000);
  api.write(0, { __name__: 'odd.metric' }, [NaN], NOON - 5000);
  const answer = await api.ask('/federate?match[]=b_total&match[]={__name__=~"a|odd.*|b_total"}');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  expect(text).toBe(
    [
      '# TYPE a untyped',
      `a{text="q\\"\\\\\\n",instance=""} 0.5 ${NOON - 5000}`,
      '# TYPE b_total untyped',
      `b_total{instance="x"} 2 ${NOON - 4000}`,
      `b_total{"odd.name"="y",instance=""} 1e+21 ${NOON - 5000}`,
      '# TYPE "odd.metric" untyped',
      `{"odd.metric",instance=""} NaN ${NOON - 5000}`,
      '',
    ].join('\n'),
  );
  expect([...parseExposition(text)].map(({ name }) => name)).toContain('b_total');
});

test('what is stale, or older than the look-back, is left out', async () => {
  const api = await memoryApi();
  api.write(0, { __name__: 'old' }, [1], NOON - 300_000);
  api.write(0, { __name__: 'just' }, [1], NOON - 299_999);
  const values = Float64Array.of(0);
  writeStale(values, 0);
  api.shards.storeOf(api.shards.shardNames[0]!).appendLocal([{ labels: labelsFrom({ __name__: 'stale' }), timestampsMs: [NOON], values }]);
  expect(await (await api.ask('/federate?match[]={__name__=~".%2B"}')).text()).toBe(`# TYPE just untyped\njust{instance=""} 1 ${NOON - 299_999}\n`);
});

test('series whose labels only look the same when they are joined', async () => {
  const api = await memoryApi();
  api.write(0, { __name__: 'a', b: 'x', c: 'y' }, [1]);
  api.write(0, { __name__: 'a', b: 'x\0c\0y' }, [2]);
  const text = await (await api.ask('/federate?match[]=a')).text();
  expect(text.trimEnd().split('\n').slice(1).map((line) => line.split(' ')[1])).toEqual(['1', '2']);
});

test('errors', async () => {
  const api = await memoryApi();
  expect((await api.get('/federate')).json['error']).toBe('no match[] parameter provided');
  expect((await api.get('/federate?match[]={')).status).toBe(400);
});

/** Prometheus' client_model, as far as federation uses it, for a decoder that shares nothing with our encoder. */
const FAMILY = protobuf
  .parse(
    `syntax = "proto2"; package io.prometheus.client;
    message LabelPair { optional string name = 1; optional string value = 2; }
    message Untyped { optional double value = 1; }
    message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
    message Histogram {
      optional double sample_count_float = 4; optional double sample_sum = 2; optional sint32 schema = 5; optional double zero_threshold = 6;
      optional double zero_count_float = 8; repeated BucketSpan negative_span = 9; repeated double negative_count = 11;
      repeated BucketSpan positive_span = 12; repeated double positive_count = 14;
    }
    message Metric { repeated LabelPair label = 1; optional Untyped untyped = 5; optional int64 timestamp_ms = 6; optional Histogram histogram = 7; }
    message MetricFamily { optional string name = 1; optional int32 type = 3; repeated Metric metric = 4; }`,
  )
  .root.lookupType('io.prometheus.client.MetricFamily');

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
/** As Prometheus sends it when it scrapes native histograms. */
const SCRAPER = `${PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`;

test('native histograms are federated to who takes protobuf', async () => {
  const api = await memoryApi();
  const native: FloatHistogram = {
    ...EMPTY_HISTOGRAM, schema: 2, zeroThreshold: 0.001, zeroCount: 1.5, count: 10.5, sum: -3,
    positiveSpans: [{ offset: -2, length: 1 }, { offset: 3, length: 2 }], positiveBuckets: [1, 2, 3], negativeSpans: [{ offset: 1, length: 1 }], negativeBuckets: [3],
  };
  const put = (labels: Record<string, string>, value: number | FloatHistogram): void => void write(api.shards.storeOf(api.shards.shardNames[0]!), [{ labels: labelsFrom(labels), samples: [[NOON - 1000, value]] }]);
  put({ __name__: 'h', instance: 'x', le: '1' }, native);
  put({ __name__: 'h', instance: 'y' }, { ...native, counterResetHint: 'gauge' });
  put({ __name__: 'h', instance: 'z' }, 7);
  put({ __name__: 'i' }, EMPTY_HISTOGRAM);
  put({ __name__: 'nhcb' }, { ...EMPTY_HISTOGRAM, schema: -53, customValues: [1], positiveSpans: [{ offset: 0, length: 1 }], positiveBuckets: [2], count: 2 });
  put({ __name__: 'with.ütf8', 'a.b': '"' }, -0.5);
  const answer = await api.ask('/federate?match[]={__name__=~".%2B"}', { headers: { accept: SCRAPER } });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8']);
  const reader = protobuf.Reader.create(new Uint8Array(await answer.arrayBuffer()));
  const families: unknown[] = [];
  while (reader.pos < reader.len) families.push(FAMILY.toObject(FAMILY.decodeDelimited(reader), { longs: Number }));
  const labels = (...pairs: [string, string][]) => pairs.map(([name, value]) => ({ name, value }));
  const histogram = {
    sampleCountFloat: 10.5, sampleSum: -3, schema: 2, zeroThreshold: 0.001, zeroCountFloat: 1.5, negativeSpan: [{ offset: 1, length: 1 }], negativeCount: [3],
    positiveSpan: [{ offset: -2, length: 1 }, { offset: 3, length: 2 }], positiveCount: [1, 2, 3],
  };
  const timestampMs = NOON - 1000;
  expect(families).toEqual([
    { name: 'h', type: 4, metric: [{ label: labels(['instance', 'x'], ['le', '1']), timestampMs, histogram }] },
    { name: 'h', type: 5, metric: [{ label: labels(['instance', 'y']), timestampMs, histogram }] },
    { name: 'h', type: 3, metric: [{ label: labels(['instance', 'z']), timestampMs, untyped: { value: 7 } }] },
    {
      name: 'i', type: 4,
      metric: [{ label: labels(['instance', '']), timestampMs, histogram: { sampleCountFloat: 0, sampleSum: 0, schema: 0, zeroThreshold: 0, zeroCountFloat: 0, positiveSpan: [{ offset: 0, length: 0 }] } }],
    },
    { name: 'with.ütf8', type: 3, metric: [{ label: labels(['a.b', '"'], ['instance', '']), timestampMs, untyped: { value: -0.5 } }] },
  ]);
  const text = await (await api.ask('/federate?match[]={__name__=~".%2B"}')).text();
  expect(text).toContain(`h{instance="z"} 7 ${timestampMs}\n`);
  expect(text).not.toMatch(/instance="[xy]"|nhcb|^# TYPE i /m);
});

test('protobuf is for who asks for it, and likes nothing else better', () => {
  const f = (accept: string, wanted: boolean): void => expect(prefersProtobuf(accept), accept).toBe(wanted);
  f(SCRAPER, true);
  f(PROTOBUF, true);
  f('Application/VND.google.protobuf; Proto=io.prometheus.client.MetricFamily; Encoding=delimited; q=1', true);
  f(`text/plain;version=0.0.4,${PROTOBUF};q=0.9`, false);
  f(`${PROTOBUF};q=0,text/plain;q=0.1`, false);
  f('application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', false);
  f('application/vnd.google.protobuf', false);
  f('application/openmetrics-text;version=1.0.0', false);
  f(`${PROTOBUF};q=x`, false);
  f('*/*', false);
  f('', false);
});
