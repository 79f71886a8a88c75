import { describe, expect, test } from 'vitest';
import { Engine, type QueryResult } from '../../promql/engine.ts';
import { SUMMARY_FUNCTIONS } from '../../promql/functions/over-summaries.ts';
import { parseExpr } from '../../promql/parser/index.ts';
import type { RawSeries, SelectRequest, SeriesSource, SummaryPart } from '../../promql/series-source.ts';
import { bucketPartsOf, SummaryBuilder } from '../../query/source/summary-builder.ts';
import { SKETCH_ERROR } from '../../storage/model/quantile-sketch.ts';
import { writeStale } from '../../storage/model/sample.ts';
import { BucketColumns } from '../../storage/warm/bucket-columns.ts';
import { BucketFold } from '../../storage/warm/bucket-fold.ts';
import { ROLLUP_AGGREGATES } from '../../storage/warm/rollup-aggregates.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const RESOLUTION_MS = 60_000;
const START_MS = 1_790_000_040_000;

/** Gives summaries wherever they are asked for: buckets up to a time, samples as they are behind it. */
class SummarizingSource implements SeriesSource {
  readonly #inner: SeriesSource;
  readonly #bucketsUntilMs: number;
  summarized = 0;

  constructor(inner: SeriesSource, bucketsUntilMs: number) {
    this.#inner = inner;
    this.#bucketsUntilMs = bucketsUntilMs;
  }

  async *select(request: SelectRequest): AsyncGenerator<RawSeries> {
    const { windows } = request;
    const parts = new Set(windows?.flatMap((window) => window.parts));
    for await (const series of this.#inner.select(request, undefined) as AsyncIterable<RawSeries>) {
      const summarized = windows === undefined ? series : this.#summarize(series, parts);
      if (windows !== undefined) this.summarized++;
      if (summarized !== undefined) yield summarized;
    }
  }

  #summarize(series: RawSeries, parts: ReadonlySet<SummaryPart>): RawSeries | undefined {
    const { timestampsMs, values, isStale } = series;
    let cut = 0;
    while (cut < timestampsMs.length && timestampsMs[cut]! <= this.#bucketsUntilMs) cut++;
    const own = values.slice();
    isStale?.forEach((stale, i) => stale === 1 && writeStale(own, i));
    const buckets = new BucketColumns();
    const fold = new BucketFold(RESOLUTION_MS, 1000, new Set(ROLLUP_AGGREGATES));
    fold.add({ timestampsMs, bits: new Uint32Array(own.buffer), payloads: [], startsMs: undefined }, 0, cut, buckets);
    fold.finish(buckets);
    expect(bucketPartsOf(parts).length).toBeGreaterThanOrEqual(parts.size);
    const builder = new SummaryBuilder(parts);
    builder.addBuckets(buckets, 0, buckets.length, RESOLUTION_MS);
    builder.addSamples({ timestampsMs: timestampsMs.subarray(cut), values: values.subarray(cut), isStale: isStale?.subarray(cut) });
    return builder.finish(series.labels);
  }
}

function randomSource(random: SeededRandom): MemorySeriesSource {
  const source = new MemorySeriesSource();
  for (let series = 0; series < 12; series++) {
    const timestampsMs: number[] = [];
    for (let timeMs = START_MS - random.below(100_000); timeMs < START_MS + 40 * RESOLUTION_MS; timeMs += random.oneIn(15) ? random.between(1, 200_000) : 15_000) timestampsMs.push(timeMs);
    let counter = random.below(100);
    const kind = series % 4;
    const values = Float64Array.from(timestampsMs, () => {
      if (random.oneIn(25)) counter = random.below(5);
      if (kind === 0) return (counter += random.below(50) / 8);
      if (kind === 1) return random.below(2000) / 10 - 100;
      if (kind === 2) return random.pick([NaN, Infinity, 0, -0, 1, -1, 1e300]);
      return (counter += random.below(3));
    });
    const isStale = series % 3 === 0 ? Uint8Array.from(timestampsMs, () => (random.oneIn(20) ? 1 : 0)) : undefined;
    source.set({ labels: ['__name__', 'metric_total', 'kind', String(kind), 'series', String(series).padStart(2, '0')], timestampsMs: Float64Array.from(timestampsMs), values, isStale, histograms: undefined, startTimestampsMs: undefined });
  }
  return source;
}

/** `metric series step` → value. */
function pointsOf({ value }: QueryResult): Map<string, number> {
  if (value.kind !== 'matrix') throw new Error(`want a matrix, got ${value.kind}`);
  return new Map(value.series.flatMap(({ labels, timestampsMs, values, present }) => Array.from(timestampsMs, (timeMs, i) => [`${labels.join()} ${timeMs}`, values[i]!] as const).filter((_, i) => present === undefined || present[i] !== 0)));
}

function isNear(name: string, got: number, want: number): boolean {
  if (Object.is(got, want) || (Number.isNaN(got) && Number.isNaN(want))) return true;
  const tolerance = name === 'quantile_over_time' ? SKETCH_ERROR * 1.0001 : 1e-12;
  // Quantiles lie between two samples, and sums cancel: as a share of the largest value that there was.
  return Math.abs(got - want) <= tolerance * Math.max(Math.abs(want), name === 'quantile_over_time' || name.endsWith('_over_time') ? 200 : 0);
}

