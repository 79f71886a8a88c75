import { describe, expect, test } from 'vitest';
import type { ArchiveCommitOutcome } from '../../../../storage/catalog/archive-api.ts';
import { ArchiveFiles } from '../../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { ArchiveTable } from '../../../../storage/catalog/iceberg/archive-table.ts';
import { dayOf, type DataFile } from '../../../../storage/catalog/iceberg/data-file.ts';
import { SAMPLES_TABLE } from '../../../../storage/catalog/iceberg/samples-table.ts';
import type { TableMetadata } from '../../../../storage/catalog/iceberg/table-metadata.ts';
import type { ObjectStore } from '../../../../storage/object-store.ts';
import type { Random } from '../../../../storage/runtime/random.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { FaultyObjectStore, type StoreFault } from '../../../fakes/faulty-object-store.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { readAvro } from '../avro-read.ts';
import { readTable } from '../iceberg-read.ts';

const NOW_MS = 1_790_000_000_000;
const DAY_MS = 86_400_000;

function dataFile(name: string, day: number, rowCount = 10): DataFile {
  const long = (value: bigint): Uint8Array => new Uint8Array(BigInt64Array.of(value).buffer);
  const minTimeMs = day * DAY_MS + 1000;
  return {
    table: 'samples',
    key: `default/archive/samples/data/${name}.parquet`,
    sizeBytes: 1234,
    tailBytes: 100,
    rowCount,
    minTimeMs,
    maxTimeMs: minTimeMs + 5000,
    firstMetric: 'a',
    lastMetric: 'b',
    columns: [
      { fieldId: 1, bytes: 10, valueCount: rowCount, nullCount: 0, nanCount: undefined, bounds: { lower: Buffer.from('a'), upper: Buffer.from('b') } },
      { fieldId: 6, bytes: 20, valueCount: rowCount, nullCount: 0, nanCount: undefined, bounds: { lower: long(BigInt(minTimeMs) * 1000n), upper: long(BigInt(minTimeMs + 5000) * 1000n) } },
      { fieldId: 7, bytes: 30, valueCount: rowCount, nullCount: 1, nanCount: 2, bounds: undefined },
    ],
  };
}

interface World {
  readonly sql: NodeSql;
  readonly files: ArchiveFiles;
  readonly table: ArchiveTable;
}

/** An object of the catalog over a database and a store that outlive it. */
function wake(database: NodeSql, store: ObjectStore, random: Random = new SeededRandom(1)): World {
  const sql = new NodeSql(database.database);
  migrateCatalog(sql);
  const files = new ArchiveFiles(sql, LIMITS);
  const table = new ArchiveTable({ definition: SAMPLES_TABLE, sql, store, clock: new FixedClock(NOW_MS), random, limits: LIMITS, prefix: 'default/archive/samples', baseUri: 's3://bucket' });
  return { sql, files, table };
}

const commit = (files: ArchiveFiles, sequence: number, added: readonly DataFile[], archivedUntilMs?: number, shard = '1/0'): ArchiveCommitOutcome =>
  files.commit({ version: CATALOG_RPC_VERSION, shard, sequence, files: added, archivedUntilMs }, 0);

const all = { version: CATALOG_RPC_VERSION, startMs: 0, endMs: 1e15, after: undefined };

/** The snapshot that is being written by one that cannot write. */
async function planOf(database: NodeSql, inner: MemoryObjectStore): Promise<readonly [{ readonly plan: string }]> {
  const store = new FaultyObjectStore(inner);
  store.isDown = true;
  await expect(wake(database, store).table.publish()).rejects.toThrow();
  return database.all<{ plan: string }>("SELECT json_extract(snapshot_plan, '$.id') AS plan FROM archive_table") as [{ plan: string }];
}

