import { describe, expect, test } from 'vitest';
import { OtlpBatches } from '../../../ingest/otlp/otlp-batches.ts';
import { OtlpIdCache } from '../../../ingest/otlp/otlp-id-cache.ts';
import { OtlpLabels } from '../../../ingest/otlp/otlp-labels.ts';
import { OtlpSeries } from '../../../ingest/otlp/otlp-series.ts';
import { NO_POINT } from '../../../ingest/otlp/points-of-series.ts';
import { RefusedPoints } from '../../../ingest/otlp/refused-points.ts';
import { Rejections } from '../../../ingest/rejections.ts';
import { TimeBounds } from '../../../ingest/time-bounds.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { OTLP_DEFAULTS, type OtlpOptions } from '../../../storage/runtime/otlp-options.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { decodeAppendMessage } from '../../../storage/shard/append/append-message.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { storedBits } from '../../fakes/stored-bits.ts';
import { oneMap } from '../../fakes/one-map.ts';
import {
  CUMULATIVE,
  DELTA,
  exemplar,
  exponentialHistogram,
  exponentialPoint,
  gauge,
  histogram,
  histogramPoint,
  metricsRequest,
  numberPoint,
  resourceMetrics,
  sum,
  summary,
  summaryPoint,
} from '../../proto/otlp-fields.ts';
import { NOW_MS, OtlpStack } from './otlp-stack.ts';

const AT = { timeMs: NOW_MS };
const LATER = { timeMs: NOW_MS + 1000 };
const NOTHING_RECORDED = 1;

type Metric = readonly number[];

async function storedOf(metrics: readonly Metric[], options: Partial<OtlpOptions> = {}): Promise<string[]> {
  const stack = new OtlpStack({ options });
  const outcome = await stack.write(metricsRequest(resourceMetrics({}, metrics)));
  expect(outcome.rejections.reasons()).toBe('');
  return stack.stored();
}

