import { describe, expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { formatLabels } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { HOUR_MS, MINUTE_MS } from '../../storage/runtime/units.ts';
import { exemplar, DELTA, exponentialHistogram, exponentialPoint, gauge, histogram, histogramPoint, metricsRequest, numberPoint, resourceMetrics, sum } from '../proto/otlp-fields.ts';
import { encodeReferenceV1 } from '../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';
import { changeShards } from '../fakes/changed-shards.ts';
import { NOW_MS, WriteApp, type Answer } from './write-app.ts';

/*
 * A request whose samples are of two shard maps, at each door: it is to be answered as where there is one map, its samples are to be where their own
 * times say, and sending it again is to change nothing.
 */

/** When the new map begins: the change is asked for at NOW_MS, which is a whole hour. */
const FROM_MS = NOW_MS + HOUR_MS + 1;
const SERIES = 12;

interface Sent {
  readonly body: Uint8Array;
  readonly path: string;
  readonly headers: Record<string, string>;
}

const V1 = { path: '/api/v1/write', headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' } };
const V2 = { path: '/api/v1/write', headers: { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'content-encoding': 'snappy' } };
const OTLP = { path: '/v1/metrics', headers: { 'content-type': 'application/x-protobuf' } };
const IMPORT = { path: '/api/v1/import/prometheus', headers: {} };

/** Offsets from the new map's first moment. */
const STRADDLING = [-3, -2, -1, 0, 1, 2].map((n) => n * MINUTE_MS);
const EXACT = [-1, 0];
/** Too old; and too far ahead. */
const OUTSIDE = [-LIMITS.hotWindowMs, LIMITS.timestampAheadMsMax + 6 * MINUTE_MS];

const all = <T>(make: (i: number) => T): T[] => Array.from({ length: SERIES }, (_, i) => make(i));
const samplesAt = (i: number, offsets: readonly number[]) => offsets.map((offset) => ({ value: i * 1000 + offset / 1000, timestamp: FROM_MS + offset }));
const nativeAt = (offset: number, countInt = 3) => ({ timestamp: FROM_MS + offset, schema: 0, countInt, sum: 1, positiveSpans: [{ offset: 0, length: 1 }], positiveDeltas: [3], zeroCountInt: 0 });

const v1 = (offsets: readonly number[]): Sent => ({
  ...V1,
  body: snappyEncode(encodeReferenceV1({ timeseries: all((i) => ({ labels: [{ name: '__name__', value: 'm' }, { name: 'i', value: String(i) }], samples: samplesAt(i, offsets) })) })),
});
const v2 = (...series: readonly V2Series[]): Sent => ({ ...V2, body: snappyEncode(v2Request(...series)) });
const lines = (text: readonly string[]): Sent => ({ ...IMPORT, body: new TextEncoder().encode(text.map((line) => `${line}\n`).join('')) });

const REQUESTS: Readonly<Record<string, Sent>> = {
  '1.0, several samples a series': v1(STRADDLING),
  '1.0, the last moment and the first': v1(EXACT),
  '1.0, wholly earlier': v1([-MINUTE_MS]),
  '1.0, wholly later': v1([MINUTE_MS]),
  '1.0, some too old and too new': v1([...OUTSIDE, ...STRADDLING]),
  '1.0, in no order': v1([2, -3, 1, -1, 0, -2].map((n) => n * MINUTE_MS)),
  '2.0, a sample a series, some earlier and some later': v2(...all((i): V2Series => ({ labels: ['__name__', 'm', 'i', String(i)], samples: samplesAt(i, [(i % 3 - 1) * MINUTE_MS]) }))),
  '2.0, with starts': v2(...all((i): V2Series => ({ labels: ['__name__', 'm', 'i', String(i)], samples: samplesAt(i, STRADDLING).map((sample) => ({ ...sample, startTimestamp: FROM_MS - HOUR_MS })) }))),
  '2.0, histograms, some of which cannot be stored': v2(
    ...all((i): V2Series => ({
      labels: ['__name__', 'h', 'i', String(i)],
      histograms: [...OUTSIDE, ...STRADDLING].map((offset, n) => nativeAt(offset, n === 4 ? 99 : 3)).concat({ ...nativeAt(0), schema: 99 }),
      exemplars: [{ labels: ['trace_id', `t${i}`], value: 1 }, { labels: ['trace_id', 'x'.repeat(200)], value: 1, timestamp: FROM_MS - 5 }, { labels: ['trace_id', 'old'], value: 1, timestamp: FROM_MS - 2 * 24 * HOUR_MS }],
    })),
  ),
  '2.0, exemplars of times of their own, and a series that cannot be stored': v2(
    ...all((i): V2Series => ({
      labels: i === 5 ? ['__name__', 'm', 'i', 'x', 'i', 'y'] : ['__name__', 'm', 'i', String(i)],
      samples: samplesAt(i, STRADDLING),
      exemplars: [...STRADDLING.map((offset) => ({ labels: ['trace_id', `t${i}.${offset}`], value: 2, timestamp: FROM_MS + offset })), { labels: ['trace_id', 'none'], value: 2 }],
    })),
  ),
  '2.0, exemplars alone, one without a time': v2(...all((i): V2Series => ({ labels: ['__name__', 'm', 'i', String(i)], exemplars: [{ labels: ['trace_id', 'a'], value: 1, timestamp: FROM_MS - 1 }, { labels: ['trace_id', 'b'], value: 1 }] }))),
  'OTLP': {
    ...OTLP,
    body: metricsRequest(
      ...all((i) => {
        const points = (make: (timeMs: number) => number[]) => [...OUTSIDE, ...STRADDLING].map((offset) => make(FROM_MS + offset));
        return resourceMetrics({ 'service.name': `s${i}`, 'service.instance.id': 'one', more: 'x' }, [
          gauge('g', points((timeMs) => numberPoint({ timeMs, value: i }))),
          sum('unknown_temporality', points((timeMs) => numberPoint({ timeMs, value: i })), { temporality: 7 }),
          gauge('no_value', points((timeMs) => numberPoint({ timeMs }))),
          histogram('h', points((timeMs) => histogramPoint({ timeMs, count: 3, sum: 4, counts: [1, 2], bounds: [1], exemplars: [exemplar({ value: 0.5, timeMs: timeMs - 90_000, attributes: { a: 'b' } })] }))),
          exponentialHistogram('e', points((timeMs) => exponentialPoint({ timeMs, count: 1, scale: 0, positive: { offset: 0, counts: [1] } }))),
        ]);
      }),
    ),
  },
  'an import': lines(all((i) => [...OUTSIDE.slice(1), ...STRADDLING].map((offset) => `m{i="${i}"} ${i * 1000 + offset / 1000} ${FROM_MS + offset}`)).flat()),
  'an import, series by series at one time after the other': lines(STRADDLING.flatMap((offset) => all((i) => `m{i="${i}"} ${i} ${FROM_MS + offset}`))),
  'Influx lines': { path: '/write?precision=ms', headers: {}, body: new TextEncoder().encode(all((i) => STRADDLING.map((offset) => `m,i=${i} a=${i},b=${offset} ${FROM_MS + offset}\n`)).flat().join('')) },
};

/** Two systems that differ by nothing but a change of the number of shards, five minutes behind it. */
async function twins(before: number, after: number): Promise<{ readonly moved: WriteApp; readonly still: WriteApp }> {
  const [moved, still] = [new WriteApp({ VARVE_SHARDS: String(before) }), new WriteApp({ VARVE_SHARDS: String(before) })];
  expect(await changeShards(moved.node, after)).toBe(FROM_MS);
  still.node.clock.advance(moved.node.clock.nowMs() - still.node.clock.nowMs());
  return { moved, still };
}

/** Each sample of a series, `series time=value`, whatever shards they are on. */
function samplesOf(app: WriteApp): string[] {
  return app.samples().flatMap((line) => {
    const [, name = '', samples = ''] = /^(.*?\}|[^{ ]+) (.*)$/.exec(line) ?? [];
    return samples.split(' ').map((sample) => `${name} ${sample}`);
  }).sort();
}

/** `target_info` is made at the first and last time that a resource's points have on the shards of one map, and in between. */
function isSent(sample: string): boolean {
  return !sample.startsWith('target_info');
}

/** Of what is refused, an answer quotes the reasons that came first: those of the newest map. */
function withoutQuotes({ text, ...answer }: Answer): Answer {
  return { ...answer, text: text.replaceAll(/stored: .*|"errorMessage":.*|\x12.*/gs, '') };
}

function exemplarsOf(app: WriteApp): string[] {
  return app.exemplars().map((one) => `${one.series} ${formatLabels(one.labels)} ${one.value} ${one.afterNowMs}`).sort();
}

/** The epochs of the shards that have samples, with the first and last time of each (offsets from the new map's first moment). */
function timesByEpoch(app: WriteApp): Map<string, [number, number]> {
  const times = new Map<string, [number, number]>();
  for (const name of app.node.shards.shardNames) {
    const epoch = name.split('/')[2]!;
    for (const { timestampsMs } of app.seriesOf(name)) {
      for (const timeMs of timestampsMs) {
        const [first, last] = times.get(epoch) ?? [Infinity, -Infinity];
        times.set(epoch, [Math.min(first, timeMs - FROM_MS), Math.max(last, timeMs - FROM_MS)]);
      }
    }
  }
  return times;
}

describe.each([[1, 4], [4, 1], [2, 3]])('from %i to %i shards', (before, after) => {
  test.each(Object.entries(REQUESTS))('%s', async (_, { body, headers, path }) => {
    const { moved, still } = await twins(before, after);
    const [got, want] = [await moved.post(body, headers, path), await still.post(body, headers, path)];
    expect(withoutQuotes(got)).toEqual(withoutQuotes(want));
    expect(samplesOf(moved).filter(isSent)).toEqual(samplesOf(still).filter(isSent));
    expect(exemplarsOf(moved)).toEqual(exemplarsOf(still));
    expect(moved.histograms().length).toBe(still.histograms().length);
    const times = timesByEpoch(moved);
    expect(times.get('1')?.[1] ?? -Infinity).toBeLessThan(0);
    expect(times.get('2')?.[0] ?? Infinity).toBeGreaterThanOrEqual(0);
    // No series is on two shards of a map.
    for (const epoch of ['1', '2']) {
      const series = moved.node.shards.shardNames.filter((name) => name.split('/')[2] === epoch).flatMap((name) => moved.seriesOf(name).map(({ labels }) => formatLabels(labels)));
      expect(new Set(series).size).toBe(series.length);
    }
    const stored = moved.everything();
    expect(await moved.post(body, headers, path)).toEqual(got);
    moved.node.shards.evictAll();
    expect(await moved.post(body, headers, path)).toEqual(got);
    expect(moved.everything()).toEqual(stored);
  });
});

test('what is sent before a change and again behind it is where it was', async () => {
  const app = new WriteApp({ VARVE_SHARDS: '2' });
  const body = snappyEncode(v2Request(...all((i): V2Series => ({ labels: ['__name__', 'm', 'i', String(i)], samples: [{ value: i, timestamp: NOW_MS }] }))));
  await app.post(body);
  const before = app.everything();
  await changeShards(app.node, 3);
  expect((await app.post(body)).status).toBe(204);
  expect(app.everything()).toEqual(before);
  expect(timesByEpoch(app).has('2')).toBe(false);
});

test('deltas are added up once each, in sums of their own on the new shards', async () => {
  const { moved } = await twins(1, 4);
  const deltas = (offsets: readonly number[]): Sent => ({
    ...OTLP,
    body: metricsRequest(...all((i) => resourceMetrics({ 'service.name': `s${i}` }, [sum('d', offsets.map((offset) => numberPoint({ startMs: FROM_MS + offset - MINUTE_MS, timeMs: FROM_MS + offset, value: i + 1 })), { temporality: DELTA })]))),
  });
  const send = async ({ body, headers, path }: Sent): Promise<void> => void expect((await moved.post(body, headers, path)).status).toBe(200);
  const requests = [deltas(STRADDLING.slice(0, 4)), deltas(STRADDLING.slice(3)), deltas([-MINUTE_MS, 2 * MINUTE_MS])];
  for (const request of requests) for (let times = 0; times < 2; times++) await send(request);
  const stored = moved.everything();
  for (const request of requests) await send(request);
  expect(moved.everything()).toEqual(stored);
  const values = new Map<string, number[]>();
  for (const name of moved.node.shards.shardNames) for (const { labels, values: own } of moved.seriesOf(name)) if (labels.includes('d_total')) values.set(`${name.split('/')[2]} ${formatLabels(labels)}`, [...own]);
  expect(values.size).toBe(2 * SERIES);
  for (let i = 0; i < SERIES; i++) {
    const sums = (epoch: string): number[] | undefined => [...values].find(([key]) => key.startsWith(`${epoch} `) && key.includes(`"s${i}"`))?.[1];
    expect([sums('1'), sums('2')]).toEqual([[1, 2, 3].map((n) => n * (i + 1)), [1, 2, 3].map((n) => n * (i + 1))]);
  }
});

test('samples that wait for the archive go to the shards of their times', async () => {
  const { moved } = await twins(2, 3);
  const old = (offset: number): string[] => all((i) => `m{i="${i}"} ${i} ${FROM_MS + offset}`);
  // Long behind the change, hours on both sides of it are too old for the hot tier.
  moved.node.clock.advance(3 * 24 * HOUR_MS);
  const { body, headers, path } = lines([...old(-MINUTE_MS), ...old(0), ...old(-2 * MINUTE_MS)]);
  for (let times = 0; times < 2; times++) expect((await moved.post(body, headers, path)).status).toBe(204);
  const waiting = moved.node.shards.shardNames.map((name) => [name.split('/')[2], moved.node.shards.storeOf(name).stats().gauges['late_samples'] ?? 0] as const);
  const count = (epoch: string): number => waiting.reduce((samples, [own, late]) => samples + (own === epoch ? late : 0), 0);
  expect([count('1') % (2 * SERIES), count('2') % SERIES, count('1') / 2]).toEqual([0, 0, count('2')]);
  expect(count('2')).toBeGreaterThan(0);
});

test('a resource has its target_info on the shards of both maps', async () => {
  const { moved } = await twins(2, 4);
  const { body, headers, path } = REQUESTS['OTLP']!;
  await moved.post(body, headers, path);
  const lines = moved.samples().filter((line) => line.startsWith('target_info{instance="one", job="s3"'));
  expect(lines.map((line) => line.split(' ').slice(3))).toEqual([['3420001=1', '3540001=1'], ['3600001=1', '3720001=1']]);
});

test('a request of three maps', async () => {
  const { moved, still } = await twins(1, 2);
  // Of the third.
  const nextMs = (await changeShards(moved.node, 5)) - FROM_MS;
  still.node.clock.advance(moved.node.clock.nowMs() - still.node.clock.nowMs());
  const offsets = [-HOUR_MS, 0, nextMs - 1, nextMs, nextMs + MINUTE_MS];
  for (const { body, headers, path } of [v1(offsets), lines(all((i) => offsets.map((offset) => `n{i="${i}"} 1 ${FROM_MS + offset}`)).flat())]) {
    expect(await moved.post(body, headers, path)).toEqual(await still.post(body, headers, path));
  }
  expect(samplesOf(moved)).toEqual(samplesOf(still));
  expect(Object.fromEntries(timesByEpoch(moved))).toEqual({ '1': [-HOUR_MS, -HOUR_MS], '2': [0, nextMs - 1], '3': [nextMs, nextMs + MINUTE_MS] });
});
