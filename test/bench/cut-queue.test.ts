import { expect, test } from 'vitest';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { decodeReferenceV1, decodeReferenceV2 } from '../proto/reference-messages.ts';
import { type CutQueue, queuesOf } from './cut-queue.ts';
import type { WriteProtocol } from './remote-write-body.ts';
import { podShape } from './shapes.ts';

const SHAPE = { ...podShape({ seed: 7, podCount: 5, scrapeCount: 6, nowMs: Date.UTC(2026, 0, 15, 12) }), samplesPerRequest: 200 };
const uncompress = snappyJsDecoder(1 << 24);

interface Sent {
  readonly labels: string;
  readonly timestampMs: number;
  readonly value: number;
}

function drain(queue: CutQueue, protocol: WriteProtocol): Sent[][] {
  const requests: Sent[][] = [];
  for (let request = queue.next(); request !== undefined; request = queue.next()) {
    const plain = uncompress(request.body);
    const series =
      protocol === '1.0'
        ? decodeReferenceV1(plain).timeseries.map(({ labels, samples }) => ({ labels: labels!.flatMap(({ name, value }) => [name, value]), samples }))
        : ((message) => message.timeseries.map(({ labelsRefs, samples }) => ({ labels: labelsRefs!.map((ref) => message.symbols[ref]), samples })))(decodeReferenceV2(plain));
    expect(series).toHaveLength(request.sampleCount);
    requests.push(series.map(({ labels, samples }) => ({ labels: JSON.stringify(labels), timestampMs: Number(samples![0]!.timestamp), value: samples![0]!.value! })));
  }
  return requests;
}

test.each<WriteProtocol>(['1.0', '2.0'])('%s: all scrapes of all series in their order, cut at other places each time, no series twice in a request', (protocol) => {
  const queues = queuesOf(SHAPE, 2, protocol);
  expect(queues).toHaveLength(2);
  const seen = new Map<string, number[]>();
  for (const queue of queues) {
    const requests = drain(queue, protocol);
    expect(new Set(requests.slice(0, -1).map(([first]) => first!.labels)).size).toBeGreaterThan(requests.length / 2);
    for (const request of requests) expect(new Set(request.map(({ labels }) => labels)).size).toBe(request.length);
    for (const { labels, timestampMs, value } of requests.flat()) {
      expect(value).toBeGreaterThan(0);
      seen.set(labels, [...(seen.get(labels) ?? []), timestampMs]);
    }
  }
  const scrapes = Array.from({ length: SHAPE.scrapeCount }, (_, scrape) => SHAPE.firstScrapeMs + scrape * SHAPE.scrapeIntervalMs);
  expect([...seen.keys()].sort()).toEqual(SHAPE.series.map(({ labels }) => JSON.stringify(labels.flat())).sort());
  for (const timesMs of seen.values()) expect(timesMs).toEqual(scrapes);
});

test('a queue with fewer series than a request has samples sends several scrapes at once', () => {
  const requests = drain(queuesOf({ ...SHAPE, samplesPerRequest: 700 }, 2, '1.0')[0]!, '1.0');
  const [first] = requests;
  expect(first!.length).toBeGreaterThan(600);
  expect(new Set(first!.map(({ timestampMs }) => timestampMs)).size).toBe(3);
});

test('both versions send the same samples', () => {
  const [v1, v2] = (['1.0', '2.0'] as const).map((protocol) => drain(queuesOf(SHAPE, 1, protocol)[0]!, protocol));
  expect(v2).toEqual(v1);
});
