import { expect, test } from 'vitest';
import { snappyEncode } from '../../../proto/snappy.ts';
import { encodeReferenceV1, type ReferenceHistogram, type ReferenceWriteRequest } from '../../proto/reference-messages.ts';
import { NOW_MS, WriteApp, type Answer } from '../write-app.ts';

/* What remote write 1.0 carries beside floats, through the whole Worker; floats are in remote-write.test.ts. */
const HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
const TAKEN = { status: 204, text: '', written: [undefined, undefined, undefined], retryAfter: undefined };

function send(app: WriteApp, request: ReferenceWriteRequest): Promise<Answer> {
  return app.post(snappyEncode(encodeReferenceV1(request)), HEADERS);
}

function labels(...texts: string[]): { name: string; value: string }[] {
  return Array.from({ length: texts.length / 2 }, (_, i) => ({ name: texts[i * 2]!, value: texts[i * 2 + 1]! }));
}

const INTEGER: ReferenceHistogram = { countInt: 5, sum: 4, schema: 2, zeroThreshold: 0.1, zeroCountInt: 2, positiveSpans: [{ offset: 1, length: 2 }], positiveDeltas: [1, 1], timestamp: NOW_MS };
const FLOAT: ReferenceHistogram = { countFloat: 2.5, sum: 4, negativeSpans: [{ offset: 0, length: 1 }], negativeCounts: [2.5], timestamp: NOW_MS, resetHint: 3 };

test('histograms of both kinds, exemplars and metadata, and all of it again', async () => {
  const app = new WriteApp();
  const exemplars = [{ labels: labels('trace_id', 'x', 'span_id', 'y'), value: 3, timestamp: NOW_MS }];
  const request: ReferenceWriteRequest = {
    timeseries: [
      { labels: labels('b', '2', '__name__', 'h', 'a', '1'), histograms: [INTEGER], exemplars },
      { labels: labels('__name__', 'f'), histograms: [FLOAT] },
      { labels: labels('__name__', 's'), samples: [{ value: 1, timestamp: NOW_MS }], histograms: [{ ...INTEGER, timestamp: NOW_MS - 1 }] },
    ],
    metadata: [{ type: 3, metricFamilyName: 'h', help: 'H "x"', unit: 'seconds' }, { type: 2, metricFamilyName: 'f' }],
  };
  for (let i = 0; i < 3; i++) {
    expect(await send(app, request)).toEqual(TAKEN);
    expect(app.samples()).toEqual(['f 0=histogram', 'h{a="1", b="2"} 0=histogram', 's -1=histogram 0=1']);
    expect(app.histograms().slice(0, 2)).toMatchObject([{ counterResetHint: 'gauge', negativeBuckets: [2.5] }, { schema: 2, zeroCount: 2, positiveBuckets: [1, 2] }]);
    expect(app.exemplars()).toEqual([{ series: 'h{a="1", b="2"}', labels: ['span_id', 'y', 'trace_id', 'x'], value: 3, afterNowMs: 0 }]);
    expect(await app.metadata()).toEqual({ f: [{ type: 'gauge', help: '', unit: '' }], h: [{ type: 'histogram', help: 'H "x"', unit: 'seconds' }] });
  }
  expect(app.node.shards.callsOf('noteMetadata')).toBe(1);
});

test('exemplars alone, and metadata alone', async () => {
  const app = new WriteApp();
  expect(await send(app, { timeseries: [{ labels: labels('__name__', 'm'), exemplars: [{ value: 1, timestamp: NOW_MS }] }] })).toEqual(TAKEN);
  expect(app.exemplars()).toHaveLength(1);
  expect(await send(app, { metadata: [{ type: 1, metricFamilyName: 'm', help: 'x' }] })).toEqual(TAKEN);
  expect(await app.metadata()).toEqual({ m: [{ type: 'counter', help: 'x', unit: '' }] });
});

