import { describe, expect, test } from 'vitest';
import { snappyEncode } from '../../../proto/snappy.ts';
import type { ReferenceHistogram } from '../../proto/reference-messages.ts';
import { encodeReferenceV1, encodeReferenceV2 } from '../../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../../proto/v2-request.ts';
import { NOW_MS, sampleOf, V2_TYPE, WriteApp } from '../write-app.ts';

/*
 * What a receiver of remote write 2.0 has to do, case by case as Prometheus' compliance suite for receivers lists them: requests, metrics,
 * exemplars, histograms, metadata, and combinations. Every request that is taken is sent twice: the second time changes nothing.
 */
const MINUTE_MS = 60_000;
const NAME = ['__name__', 'test_metric'];

/** A request body with a value that JavaScript's numbers may not carry: the marker's bits are put in by hand. */
function withStale(message: Uint8Array, placeholder: number): Uint8Array {
  const wanted = new Uint8Array(Float64Array.of(placeholder).buffer);
  const at = message.findIndex((_, i) => wanted.every((byte, j) => message[i + j] === byte));
  const patched = message.slice();
  patched.set(new Uint8Array(Uint32Array.of(2, 0x7ff00000).buffer), at);
  return snappyEncode(patched);
}

describe('requests', () => {
  const good = snappyEncode(v2Request(sampleOf(NAME, 1)));
  test.each(['application/json', 'image/png', 'application/x-protobuf;proto=unknown.Message', 'application/x-protobuf;proto', 'text/plain;proto=io.prometheus.write.v2.Request'])(
    'content type %s is 415 and has no counts',
    async (contentType) => {
      const answer = await new WriteApp().post(good, { 'content-type': contentType, 'content-encoding': 'snappy' });
      expect(answer).toMatchObject({ status: 415, written: [undefined, undefined, undefined] });
    },
  );

  test.each(['gzip', 'deflate', 'zstd', 'identity', 'snappy, gzip'])('content encoding %s is 415', async (encoding) => {
    expect(await new WriteApp().post(good, { 'content-type': V2_TYPE, 'content-encoding': encoding })).toMatchObject({ status: 415, written: [undefined, undefined, undefined] });
  });

  test.each([
    ['no encoding', { 'content-type': V2_TYPE }],
    ['SNAPPY', { 'content-type': V2_TYPE, 'content-encoding': 'SNAPPY' }],
    ['spaces and other parameters', { 'content-type': 'Application/X-Protobuf; charset=utf-8; proto="io.prometheus.write.v2.Request"' }],
    ['parameters that are empty, or hold what parts parameters', { 'content-type': `application/x-protobuf;; a="b;c=d"; e="f=g" ;proto=io.prometheus.write.v2.Request;` }],
    ['a version header that says otherwise', { 'content-type': V2_TYPE, 'x-prometheus-remote-write-version': '0.1.0' }],
  ])('%s is taken', async (_, headers) => {
    expect(await new WriteApp().post(good, headers)).toEqual({ status: 204, text: '', written: ['1', '0', '0'], retryAfter: undefined });
  });

  test.each(['/api/v1/push', '/v1/prometheus/write'])('%s is the same door', async (path) => {
    expect(await new WriteApp().post(good, { 'content-type': V2_TYPE }, path)).toMatchObject({ status: 204, written: ['1', '0', '0'] });
  });

  test('other methods are 405', async () => {
    const { app } = new WriteApp().node;
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect((await app.fetch(new Request('http://127.0.0.1/api/v1/write', { method }))).status, method).toBe(405);
    }
  });

  test('a 1.0 body is 400, and a 2.0 body is where 1.0 is said', async () => {
    const series = { labels: [{ name: '__name__', value: 'm' }], samples: [{ value: 1, timestamp: NOW_MS }] };
    const body = snappyEncode(encodeReferenceV1({ timeseries: [series] }));
    const app = new WriteApp();
    expect(await app.post(body)).toMatchObject({ status: 400, written: ['0', '0', '0'], text: expect.stringMatching(/nothing of io\.prometheus\.write\.v2\.Request/) as unknown });
    expect(await app.post(good, { 'content-type': 'application/x-protobuf' })).toMatchObject({ status: 400, written: [undefined, undefined, undefined], text: expect.stringMatching(/nothing of prometheus\.WriteRequest/) as unknown });
    expect(app.samples()).toEqual([]);
  });

  test('a corrupt body and a false claim of length are 400, with counts of zero', async () => {
    const claim = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f);
    for (const body of [Uint8Array.of(1, 2, 3), good.subarray(0, good.length - 1), snappyEncode(Uint8Array.of(0x2a, 200)), claim, new Uint8Array(0)]) {
      expect(await new WriteApp().post(body)).toMatchObject({ status: 400, written: ['0', '0', '0'] });
    }
  });

  test('an empty request is all written', async () => {
    expect(await new WriteApp().send()).toEqual({ status: 204, text: '', written: ['0', '0', '0'], retryAfter: undefined });
  });

  test('storage that is away is 503 with what was written', async () => {
    const app = new WriteApp();
    await app.send(sampleOf(NAME, 1));
    app.node.shards.faults.push('lose-request', 'lose-request');
    expect(await app.send(sampleOf(NAME, 1))).toMatchObject({ status: 503, written: ['0', '0', '0'], retryAfter: '5' });
  });

  test.each([['both', ['overloaded'], ['0', '0', '0']], ['the catalog alone', [], ['1', '0', '0']]] as const)('an answer waits for samples and metadata, whatever is away: %s', async (_, faults, written) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): unknown => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const app = new WriteApp();
      await app.send(sampleOf(NAME, 1));
      app.node.shards.catalogsAreDown = true;
      app.node.shards.faults.push(...faults);
      const sent = sampleOf(NAME, 2, { metadata: { type: 2, help: 'Help.' } });
      expect(await app.send(sent)).toMatchObject({ status: 503, written });
      const calls = app.node.shards.callsOf('noteMetadata');
      expect(calls).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([app.node.shards.callsOf('noteMetadata'), unhandled]).toEqual([calls, []]);
      app.node.shards.catalogsAreDown = false;
      expect(await app.send(sent)).toMatchObject({ status: 204 });
      expect(await app.metadata()).toMatchObject({ test_metric: [{ help: 'Help.' }] });
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

