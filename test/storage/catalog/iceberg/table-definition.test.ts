import { expect, test } from 'vitest';
import { ArchiveFiles } from '../../../../storage/catalog/archive-files.ts';
import { CATALOG_MIGRATIONS, migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { ArchiveTable } from '../../../../storage/catalog/iceberg/archive-table.ts';
import { SAMPLES_TABLE } from '../../../../storage/catalog/iceberg/samples-table.ts';
import { partitionDay, partitionEndDay, partitionOrdinal, type TableDefinition } from '../../../../storage/catalog/iceberg/table-definition.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { migrate } from '../../../../storage/runtime/sql-migrations.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const DAY_MS = 86_400_000;

test('partitions by day and by month', () => {
  const byMonth: TableDefinition = { ...SAMPLES_TABLE, partitionSpec: { 'spec-id': 0, fields: [{ 'source-id': 6, 'field-id': 1000, name: 'timestamp_month', transform: 'month' }] } };
  const f = (definition: TableDefinition, iso: string): [string, string, number] => {
    const day = partitionDay(definition, Date.parse(iso));
    const dateOf = (each: number): string => new Date(each * DAY_MS).toISOString().slice(0, 10);
    return [dateOf(day), dateOf(partitionEndDay(definition, day)), partitionOrdinal(definition, day)];
  };
  expect(f(SAMPLES_TABLE, '2026-11-25T23:59:59.999Z')).toEqual(['2026-11-25', '2026-11-26', 20_782]);
  expect(f(byMonth, '2026-11-25T23:59:59.999Z')).toEqual(['2026-11-01', '2026-12-01', 682]);
  expect(f(byMonth, '2026-12-01T00:00:00Z')).toEqual(['2026-12-01', '2027-01-01', 683]);
  expect(f(byMonth, '1969-12-31T00:00:00Z')).toEqual(['1969-12-01', '1970-01-01', -1]);
});

/** Migrations before the archive had several tables. */
const VERSION_OF_ONE_TABLE = CATALOG_MIGRATIONS.findIndex((statement) => statement.includes('last_change'));

test('a catalog of before there were several tables keeps its files, its table and its place in it', async () => {
  const sql = new NodeSql();
  migrate(sql, CATALOG_MIGRATIONS.slice(0, VERSION_OF_ONE_TABLE), 'catalog');
  const description = (name: string, day: number): string =>
    JSON.stringify({ key: name, sizeBytes: 1, tailBytes: 1, rowCount: 2, minTimeMs: day * DAY_MS, maxTimeMs: day * DAY_MS, firstMetric: 'a', lastMetric: 'a', columns: [] });
  ['a', 'b', 'c', 'd'].forEach((name, i) => sql.run('INSERT INTO archive_file (file, day, shard, description) VALUES (?, ?, ?, ?)', i + 1, 20_000 + i, '1/0', description(name, 20_000 + i)));
  const manifest = (sequence: number, fileCount: number): string =>
    JSON.stringify({ key: `m${sequence}`, sizeBytes: 10, sequenceNumber: sequence, snapshotId: 100 + sequence, fileCount, rowCount: fileCount * 2, firstDay: 20_000, lastDay: 20_001 });
  sql.run('INSERT INTO archive_manifest (sequence, description) VALUES (1, ?)', manifest(1, 2));
  sql.run('INSERT INTO archive_manifest (sequence, description) VALUES (2, ?)', manifest(2, 1));
  sql.run(`UPDATE archive_state SET last_file = 4, published_file = 3, metadata = '{"x":1}', metadata_key = 'k', metadata_version = 2, snapshot_plan = '{}'`);

  migrateCatalog(sql);
  const files = new ArchiveFiles(sql, LIMITS);
  expect(files.files({ version: 1, startMs: 0, endMs: 1e15, after: undefined }).files.map(({ key, file, rank }) => [key, file, rank])).toEqual([['a', 1, 1], ['b', 2, 2], ['c', 3, 3], ['d', 4, 4]]);
  expect(sql.all('SELECT file, manifest, added_sequence, added_snapshot FROM data_file ORDER BY file')).toEqual([
    { file: 1, manifest: 1, added_sequence: 1, added_snapshot: 101 },
    { file: 2, manifest: 1, added_sequence: 1, added_snapshot: 101 },
    { file: 3, manifest: 2, added_sequence: 2, added_snapshot: 102 },
    { file: 4, manifest: null, added_sequence: null, added_snapshot: null },
  ]);
  const table = new ArchiveTable({ definition: SAMPLES_TABLE, sql, store: new MemoryObjectStore(), clock: new FixedClock(0), random: new SeededRandom(1), limits: LIMITS, prefix: 'p', baseUri: 's3://b' });
  expect(table.current()).toEqual({ metadata: { x: 1 }, location: 's3://b/k' });
  expect(table.isBehind).toBe(true);
});