test('what is wrong with one histogram, exemplar or entry of metadata costs nothing else', async () => {
  const app = new WriteApp();
  const answer = await send(app, {
    timeseries: [
      { labels: labels('__name__', 'h'), histograms: [{ ...INTEGER, countInt: 4, timestamp: NOW_MS - 1 }, INTEGER], exemplars: [{ labels: labels('', 'x'), value: 1, timestamp: NOW_MS }, { value: 2 }] },
      { labels: labels('job', 'nameless'), histograms: [INTEGER], exemplars: [{ value: 3, timestamp: NOW_MS }] },
    ],
    metadata: [{ type: 1, help: 'of nothing' }, { type: 1, metricFamilyName: 'm' }],
  });
  expect(answer).toMatchObject({ status: 400, written: [undefined, undefined, undefined] });
  expect(answer.text).toContain('2 histograms, 2 exemplars refused, 1 histogram, 1 exemplar stored: ');
  expect(app.samples()).toEqual(['h 0=histogram']);
  expect(app.exemplars()).toMatchObject([{ value: 2, afterNowMs: 0 }]);
  expect(await app.metadata()).toEqual({ m: [{ type: 'counter', help: '', unit: '' }] });
});

test('so many labels that their texts alone would fill the memory are refused unread, one that is too long by its own limit', async () => {
  const app = new WriteApp();
  const manyEmpty = Array.from({ length: 150_000 }, () => ({}));
  expect(await send(app, { timeseries: [{ labels: [...labels('__name__', 'm'), ...manyEmpty], samples: [{ value: 1, timestamp: NOW_MS }] }] })).toMatchObject({
    status: 400,
    text: expect.stringContaining('series 0: 150001 labels, the limit labelsPerSeriesMax is 64') as unknown,
  });
  expect(await send(app, { timeseries: [{ labels: labels('__name__', 'm', 'a', 'x'.repeat(300_000)), samples: [{ value: 1, timestamp: NOW_MS }] }] })).toMatchObject({
    status: 400,
    text: expect.stringContaining('series 0: the value of label "a" has 300000 bytes, the limit labelValueBytesMax is 2048') as unknown,
  });
  expect(await send(app, { timeseries: [{ labels: labels('__name__', 'm'), exemplars: [{ labels: manyEmpty.slice(0, 3000), value: 1, timestamp: NOW_MS }] }] })).toMatchObject({
    status: 400,
    text: expect.stringMatching(/m: an exemplar of 60\d\d bytes, the limit exemplarBytesMax is 4096/) as unknown,
  });
});

test('labels behind histograms and exemplars do not lose them', async () => {
  const app = new WriteApp();
  const series = (...parts: ReferenceWriteRequest['timeseries'] & object): number[] => parts.flatMap((part) => [...encodeReferenceV1({ timeseries: [part] })].slice(2));
  const parts = series({ histograms: [INTEGER] }, { labels: labels('__name__', 'late') }, { exemplars: [{ labels: labels('trace_id', 'x'), value: 1, timestamp: NOW_MS }] }, { labels: labels('a', '1') });
  expect(parts.length).toBeLessThan(128);
  expect(await app.post(snappyEncode(Uint8Array.from([0x0a, parts.length, ...parts])), HEADERS)).toEqual(TAKEN);
  expect(app.samples()).toEqual(['late{a="1"} 0=histogram']);
  expect(app.exemplars()).toMatchObject([{ series: 'late{a="1"}', labels: ['trace_id', 'x'] }]);
});

test('a request larger than a turn takes several, and what is wrong is told once', async () => {
  const app = new WriteApp();
  // Each series is a batch of its own at the least: about 100 bytes of message, so that several turns need very many; hence long ones.
  const samples = Array.from({ length: 60_000 }, (_, i) => ({ value: i, timestamp: NOW_MS - i }));
  const timeseries = Array.from({ length: 14 }, (_, i) => ({ labels: labels('__name__', `long_${i}`), samples }));
  const bad = { labels: labels('job', 'x'), samples: [{ value: 1, timestamp: NOW_MS }] };
  const answer = await send(app, { timeseries: [bad, ...timeseries, bad] });
  expect(answer.text).toMatch(/^2 samples refused, 840000 stored: series 0: .*; series 15: /);
  expect(app.series().map(({ timestampsMs }) => timestampsMs.length)).toEqual(timeseries.map(() => 60_000));
});
