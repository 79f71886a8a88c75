import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { SamplesFileWriter } from '../../storage/archive/files/samples-file-writer.ts';
import { ArchiveFiles } from '../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../storage/catalog/catalog-schema.ts';
import { ArchiveTable } from '../../storage/catalog/iceberg/archive-table.ts';
import { SAMPLES_TABLE } from '../../storage/catalog/iceberg/samples-table.ts';
import { labelsToObject, labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../storage/model/sample.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { HOUR_MS, randomSeries, WINDOW_START_MS } from '../storage/archive/random-series.ts';

/*
 * PyIceberg reads the table and its files. It is not a part of Varve: `pip install 'pyiceberg[pyarrow]'` into a Python of your own, which
 * VARVE_PYTHON names (python3 otherwise). Where it is missing the test says so and does nothing.
 */
const python = process.env['VARVE_PYTHON'] ?? 'python3';
const hasPyIceberg = spawnSync(python, ['-c', 'import pyiceberg.table, pyarrow']).status === 0;

test.runIf(!hasPyIceberg)(`${python} has no PyIceberg: its test does not run`, () => {
  expect(hasPyIceberg).toBe(false);
});

test.runIf(hasPyIceberg)('PyIceberg lists, prunes and reads the table', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-iceberg-'));
  try {
    const sql = new NodeSql();
    const random = new SeededRandom(1);
    migrateCatalog(sql);
    const files = new ArchiveFiles(sql, LIMITS);
    const store = new MemoryObjectStore();
    const table = new ArchiveTable({ definition: SAMPLES_TABLE, sql, store, clock: new FixedClock(WINDOW_START_MS + HOUR_MS), random, limits: LIMITS, prefix: 'default/archive/samples', baseUri: `file://${folder}` });
    const rows: { readonly metric: string; readonly labels: Record<string, string>; readonly id: string; readonly timeMs: number; readonly value: number | undefined }[] = [];
    // Three days of the same kind of data, in two snapshots; then a file is rewritten, and one more day comes and goes: three more.
    for (let day = 0; day < 3; day++) {
      const shiftMs = day * 24 * HOUR_MS;
      const writer = new SamplesFileWriter(LIMITS);
      for (const { labels, id, source } of randomSeries(new SeededRandom(day + 1), 60, 50)) {
        const timestampsMs = source.timestampsMs.map((timeMs) => timeMs + shiftMs);
        writer.add(labels, id, { ...source, timestampsMs }, 0, timestampsMs.length);
        const values = new Float64Array(source.bits.buffer);
        timestampsMs.forEach((timeMs, i) => {
          const { [METRIC_NAME]: _name, ...rest } = labelsToObject(labels);
          rows.push({ metric: labelValue(labels, METRIC_NAME), labels: rest, id: Buffer.from(id).toString('hex'), timeMs, value: source.bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH ? undefined : values[i]! });
        });
      }
      const { bytes, ...file } = writer.finish();
      const key = `default/archive/samples/data/day=${day}/${day}.parquet`;
      await store.create(key, bytes);
      files.commit({ version: CATALOG_RPC_VERSION, shard: '1/0', sequence: day + 1, files: [{ table: 'samples', key, sizeBytes: bytes.length, ...file }], archivedUntilMs: undefined }, 0);
      if (day !== 0) await table.publish();
      if (day !== 2) continue;
      const again = { table: 'samples', key: `${key}.rewritten`, sizeBytes: bytes.length, ...file } as const;
      await store.create(again.key, bytes);
      expect(files.replace({ id: 'p1', table: 'samples', remove: [3], add: [again], nowMs: WINDOW_START_MS })).toBe('done');
      files.commit({ version: CATALOG_RPC_VERSION, shard: '1/0', sequence: 4, files: [{ ...again, key: 'gone', minTimeMs: file.minTimeMs + 24 * HOUR_MS, maxTimeMs: file.maxTimeMs + 24 * HOUR_MS }], archivedUntilMs: undefined }, 0);
      expect(files.replace({ id: 'p2', table: 'samples', remove: [5], add: [], nowMs: WINDOW_START_MS })).toBe('done');
      while (table.isBehind) await table.publish();
    }
    for (const { key } of (await store.list('')).objects) {
      mkdirSync(dirname(join(folder, key)), { recursive: true });
      writeFileSync(join(folder, key), (await store.get(key))!);
    }
    const startMs = WINDOW_START_MS + 24 * HOUR_MS;
    const iso = (timeMs: number): string => new Date(timeMs).toISOString().replace('Z', '+00:00');
    const run = spawnSync(python, [join(import.meta.dirname, 'read-iceberg.py'), table.current()!.location, 'm3', iso(startMs), iso(startMs + HOUR_MS)], { encoding: 'utf8', maxBuffer: 1 << 28 });
    expect(run.stderr).not.toContain('Traceback');
    const got = JSON.parse(run.stdout) as Record<string, unknown>;
    expect(got['schema']).toEqual([
      [1, 'metric', 'string'],
      [2, 'labels', 'map<string, string>'],
      [5, 'series_id', 'fixed[12]'],
      [6, 'timestamp', 'timestamptz'],
      [7, 'value', 'double'],
      [8, 'histogram', 'binary'],
      [9, 'start_timestamp', 'timestamptz'],
    ]);
    expect([got['partitions'], got['order'], got['snapshots'], got['files']]).toEqual([['day'], [[1, 'identity']], 5, 3]);
    const floats = rows.flatMap(({ value }) => (value === undefined ? [] : [value]));
    expect([got['rows'], got['histograms']]).toEqual([rows.length, rows.length - floats.length]);
    const sum = floats.filter((value) => !Number.isNaN(value)).reduce((total, value) => total + value, 0);
    expect(got['sum']).toBeCloseTo(sum, -Math.floor(Math.log10(Math.abs(sum) || 1)) + 9);
    // One day of three is read.
    expect(got['filtered_files']).toBe(1);
    const wanted = rows.filter(({ metric, timeMs }) => metric === 'm3' && timeMs >= startMs && timeMs < startMs + HOUR_MS);
    expect(wanted.length).toBeGreaterThan(0);
    const text = (row: readonly unknown[]): string => JSON.stringify(row.map((item) => (typeof item === 'number' && Number.isNaN(item) ? 'NaN' : item)));
    const filtered = (got['filtered_rows'] as unknown[][]).map(text).sort();
    expect(filtered.length).toBe(wanted.length);
    expect(filtered).toEqual(wanted.map(({ metric, labels, id, timeMs, value }) => text([metric, labels, id, timeMs, value ?? null])).sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