describe('every kind of point', () => {
  function f(name: string, metric: Metric, wanted: readonly string[], options?: Partial<OtlpOptions>): void {
    test(name, async () => expect(await storedOf([metric], options)).toEqual(wanted));
  }
  f('a gauge, with and without a start', gauge('temp', [numberPoint({ ...AT, value: 1.5 }), numberPoint({ ...LATER, startMs: NOW_MS - 5, value: 2n })], { unit: 'Cel' }), ['temp_celsius 0=1.5 [-5]1000=2']);
  f('a monotonic sum', sum('requests', [numberPoint({ ...AT, startMs: NOW_MS - 1, value: 7n, attributes: { a: 'b' } })]), ['requests_total{a="b"} [-1]0=7']);
  f('a sum that also falls', sum('queue', [numberPoint({ ...AT, value: -2n })], { isMonotonic: false }), ['queue 0=-2']);
  f('a start behind the time is no start', gauge('g', [numberPoint({ ...AT, startMs: NOW_MS + 1, value: 1 })]), ['g 0=1']);
  f('no recorded value is stale', sum('s', [numberPoint({ ...AT, flags: NOTHING_RECORDED })]), ['s_total 0=stale']);
  f(
    'a classic histogram',
    histogram('latency', [histogramPoint({ ...AT, startMs: NOW_MS - 9, count: 6, sum: 2.5, counts: [1, 2, 3], bounds: [0.000001, 10] })], { unit: 's' }),
    [
      'latency_seconds_bucket{le="+Inf"} [-9]0=6',
      'latency_seconds_bucket{le="0.000001"} [-9]0=1',
      'latency_seconds_bucket{le="10"} [-9]0=3',
      'latency_seconds_count [-9]0=6',
      'latency_seconds_sum [-9]0=2.5',
    ],
  );
  f('a histogram without a sum', histogram('h', [histogramPoint({ ...AT, count: 1, counts: [1], bounds: [] })]), ['h_bucket{le="+Inf"} 0=1', 'h_count 0=1']);
  f('a histogram without buckets', histogram('h', [histogramPoint({ ...AT, count: 4, sum: 1, counts: [], bounds: [] })]), ['h_bucket{le="+Inf"} 0=4', 'h_count 0=4', 'h_sum 0=1']);
  f('a last bound of infinity', histogram('h', [histogramPoint({ ...AT, count: 3, counts: [1, 2, 0], bounds: [1, Infinity] })]), ['h_bucket{le="+Inf"} 0=3', 'h_bucket{le="1"} 0=1', 'h_count 0=3']);
  f('a stale histogram', histogram('h', [histogramPoint({ ...AT, flags: 1, count: 0, sum: 0, counts: [0, 0], bounds: [1] })]), ['h_bucket{le="+Inf"} 0=stale', 'h_bucket{le="1"} 0=stale', 'h_count 0=stale', 'h_sum 0=stale']);
  f(
    'custom buckets',
    histogram('h', [histogramPoint({ ...AT, startMs: NOW_MS - 9, count: 6, sum: 2.5, counts: [1, 0, 0, 0, 5], bounds: [1, 2, 3, 4] })]),
    ['h [-9]0={count:6, sum:2.5, [-Inf,1]:1, (4,+Inf]:5}'],
    { convertHistogramsToNhcb: true },
  );
  f('custom buckets: infinity is no bound', histogram('h', [histogramPoint({ ...AT, count: 6, sum: 1, counts: [1, 2, 3], bounds: [1, Infinity] })]), ['h 0={count:6, sum:1, [-Inf,1]:1, (1,+Inf]:5}'], { convertHistogramsToNhcb: true });
  f('custom buckets: none', histogram('h', [histogramPoint({ ...AT, count: 6, sum: 1, counts: [], bounds: [] })]), ['h 0={count:6, sum:1, [-Inf,+Inf]:6}'], { convertHistogramsToNhcb: true });
  f('custom buckets: stale', histogram('h', [histogramPoint({ ...AT, flags: 1, count: 0, counts: [], bounds: [] })]), ['h 0=stale'], { convertHistogramsToNhcb: true });
  f(
    'an exponential histogram',
    exponentialHistogram('e', [exponentialPoint({ ...AT, count: 10, sum: 20, scale: 0, zeroCount: 1, positive: { offset: -1, counts: [2, 0, 3] }, negative: { offset: 0, counts: [4] } })]),
    ['e 0={count:10, sum:20, [-2,-1):4, [-1e-128,1e-128]:1, (0.5,1]:2, (2,4]:3}'],
  );
  f('scale above 8 is merged down', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 10, scale: 10, positive: { offset: -2, counts: [1, 2, 3, 4] } })]), [
    'e 0={count:10, sum:0, (0.9972960560854698,1]:3, (1,1.0027112750502025]:7}',
  ]);
  f('a large gap, and the sender’s zero threshold', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 3, sum: 9, scale: 0, zeroThreshold: 0.25, zeroCount: 1, positive: { offset: 0, counts: [1, 0, 0, 0, 0, 1] } })]), [
    'e 0={count:3, sum:9, [-0.25,0.25]:1, (1,2]:1, (32,64]:1}',
  ]);
  f('a stale exponential histogram', exponentialHistogram('e', [exponentialPoint({ ...AT, flags: 1, count: 0, scale: 0 })]), ['e 0=stale']);
  f(
    'a summary',
    summary('q', [summaryPoint({ ...AT, count: 3, sum: 4.5, quantiles: [[0, 1], [0.99, 2]], attributes: { k: 'v' } })], { unit: 'By' }),
    ['q_bytes{k="v", quantile="0"} 0=1', 'q_bytes{k="v", quantile="0.99"} 0=2', 'q_bytes_count{k="v"} 0=3', 'q_bytes_sum{k="v"} 0=4.5'],
  );
  f('a stale summary', summary('q', [summaryPoint({ ...AT, flags: 1, count: 0, sum: 0, quantiles: [[0.5, 0]] })]), ['q{quantile="0.5"} 0=stale', 'q_count 0=stale', 'q_sum 0=stale']);
});

