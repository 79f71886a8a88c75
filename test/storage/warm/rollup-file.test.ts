import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { SeriesFile } from '../../../storage/archive/files/series-file-writer.ts';
import { labelValue, METRIC_NAME } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { BucketColumns, isMissing } from '../../../storage/warm/bucket-columns.ts';
import { BucketFold } from '../../../storage/warm/bucket-fold.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate } from '../../../storage/warm/rollup-aggregates.ts';
import { ALL_BUCKET_PARTS, RollupFileReader } from '../../../storage/warm/rollup-file-reader.ts';
import { RollupFileWriter } from '../../../storage/warm/rollup-file-writer.ts';
import { ROLLUP_FIELD, ROLLUP_NUMBERS } from '../../../storage/warm/rollup-schema.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomSeries, type TestSeries } from '../archive/random-series.ts';

const KEY = 'default/archive/rollup_1m/data/a.parquet';
const SMALL = { ...LIMITS, rollupRowGroupRowsMax: 37 };

interface RolledUp extends TestSeries {
  readonly buckets: BucketColumns;
}

function rollUp(random: SeededRandom, series: readonly TestSeries[]): RolledUp[] {
  const fold = new BucketFold(60_000, 1000, new Set());
  return series.map((each) => {
    const aggregates = new Set<RollupAggregate>(random.oneIn(3) ? ROLLUP_AGGREGATES.filter(() => random.oneIn(2)) : ROLLUP_AGGREGATES);
    const buckets = new BucketColumns();
    fold.begin(aggregates);
    fold.add(each.source, 0, each.source.timestampsMs.length, buckets);
    fold.finish(buckets);
    return { ...each, buckets };
  });
}

function write(series: readonly RolledUp[], limits: typeof LIMITS = LIMITS): SeriesFile {
  const writer = new RollupFileWriter(limits);
  for (const { labels, id, buckets } of series) writer.add(labels, id, buckets);
  return writer.finish();
}

async function open(file: SeriesFile) {
  const store = new MemoryObjectStore();
  await store.create(KEY, file.bytes);
  return { store, reader: await RollupFileReader.open(store, { key: KEY, sizeBytes: file.bytes.length, tailBytes: file.tailBytes }) };
}

/** Rows as plain objects, numbers as bits. */
function rowsOf(buckets: BucketColumns): unknown[] {
  return Array.from({ length: buckets.length }, (_, row) => ({
    startMs: buckets.startMs[row], count: buckets.count[row], stale: buckets.staleCount[row], histograms: buckets.histogramCount[row],
    firstMs: buckets.firstMs[row], lastMs: buckets.lastMs[row], sketch: buckets.sketches[row] && Buffer.from(buckets.sketches[row]).toString('hex'),
    numbers: ROLLUP_NUMBERS.map((name) => {
      const { bits } = buckets.numbers[name];
      return isMissing(bits, row) ? undefined : [bits[row * 2], bits[row * 2 + 1]];
    }),
  }));
}

