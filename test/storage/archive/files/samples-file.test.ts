import { parquetMetadata, parquetReadObjects, readColumnIndex, readOffsetIndex } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SamplesFileReader } from '../../../../storage/archive/files/samples-file-reader.ts';
import { SamplesFileWriter } from '../../../../storage/archive/files/samples-file-writer.ts';
import type { SeriesFile } from '../../../../storage/archive/files/series-file-writer.ts';
import { labelValue, METRIC_NAME } from '../../../../storage/model/labels.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { payloadOf } from '../../../../storage/shard/run/payloads.ts';
import type { RunSource } from '../../../../storage/shard/run/sample-run.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { HOUR_MS, randomSeries, WINDOW_START_MS, type TestSeries } from '../random-series.ts';

const KEY = 'default/archive/x.parquet';

function write(series: readonly TestSeries[], limits = LIMITS): SeriesFile {
  const writer = new SamplesFileWriter(limits, { 'varve.tenant': 'default' });
  for (const { labels, id, source } of series) writer.add(labels, id, source, 0, source.timestampsMs.length);
  return writer.finish();
}

async function open(file: SeriesFile): Promise<{ readonly store: MemoryObjectStore; readonly reader: SamplesFileReader }> {
  const store = new MemoryObjectStore();
  await store.create(KEY, file.bytes);
  return { store, reader: await SamplesFileReader.open(store, { key: KEY, sizeBytes: file.bytes.length, tailBytes: file.tailBytes }) };
}

/** Samples as text: bits, so that no two NaN are one. */
function textOf({ timestampsMs, bits, payloads, startsMs }: RunSource): string[] {
  return Array.from(timestampsMs, (timeMs, i) => {
    const payload = payloadOf(bits, i, payloads);
    return `${timeMs} ${payload === undefined ? `${bits[i * 2]},${bits[i * 2 + 1]}` : Buffer.from(payload).toString('hex')} ${startsMs?.[i] ?? 0}`;
  });
}

const SMALL = { ...LIMITS, archiveRowGroupRowsMax: 700 } as unknown as typeof LIMITS;

test.each([1, 2, 3, 4])('written in turns it is the same bytes, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  const series = randomSeries(random, 40, 200);
  const writer = new SamplesFileWriter(SMALL, { 'varve.tenant': 'default' });
  let turns = 0;
  for (const { labels, id, source } of series) {
    writer.collect(labels, id, source, 0, source.timestampsMs.length);
    while (writer.isBehind) turns += writer.writeSome() ? 1 : 0;
  }
  writer.end();
  while (writer.isBehind) turns += writer.writeSome() ? 1 : 0;
  const whole = write(series, SMALL);
  expect(turns).toBeGreaterThan(5 * Math.floor(whole.rowCount / 700 / 2));
  expect(writer.finish()).toEqual(whole);
});

describe('what was written is read', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const series = randomSeries(random, random.between(1, 60), random.pick([1, 3, 200]));
    const file = write(series, random.oneIn(2) ? SMALL : LIMITS);
    const { reader } = await open(file);
    const entries = [...reader.series()];
    expect(entries.map(({ labels }) => labels)).toEqual(series.map(({ labels }) => labels));
    const all = await reader.read(entries);
    all.forEach((source, i) => expect(textOf(source), JSON.stringify(series[i]!.labels)).toEqual(textOf(series[i]!.source)));
    // Any of them, in any order.
    const picked = random.shuffle(entries).slice(0, 5);
    const some = await reader.read(picked);
    some.forEach((source, i) => expect(textOf(source)).toEqual(textOf(series[entries.indexOf(picked[i]!)]!.source)));
  });

  test('same samples, same bytes', () => {
    expect(write(randomSeries(new SeededRandom(7), 30, 100)).bytes).toEqual(write(randomSeries(new SeededRandom(7), 30, 100)).bytes);
  });

  test('times of any century', async () => {
    const timestampsMs = Float64Array.of(-(2 ** 50) + 1, -1, 0, 1);
    const source = { timestampsMs: timestampsMs.subarray(0, 1), bits: new Uint32Array(2), payloads: [], startsMs: undefined };
    const late = { timestampsMs: timestampsMs.slice(1), bits: new Uint32Array(6), payloads: [], startsMs: undefined };
    const { reader } = await open(write([{ labels: [METRIC_NAME, 'a'], id: new Uint8Array(12), source: late }]));
    expect((await reader.read([...reader.series()]))[0]!.timestampsMs).toEqual(late.timestampsMs);
    const early = await open(write([{ labels: [METRIC_NAME, 'a'], id: new Uint8Array(12), source }]));
    expect((await early.reader.read([...early.reader.series()]))[0]!.timestampsMs).toEqual(source.timestampsMs);
  });
});