describe('delta temporality is added up', () => {
  test('sums', async () => {
    const stack = new OtlpStack();
    const body = (...points: (readonly [at: number, value: bigint])[]): Uint8Array =>
      metricsRequest(resourceMetrics({}, [sum('d', points.map(([at, value]) => numberPoint({ timeMs: NOW_MS + at, startMs: NOW_MS + at - 1000, value })), { temporality: DELTA })]));
    await stack.write(body([0, 5n], [1000, 2n]));
    await stack.write(body([0, 5n], [1000, 2n]));
    stack.shards.evictAll();
    const again = await stack.write(body([1000, 2n], [2000, 3n]));
    expect(again.rejections.reasons()).toBe('');
    expect(stack.stored().map((line) => line.replace(/\[-?\d+\]/g, ''))).toEqual(['d_total 0=5 1000=7 2000=10']);
  });

  test('two scopes with one series and time: the first counts, and the sender is told, again when it comes again', async () => {
    const times = { timeMs: NOW_MS, startMs: NOW_MS - 1000 };
    const ofScope = (name: string, value: bigint, count: number): readonly number[] =>
      resourceMetrics({}, [sum('d', [numberPoint({ ...times, value })], { temporality: DELTA }), exponentialHistogram('e', [exponentialPoint({ ...times, count, sum: 2, scale: 0, positive: { offset: 0, counts: [count] } })], { temporality: DELTA })], { name });
    const body = metricsRequest(ofScope('a', 5n, 1), ofScope('b', 7n, 2));
    const stack = new OtlpStack();
    for (let times = 0; times < 2; times++) {
      const { rejections, refusedPointCount, stored } = await stack.write(body);
      expect([refusedPointCount, stored]).toEqual([2, { samples: 1, histograms: 1, exemplars: 0 }]);
      expect(rejections.reasons()).toMatch(/^2 delta samples of a series and millisecond of which the request has another before, .*VARVE_OTLP_PROMOTE_SCOPE_METADATA/);
      expect(stack.stored()).toEqual(['d_total [-1000]0=5', 'e [-1000]0={count:1, sum:2, (1,2]:1}']);
    }
    // The same value may be the same point, sent again by whoever gathers requests.
    expect((await stack.write(metricsRequest(ofScope('a', 5n, 1), ofScope('b', 5n, 1)))).rejections.isEmpty).toBe(true);
    const apart = new OtlpStack({ options: { promoteScopeMetadata: true } });
    expect((await apart.write(body)).rejections.isEmpty).toBe(true);
    expect(apart.stored()).toHaveLength(4);
  });

  test('what is no finite number is refused: it would stay in the sum for ever', async () => {
    const stack = new OtlpStack();
    const points = [1, NaN, Infinity, 2].map((value, i) => numberPoint({ timeMs: NOW_MS + i * 1000, startMs: NOW_MS + (i - 1) * 1000, value }));
    const outcome = await stack.write(metricsRequest(resourceMetrics({}, [sum('d', points, { temporality: DELTA })])));
    expect(outcome.refusedPointCount).toBe(2);
    expect(outcome.rejections.reasons()).toContain('a delta that is no finite number cannot be added up');
    expect(stack.stored().map((line) => line.replace(/\[-?\d+\]/g, ''))).toEqual(['d_total 0=1 3000=3']);
    // Of a cumulative sum they are values like others.
    await stack.write(metricsRequest(resourceMetrics({}, [sum('c', [numberPoint({ timeMs: NOW_MS, value: Infinity })])])));
    expect(stack.stored()).toContain('c_total 0=Infinity');
  });

  test('histograms, classic and native', async () => {
    const stack = new OtlpStack();
    for (const at of [0, 1000]) {
      const times = { timeMs: NOW_MS + at, startMs: NOW_MS + at - 1000 };
      await stack.write(
        metricsRequest(
          resourceMetrics({}, [
            histogram('h', [histogramPoint({ ...times, count: 3, sum: 1.5, counts: [1, 2], bounds: [1] })], { temporality: DELTA }),
            exponentialHistogram('e', [exponentialPoint({ ...times, count: 2, sum: 3, scale: 0, positive: { offset: 0, counts: [2] } })], { temporality: DELTA }),
          ]),
        ),
      );
    }
    expect(stack.stored().map((line) => line.replace(/\[-?\d+\]/g, (start) => (start.includes(',') ? start : '')))).toEqual([
      'e 0={count:2, sum:3, (1,2]:2} 1000={count:4, sum:6, (1,2]:4}',
      'h_bucket{le="+Inf"} 0=3 1000=6',
      'h_bucket{le="1"} 0=1 1000=2',
      'h_count 0=3 1000=6',
      'h_sum 0=1.5 1000=3',
    ]);
  });
});

