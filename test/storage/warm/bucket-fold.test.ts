import { describe, expect, test } from 'vitest';
import { mergeEncodedSketch } from '../../../storage/chunk/quantile-sketch-codec.ts';
import { QuantileSketch } from '../../../storage/model/quantile-sketch.ts';
import { quantileOfSorted } from '../../../storage/model/quantile.ts';
import { HISTOGRAM_BITS_HIGH, writeStale } from '../../../storage/model/sample.ts';
import type { RunSource } from '../../../storage/shard/run/sample-run.ts';
import { BucketColumns, isMissing } from '../../../storage/warm/bucket-columns.ts';
import { BucketFold, bucketStartMs } from '../../../storage/warm/bucket-fold.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate } from '../../../storage/warm/rollup-aggregates.ts';
import { ROLLUP_NUMBERS } from '../../../storage/warm/rollup-schema.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const MINUTE_MS = 60_000;
const ALL = new Set(ROLLUP_AGGREGATES);

interface Sample {
  readonly timeMs: number;
  readonly value: number | 'stale' | 'histogram';
  readonly startMs?: number;
}

function sourceOf(samples: readonly Sample[]): RunSource {
  const values = new Float64Array(samples.length);
  const bits = new Uint32Array(values.buffer);
  samples.forEach(({ value }, i) => {
    if (value === 'stale') writeStale(values, i);
    else if (value === 'histogram') bits[i * 2 + 1] = HISTOGRAM_BITS_HIGH;
    else values[i] = value;
  });
  const startsMs = samples.some(({ startMs }) => startMs !== undefined) ? Float64Array.from(samples, ({ startMs }) => startMs ?? 0) : undefined;
  return { timestampsMs: Float64Array.from(samples, ({ timeMs }) => timeMs), bits, payloads: [], startsMs };
}

/** Folds in pieces of random lengths. */
function fold(samples: readonly Sample[], aggregates: ReadonlySet<RollupAggregate> = ALL, samplesMax = 1000, random = new SeededRandom(1)) {
  const out = new BucketColumns(1);
  const buckets = new BucketFold(MINUTE_MS, samplesMax, aggregates);
  const source = sourceOf(samples);
  for (let from = 0; from < samples.length; ) {
    const to = Math.min(samples.length, from + 1 + random.below(7));
    buckets.add(source, from, to, out);
    from = to;
  }
  buckets.finish(out);
  return Array.from({ length: out.length }, (_, row) => ({
    startMs: out.startMs[row], count: out.count[row], stale: out.staleCount[row], histograms: out.histogramCount[row], firstMs: out.firstMs[row], lastMs: out.lastMs[row],
    ...Object.fromEntries(ROLLUP_NUMBERS.map((name) => [name, isMissing(out.numbers[name].bits, row) ? undefined : out.numbers[name].values[row]])),
    sketch: out.sketches[row],
  })) as Record<string, unknown>[];
}

const at = (timeMs: number, value: Sample['value'], startMs?: number): Sample => (startMs === undefined ? { timeMs, value } : { timeMs, value, startMs });