describe("somebody else's reader", () => {
  test.each([11, 12, 13, 14])('reads the same rows, seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const series = randomSeries(random, 40, 60);
    const file = write(series, SMALL);
    const buffer = file.bytes.slice().buffer;
    const rows = (await parquetReadObjects({ file: buffer, utf8: false, compressors: { ZSTD: (packed, length) => zstdDecompressSync(packed, { maxOutputLength: length * 2 + 1024 }) } })) as Record<string, unknown>[];
    const want = series.flatMap(({ labels, id, source }) =>
      Array.from(source.timestampsMs, (timeMs, i) => {
        const payload = payloadOf(source.bits, i, source.payloads);
        const map = Object.fromEntries(Array.from({ length: labels.length / 2 }, (_, label) => [labels[label * 2]!, labels[label * 2 + 1]!] as const).filter(([name]) => name !== METRIC_NAME));
        return {
          metric: labelValue(labels, METRIC_NAME),
          labels: map,
          series_id: Buffer.from(id).toString('hex'),
          timestamp: timeMs,
          value: payload === undefined ? new Float64Array(source.bits.buffer)[i] : null,
          histogram: payload === undefined ? null : Buffer.from(payload).toString('hex'),
          start_timestamp: (source.startsMs?.[i] ?? 0) === 0 ? null : source.startsMs![i],
        };
      }),
    );
    const hex = (bytes: unknown): string | null => (bytes === null || bytes === undefined ? null : Buffer.from(bytes as Uint8Array).toString('hex'));
    const got = rows.map((row) => ({
      metric: row['metric'],
      labels: row['labels'] ?? {},
      series_id: hex(row['series_id']),
      timestamp: (row['timestamp'] as Date).getTime(),
      value: row['value'] ?? null,
      histogram: hex(row['histogram']),
      start_timestamp: (row['start_timestamp'] as Date | undefined)?.getTime() ?? null,
    }));
    expect(got.length).toBe(want.length);
    for (let i = 0; i < want.length; i++) expect(got[i], `row ${i}`).toEqual(want[i]);
  });

  test('reads dictionaries that are too long to be compressed in one shot', async () => {
    const source = { timestampsMs: Float64Array.of(WINDOW_START_MS), bits: new Uint32Array(2), payloads: [], startsMs: undefined };
    const series = Array.from({ length: 20_000 }, (_, i) => {
      const id = new Uint8Array(12);
      new DataView(id.buffer).setUint32(0, i);
      return { labels: [METRIC_NAME, 'many', 'pod', `pod-${String(i).padStart(6, '0')}`], id, source };
    });
    const rows = (await parquetReadObjects({
      file: write(series).bytes.slice().buffer,
      columns: ['labels', 'series_id'],
      compressors: { ZSTD: (packed, length) => zstdDecompressSync(packed, { maxOutputLength: length * 2 + 1024 }) },
    })) as { readonly labels: unknown; readonly series_id: Uint8Array }[];
    expect(rows.length).toBe(20_000);
    expect(rows[19_999]!.labels).toEqual({ pod: 'pod-019999' });
    expect([...rows[19_999]!.series_id.subarray(0, 4)]).toEqual([0, 0, 0x4e, 0x1f]);
  });

  test('finds field ids, statistics and page indexes', () => {
    const series = randomSeries(new SeededRandom(3), 100, 200);
    const { bytes } = write(series);
    const metadata = parquetMetadata(bytes.slice().buffer);
    expect(metadata.schema.filter(({ field_id }) => field_id !== undefined).map(({ name, field_id }) => [name, field_id])).toEqual([
      ['metric', 1],
      ['labels', 2],
      ['key', 3],
      ['value', 4],
      ['series_id', 5],
      ['timestamp', 6],
      ['value', 7],
      ['histogram', 8],
      ['start_timestamp', 9],
    ]);
    const rows = series.flatMap(({ source }) => [...source.timestampsMs]);
    const [metric, , , , timestamp, value] = metadata.row_groups[0]!.columns.map(({ meta_data }) => meta_data!.statistics!);
    expect([metric!.min_value, metric!.max_value]).toEqual([labelValue(series[0]!.labels, METRIC_NAME), labelValue(series.at(-1)!.labels, METRIC_NAME)]);
    expect([timestamp!.min_value, timestamp!.max_value].map((date) => (date as Date).getTime())).toEqual([Math.min(...rows), Math.max(...rows)]);
    const histograms = series.reduce((sum, { source }) => sum + source.payloads.length, 0);
    expect(Number(value!.null_count)).toBe(histograms);
    expect(metadata.row_groups[0]!.columns.every(({ offset_index_offset }) => offset_index_offset !== undefined)).toBe(true);
  });

  test('prunes pages by the bounds of their timestamps', () => {
    const series = randomSeries(new SeededRandom(4), 300, 400);
    const file = write(series).bytes.slice().buffer;
    const { schema, row_groups: groups } = parquetMetadata(file);
    const timesMs = series.flatMap(({ source }) => [...source.timestampsMs]);
    const element = schema.find(({ name }) => name === 'timestamp')!;
    let firstRow = 0;
    let pageCount = 0;
    for (const { columns, num_rows: rowCount } of groups) {
      const { column_index_offset: boundsAt, column_index_length: boundsLength, offset_index_offset: pagesAt, offset_index_length: pagesLength } = columns.find(({ meta_data }) => meta_data!.path_in_schema.join('.') === 'timestamp')!;
      const bounds = readColumnIndex({ view: new DataView(file, Number(boundsAt), boundsLength), offset: 0 }, element);
      const { page_locations: pages } = readOffsetIndex({ view: new DataView(file, Number(pagesAt), pagesLength), offset: 0 });
      pages.forEach(({ first_row_index: first }, page) => {
        const rows = timesMs.slice(firstRow + Number(first), firstRow + Number(pages[page + 1]?.first_row_index ?? rowCount));
        expect([bounds.min_values[page], bounds.max_values[page]]).toEqual([new Date(Math.min(...rows)), new Date(Math.max(...rows))]);
      });
      firstRow += Number(rowCount);
      pageCount += pages.length;
    }
    expect(firstRow).toBe(timesMs.length);
    expect(pageCount).toBeGreaterThan(1);
  });
});