describe('points that a shard refuses, in whole or in part', () => {
  const bounds = [1, 2];
  const point = (job: string): number[] => histogramPoint({ ...AT, count: 3, sum: 1.5, counts: [1, 1, 1], bounds, attributes: { job } });

  test('are counted once each, however many series they are', async () => {
    // Of five series a point, the first has all, the second one, the third none; and then a gauge.
    const stack = new OtlpStack({ limits: limitsWith({ activeSeriesMax: 6 }) });
    const request = metricsRequest(resourceMetrics({}, [histogram('h', [point('a'), point('b'), point('c')]), gauge('g', [numberPoint({ ...AT, value: 1 }), numberPoint(AT)])]));
    for (let i = 0; i < 2; i++) {
      const { refusedPointCount, pointCount, rejections, stored } = await stack.write(request);
      expect([refusedPointCount, pointCount, stored.samples]).toEqual([4, 5, 6]);
      expect(rejections.reasons()).toContain('activeSeriesMax is 6');
    }
  });

  test('but not those that have been refused before, nor what is of no point', () => {
    const points = new RefusedPoints(Uint32Array.of(0, 0, 1, 1, NO_POINT, 2), new Set([1]));
    points.add(Uint32Array.of(1, 2, 4));
    points.add(Uint32Array.of(0));
    expect(points.count).toBe(1);
    points.add(Uint32Array.of(5));
    expect(points.count).toBe(2);
  });
});

describe('refused points leave the others alone', () => {
  function f(name: string, metric: Metric, reason: RegExp, rejected = 1, options: Partial<OtlpOptions> = {}): void {
    test(name, async () => {
      const stack = new OtlpStack({ options });
      const outcome = await stack.write(metricsRequest(resourceMetrics({}, [metric, gauge('fine', [numberPoint({ ...AT, value: 1 })])])));
      expect(outcome.rejections.reasons()).toMatch(reason);
      expect(outcome.rejections.samples).toBe(rejected);
      expect(stack.stored()).toEqual(['fine 0=1']);
    });
  }
  const one = [numberPoint({ ...AT, value: 1 })];
  f('no value', gauge('g', [numberPoint(AT)]), /metric "g": a data point without a value/);
  f('no temporality', sum('s', [...one, ...one], { temporality: 0 }), /a sum of temporality 0/, 2);
  f('too old', gauge('g', [numberPoint({ timeMs: NOW_MS - 86_400_001, value: 1 })]), /too old/);
  f('too far ahead', gauge('g', [numberPoint({ timeMs: NOW_MS + 600_001, value: 1 })]), /ahead of now/);
  f('counts and bounds that do not fit', histogram('h', [histogramPoint({ ...AT, count: 3, counts: [1, 2], bounds: [1, 2] })]), /2 bucket counts for 2 bounds/);
  f('custom buckets without an end below', histogram('h', [histogramPoint({ ...AT, count: 3, counts: [0, 1, 2], bounds: [-Infinity, 1] })]), /bound 0 is -Infinity/, 1, { convertHistogramsToNhcb: true });
  f('bounds that do not rise', histogram('h', [histogramPoint({ ...AT, count: 3, counts: [1, 2, 0], bounds: [2, 1] })]), /bounds must rise/);
  f('scale below -4', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 0, scale: -5 })]), /scale must be >= -4, was -5/);
  for (const zeroThreshold of [-1, NaN, Infinity]) f(`a zero threshold of ${zeroThreshold}`, exponentialHistogram('e', [exponentialPoint({ ...AT, count: 0, scale: 0, zeroThreshold })]), /the zero threshold is/);
  f('counts that do not add up', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 5, scale: 0, positive: { offset: 0, counts: [1] } })]), /should equal/);
  f('counts that no number holds', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 2 ** 53, scale: 0, zeroCount: 2 ** 53 })]), /a count above 2\^53/);
  f('too many buckets', histogram('h', [histogramPoint({ ...AT, count: 0, counts: Array.from({ length: 5000 }, () => 0), bounds: [] })]), /5000 buckets or quantiles in one data point, the limit otlpBucketsMax is 4096/);
  f('a name of nothing', gauge('', one), /has no character that a name can have/);
  f('a name of underscores', gauge('___', one), /no character/);
  f('an attribute without a name', gauge('g', [numberPoint({ ...AT, value: 1, attributes: { '': 'x' } })]), /an attribute named ""/);
  f('an attribute of nothing but signs', gauge('g', [numberPoint({ ...AT, value: 1, attributes: { '...': 'x' } })]), /an attribute named "\.\.\."/);
  f('a value that is too long', gauge('g', [numberPoint({ ...AT, value: 1, attributes: { a: 'x'.repeat(3000) } })]), /labelValueBytesMax/);
  f('attributes that are too large', gauge('g', [numberPoint({ ...AT, value: 1, attributes: { a: 'x'.repeat(300_000) } })]), /otlpAttributesBytesMax/);
  f('a histogram is one point', histogram('h', [histogramPoint({ ...AT, count: 1, counts: [1, 0], bounds: [1], attributes: { a: 'x'.repeat(3000) } })]), /labelValueBytesMax/);
});