const NAMES = Object.keys(SUMMARY_FUNCTIONS);

describe('functions over summaries of whole windows', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('say what they say of the samples: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const raw = randomSource(random);
    for (const name of NAMES) {
      const rangeMs = RESOLUTION_MS * random.between(1, 9);
      const stepMs = RESOLUTION_MS * random.between(1, 5);
      const offsetMs = RESOLUTION_MS * random.between(0, 3);
      const startMs = START_MS + RESOLUTION_MS * random.between(0, 10);
      const summarizing = new SummarizingSource(raw, START_MS + RESOLUTION_MS * random.between(0, 45));
      // Kind 2 has values that sums and rates of are infinite or nothing.
      const kinds = SUMMARY_FUNCTIONS[name as 'rate']!.isExact ? '.*' : '[013]';
      const selector = `metric_total{kind=~"${kinds}"}[${rangeMs}ms]${offsetMs === 0 ? '' : ` offset ${offsetMs}ms`}`;
      const query = name === 'quantile_over_time' ? `${name}(0.${random.below(10)}5, ${selector})` : `${name}(${selector})`;
      const range = { startMs, endMs: startMs + 30 * RESOLUTION_MS, stepMs };
      const want = await new Engine({ source: raw }).range(query, range);
      const got = await new Engine({ source: summarizing }).range(query, range);
      expect(summarizing.summarized, query).toBeGreaterThan(0);
      const [wantPoints, gotPoints] = [pointsOf(want), pointsOf(got)];
      expect(wantPoints.size, query).toBeGreaterThan(0);
      expect([...gotPoints.keys()], query).toEqual([...wantPoints.keys()]);
      expect(got.annotations, query).toEqual(want.annotations);
      const isExact = SUMMARY_FUNCTIONS[name as 'rate']!.isExact;
      for (const [key, value] of wantPoints) {
        const other = gotPoints.get(key)!;
        if (isExact ? !Object.is(other, value) : !isNear(name, other, value)) expect.fail(`${query} at ${key}: got ${other}, want ${value}`);
      }
    }
  });

  test('a counter that came down from infinity within a summary was reset there', async () => {
    const raw = new MemorySeriesSource();
    const values = Float64Array.of(5, 6, 7, 8, Infinity, Infinity, 2, 3, 4, 5, 6, 7);
    const timestampsMs = Float64Array.from(values, (_, i) => START_MS + (i + 1) * 15_000);
    raw.set({ labels: ['__name__', 'metric_total'], timestampsMs, values, isStale: undefined, histograms: undefined, startTimestampsMs: undefined });
    const range = { startMs: START_MS + 3 * RESOLUTION_MS, endMs: START_MS + 3 * RESOLUTION_MS, stepMs: 1 };
    for (const minutes of [1, 2, 3]) {
      const query = `increase(metric_total[${minutes}m])`;
      const want = pointsOf(await new Engine({ source: raw }).range(query, range));
      const got = pointsOf(await new Engine({ source: new SummarizingSource(raw, Infinity) }).range(query, range));
      expect(got, query).toEqual(want);
      if (minutes === 3) expect([...got.values()]).toEqual([Infinity]);
    }
  });

  test('are asked for where nothing else reads the selector, once for all of them', async () => {
    const raw = randomSource(new SeededRandom(1));
    const hints = async (query: string): Promise<unknown> => {
      raw.requests.length = 0;
      await new Engine({ source: raw }).instant(query, { timeMs: START_MS + 20 * RESOLUTION_MS });
      return raw.requests.map(({ windows }) => windows?.map(({ rangeMs, parts, isExact }) => `${rangeMs / 60_000} ${parts.join()} ${isExact}`));
    };
    expect(await hints('max_over_time(metric_total[5m])')).toEqual([['5 max true']]);
    expect(await hints('max_over_time(metric_total[5m]) / rate(metric_total[10m])')).toEqual([['5 max true', '10 first,last,increase false']]);
    expect(await hints('metric_total - max_over_time(metric_total[5m])')).toEqual([undefined]);
    expect(await hints('stddev_over_time(metric_total[5m])')).toEqual([undefined]);
    expect(await hints('changes(metric_total[5m]) + count_over_time(metric_total[5m])')).toEqual([undefined]);
    expect(await hints('max_over_time(rate(metric_total[5m])[10m:1m])')).toEqual([['5 first,last,increase false']]);
    expect(await hints('rate(metric_total[5m] anchored)')).toEqual([undefined]);
    expect(await hints('absent_over_time(metric_total[5m])')).toEqual([undefined]);
    expect(await hints('metric_total[5m]')).toEqual([undefined]);
  });

  test('every function that takes summaries is one of the language over ranges', () => {
    for (const name of NAMES) expect(() => parseExpr(name === 'quantile_over_time' ? 'quantile_over_time(0.5, x[5m])' : `${name}(x[5m])`)).not.toThrow();
  });
});