const VALUES = [1, NaN, Infinity, -Infinity, 0, -0] as const;
const LABELS: Readonly<Record<string, readonly string[]>> = {
  simple: NAME,
  several: ['__name__', 'm', 'code', '200', 'instance', 'localhost:9090', 'method', 'GET'],
  newline: ['__name__', 'm', 'path', 'C:\\\n"x"'],
  'dots in the name': ['__name__', 'my.metric.name', 'my.label', 'x'],
  'spaces in the name': ['__name__', 'my metric', 'my label', 'x'],
};

describe('a single metric', () => {
  describe.each(Object.entries(LABELS))('%s', (_, labels) => {
    test.each(VALUES)('%d', async (value) => {
      const app = new WriteApp();
      await app.taken(1, 0, 0, sampleOf(labels, value));
      const [stored] = app.series();
      expect([stored!.labels, stored!.timestampsMs[0], stored!.values[0]]).toEqual([labels, NOW_MS, value]);
      expect(stored!.isStale?.[0] ?? 0).toBe(0);
    });

    test('a stale marker keeps its bits', async () => {
      const app = new WriteApp();
      const body = withStale(v2Request(sampleOf(labels, 123.456)), 123.456);
      for (let i = 0; i < 2; i++) expect(await app.post(body)).toMatchObject({ status: 204, written: ['1', '0', '0'] });
      expect(app.series()[0]!.isStale?.[0]).toBe(1);
    });
  });

  const INVALID: Readonly<Record<string, readonly [labels: readonly string[], reason: RegExp]>> = {
    'no name': [['job', 'a'], /__name__ is missing/],
    'no labels': [[], /__name__ is missing/],
    'an empty name': [['__name__', '', 'job', 'a'], /value of label "__name__" is empty/],
    'an empty value': [['__name__', 'm', 'job', ''], /value of label "job" is empty/],
    'an empty label name': [['', 'x', '__name__', 'm'], /a label name is empty/],
    'labels that are not sorted': [['__name__', 'm', 'b', '1', 'a', '2'], /must be sorted/],
    'a label twice': [['__name__', 'm', 'a', '1', 'a', '2'], /"a" is not unique/],
    'half a label': [['__name__', 'm', 'a'], /a name without a value/],
    'too many labels': [['__name__', 'm', ...Array.from({ length: 130 }, (_, i) => `l${100 + Math.floor(i / 2)}`)], /labelsPerSeriesMax of 64/],
  };
  test.each(Object.entries(INVALID))('%s is refused, and only this series', async (_, [labels, reason]) => {
    const app = new WriteApp();
    const answer = await app.send(sampleOf(['__name__', 'before'], 1), sampleOf(labels, 2), sampleOf(['__name__', 'within'], 3), sampleOf(['__name__', 'within'], 3));
    expect(answer).toMatchObject({ status: 400, written: ['3', '0', '0'], text: expect.stringMatching(reason) as unknown });
    expect(answer.text).toContain('1 sample refused, 3 stored: series 1: ');
    expect(app.samples()).toEqual(['before 0=1', 'within 0=3']);
  });

  test('a counter with a start timestamp, of its own or of its series', async () => {
    const app = new WriteApp();
    await app.taken(4, 0, 0, {
      labels: NAME,
      samples: [{ value: 1, timestamp: NOW_MS - 2, startTimestamp: NOW_MS - 500 }, { value: 2, timestamp: NOW_MS - 1 }, { value: 3, timestamp: NOW_MS, startTimestamp: NOW_MS + 1 }],
    }, sampleOf(['__name__', 'zzz'], 7, { createdTimestamp: NOW_MS - 900 }));
    // A start behind its sample says nothing.
    expect(app.samples()).toEqual(['test_metric -2=1@-500 -1=2 0=3', 'zzz 0=7@-900']);
  });
});

