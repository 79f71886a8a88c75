import { describe, expect, test } from 'vitest';
import { describeBytes } from '../../../query/cli/inspect/describe-bytes.ts';
import { describeDatabase } from '../../../query/cli/inspect/describe-database.ts';
import { SamplesFileWriter } from '../../../storage/archive/files/samples-file-writer.ts';
import { decodeAvroFile } from '../../../storage/catalog/iceberg/avro-reader.ts';
import { encodeAvroFile } from '../../../storage/catalog/iceberg/avro.ts';
import { encodeManifest } from '../../../storage/catalog/iceberg/iceberg-manifest.ts';
import { SAMPLES_TABLE } from '../../../storage/catalog/iceberg/samples-table.ts';
import { newTable, withSnapshot } from '../../../storage/catalog/iceberg/table-metadata.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomSeries } from '../../storage/archive/random-series.ts';
import { readAvro as readAvroOfOthers } from '../../storage/catalog/avro-read.ts';

const OPTIONS = { pages: false, series: 3 };
const DAY_MS = 86_400_000;
const sync = Uint8Array.from({ length: 16 }, (_, i) => i);
const textOf = (bytes: Uint8Array, options = OPTIONS): string => [...describeBytes(bytes, 'a file', options)].join('\n');

function samplesFile(rowGroupRows = 1000) {
  const series = randomSeries(new SeededRandom(3), 60, 100);
  const writer = new SamplesFileWriter({ ...LIMITS, archiveRowGroupRowsMax: rowGroupRows } as typeof LIMITS, { 'varve.shard': '1/0' });
  for (const { labels, id, source } of series) writer.add(labels, id, source, 0, source.timestampsMs.length);
  return { series, file: writer.finish() };
}

describe('a Parquet file', () => {
  test('its rows, tail, schema, columns and series', () => {
    const { file, series } = samplesFile();
    const text = textOf(file.bytes);
    const groups = Math.ceil(file.rowCount / 1000);
    expect(text).toContain(`Parquet file of ${file.bytes.length.toLocaleString('en-US')} bytes: ${file.rowCount.toLocaleString('en-US')} rows in ${groups} row groups, format version 2, written by varve`);
    expect(text).toContain('  varve.shard = 1/0');
    expect(text).toContain(`: ${file.tailBytes.toLocaleString('en-US')} bytes`);
    expect(text).toMatch(/ 6 {2}timestamp +required {2}int64, timestamp in microseconds/);
    expect(text).toMatch(/value +PLAIN +zstd +1,000 +\d+ /);
    expect(text).toContain(`series directory: version 1, ${series.length} series`);
    expect(text).toContain(`… ${series.length - 3} more`);
    // Bytes of the columns, as the writer counts them, are those of the whole.
    const total = file.columns.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(text).toMatch(new RegExp(`in all +${total.toLocaleString('en-US')} +100\\.0 %`));
  });

  test('with --pages every page', () => {
    const { file } = samplesFile(65_536);
    expect(textOf(file.bytes)).not.toContain('pages of');
    expect(textOf(file.bytes, { pages: true, series: 0 })).toMatch(/ {2}pages of timestamp\n {4}page {2}first row {2}at byte +bytes\n +0 +0 +[\d,]+ +[\d,]+\n/);
  });

  test('that is damaged is said to be', () => {
    const { file } = samplesFile();
    const damaged = file.bytes.slice();
    damaged.fill(0xff, damaged.length - 60, damaged.length - 20);
    expect(() => textOf(damaged)).toThrow();
    expect(textOf(file.bytes.subarray(0, 1000))).toBe('1,000 bytes, and no Parquet file, Avro file, Iceberg metadata, segment row or SQLite database');
  });
});