describe('buckets', () => {
  test('are open on the left: a sample on the edge ends one', () => {
    expect([0, 1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1, -1].map((timeMs) => bucketStartMs(timeMs, MINUTE_MS))).toEqual([-MINUTE_MS, 0, 0, 0, MINUTE_MS, -MINUTE_MS]);
    expect(fold([at(0, 1), at(1, 2), at(MINUTE_MS, 3), at(MINUTE_MS + 1, 4)]).map(({ startMs, count }) => [startMs, count])).toEqual([[-MINUTE_MS, 1], [0, 2], [MINUTE_MS, 1]]);
  });

  test('stale markers and histograms are counted apart, and are in no other figure', () => {
    const [first, second, third] = fold([at(1, 5), at(2, 'stale'), at(3, 7), at(4, 'histogram'), at(MINUTE_MS + 1, 'stale'), at(2 * MINUTE_MS + 1, 'histogram')]);
    expect(first).toMatchObject({ count: 2, stale: 1, histograms: 1, sum: 12, min: 5, max: 7, first: 5, last: 7, firstMs: 1, lastMs: 3, increase: 2, p50: 6 });
    expect(second).toMatchObject({ count: 0, stale: 1, histograms: 0, sum: undefined, min: undefined, increase: undefined, sketch: undefined });
    expect(third).toMatchObject({ count: 0, stale: 0, histograms: 1, sum: undefined });
  });

  test('a counter that begins anew is no decrease', () => {
    expect(fold([at(1, 10), at(2, 15), at(3, 2), at(4, 6), at(5, 0), at(6, 1)])[0]).toMatchObject({ increase: 5 + 2 + 4 + 0 + 1, first: 10, last: 1 });
    // A start timestamp tells of a reset that the values hide.
    expect(fold([at(1000, 10, 500), at(2000, 15, 500), at(3000, 20, 2500)])[0]).toMatchObject({ increase: 25 });
    expect(fold([at(1000, 10, 500), at(2000, 15, 500), at(3000, 20, 500)])[0]).toMatchObject({ increase: 10 });
  });

  test('NaN is left out of min and max unless it is alone, and is in sums; infinities are themselves', () => {
    expect(fold([at(1, NaN), at(2, 3), at(3, NaN), at(4, -1)])[0]).toMatchObject({ min: -1, max: 3, sum: NaN, count: 4, last: -1, first: NaN });
    expect(fold([at(1, NaN)])[0]).toMatchObject({ min: NaN, max: NaN, p50: NaN });
    expect(fold([at(1, Infinity), at(2, 3)])[0]).toMatchObject({ sum: Infinity, max: Infinity, min: 3 });
    expect(fold([at(1, Infinity), at(2, -Infinity)])[0]).toMatchObject({ sum: NaN, max: Infinity, min: -Infinity });
    expect(Object.is(fold([at(1, -0), at(2, 0)])[0]!['min'], -0)).toBe(true);
  });

  test('only what a policy asks for is kept', () => {
    const [bucket] = fold([at(1, 5), at(2, 7)], new Set<RollupAggregate>(['max']));
    expect(bucket).toMatchObject({ count: 2, max: 7, min: undefined, sum: undefined, first: undefined, firstMs: NaN, increase: undefined, p50: undefined, sketch: undefined });
    // What lies between two buckets is known from their ends.
    expect(fold([at(1, 5), at(2, 7)], new Set<RollupAggregate>(['increase']))[0]).toMatchObject({ first: 5, last: 7, firstMs: 1, lastMs: 2, increase: 2, sum: undefined });
  });

  test('a bucket with too many samples for it has no percentiles', () => {
    const samples = Array.from({ length: 11 }, (_, i) => at(i + 1, i));
    expect(fold(samples, ALL, 11)[0]).toMatchObject({ p50: 5, count: 11 });
    expect(fold(samples, ALL, 10)[0]).toMatchObject({ p50: undefined, p99: undefined, count: 11, sum: 55 });
  });

  test.each([1, 2, 3, 4, 5])('random samples, against all of them at once: seed %i', (seed) => {
    const random = new SeededRandom(seed);
    let timeMs = -random.below(10 * MINUTE_MS);
    const samples = Array.from({ length: 500 }, (): Sample => {
      timeMs += 1 + random.below(random.below(10) === 0 ? 5 * MINUTE_MS : 20_000);
      if (random.below(4) === 0) timeMs = Math.ceil(timeMs / MINUTE_MS) * MINUTE_MS;
      const kind = random.below(40);
      return at(timeMs, kind === 0 ? 'stale' : kind === 1 ? 'histogram' : kind === 2 ? NaN : kind === 3 ? Infinity : random.below(2000) / 10 - 100);
    }).filter(({ timeMs: own }, i, all) => i === 0 || own > all[i - 1]!.timeMs);
    const got = fold(samples, ALL, 1000, random);
    const starts = [...new Set(samples.map((sample) => Math.ceil(sample.timeMs / MINUTE_MS) * MINUTE_MS - MINUTE_MS))];
    expect(got.map(({ startMs }) => startMs)).toEqual(starts);
    got.forEach((bucket, row) => {
      const inside = samples.filter((sample) => sample.timeMs > starts[row]! && sample.timeMs <= starts[row]! + MINUTE_MS);
      const floats = inside.filter((sample): sample is Sample & { value: number } => typeof sample.value === 'number');
      const values = floats.map(({ value }) => value);
      const numbers = values.filter((value) => !Number.isNaN(value));
      expect(bucket['count']).toBe(values.length);
      expect(bucket['stale']).toBe(inside.filter(({ value }) => value === 'stale').length);
      expect(bucket['histograms']).toBe(inside.filter(({ value }) => value === 'histogram').length);
      if (values.length === 0) return;
      expect(bucket['min']).toBe(numbers.length === 0 ? NaN : Math.min(...numbers));
      expect(bucket['max']).toBe(numbers.length === 0 ? NaN : Math.max(...numbers));
      expect([bucket['first'], bucket['last'], bucket['firstMs'], bucket['lastMs']]).toEqual([values[0], values.at(-1), floats[0]!.timeMs, floats.at(-1)!.timeMs]);
      const sum = values.reduce((total, value) => total + value, 0);
      if (Number.isFinite(sum)) expect(bucket['sum']).toBeCloseTo(sum, 8);
      else expect(bucket['sum']).toBe(sum);
      const sorted = Float64Array.from(values).sort();
      expect([bucket['p50'], bucket['p99']]).toEqual([quantileOfSorted(0.5, sorted), quantileOfSorted(0.99, sorted)]);
      const sketch = new QuantileSketch();
      mergeEncodedSketch(bucket['sketch'] as Uint8Array, sketch);
      expect(sketch.count).toBe(values.length);
    });
  });
});