describe('several metrics', () => {
  const four = (labels: (i: number) => string[]): V2Series[] => [1, 2, 3, 4].map((i) => sampleOf(labels(i), i));
  const named = (i: number): string[] => ['__name__', `m${i}`];

  test('four that are valid', () => new WriteApp().taken(4, 0, 0, ...four(named)));

  test('four without a name: nothing is written', async () => {
    const app = new WriteApp();
    expect(await app.send(...four((i) => ['i', String(i)]))).toMatchObject({ status: 400, written: ['0', '0', '0'] });
    expect(app.series()).toEqual([]);
  });

  test('one of four without a name: three are written, and sending all of it again is answered alike', async () => {
    const app = new WriteApp();
    const request = four((i) => (i === 2 ? ['i', '2'] : named(i)));
    const first = await app.send(...request);
    expect(first).toMatchObject({ status: 400, written: ['3', '0', '0'] });
    const before = app.everything();
    expect(await app.send(...request)).toEqual(first);
    expect(app.everything()).toEqual(before);
  });

  test('samples too far ahead and too old are refused, the others are not', async () => {
    const app = new WriteApp();
    const timestamps = [NOW_MS + 11 * MINUTE_MS, NOW_MS - 25 * 60 * MINUTE_MS, NOW_MS, NOW_MS + 9 * MINUTE_MS];
    const answer = await app.send({ labels: NAME, samples: timestamps.map((timestamp) => ({ value: 1, timestamp })) });
    expect(answer).toMatchObject({ status: 400, written: ['2', '0', '0'], text: expect.stringMatching(/out of bounds.*too old/) as unknown });
  });

  test('times that no number holds cost what they are of, and nothing else', async () => {
    const app = new WriteApp();
    const exemplar = { labels: ['trace_id', 'x'], value: 1 };
    const answer = await app.send(
      { labels: NAME, samples: [{ value: 1, timestamp: 2 ** 62 }, { value: 2, timestamp: -(2 ** 63) }, { value: 3, timestamp: NOW_MS, startTimestamp: 2 ** 62 }], exemplars: [{ ...exemplar, timestamp: 2 ** 62 }, { ...exemplar, timestamp: NOW_MS }] },
      { labels: ['__name__', 'h'], histograms: [{ countInt: 0, timestamp: -(2 ** 62) }, { countInt: 0, timestamp: NOW_MS, startTimestamp: -(2 ** 62) }] },
      sampleOf(['__name__', 'zzz'], 1),
    );
    expect(answer).toMatchObject({ status: 400, written: ['2', '1', '1'], text: expect.stringMatching(/out of bounds: 9007199254740991 or more .*too old: -9007199254740991 or less /) as unknown });
    expect(app.series().map(({ labels, timestampsMs }) => [labels[1], ...timestampsMs])).toEqual([['h', NOW_MS], ['test_metric', NOW_MS], ['zzz', NOW_MS]]);
  });

  test('samples out of order and from an hour ago', async () => {
    const app = new WriteApp();
    await app.taken(3, 0, 0, { labels: NAME, samples: [{ value: 3, timestamp: NOW_MS }, { value: 1, timestamp: NOW_MS - 60 * MINUTE_MS }, { value: 2, timestamp: NOW_MS - MINUTE_MS }] });
    expect(app.samples()).toEqual(['test_metric -3600000=1 -60000=2 0=3']);
  });

  test('very many', async () => {
    const app = new WriteApp({ VARVE_SHARDS: '4' });
    await app.taken(5000, 0, 0, ...Array.from({ length: 5000 }, (_, i) => sampleOf(['__name__', 'many', 'i', String(i)], i)));
    expect(app.series()).toHaveLength(5000);
  });
});

describe('a tenant’s limits', () => {
  const app = (limits: object): WriteApp => new WriteApp({ VARVE_TENANT_LIMITS: JSON.stringify({ default: limits }) });

  test('too many samples a second: all of it is 429 with the time to wait, and later it passes', async () => {
    const limited = app({ samplesPerSecondMax: 10, samplesBurstMax: 20 });
    const send = (i: number): ReturnType<WriteApp['send']> => limited.send({ labels: ['__name__', `m${i}`], samples: Array.from({ length: 15 }, (_, at) => ({ value: at, timestamp: NOW_MS - at })) });
    expect(await send(0)).toMatchObject({ status: 204, written: ['15', '0', '0'] });
    expect(await send(1)).toMatchObject({ status: 429, written: ['0', '0', '0'], retryAfter: '1', text: expect.stringContaining('samplesPerSecondMax is 10') as unknown });
    expect(limited.series()).toHaveLength(1);
    limited.node.clock.advance(1000);
    expect(await send(1)).toMatchObject({ status: 204, written: ['15', '0', '0'] });
  });

  test('a request with too many series, and with too many samples and histograms', async () => {
    const two = [sampleOf(NAME, 1), sampleOf(['__name__', 'x'], 1)];
    expect(await app({ seriesPerRequestMax: 1 }).send(...two)).toMatchObject({ status: 413, written: ['0', '0', '0'] });
    expect(await app({ samplesPerRequestMax: 1 }).send(...two)).toMatchObject({ status: 413, written: ['0', '0', '0'] });
  });
});