describe('commits of shards', () => {
  test('a commit that is sent again changes nothing', () => {
    const { files } = wake(new NodeSql(), new MemoryObjectStore());
    commit(files, 1, [dataFile('a', 20_000)], 5000);
    commit(files, 1, [dataFile('a', 20_000)], 5000);
    commit(files, 2, [dataFile('b', 20_001)]);
    const answer = files.files(all);
    expect(answer.files.map(({ key, file }) => [key, file])).toEqual([
      ['default/archive/samples/data/a.parquet', 1],
      ['default/archive/samples/data/b.parquet', 2],
    ]);
    // A commit of late samples leaves the watermark.
    expect(answer.archivedUntilMs).toEqual({ '1/0': 5000 });
  });

  test('files of a range, page by page', () => {
    const { files } = wake(new NodeSql(), new MemoryObjectStore());
    const few = new ArchiveFiles(wake(new NodeSql(), new MemoryObjectStore()).sql, { archiveFilesPageMax: 2, archiveChangeFilesMax: 8 });
    for (const target of [files, few]) for (let day = 0; day < 7; day++) commit(target, day + 1, [dataFile(`d${day}`, 20_000 + day)]);
    const names = (answer: ReturnType<ArchiveFiles['files']>): string[] => answer.files.map(({ key }) => key.slice(-10, -8));
    const range = { ...all, startMs: 20_002 * DAY_MS, endMs: 20_004 * DAY_MS + 1000 };
    expect(names(files.files(range))).toEqual(['d2', 'd3', 'd4']);
    expect(names(files.files({ ...range, endMs: 20_004 * DAY_MS + 999 }))).toEqual(['d2', 'd3']);
    const paged: string[] = [];
    let after: ReturnType<ArchiveFiles['files']>['last'];
    do {
      const page = few.files({ ...all, after });
      paged.push(...names(page));
      after = page.last;
    } while (after !== undefined);
    expect(paged).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6']);
  });
});