describe('the objects of an Iceberg table', () => {
  const dataFile = () => {
    const { file } = samplesFile();
    const { tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns } = file;
    return { table: 'samples' as const, key: 'default/archive/samples/data/x.parquet', sizeBytes: file.bytes.length, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns };
  };

  test('metadata', () => {
    const empty = newTable(SAMPLES_TABLE, '11111111-2222-4333-8444-555555555555', 's3://bucket/default/archive/samples', DAY_MS);
    const metadata = withSnapshot(empty, {
      snapshotId: 77, operation: 'append', manifestList: 's3://bucket/list.avro', added: { files: 2, rows: 3000, bytes: 4567 }, removed: { files: 0, rows: 0, bytes: 0 }, nowMs: 2 * DAY_MS, previousMetadata: undefined, snapshotsMax: 10, expireThroughMs: 0,
    });
    const text = textOf(new TextEncoder().encode(JSON.stringify(metadata)));
    expect(text).toContain('Iceberg table metadata, format version 2: s3://bucket/default/archive/samples');
    expect(text).toContain('partition spec 0: timestamp_day day of field 6');
    expect(text).toMatch(/1 snapshot, current 77\n.*\n +77 +1 +1970-01-03T00:00:00\.000Z +append +2 +3,000 +0 +0 +2 +3,000 +4,567 +s3:\/\/bucket\/list\.avro/);
  });

  test('a manifest', () => {
    const file = dataFile();
    const bytes = encodeManifest(SAMPLES_TABLE, [{ status: 'added', file, addedBy: undefined }], 77, (key) => `s3://bucket/${key}`, sync);
    const text = textOf(bytes);
    expect(text).toContain(`added by snapshot 77: s3://bucket/${file.key}`);
    expect(text).toContain(`${file.rowCount.toLocaleString('en-US')} rows, ${file.sizeBytes.toLocaleString('en-US')} bytes`);
    expect(text).toContain(`timestamp_day ${new Date(file.minTimeMs).toISOString().slice(0, 10)}`);
    expect(textOf(bytes, { pages: true, series: 1 })).toMatch(new RegExp(`1 +metric +[\\d,]+ +[\\d,]+ +0 .*${file.firstMetric} … ${file.lastMetric}`));
  });

  test('Avro is read as somebody else reads it', async () => {
    const bytes = encodeManifest(SAMPLES_TABLE, [{ status: 'added', file: dataFile(), addedBy: undefined }, { status: 'existing', file: { ...dataFile(), key: 'y' }, addedBy: { snapshotId: 5, sequenceNumber: 2 } }], 77, (key) => key, sync);
    const { records, metadata } = decodeAvroFile(bytes, 'a manifest');
    const theirs = await readAvroOfOthers(bytes);
    const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, each: unknown) => (each instanceof Uint8Array ? { type: 'Buffer', data: [...each] } : (each ?? null))));
    expect(plain(records)).toEqual(theirs.records.map(unwrapped));
    expect(metadata.get('content')).toBe(theirs.metadata['content']);
  });

  test('Avro of others, and damaged Avro', () => {
    const schema = { type: 'record', name: 'thing', fields: [{ name: 'n', type: 'long', 'field-id': 1 }] } as const;
    const bytes = encodeAvroFile(schema, [{ n: 5 }, { n: -6 }], {}, sync);
    expect(textOf(bytes)).toBe(`Avro file of ${bytes.length} bytes: 2 records of thing\n  {"n":5}\n  {"n":-6}`);
    const damaged = bytes.slice();
    damaged[damaged.length - 1]! ^= 1;
    expect(() => textOf(damaged)).toThrow('no sync mark');
    expect(() => textOf(bytes.subarray(0, bytes.length - 3))).toThrow();
  });
});

/** avsc wraps the branch of a union that is not null. */
function unwrapped(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unwrapped);
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && ['int', 'long', 'array', 'bytes', 'boolean'].includes(only![0])) return unwrapped(only![1]);
  return Object.fromEntries(entries.map(([key, each]) => [key, unwrapped(each)]));
}

describe('a shard', () => {
  const shard = () => {
    const sql = new NodeSql();
    const hot = new HotStore(sql, LIMITS);
    const values = (of: (i: number) => number) => Float64Array.from({ length: 50 }, (_, i) => of(i));
    const startMs = Date.now() - 3_600_000;
    const timestampsMs = values((i) => startMs + i * 15_000);
    hot.appendLocal([
      { labels: labelsFrom({ __name__: 'up', job: 'a' }), timestampsMs, values: values(() => 1) },
      { labels: labelsFrom({ __name__: 'walk', job: 'a' }), timestampsMs, values: values((i) => Math.sin(i) * 1e-7) },
    ]);
    hot.seal();
    return sql.database;
  };
  const lines = (segment?: number): string => [...describeDatabase(shard(), 'a shard', segment, OPTIONS)].join('\n');

  test('its tables, state and segments', () => {
    expect(lines()).toContain('SQLite database of a shard');
    expect(lines()).toContain('1 segment row, 1 of them live (--segment N prints one)');
    expect(lines()).toMatch(/ {2}1 +1 +\S+Z +\S+Z +up … walk +100 +\d+/);
  });

  test('a segment row with its series by name, and as bytes alone', () => {
    const text = lines(1);
    expect(text).toMatch(/^segment row of \d+ bytes, version 4: 100 samples of 2 series, \d\.\d+ bytes a sample/);
    expect(text).toContain('1 distinct time column in 1 time frame:');
    expect(text).toMatch(/CONSTANT +1 +50/);
    expect(text).toMatch(/50 +\S+Z +\S+Z +CONSTANT +\d+ +up\{job="a"\}/);
    expect(() => lines(7)).toThrow('no segment row 7');
    const [row] = shard().prepare('SELECT samples FROM segment').all();
    const bytes = row!['samples'] as Uint8Array;
    expect(textOf(bytes)).toContain('100 samples of 2 series');
    // One bit makes it something that nobody knows.
    bytes[100]! ^= 1;
    expect(textOf(bytes)).toMatch(/no Parquet file.*\(or a damaged one\)$/);
  });
});