describe('a file of roll-ups', () => {
  test.each([1, 2, 3, 4, 5, 6])('is read as it was written: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const series = rollUp(random, randomSeries(random, 60, 300));
    const { reader } = await open(write(series, seed % 2 === 0 ? SMALL : LIMITS));
    const entries = [...reader.series()];
    expect(entries.map(({ labels }) => labels)).toEqual(series.map(({ labels }) => labels));
    const read = await reader.read(entries, ALL_BUCKET_PARTS);
    read.forEach((buckets, i) => expect(rowsOf(buckets)).toEqual(rowsOf(series[i]!.buckets)));
    entries.forEach(({ hasHistograms, minTimeMs, maxTimeMs }, i) => {
      const { buckets } = series[i]!;
      expect([hasHistograms, minTimeMs, maxTimeMs]).toEqual([buckets.histogramCount.subarray(0, buckets.length).some((count) => count > 0), buckets.startMs[0], buckets.startMs[buckets.length - 1]]);
    });
    const some = entries.filter(() => random.oneIn(5));
    const parts = (['sum', 'lastMs'] as const).filter(() => random.oneIn(2));
    (await reader.read(some, parts)).forEach((buckets, i) => {
      const want = series[entries.indexOf(some[i]!)]!.buckets;
      expect(buckets.count.subarray(0, buckets.length)).toEqual(want.count.subarray(0, want.length));
      for (let row = 0; row < buckets.length; row++) {
        expect(isMissing(buckets.numbers.max.bits, row)).toBe(true);
        expect(buckets.lastMs[row]).toBe(parts.includes('lastMs') ? want.lastMs[row] : NaN);
      }
    });
  });

  test.each([11, 12, 13])("somebody else's reader finds the same rows: seed %i", async (seed) => {
    const random = new SeededRandom(seed);
    const series = rollUp(random, randomSeries(random, 40, 200));
    const file = write(series, SMALL);
    const rows = (await parquetReadObjects({
      file: file.bytes.slice().buffer, utf8: false,
      compressors: { ZSTD: (packed, length) => zstdDecompressSync(packed, { maxOutputLength: length * 2 + 1024 }) },
    })) as Record<string, unknown>[];
    const want = series.flatMap(({ labels, buckets }) =>
      Array.from({ length: buckets.length }, (_, row) => ({
        metric: labelValue(labels, METRIC_NAME), timestamp: buckets.startMs[row], count: buckets.count[row], stale_count: buckets.staleCount[row], histogram_count: buckets.histogramCount[row],
        first_timestamp: Number.isNaN(buckets.firstMs[row]) ? undefined : buckets.firstMs[row],
        last_timestamp: Number.isNaN(buckets.lastMs[row]) ? undefined : buckets.lastMs[row],
        sketch: buckets.sketches[row] && Buffer.from(buckets.sketches[row]).toString('hex'),
        ...Object.fromEntries(ROLLUP_NUMBERS.map((name) => [name, isMissing(buckets.numbers[name].bits, row) ? undefined : buckets.numbers[name].values[row]])),
      })),
    );
    const timeOf = (value: unknown): number | undefined => (value as Date | undefined)?.getTime();
    const got = rows.map((row) => ({
      metric: row['metric'], timestamp: timeOf(row['timestamp']), count: Number(row['count']), stale_count: Number(row['stale_count']), histogram_count: Number(row['histogram_count']),
      first_timestamp: timeOf(row['first_timestamp'] ?? undefined), last_timestamp: timeOf(row['last_timestamp'] ?? undefined),
      sketch: row['sketch'] ? Buffer.from(row['sketch'] as Uint8Array).toString('hex') : undefined,
      ...Object.fromEntries(ROLLUP_NUMBERS.map((name) => [name, row[name] ?? undefined])),
    }));
    expect(got.length).toBe(want.length);
    for (let i = 0; i < want.length; i++) expect(got[i], `row ${i}`).toEqual(want[i]);
    const fields = parquetMetadata(file.bytes.slice().buffer).schema.filter(({ field_id }) => field_id !== undefined);
    expect(Object.fromEntries(fields.map(({ name, field_id }) => [name, field_id]))).toMatchObject({ timestamp: ROLLUP_FIELD.timestamp, count: 7, sketch: 18, histogram_count: 20 });
  });

  test('the tail and one request for what one series is asked', async () => {
    const series = rollUp(new SeededRandom(1), manySeries(200));
    const file = write(series);
    const { store, reader } = await open(file);
    const entry = [...reader.series()][120]!;
    const before = store.bytesRead;
    await reader.read([entry], ['max', 'min', 'sum']);
    expect(store.counts.get).toBeLessThanOrEqual(3);
    expect(store.bytesRead - before).toBeLessThan(file.bytes.length / 3);
  });
});

/** An hour of 15-second samples each. */
function manySeries(count: number): TestSeries[] {
  const random = new SeededRandom(2);
  return Array.from({ length: count }, (_, i) => {
    const values = Float64Array.from({ length: 240 }, () => random.below(1000) / 10);
    return {
      labels: [METRIC_NAME, 'm', 'pod', `pod-${String(i).padStart(4, '0')}`], id: new Uint8Array(12).fill(i),
      source: { timestampsMs: Float64Array.from({ length: 240 }, (_unused, at) => 1_790_000_000_000 + at * 15_000), bits: new Uint32Array(values.buffer), payloads: [], startsMs: undefined },
    };
  });
}