describe('the Iceberg table', () => {
  test('a snapshot for all that was committed since the last one', async () => {
    const store = new MemoryObjectStore();
    const { files, table } = wake(new NodeSql(), store);
    expect(table.current()).toBeUndefined();
    await table.publish();
    expect(store.counts.create).toBe(0);
    commit(files, 1, [dataFile('a', 20_000, 5)], undefined, '1/0');
    commit(files, 1, [dataFile('b', 20_001, 7)], undefined, '1/1');
    expect(table.isBehind).toBe(true);
    await table.publish();
    commit(files, 2, [dataFile('c', 20_001, 11)]);
    await table.publish();
    expect(table.isBehind).toBe(false);
    const { metadata, location } = table.current()!;
    expect(location).toMatch(/^s3:\/\/bucket\/default\/archive\/samples\/metadata\/00002-[0-9a-f]{32}\.metadata\.json$/);
    const stored = await store.get(location.slice('s3://bucket/'.length));
    expect(JSON.parse(new TextDecoder().decode(stored))).toEqual(metadata);
    expect(metadata.snapshots.map(({ summary }) => [summary['added-data-files'], summary['added-records'], summary['total-records']])).toEqual([
      ['2', '12', '12'],
      ['1', '11', '23'],
    ]);
    expect(metadata.snapshots[1]!['parent-snapshot-id']).toBe(metadata.snapshots[0]!['snapshot-id']);
    expect(metadata['table-uuid']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);

    const list = await readAvro((await store.get(metadata.snapshots[1]!['manifest-list'].slice('s3://bucket/'.length)))!);
    expect(list.metadata).toMatchObject({ 'format-version': '2', 'snapshot-id': String(metadata['current-snapshot-id']), 'sequence-number': '2' });
    expect(list.records.map((record) => [record['sequence_number'], record['added_files_count'], record['added_rows_count']])).toEqual([
      [1, 1, 5],
      [2, 1, 11],
    ]);
    // The day that files came to has one manifest again, which names the file from before.
    expect(list.records.map((record) => [record['existing_files_count'], record['existing_rows_count'], record['min_sequence_number']])).toEqual([
      [0, 0, 1],
      [1, 7, 1],
    ]);
    const manifest = await readAvro((await store.get((list.records[0]!['manifest_path'] as string).slice('s3://bucket/'.length)))!);
    expect(Object.keys(manifest.metadata)).toEqual(expect.arrayContaining(['schema', 'schema-id', 'partition-spec', 'partition-spec-id', 'format-version', 'content']));
    const entries = manifest.records as unknown as { readonly status: number; readonly data_file: Record<string, unknown> }[];
    expect(entries.map(({ status, data_file: file }) => [status, file['file_path'], file['record_count']])).toEqual([
      [1, 's3://bucket/default/archive/samples/data/a.parquet', 5],
    ]);
    expect(JSON.stringify(entries[0]!.data_file['partition'])).toContain('20000');
    expect(dayOf(dataFile('a', 20_000).minTimeMs)).toBe(20_000);
  });

  test('old snapshots leave the metadata, their files stay', async () => {
    const { sql, files } = wake(new NodeSql(), new MemoryObjectStore());
    const store = new MemoryObjectStore();
    const table = new ArchiveTable({ definition: SAMPLES_TABLE, sql, store, clock: new FixedClock(NOW_MS), random: new SeededRandom(3), limits: { ...LIMITS, archiveSnapshotsMax: 3 }, prefix: 'p', baseUri: 's3://b' });
    for (let sequence = 1; sequence <= 8; sequence++) {
      commit(files, sequence, [dataFile(`f${sequence}`, 20_000)]);
      await table.publish();
    }
    const { metadata } = table.current()!;
    expect(metadata.snapshots.length).toBe(3);
    expect(metadata['snapshot-log'].length).toBe(3);
    expect(metadata.snapshots.at(-1)!.summary['total-data-files']).toBe('8');
    const { live, manifests } = await readTable(store, 's3://b', table);
    expect(live.size).toBe(8);
    // Each file was written again only when its manifest doubled.
    expect(manifests).toBe(1);
    const early = [...live.values()].map(({ sequenceNumber }) => sequenceNumber).sort();
    expect(early).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each([0x00, 0xff])('an id of a snapshot is positive and goes into its list, whatever chance brings: bytes of %i', async (byte) => {
    const { files, table } = wake(new NodeSql(), new MemoryObjectStore(), { fill: (bytes) => void bytes.fill(byte) });
    commit(files, 1, [dataFile('a', 20_000)]);
    await table.publish();
    const id = table.current()!.metadata['current-snapshot-id'];
    expect(id).toBeGreaterThan(0);
    expect(id).toBeLessThan(2 ** 52);
  });

  test('what an object names is there before it: whoever finds the newest metadata can read all of it', async () => {
    const inner = new MemoryObjectStore();
    const named: string[] = [];
    const store: ObjectStore = {
      head: (key) => inner.head(key),
      get: (key, range) => inner.get(key, range),
      delete: (keys) => inner.delete(keys),
      list: (prefix, cursor) => inner.list(prefix, cursor),
      async create(key, body) {
        const found = key.endsWith('.metadata.json')
          ? (JSON.parse(new TextDecoder().decode(body)) as TableMetadata).snapshots.map((snapshot) => snapshot['manifest-list'])
          : key.includes('/snap-')
            ? (await readAvro(body)).records.map((record) => record['manifest_path'] as string)
            : [];
        for (const location of found) expect(await inner.head(location.slice('s3://bucket/'.length)), `${location}, which ${key} names`).toBeDefined();
        named.push(...found);
        return inner.create(key, body);
      },
    };
    const { files, table } = wake(new NodeSql(), store);
    for (const [sequence, day] of [[1, 20_000], [2, 20_001]] as const) {
      commit(files, sequence, [dataFile(`d${day}`, day)]);
      await table.publish();
    }
    // A list, metadata with one; a list of two, metadata with both.
    expect(named.length).toBe(6);
  });

  describe('an instance that has been replaced, and lives on', () => {
    /** One that waits for the object store as it writes metadata, until it is told to go on. */
    function waiting(work: (world: World) => Promise<void>, database: NodeSql, inner: MemoryObjectStore): { readonly goOn: () => void; readonly isWaiting: Promise<void>; readonly outcome: Promise<unknown> } {
      const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const store: ObjectStore = {
        head: (key) => inner.head(key),
        get: (key, range) => inner.get(key, range),
        delete: (keys) => inner.delete(keys),
        list: (prefix, cursor) => inner.list(prefix, cursor),
        async create(key, body) {
          if (key.endsWith('.metadata.json')) {
            begun.resolve();
            await end.promise;
          }
          return inner.create(key, body);
        },
      };
      const outcome = work(wake(database, store, new SeededRandom(5))).catch((error: unknown) => error);
      return { goOn: () => end.resolve(), isWaiting: begun.promise, outcome };
    }

    test('does not take the table back to the snapshot that it was writing', async () => {
      const [database, inner] = [new NodeSql(), new MemoryObjectStore()];
      commit(wake(database, inner).files, 1, [dataFile('a', 20_000)]);
      const old = waiting(({ table }) => table.publish(), database, inner);
      await old.isWaiting;
      const { files, table } = wake(database, inner);
      await table.publish();
      commit(files, 2, [dataFile('b', 20_001)]);
      await table.publish();
      const { location } = table.current()!;
      old.goOn();
      expect(String(await old.outcome)).toContain('replaced');
      expect(wake(database, inner).table.current()!.location).toBe(location);
    });

    test('nor to the snapshots that it was letting go', async () => {
      const [database, inner] = [new NodeSql(), new MemoryObjectStore()];
      const { files, table } = wake(database, inner);
      for (const sequence of [1, 2]) {
        commit(files, sequence, [dataFile(`f${sequence}`, 20_000)]);
        await table.publish();
      }
      const old = waiting((world) => world.table.expire(), database, inner);
      await old.isWaiting;
      commit(files, 3, [dataFile('f3', 20_001)]);
      await table.publish();
      const { location } = table.current()!;
      old.goOn();
      expect(await old.outcome).toBeUndefined();
      expect(wake(database, inner).table.current()!.location).toBe(location);
    });

    test('nor does it let them go below a snapshot that is being written', async () => {
      const [database, inner] = [new NodeSql(), new MemoryObjectStore()];
      const { files, table } = wake(database, inner);
      for (const sequence of [1, 2]) {
        commit(files, sequence, [dataFile(`f${sequence}`, 20_000)]);
        await table.publish();
      }
      const { location } = table.current()!;
      const old = waiting((world) => world.table.expire(), database, inner);
      await old.isWaiting;
      commit(files, 3, [dataFile('f3', 20_001)]);
      await planOf(database, inner);
      old.goOn();
      expect(await old.outcome).toBeUndefined();
      expect(wake(database, inner).table.current()!.location).toBe(location);
    });
  });

  test('what a plan has written that was given up is known for its own', async () => {
    const [database, store] = [new NodeSql(), new MemoryObjectStore()];
    const { files, table } = wake(database, store);
    commit(files, 1, [dataFile('a', 20_000)]);
    await table.publish();
    commit(files, 2, [dataFile('b', 20_001)]);
    const [{ plan }] = await planOf(database, store);
    // Another build has begun it, and has written other bytes.
    await store.create(`default/archive/samples/metadata/${plan}-m0.avro`, Uint8Array.of(1));
    await expect(wake(database, store).table.publish()).rejects.toThrow('other bytes');
    expect(wake(database, store).table.progress.ownPlanIds).toEqual(new Set([plan]));
    await wake(database, store, new SeededRandom(9)).table.publish();
    expect(wake(database, store).table.progress).toMatchObject({ version: 2, ownPlanIds: new Set() });
  });

  /** Each call of the store fails, or does its work and its answer is lost, and the object dies there or lives on: one snapshot each time. */
  test.each(['before', 'after'] as const)('a store that breaks %s a call, with and without the object', async (when) => {
    for (const dies of [false, true]) {
      for (let call = 0; ; call++) {
        const database = new NodeSql();
        const inner = new MemoryObjectStore();
        const fault: StoreFault = { call, when };
        const store = new FaultyObjectStore(inner, fault);
        let world = wake(database, store);
        commit(world.files, 1, [dataFile('a', 20_000)]);
        let failures = 0;
        for (let tries = 0; tries < 4 && world.table.isBehind; tries++) {
          try {
            await world.table.publish();
          } catch {
            failures++;
            if (dies) world = wake(database, store, new SeededRandom(99));
          }
        }
        expect(world.table.isBehind).toBe(false);
        const { metadata } = world.table.current()!;
        expect(metadata.snapshots.length).toBe(1);
        // Nothing is there that the table does not name.
        const objects = (await inner.list('')).objects.map(({ key }) => key);
        expect(objects.length).toBe(3);
        if (failures === 0 && store.calls <= call) break;
      }
    }
  });
});
