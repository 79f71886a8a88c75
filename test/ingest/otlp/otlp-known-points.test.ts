import { expect, test } from 'vitest';
import { OtlpBatches } from '../../../ingest/otlp/otlp-batches.ts';
import { OtlpIdCache } from '../../../ingest/otlp/otlp-id-cache.ts';
import { OtlpLabels } from '../../../ingest/otlp/otlp-labels.ts';
import { OtlpSeries } from '../../../ingest/otlp/otlp-series.ts';
import { Rejections } from '../../../ingest/rejections.ts';
import { TimeBounds } from '../../../ingest/time-bounds.ts';
import { labelValue, METRIC_NAME } from '../../../storage/model/labels.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { OTLP_DEFAULTS } from '../../../storage/runtime/otlp-options.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { exponentialHistogram, exponentialPoint, gauge, histogram, histogramPoint, metricsRequest, numberPoint, resourceMetrics, sum, summary, summaryPoint } from '../../proto/otlp-fields.ts';
import { oneMap } from '../../fakes/one-map.ts';
import { NOW_MS } from './otlp-stack.ts';

const AT = { timeMs: NOW_MS };
const BOUNDS = [0.1, 0.5, 1, 5];
const hasher = new SeriesHasher(new Uint8Array(16).fill(1));

/** How many times labels of points were made for each of some requests after each other, of one metric each. */
function labelsMade(...requests: readonly (readonly number[])[]): number[] {
  return made(requests.map((metric) => resourceMetrics({}, [metric])), (name) => name !== 'target_info');
}

/** How many times labels were made, of series whose name counts, for each of some requests after each other, of one resource each. */
function made(requests: readonly (readonly number[])[], counts: (name: string) => boolean): number[] {
  let made = 0;
  const labels = new OtlpLabels(OTLP_DEFAULTS, LIMITS, (stored) => {
    if (counts(labelValue(stored, METRIC_NAME)!)) made++;
    return stored;
  });
  const series = new OtlpSeries(OTLP_DEFAULTS, LIMITS, labels);
  const batches = new OtlpBatches(new OtlpIdCache(2 ** 20, 60_000), labels, LIMITS, OTLP_DEFAULTS);
  return requests.map((resource) => {
    made = 0;
    const message = metricsRequest(resource);
    const shards = { hasher } as TenantShards;
    batches.collect({ shards, map: oneMap(1)[0]!, message, nowMs: NOW_MS, rejections: new Rejections(1) }, (sink) => series.walk(message, { times: new TimeBounds(NOW_MS, LIMITS), limits: LIMITS }, sink));
    return made;
  });
}

const histogramOf = (bounds: readonly number[], { hasSum = true, a = 'b' } = {}): number[] =>
  histogramPoint({ ...AT, count: 9, ...(hasSum ? { sum: 1 } : {}), counts: [...bounds, 0].map(() => 1), bounds, attributes: { a } });

test.each<[string, readonly number[], number]>([
  ['a gauge', gauge('g', [numberPoint({ ...AT, value: 1 })]), 1],
  ['two sums', sum('s', [numberPoint({ ...AT, value: 1 }), numberPoint({ ...AT, value: 1, attributes: { a: 'b' } })]), 2],
  ['an exponential histogram', exponentialHistogram('e', [exponentialPoint({ ...AT, count: 1, scale: 0, positive: { offset: 0, counts: [1] } })]), 1],
  ['a histogram: once for its buckets, whatever their number', histogram('h', [histogramOf(BOUNDS)]), 3],
  ['a histogram without buckets', histogram('h', [histogramOf([])]), 3],
  ['a summary: once for its quantiles', summary('q', [summaryPoint({ ...AT, count: 1, sum: 1, quantiles: [[0.5, 1], [0.9, 2]] })]), 3],
])('what comes again costs no labels: %s', (_, metric, first) => {
  expect(labelsMade(metric, metric)).toEqual([first, 0]);
});

test('a histogram is known with its sum and without, and when others have other bounds', () => {
  const all = histogram('h', [histogramOf(BOUNDS), histogramOf([1], { a: 'c' }), histogramOf(BOUNDS, { a: 'd' })]);
  expect(labelsMade(histogram('h', [histogramOf(BOUNDS, { hasSum: false })]), all, all, histogram('h', [histogramOf([1])]))).toEqual([3, 6, 0, 3]);
});

test("a resource's target_info costs no labels when it comes again, nor does finding that there is none", () => {
  const of = (resource: Readonly<Record<string, string>>): readonly number[] => resourceMetrics(resource, [gauge('g', [numberPoint({ ...AT, value: 1 })])]);
  const [with_, without] = [of({ 'service.name': 's', zone: 'z' }), of({ 'service.name': 's' })];
  expect(made([with_, without, with_, without], (name) => name === 'target_info')).toEqual([1, 1, 0, 0]);
});

test('bounds whose bytes begin as the attributes behind them do are not taken for these', () => {
  const name = 'x'.repeat(16);
  const bound = new DataView(Uint8Array.of(0x4a, 0x17, 0x0a, name.length, 0x78, 0x78, 0x78, 0x78).buffer).getFloat64(0, true);
  const point = histogramPoint({ ...AT, count: 1, counts: [1, 0], bounds: [bound], attributes: { [name]: 'v' } });
  expect(Buffer.from(point).toString('latin1').split('J\x17\n\x10xxxx')).toHaveLength(3);
  expect(labelsMade(histogram('h', [point]), histogram('h', [point]))).toEqual([3, 0]);
});

test('a point that is refused, or a series of it, makes its labels each time, and the others none', () => {
  // A label that makes only `_count` and `_bucket` too long, the name being so already: 2048 bytes with `_sum`.
  const tooLong = histogram('n'.repeat(2044), [histogramOf(BOUNDS)]);
  const good = gauge('g', [numberPoint({ ...AT, value: 1 })]);
  expect(labelsMade(tooLong, good, tooLong, good)).toEqual([1, 1, 1, 0]);
});
