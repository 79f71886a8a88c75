import { parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ExemplarsFileReader } from '../../../../storage/archive/files/exemplars-file-reader.ts';
import { ExemplarsFileWriter } from '../../../../storage/archive/files/exemplars-file-writer.ts';
import type { SeriesFile } from '../../../../storage/archive/files/series-file-writer.ts';
import { EXEMPLARS_MERGE_CODEC } from '../../../../storage/archive/rewrite/exemplars-merge-codec.ts';
import { labelsFrom, labelsToObject } from '../../../../storage/model/labels.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import type { Exemplar } from '../../../../storage/shard/select/select-exemplars.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { randomSeries, WINDOW_START_MS, type TestSeries } from '../random-series.ts';

const KEY = 'default/archive/x.parquet';

interface Row {
  readonly series: TestSeries;
  readonly exemplars: readonly Exemplar[];
}

function randomRows(random: SeededRandom, seriesCount: number, exemplarsMax: number): Row[] {
  return randomSeries(random, seriesCount, 1).map((series) => {
    let timestampMs = WINDOW_START_MS + random.below(1000);
    const exemplars = Array.from({ length: random.between(1, exemplarsMax) }, () => {
      timestampMs += random.below(3) * 500;
      const labels = labelsFrom(random.oneIn(5) ? {} : { trace_id: `${random.below(1e9)}-é𝄞`, ...(random.oneIn(2) ? { span_id: 'x'.repeat(random.below(90)) } : {}) });
      return { labels, value: random.pick([0, -0, NaN, Infinity, random.below(1000) / 7]), timestampMs };
    });
    return { series, exemplars };
  });
}

function write(rows: readonly Row[]): SeriesFile {
  const writer = new ExemplarsFileWriter(LIMITS, { 'varve.shard': '1/0' });
  for (const { series, exemplars } of rows) writer.add(series.labels, series.id, exemplars);
  return writer.finish();
}

async function open(file: SeriesFile): Promise<ExemplarsFileReader> {
  const store = new MemoryObjectStore();
  await store.create(KEY, file.bytes);
  return ExemplarsFileReader.open(store, { key: KEY, sizeBytes: file.bytes.length, tailBytes: file.tailBytes });
}

test.each([1, 2, 3, 4, 5, 6])('what was written is read: seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  const rows = randomRows(random, random.between(1, 60), random.pick([1, 3, 200]));
  const file = write(rows);
  expect(write(rows).bytes).toEqual(file.bytes);
  const reader = await open(file);
  const entries = [...reader.series()];
  expect(entries.map(({ labels }) => labels)).toEqual(rows.map(({ series }) => series.labels));
  expect(await reader.read(entries)).toEqual(rows.map(({ exemplars }) => exemplars));
  const picked = random.shuffle(entries).slice(0, 3);
  expect(await reader.read(picked)).toEqual(picked.map((entry) => rows[entries.indexOf(entry)]!.exemplars));
});

test('another reader of Parquet reads the same', async () => {
  const rows = randomRows(new SeededRandom(9), 40, 30);
  const file = write(rows);
  const buffer = file.bytes.slice().buffer;
  const read = (await parquetReadObjects({ file: buffer, compressors: { ZSTD: (packed, length) => zstdDecompressSync(packed, { maxOutputLength: length * 2 + 1024 }) } })) as Record<string, unknown>[];
  const wanted = rows.flatMap(({ series, exemplars }) =>
    exemplars.map(({ labels, value, timestampMs }) => {
      const { __name__: metric = '', ...own } = labelsToObject(series.labels);
      return { metric, labels: own, timestamp: new Date(timestampMs), value, exemplar_labels: labelsToObject(labels) };
    }),
  );
  expect(read.map(({ series_id: _, ...row }) => row)).toEqual(wanted);
  expect(file.columns.map(({ fieldId }) => fieldId)).toEqual([1, 3, 4, 5, 6, 7, 12, 13]);
});

test('every damaged byte of a page is noticed', async () => {
  const rows = randomRows(new SeededRandom(3), 3, 20);
  const file = write(rows);
  const entries = [...(await open(file)).series()];
  // Bytes of columns that a query does not read belong to others.
  let unnoticed = 0;
  for (let at = 0; at < file.bytes.length - file.tailBytes; at += 7) {
    const bytes = file.bytes.slice();
    bytes[at]! ^= 0x10;
    const reader = await open({ ...file, bytes });
    try {
      expect(await reader.read(entries)).toEqual(rows.map(({ exemplars }) => exemplars));
      unnoticed++;
    } catch (error) {
      expect((error as Error).name).not.toBe('AssertionError');
    }
  }
  expect(unnoticed).toBeLessThan((file.bytes.length - file.tailBytes) / 7 / 2);
});

test('files are merged: each exemplar once, several of one time stay', async () => {
  const at = (timestampMs: number, id: string): Exemplar => ({ labels: labelsFrom({ id }), value: 1, timestampMs });
  const joined = EXEMPLARS_MERGE_CODEC.join([[at(1, 'a'), at(3, 'b')], [at(2, 'c'), at(3, 'b'), at(3, 'd')]]);
  expect(joined.map(({ timestampMs, labels }) => `${timestampMs}${labels[1]}`)).toEqual(['1a', '2c', '3b', '3d']);
  const writer = EXEMPLARS_MERGE_CODEC.writer({ ...LIMITS, archiveExemplarsPerFileMax: 3 } as never, {});
  writer.add(labelsFrom({ __name__: 'm' }), new Uint8Array(12), joined, 1, 1 + writer.room);
  expect(writer.room).toBe(0);
  const reader = await open(writer.finish());
  expect(await reader.read([...reader.series()])).toEqual([joined.slice(1)]);
});