describe('references', () => {
  const send = async (app: WriteApp, series: object, symbols = ['', '__name__', 'm', 'n']): Promise<unknown> => {
    const timeseries = [series, { labelsRefs: [1, 3], samples: [{ value: 1, timestamp: NOW_MS }] }];
    const { status, written, text } = await app.post(snappyEncode(encodeReferenceV2({ symbols, timeseries })));
    return [status, written[0], text];
  };
  const samples = [{ value: 1, timestamp: NOW_MS }];

  test.each([
    ['a label', { labelsRefs: [1, 4], samples }, /reference to symbol 4 of 4/],
    ['the largest', { labelsRefs: [1, 4_294_967_295], samples }, /reference to symbol 4294967295 of 4/],
    ['help', { labelsRefs: [1, 2], samples, metadata: { type: 1, helpRef: 9 } }, /metadata: .*reference to symbol 9 of 4/],
    ['unit', { labelsRefs: [1, 2], samples, metadata: { type: 1, unitRef: 99 } }, /reference to symbol 99 of 4/],
  ])('%s out of range: the series is refused', async (_, series, reason) => {
    expect(await send(new WriteApp(), series)).toEqual([400, '1', expect.stringMatching(reason)]);
  });

  test('an exemplar’s out of range: the exemplar is refused', async () => {
    const app = new WriteApp();
    expect(await send(app, { labelsRefs: [1, 2], samples, exemplars: [{ labelsRefs: [1, 77], value: 1, timestamp: NOW_MS }] })).toEqual([400, '2', expect.stringMatching(/^1 exemplar refused.*symbol 77/)]);
  });

  test('without symbols there is no series', async () => {
    expect(await new WriteApp().post(snappyEncode(encodeReferenceV2({ timeseries: [{ labelsRefs: [0, 0], samples }] })))).toMatchObject({ status: 400, written: ['0', '0', '0'] });
  });

  test('a first symbol that is not empty: nothing can be trusted', async () => {
    expect(await send(new WriteApp(), { labelsRefs: [1, 2], samples }, ['x', '__name__', 'm', 'n'])).toEqual([400, '0', expect.stringContaining('first symbol')]);
  });

  test('symbols that are no UTF-8 cost their series', async () => {
    const body = v2Request(sampleOf(['__name__', 'm', 'a', 'QQ'], 1), sampleOf(['__name__', 'n'], 1));
    body[body.indexOf(0x51)] = 0xff;
    expect(await new WriteApp().post(snappyEncode(body))).toMatchObject({ status: 400, written: ['1', '0', '0'], text: expect.stringContaining('invalid UTF-8') as unknown });
  });
});