/** An hour of series of one target each, scraped every 15 s. */
function hour(seriesCount: number): TestSeries[] {
  const random = new SeededRandom(1);
  return Array.from({ length: seriesCount }, (_, i) => {
    const values = Float64Array.from({ length: 240 }, () => random.below(1e6) / 100);
    const timestampsMs = Float64Array.from({ length: 240 }, (_unused, sample) => WINDOW_START_MS + sample * 15_000);
    return {
      labels: [METRIC_NAME, `metric_${String(Math.floor(i / 10)).padStart(4, '0')}`, 'instance', `host-${i % 10}:9100`, 'job', 'node'],
      id: new Uint8Array(12).fill(i),
      source: { timestampsMs, bits: new Uint32Array(values.buffer), payloads: [], startsMs: undefined },
    };
  });
}

describe('what a read costs', () => {
  test('one series: the tail, and one request for its pages', async () => {
    const series = hour(1000);
    const file = write(series);
    const { store, reader } = await open(file);
    expect(store.counts.get).toBe(1);
    const entry = [...reader.series()].find(({ labels }) => labels[1] === 'metric_0050')!;
    const before = store.bytesRead;
    const [source] = await reader.read([entry]);
    expect(source!.timestampsMs.length).toBe(240);
    // The columns of timestamps and values of one row group stand close together, or are two requests.
    expect(store.counts.get).toBeLessThanOrEqual(3);
    expect(store.bytesRead - before).toBeLessThan(file.bytes.length / 8);
    expect(file.tailBytes).toBeLessThan(file.bytes.length / 20);
  });

  test('files of common samples are as small as they should be', () => {
    const file = write(hour(1000));
    expect(file.maxTimeMs - file.minTimeMs).toBeLessThan(HOUR_MS);
    // Random values from 0 to 10,000 in hundredths, plain doubles under zstd; times and labels are nearly nothing.
    expect((file.bytes.length * 8) / file.rowCount).toBeLessThan(36);
    const bytesOf = (fieldId: number): number => file.columns.find((column) => column.fieldId === fieldId)!.bytes;
    expect(bytesOf(1) + bytesOf(3) + bytesOf(4)).toBeLessThan(file.bytes.length / 30);
  });
});

describe('damage', () => {
  test('every flipped byte is found, or changes nothing', { timeout: 60_000 }, async () => {
    const random = new SeededRandom(5);
    const series = randomSeries(random, 12, 40);
    const file = write(series);
    const want = series.map(({ source }) => textOf(source));
    let found = 0;
    for (let at = 0; at < file.bytes.length; at += file.bytes.length > 6000 ? 3 : 1) {
      const bytes = file.bytes.slice();
      bytes[at]! ^= 1 << random.below(8);
      const store = new MemoryObjectStore();
      await store.create(KEY, bytes);
      try {
        const reader = await SamplesFileReader.open(store, { key: KEY, sizeBytes: bytes.length, tailBytes: file.tailBytes });
        const entries = [...reader.series()];
        expect(entries.map(({ labels }) => labels)).toEqual(series.map(({ labels }) => labels));
        const read = await reader.read(entries);
        expect(read.map(textOf), `byte ${at}`).toEqual(want);
      } catch (error) {
        if (!(error instanceof Error) || error.name === 'AssertionError') throw error;
        expect(error.message).toContain(KEY);
        found++;
      }
    }
    expect(found).toBeGreaterThan(100);
  });

  test('files that are cut off or of something else are refused', async () => {
    const file = write(randomSeries(new SeededRandom(6), 10, 30));
    for (let length = 0; length < file.bytes.length; length += 7) {
      const store = new MemoryObjectStore();
      await store.create(KEY, file.bytes.slice(0, length));
      const read = async (): Promise<void> => {
        const reader = await SamplesFileReader.open(store, { key: KEY, sizeBytes: length, tailBytes: Math.min(length, file.tailBytes) });
        await reader.read([...reader.series()]);
      };
      await expect(read(), `${length} bytes`).rejects.toThrow(KEY);
    }
    const { reader } = await open(file);
    expect([...reader.series()].length).toBeGreaterThan(0);
  });
});
