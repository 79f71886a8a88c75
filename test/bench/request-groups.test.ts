import { expect, test } from 'vitest';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { decodeReferenceV1 } from '../proto/reference-messages.ts';
import { groupsOf, senderCount } from './request-groups.ts';
import { podShape } from './shapes.ts';

const SHAPE = podShape({ seed: 7, podCount: 5, scrapeCount: 7, nowMs: Date.UTC(2026, 0, 15, 12) });
const uncompress = snappyJsDecoder(1 << 24);

/** Sends nothing: what the requests hold of each series, by how many requests. */
function drain(samplesPerRequest: number, connections: number): { sizes: number[]; seen: Map<string, { timesMs: number[]; values: number[] }> } {
  const { groups, scrapesPerRequest } = groupsOf({ ...SHAPE, samplesPerRequest }, connections, '1.0');
  const sizes: number[] = [];
  const seen = new Map<string, { timesMs: number[]; values: number[] }>();
  for (let scrape = 0; scrape < SHAPE.scrapeCount; scrape += scrapesPerRequest) {
    for (const group of groups) {
      const { bytes, sampleCount } = group.prepare(scrape, Math.min(scrapesPerRequest, SHAPE.scrapeCount - scrape));
      const { timeseries } = decodeReferenceV1(uncompress(bytes));
      expect(timeseries).toHaveLength(sampleCount);
      sizes.push(sampleCount);
      for (const { labels, samples } of timeseries) {
        const key = JSON.stringify(labels!.flatMap(({ name, value }) => [name, value]));
        const of = seen.get(key) ?? { timesMs: [], values: [] };
        of.timesMs.push(Number(samples![0]!.timestamp));
        of.values.push(samples![0]!.value!);
        seen.set(key, of);
      }
    }
  }
  return { sizes, seen };
}

test.each([
  { series: 'fill as many requests as there are connections', samplesPerRequest: 200, connections: 3, sizes: Array.from({ length: 7 }, () => [200, 200, 100]).flat() },
  { series: 'fill fewer: a part for each connection, several scrapes at once', samplesPerRequest: 600, connections: 4, sizes: [500, 500, 500, 500, 375, 375, 375, 375] },
  { series: 'fill fewer, but no two scrapes fit', samplesPerRequest: 300, connections: 3, sizes: Array.from({ length: 7 }, () => [300, 200]).flat() },
])('series that $series', ({ samplesPerRequest, connections, sizes }) => {
  const sent = drain(samplesPerRequest, connections);
  expect(sent.sizes).toEqual(sizes);
  const scrapes = Array.from({ length: SHAPE.scrapeCount }, (_, scrape) => SHAPE.firstScrapeMs + scrape * SHAPE.scrapeIntervalMs);
  expect([...sent.seen.keys()].sort()).toEqual(SHAPE.series.map(({ labels }) => JSON.stringify(labels.flat())).sort());
  for (const { timesMs } of sent.seen.values()) expect(timesMs).toEqual(scrapes);
  const rising = [...sent.seen].filter(([key]) => key.includes('under_10ms_total'));
  for (const [, { values }] of rising) expect(values).toEqual([...values].sort((a, b) => a - b));
});

test('a connection without a group of its own sends nothing', () => {
  expect(senderCount({ ...SHAPE, samplesPerRequest: 500 }, 1)).toBe(1);
  expect(senderCount({ ...SHAPE, samplesPerRequest: 300 }, 3)).toBe(2);
  expect(senderCount({ ...SHAPE, samplesPerRequest: 600 }, 4)).toBe(4);
  expect(senderCount({ ...SHAPE, samplesPerRequest: 100 }, 4)).toBe(4);
});