describe('a NaN', () => {
  const PLACEHOLDER = 12345.678;
  for (const wanted of [0x7ff8000000000001n, 0x7ff8000000000000n, 0xfff8000000000000n]) {
    test(`in protobuf is stored as it came: ${wanted.toString(16)}`, async () => {
      const metrics = [
        gauge('g', [numberPoint({ ...AT, value: PLACEHOLDER })]),
        histogram('h', [histogramPoint({ ...AT, count: 0, sum: PLACEHOLDER, counts: [], bounds: [] })]),
        summary('q', [summaryPoint({ ...AT, count: 0, sum: PLACEHOLDER, quantiles: [[0.5, PLACEHOLDER]] })]),
      ];
      const body = metricsRequest(resourceMetrics({}, metrics));
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
      for (let at = 0; at + 8 <= body.length; at++) if (view.getFloat64(at, true) === PLACEHOLDER) view.setBigUint64(at, wanted, true);
      const stack = new OtlpStack();
      await stack.write(body);
      const ofNaNs = storedBits(stack.shards).filter((row) => /^(?:g|h_sum|q_sum|q\{)/.test(row));
      expect(ofNaNs.map((row) => row.split(' ').at(-1))).toEqual(Array.from({ length: 4 }, () => wanted.toString(16)));
    });
  }

  test('as an exemplar’s value leaves for its shard as it came', () => {
    const wanted = 0xfff8000000abcdefn;
    const message = metricsRequest(resourceMetrics({}, [sum('s', [numberPoint({ ...AT, value: 1, exemplars: [exemplar({ value: PLACEHOLDER })] })])]));
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    for (let at = 0; at + 8 <= message.length; at++) if (view.getFloat64(at, true) === PLACEHOLDER) view.setBigUint64(at, wanted, true);
    const labels = new OtlpLabels(OTLP_DEFAULTS, LIMITS, (stored) => stored);
    const batches = new OtlpBatches(new OtlpIdCache(2 ** 20, 60_000), labels, LIMITS, OTLP_DEFAULTS);
    const shards = { hasher: new SeriesHasher(new Uint8Array(16)) } as TenantShards;
    const walk = { times: new TimeBounds(NOW_MS, LIMITS), limits: LIMITS };
    const collected = batches.collect({ shards, map: oneMap(1)[0]!, message, nowMs: NOW_MS, rejections: new Rejections(1) }, (sink) => new OtlpSeries(OTLP_DEFAULTS, LIMITS, labels).walk(message, walk, sink));
    const { exemplars } = decodeAppendMessage(collected.batches[0]!.message);
    expect(exemplars.map(({ bitsLow, bitsHigh }) => ((BigInt(bitsHigh) << 32n) | BigInt(bitsLow)).toString(16))).toEqual([wanted.toString(16)]);
  });

  test('in JSON is the normal one of Prometheus', async () => {
    const stack = new OtlpStack();
    const point = `{"timeUnixNano":"${NOW_MS}000000","asDouble":"NaN"}`;
    await stack.write(new TextEncoder().encode(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[${point}]}}]}]}]}`), 'json');
    expect(storedBits(stack.shards)).toEqual(['g 7ff8000000000001']);
  });
});

test('exemplars: of the bucket that they fall into, with ids, and attributes when they fit', async () => {
  const stack = new OtlpStack();
  const ids = { traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '0102030405060708' };
  const exemplars = [exemplar({ value: 7, ...ids, attributes: { long: 'x'.repeat(100) } }), exemplar({ value: 0.5, timeMs: NOW_MS - 10, attributes: { 'user.id': 'u' } }), exemplar({ value: 3, traceId: '0'.repeat(32) })];
  const metrics = [
    histogram('h', [histogramPoint({ ...AT, count: 3, counts: [1, 1, 1], bounds: [1, 5], exemplars })]),
    sum('s', [numberPoint({ ...AT, value: 1, exemplars: [exemplar({ value: 1, ...ids })] })]),
    exponentialHistogram('e', [exponentialPoint({ ...AT, count: 0, scale: 0, exemplars: [exemplar({ value: 2, ...ids })] })]),
  ];
  const outcome = await stack.write(metricsRequest(resourceMetrics({}, metrics)));
  expect(outcome.rejections.reasons()).toBe('');
  expect(outcome.stored.exemplars).toBe(5);
  const id = '{span_id="0102030405060708", trace_id="0102030405060708090a0b0c0d0e0f10"}';
  expect(stack.exemplars()).toEqual([
    `e ${id} 2@0`,
    `h_bucket{le="+Inf"} ${id} 7@0`,
    'h_bucket{le="1"} {user_id="u"} 0.5@-10',
    'h_bucket{le="5"} {} 3@0',
    `s_total ${id} 1@0`,
  ]);
});

test('an exemplar that is no number displaces no other', async () => {
  const stack = new OtlpStack();
  const exemplars = [exemplar({ value: NaN }), exemplar({ value: 3 }), exemplar({ value: 0.5 })];
  await stack.write(metricsRequest(resourceMetrics({}, [histogram('h', [histogramPoint({ ...AT, count: 3, counts: [1, 1, 1], bounds: [1, 5], exemplars })])])));
  expect(stack.exemplars()).toEqual(['h_bucket{le="+Inf"} {} NaN@0', 'h_bucket{le="1"} {} 0.5@0', 'h_bucket{le="5"} {} 3@0']);
});

test('an exemplar that cannot be kept costs nothing else and is said', async () => {
  const stack = new OtlpStack();
  const outcome = await stack.write(metricsRequest(resourceMetrics({}, [sum('s', [numberPoint({ ...AT, value: 1, exemplars: [[], exemplar({ value: 1, timeMs: 5 })] })])])));
  expect(outcome.rejections.samples).toBe(0);
  expect(outcome.rejections.reasons()).toMatch(/an exemplar without a value.*too old/);
  expect(stack.stored()).toEqual(['s_total 0=1']);
});

test('many shards, series that come again, shards that forget, labels that are asked for', async () => {
  const stack = new OtlpStack({ shardCount: 4 });
  const body = (value: number, extra = 0): Uint8Array =>
    metricsRequest(
      ...[1, 2].map((instance) =>
        resourceMetrics({ 'service.name': 'a', 'service.instance.id': String(instance), zone: 'z' }, [
          gauge('g', Array.from({ length: 50 + extra }, (_, i) => numberPoint({ timeMs: NOW_MS + value, value: value + i, attributes: { i: String(i) } }))),
          histogram('h', [histogramPoint({ timeMs: NOW_MS + value, count: value, sum: 1, counts: [value, 0], bounds: [1] })], { temporality: CUMULATIVE }),
        ]),
      ),
    );
  await stack.write(body(1));
  const appended = stack.shards.callsOf('append');
  await stack.write(body(2));
  // Everything is known: one call a shard.
  expect(stack.shards.callsOf('append') - appended).toBe(4);
  await stack.write(body(2));
  stack.shards.evictAll();
  await stack.write(body(3, 5));
  const lines = stack.stored();
  expect(lines).toHaveLength(2 * (55 + 4 + 1));
  expect(lines).toContain('g{i="7", instance="2", job="a"} 1=8 2=9 3=10');
  expect(lines).toContain('g{i="54", instance="1", job="a"} 3=57');
  expect(lines).toContain('h_bucket{instance="1", job="a", le="1"} 1=1 2=2 3=3');
  expect(lines).toContain('target_info{instance="1", job="a", zone="z"} 1=1 2=1 3=1');
});

test('a body that cannot be decoded stores nothing', async () => {
  const stack = new OtlpStack();
  const good = resourceMetrics({}, [gauge('g', [numberPoint({ ...AT, value: 1 })])]);
  await expect(stack.write(Uint8Array.from([...good, 10, 5]))).rejects.toMatchObject({ kind: 'bad-data' });
  expect(stack.stored()).toEqual([]);
  await stack.write(metricsRequest(good));
  expect(stack.stored()).toEqual(['g 0=1']);
});