describe('exemplars', () => {
  const CASES: Readonly<Record<string, readonly string[]>> = {
    basic: ['trace_id', 'abc123'],
    'with a span': ['span_id', 'def', 'trace_id', 'abc'],
    'without a trace': ['user', 'x'],
    several: ['a', '1', 'b', '2', 'trace_id', 'abc'],
    'without labels': [],
    'special characters': ['trace_id', 'a"b\\c\nd'],
    unicode: ['trace_id', 'тест-😀'],
  };
  test.each(Object.entries(CASES))('%s', async (_, labels) => {
    const app = new WriteApp();
    await app.taken(1, 0, 1, sampleOf(NAME, 1, { exemplars: [{ labels, value: 0.5, timestamp: NOW_MS }] }));
    expect(app.exemplars()).toEqual([{ series: 'test_metric', labels, value: 0.5, afterNowMs: 0 }]);
  });

  test.each([0, -123.456, 1e10, 1e-10, NaN, Infinity, -Infinity])('value %d', async (value) => {
    const app = new WriteApp();
    await app.taken(1, 0, 1, sampleOf(NAME, 1, { exemplars: [{ value, timestamp: NOW_MS }] }));
    expect(app.exemplars()[0]!.value).toBe(value);
  });

  test('of an hour, a minute ago and now, with a start timestamp beside them', async () => {
    const app = new WriteApp();
    const exemplars = [60, 1, 0].map((minutes) => ({ labels: ['trace_id', String(minutes)], value: minutes, timestamp: NOW_MS - minutes * MINUTE_MS }));
    await app.taken(1, 0, 3, { labels: NAME, samples: [{ value: 1, timestamp: NOW_MS, startTimestamp: NOW_MS - 5 }], exemplars });
    expect(app.exemplars().map(({ afterNowMs }) => afterNowMs)).toEqual([-3_600_000, -60_000, 0]);
  });

  test('without a time: that of its sample', async () => {
    const app = new WriteApp();
    await app.taken(1, 0, 1, sampleOf(NAME, 1, { exemplars: [{ value: 2 }] }));
    expect(app.exemplars()[0]!.afterNowMs).toBe(0);
  });

  test.each([['no name', ['job', 'a']], ['an empty name', ['__name__', '']]])('of a series with %s: counted as refused', async (_, labels) => {
    const answer = await new WriteApp().send(sampleOf(labels, 1, { exemplars: [{ value: 1, timestamp: NOW_MS }, { value: 2, timestamp: NOW_MS }] }));
    expect(answer).toMatchObject({ status: 400, written: ['0', '0', '0'], text: expect.stringContaining('1 sample, 2 exemplars refused') as unknown });
  });

  test.each([
    ['more than 128 characters', ['trace_id', 'é'.repeat(121)], /exemplarLabelRunesMax of 128/],
    ['a label twice', ['a', '1', 'a', '2'], /not unique/],
    ['half a label', ['a'], /without a value/],
    ['an empty name', ['', 'x'], /empty label name/],
  ])('with %s: refused, its sample is not', async (_, labels, reason) => {
    const app = new WriteApp();
    const answer = await app.send(sampleOf(NAME, 1, { exemplars: [{ labels, value: 1, timestamp: NOW_MS }, { labels: ['ok', 'é'.repeat(126)], value: 2, timestamp: NOW_MS }] }));
    expect(answer).toMatchObject({ status: 400, written: ['1', '0', '1'], text: expect.stringMatching(reason) as unknown });
    expect(app.exemplars().map(({ value }) => value)).toEqual([2]);
  });

  test('too far ahead: refused', async () => {
    expect(await new WriteApp().send(sampleOf(NAME, 1, { exemplars: [{ value: 1, timestamp: NOW_MS + 60 * MINUTE_MS }] }))).toMatchObject({ status: 400, written: ['1', '0', '0'] });
  });
});

const INTEGER: ReferenceHistogram = {
  countInt: 15, sum: 42.5, schema: 1, zeroThreshold: 0.001, zeroCountInt: 3,
  positiveSpans: [{ offset: -1, length: 2 }, { offset: 1, length: 1 }], positiveDeltas: [2, 1, -1],
  negativeSpans: [{ offset: 0, length: 2 }], negativeDeltas: [1, 3], timestamp: NOW_MS, resetHint: 2,
};
const FLOAT: ReferenceHistogram = {
  countFloat: 10.5, sum: -1, schema: 0, zeroThreshold: 0.5, zeroCountFloat: 0.5,
  positiveSpans: [{ offset: 0, length: 2 }], positiveCounts: [4, 6], timestamp: NOW_MS, resetHint: 3,
};
const CUSTOM: ReferenceHistogram = {
  countInt: 9, sum: 12, schema: -53, positiveSpans: [{ offset: 0, length: 2 }, { offset: 1, length: 1 }], positiveDeltas: [4, -1, -1], customValues: [0.5, 1, 2.5], timestamp: NOW_MS,
};

function histogramOf(histogram: ReferenceHistogram, more: Partial<V2Series> = {}): V2Series {
  return { labels: NAME, histograms: [histogram], ...more };
}

describe('histograms', () => {
  test('with integers: bucket by bucket as sent', async () => {
    const app = new WriteApp();
    await app.taken(0, 1, 0, histogramOf(INTEGER));
    expect(app.histograms()).toEqual([
      {
        counterResetHint: 'not-reset', schema: 1, zeroThreshold: 0.001, zeroCount: 3, count: 15, sum: 42.5,
        positiveSpans: [{ offset: -1, length: 2 }, { offset: 1, length: 1 }], positiveBuckets: [2, 3, 2],
        negativeSpans: [{ offset: 0, length: 2 }], negativeBuckets: [1, 4], customValues: [],
      },
    ]);
  });

  test('with floats', async () => {
    const app = new WriteApp();
    await app.taken(0, 1, 0, histogramOf(FLOAT));
    expect(app.histograms()).toEqual([
      {
        counterResetHint: 'gauge', schema: 0, zeroThreshold: 0.5, zeroCount: 0.5, count: 10.5, sum: -1,
        positiveSpans: [{ offset: 0, length: 2 }], positiveBuckets: [4, 6], negativeSpans: [], negativeBuckets: [], customValues: [],
      },
    ]);
  });

  test('with custom buckets', async () => {
    const app = new WriteApp();
    await app.taken(0, 1, 0, histogramOf(CUSTOM));
    expect(app.histograms()[0]).toMatchObject({ schema: -53, customValues: [0.5, 1, 2.5], positiveBuckets: [4, 3, 2], counterResetHint: 'unknown' });
  });

  test.each([[0, 'unknown'], [1, 'reset'], [2, 'not-reset'], [3, 'gauge'], [99, 'unknown']])('reset hint %d is %s', async (resetHint, hint) => {
    const app = new WriteApp();
    await app.taken(0, 1, 0, histogramOf({ ...INTEGER, resetHint }));
    expect(app.histograms()[0]!.counterResetHint).toBe(hint);
  });

  const VALID: Readonly<Record<string, ReferenceHistogram>> = {
    'positive only': { countInt: 3, sum: 3, positiveSpans: [{ offset: 0, length: 1 }], positiveDeltas: [3], timestamp: NOW_MS },
    'negative only': { countInt: 3, sum: -3, negativeSpans: [{ offset: 0, length: 1 }], negativeDeltas: [3], timestamp: NOW_MS },
    minimal: { countInt: 0, timestamp: NOW_MS },
    'empty float': { countFloat: 0, timestamp: NOW_MS },
    'without a count': { timestamp: NOW_MS },
    'observations of NaN, which no bucket holds': { ...INTEGER, countInt: 20, sum: NaN },
    'an infinite sum': { ...FLOAT, sum: Infinity },
    // As Prometheus has it: only what is below 0 is refused.
    'counts of floats that are NaN': { ...FLOAT, countFloat: NaN, zeroCountFloat: NaN, positiveCounts: [NaN, 6] },
  };
  test.each(Object.entries(VALID))('%s', (_, histogram) => new WriteApp().taken(0, 1, 0, histogramOf(histogram)));

  const INVALID: Readonly<Record<string, readonly [ReferenceHistogram, RegExp]>> = {
    'a bad count': [{ ...INTEGER, countInt: 14 }, /15 observations found in buckets, but the Count field is 14/],
    'a count above the buckets': [{ ...INTEGER, countInt: 16 }, /should equal/],
    'a negative bucket': [{ ...INTEGER, positiveDeltas: [2, -3, 4] }, /observation count is negative|observation count of -1/],
    'spans that do not fit': [{ ...INTEGER, positiveDeltas: [2, 1] }, /spans need 3 buckets, have 2/],
    'an unknown schema': [{ ...INTEGER, schema: 53 }, /invalid schema/],
    'a schema below all': [{ ...INTEGER, schema: -5 }, /invalid schema/],
    'custom bounds that fall': [{ ...CUSTOM, customValues: [0.5, 0.4, 2.5] }, /strictly increasing/],
    'a first custom bound that is infinite': [{ ...CUSTOM, customValues: [-Infinity, 1, 2.5] }, /previous bound is -Inf and current is -Inf: .*strictly increasing/],
    'an infinite custom bound': [{ ...CUSTOM, customValues: [0.5, 1, Infinity] }, /must be finite/],
    'custom buckets with a zero bucket': [{ ...CUSTOM, zeroCountInt: 1, countInt: 10 }, /zero count of 0/],
    'custom buckets below zero': [{ ...CUSTOM, negativeSpans: [{ length: 1 }], negativeDeltas: [0] }, /must not have negative spans/],
    'too few custom bounds': [{ ...CUSTOM, customValues: [1] }, /too few/],
    'a count above 2^53': [{ countInt: '9007199254740993', sum: 1, zeroCountInt: '9007199254740993', timestamp: NOW_MS }, /above 2\^53/],
    'very many buckets': [{ countInt: 0, positiveSpans: [{ length: 100_000 }], positiveDeltas: Array.from({ length: 100_000 }, () => 0), timestamp: NOW_MS }, /histogramBytesMax/],
    'a time too far ahead': [{ ...INTEGER, timestamp: NOW_MS + 60 * MINUTE_MS }, /out of bounds/],
    'negative float counts': [{ ...FLOAT, positiveCounts: [4, -6] }, /observation count of -6/],
  };
  test.each(Object.entries(INVALID))('%s is refused, with the rest stored', async (_, [histogram, reason]) => {
    const app = new WriteApp();
    const answer = await app.send(histogramOf(histogram, { histograms: [histogram, { ...INTEGER, timestamp: NOW_MS - 1 }] }), sampleOf(['__name__', 'zzz'], 1));
    expect(answer).toMatchObject({ status: 400, written: ['1', '1', '0'], text: expect.stringMatching(reason) as unknown });
    expect(app.samples()).toEqual(['test_metric -1=histogram', 'zzz 0=1']);
  });

  test('schemas finer than the finest are joined into it', async () => {
    const app = new WriteApp();
    // Buckets 15 to 18 of schema 12: sixteen of them make one of schema 8.
    await app.taken(0, 1, 0, histogramOf({ countInt: 10, sum: 10, schema: 12, positiveSpans: [{ offset: 15, length: 4 }], positiveDeltas: [1, 1, 1, 1], timestamp: NOW_MS }));
    expect(app.histograms()[0]).toMatchObject({ schema: 8, positiveSpans: [{ offset: 1, length: 2 }], positiveBuckets: [3, 7] });
  });

  test('a stale marker is a histogram to the sender and ends the series', async () => {
    const app = new WriteApp();
    const body = withStale(v2Request(histogramOf({ countInt: 0, sum: 123.456, timestamp: NOW_MS })), 123.456);
    await app.taken(0, 1, 0, histogramOf({ ...INTEGER, timestamp: NOW_MS - 1000 }));
    for (let i = 0; i < 2; i++) expect(await app.post(body)).toMatchObject({ status: 204, written: ['0', '1', '0'] });
    expect(app.samples()).toEqual(['test_metric -1000=histogram 0=stale']);
  });

  test('a start timestamp', async () => {
    const app = new WriteApp();
    await app.taken(0, 1, 0, histogramOf({ ...INTEGER, startTimestamp: NOW_MS - 70 }));
    expect(app.samples()).toEqual(['test_metric 0=histogram@-70']);
  });

  test('several series, and several of one series', async () => {
    const app = new WriteApp();
    await app.taken(0, 4, 0, histogramOf(INTEGER), histogramOf(FLOAT, { labels: ['__name__', 'other'] }), { labels: ['__name__', 'two'], histograms: [{ ...INTEGER, timestamp: NOW_MS - 5 }, INTEGER] });
    expect(app.samples()).toEqual(['other 0=histogram', 'test_metric 0=histogram', 'two -5=histogram 0=histogram']);
  });

  test('with exemplars and metadata', async () => {
    const app = new WriteApp();
    await app.taken(0, 1, 1, histogramOf(CUSTOM, { exemplars: [{ labels: ['trace_id', 'x'], value: 0.7, timestamp: NOW_MS }], metadata: { type: 3, help: 'How long.', unit: 'seconds' } }));
    expect(app.exemplars()).toHaveLength(1);
    expect(await app.metadata()).toEqual({ test_metric: [{ type: 'histogram', help: 'How long.', unit: 'seconds' }] });
  });

  test('samples and histograms in one series: neither is taken', async () => {
    const app = new WriteApp();
    const answer = await app.send(histogramOf(INTEGER, { samples: [{ value: 1, timestamp: NOW_MS }] }), sampleOf(['__name__', 'zzz'], 1));
    expect(answer).toMatchObject({ status: 400, written: ['1', '0', '0'], text: expect.stringMatching(/1 sample, 1 histogram refused, .*either samples or histograms/) as unknown });
    expect(app.samples()).toEqual(['zzz 0=1']);
  });
});

describe('metadata', () => {
  const TYPES = [[0, 'unknown'], [1, 'counter'], [2, 'gauge'], [3, 'histogram'], [4, 'gaugehistogram'], [5, 'summary'], [6, 'info'], [7, 'stateset'], [77, 'unknown']] as const;
  test.each(TYPES)('type %d is %s', async (number, type) => {
    const app = new WriteApp();
    await app.taken(1, 0, 0, sampleOf(NAME, 1, { metadata: { type: number, help: 'Help, "quoted"\nand é.', unit: 'bytes' } }));
    expect(await app.metadata()).toEqual({ test_metric: [{ type, help: 'Help, "quoted"\nand é.', unit: 'bytes' }] });
  });

  test('without help and unit; without anything there is none', async () => {
    const app = new WriteApp();
    await app.taken(2, 0, 0, sampleOf(NAME, 1, { metadata: { type: 1 } }), sampleOf(['__name__', 'x'], 1, { metadata: {} }));
    expect(await app.metadata()).toEqual({ test_metric: [{ type: 'counter', help: '', unit: '' }] });
  });

  test('of many series of a family, and changes of it', async () => {
    const app = new WriteApp();
    const buckets = ['0.5', '+Inf'].map((le) => sampleOf(['__name__', 'h_bucket', 'le', le], 1, { metadata: { type: 3, help: 'A', unit: '' } }));
    await app.taken(3, 0, 0, ...buckets, sampleOf(['__name__', 'h_sum'], 1, { metadata: { type: 3, help: 'A', unit: '' } }));
    expect(await app.metadata()).toEqual({ h: [{ type: 'histogram', help: 'A', unit: '' }] });
    app.node.shards.nowMs++;
    await app.taken(1, 0, 0, sampleOf(['__name__', 'h_sum'], 1, { metadata: { type: 3, help: 'B', unit: '' } }));
    expect(await app.metadata()).toEqual({ h: [{ type: 'histogram', help: 'B', unit: '' }, { type: 'histogram', help: 'A', unit: '' }] });
    expect(app.node.shards.callsOf('noteMetadata')).toBe(2);
  });

  test.each([['no name', ['job', 'a']], ['an empty name', ['__name__', '', 'a', 'b']]])('of a series with %s', async (_, labels) => {
    const app = new WriteApp();
    expect(await app.send(sampleOf(labels, 1, { metadata: { type: 1, help: 'x' } }))).toMatchObject({ status: 400 });
    expect(await app.metadata()).toEqual({});
  });

  test('is noted again after half a day', async () => {
    const app = new WriteApp();
    const send = (): Promise<unknown> => app.send({ labels: NAME, samples: [{ value: 1, timestamp: app.node.clock.nowMs() }], metadata: { type: 1 } });
    for (let i = 0; i < 3; i++) await send();
    expect(app.node.shards.callsOf('noteMetadata')).toBe(1);
    app.node.clock.advance(12 * 3_600_000);
    for (let i = 0; i < 3; i++) await send();
    expect(app.node.shards.callsOf('noteMetadata')).toBe(2);
  });
});

describe('combinations', () => {
  test('samples, metadata and exemplars; histograms, metadata and exemplars, of several families', async () => {
    const app = new WriteApp();
    const exemplars = [{ labels: ['trace_id', 'x'], value: 1, timestamp: NOW_MS }];
    const families = ['a', 'b', 'c'].flatMap((name) => [
      sampleOf(['__name__', `${name}_total`, 'x', 'é\n'], 1, { exemplars, metadata: { type: 1, help: `All ${name}.` } }),
      histogramOf(name === 'b' ? CUSTOM : INTEGER, { labels: ['__name__', `${name}_seconds`], exemplars, metadata: { type: 3, unit: 'seconds' } }),
    ]);
    await app.taken(3, 3, 6, ...families);
    expect(app.exemplars()).toHaveLength(6);
    expect(Object.keys((await app.metadata()) as object)).toEqual(['a_seconds', 'a_total', 'b_seconds', 'b_total', 'c_seconds', 'c_total']);
  });

  test('exemplars without data, as Prometheus sends them, are taken', async () => {
    const app = new WriteApp();
    const trace = { labels: ['trace_id', 'x'], value: 1, timestamp: NOW_MS };
    await app.taken(1, 1, 3, { labels: NAME, exemplars: [trace, { ...trace, value: 2 }], metadata: { type: 1, help: 'x' } }, sampleOf(NAME, 1), histogramOf(INTEGER, { labels: ['__name__', 'zzz'], exemplars: [trace] }));
    // Of a series that has no samples yet, and in a request of its own.
    await app.taken(0, 0, 1, { labels: ['__name__', 'later'], exemplars: [trace] });
    expect(app.exemplars().map(({ series, value }) => [series, value])).toEqual(expect.arrayContaining([['test_metric', 1], ['test_metric', 2], ['zzz', 1], ['later', 1]]));
    expect(await app.send({ labels: NAME, exemplars: [{ value: 1 }] })).toMatchObject({ status: 400, written: ['0', '0', '0'], text: expect.stringContaining('without a timestamp') as unknown });
  });

  test.each([['metadata', { metadata: { type: 1, help: 'x' } }], ['nothing', {}]])('%s without data: the series is refused', async (_, more) => {
    const app = new WriteApp();
    const answer = await app.send({ labels: NAME, ...more }, sampleOf(['__name__', 'zzz'], 1));
    expect(answer).toMatchObject({ status: 400, written: ['1', '0', '0'], text: expect.stringContaining('at least one sample or histogram') as unknown });
    expect(app.exemplars()).toEqual([]);
  });

  test('as many samples as series, but two of one: the series without is refused', async () => {
    const app = new WriteApp();
    const answer = await app.send({ labels: NAME }, { labels: ['__name__', 'zzz'], samples: [NOW_MS - 1, NOW_MS].map((timestamp) => ({ value: 1, timestamp })) });
    expect(answer).toMatchObject({ status: 400, written: ['2', '0', '0'], text: expect.stringContaining('at least one sample or histogram') as unknown });
  });

  test('very many histograms', async () => {
    const app = new WriteApp({ VARVE_SHARDS: '4' });
    await app.taken(0, 3000, 0, ...Array.from({ length: 3000 }, (_, i) => histogramOf({ ...INTEGER, sum: i }, { labels: ['__name__', 'many', 'i', String(i)] })));
  });

  test('the same series twice in a request, with other exemplars', async () => {
    const app = new WriteApp();
    const withTrace = (trace: string): V2Series => sampleOf(NAME, 1, { exemplars: [{ labels: ['trace_id', trace], value: 1, timestamp: NOW_MS }] });
    await app.taken(2, 0, 2, withTrace('a'), withTrace('b'));
    expect(app.samples()).toEqual(['test_metric 0=1']);
    expect(app.exemplars()).toHaveLength(2);
  });
});
