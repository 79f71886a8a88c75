import { describe, expect, test } from 'vitest';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import { ArchiveTable } from '../../../storage/catalog/iceberg/archive-table.ts';
import type { DataFile } from '../../../storage/catalog/iceberg/data-file.ts';
import { planManifests } from '../../../storage/catalog/iceberg/manifest-plan.ts';
import { SAMPLES_TABLE } from '../../../storage/catalog/iceberg/samples-table.ts';
import type { Snapshot } from '../../../storage/catalog/iceberg/table-metadata.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { readSnapshot } from './iceberg-read.ts';

const NOW_MS = 1_790_000_000_000;
const DAY_MS = 86_400_000;
const ALL = { version: CATALOG_RPC_VERSION, startMs: 0, endMs: 1e15, after: undefined };

const dataFile = (name: string, day: number, rowCount = 10): DataFile => ({
  table: 'samples',
  key: `t/archive/samples/data/${name}`,
  sizeBytes: 100 + rowCount,
  tailBytes: 10,
  rowCount,
  minTimeMs: day * DAY_MS,
  maxTimeMs: day * DAY_MS + 5000,
  firstMetric: 'a',
  lastMetric: 'b',
  columns: [],
});

class World {
  readonly database = new NodeSql();
  readonly objects = new MemoryObjectStore();
  files!: ArchiveFiles;
  table!: ArchiveTable;
  readonly limits;
  #sequence = 0;

  constructor(limits: Partial<Record<keyof typeof LIMITS, number>> = {}) {
    this.limits = limitsWith(limits);
    this.wake(this.objects, 1);
  }

  wake(store: ObjectStore, seed: number): void {
    const sql = new NodeSql(this.database.database);
    const random = new SeededRandom(seed);
    migrateCatalog(sql);
    this.files = new ArchiveFiles(sql, this.limits);
    this.table = new ArchiveTable({ definition: SAMPLES_TABLE, sql, store, clock: new FixedClock(NOW_MS), random, limits: this.limits, prefix: 't/archive/samples', baseUri: 's3://b' });
  }

  commit(...files: DataFile[]): void {
    this.files.commit({ version: CATALOG_RPC_VERSION, shard: '1/0', sequence: ++this.#sequence, files, archivedUntilMs: undefined }, 0);
  }

  replace(id: string, remove: readonly number[], ...add: DataFile[]): 'done' | 'conflict' {
    return this.files.replace({ id, table: 'samples', remove, add, nowMs: NOW_MS });
  }

  /** Name, number and rank of the files that queries read. */
  get live(): [string, number, number][] {
    return this.files.files(ALL).files.map(({ key, file, rank }) => [key.split('/').at(-1)!, file, rank]);
  }

  async publishAll(): Promise<void> {
    while (this.table.isBehind) await this.table.publish();
  }

  get snapshots(): readonly Snapshot[] {
    return this.table.current()!.metadata.snapshots;
  }

  async liveOf(snapshot: Snapshot): Promise<string[]> {
    return [...(await readSnapshot(this.objects, 's3://b', snapshot)).live.keys()].map((key) => key.split('/').at(-1)!).sort();
  }
}

describe('files that take the place of others', () => {
  test('all or nothing, once, with the rank of the last that leaves', () => {
    const world = new World();
    world.commit(dataFile('a', 20_000), dataFile('b', 20_000));
    world.commit(dataFile('late', 20_000));
    const { removals } = world.files.files(ALL);
    expect(world.replace('p1', [1, 2], dataFile('ab', 20_000, 20))).toBe('done');
    // What came later still counts more.
    expect(world.live).toEqual([['late', 3, 3], ['ab', 4, 2]]);
    expect(world.files.files(ALL).removals).toBe(removals + 1);
    expect(world.replace('p1', [1, 2], dataFile('ab', 20_000, 20))).toBe('done');
    expect(world.replace('p2', [2, 3], dataFile('other', 20_000, 20))).toBe('conflict');
    expect(world.replace('p2', [17])).toBe('conflict');
    expect(world.live.length).toBe(2);
    expect(world.replace('p3', [3, 4])).toBe('done');
    expect(world.live).toEqual([]);
  });

  test('snapshots follow, one for each kind of change', async () => {
    const world = new World();
    world.commit(dataFile('a', 20_000), dataFile('b', 20_000));
    world.commit(dataFile('c', 20_001));
    world.replace('p1', [1, 2], dataFile('ab', 20_000, 20));
    world.commit(dataFile('d', 20_001));
    world.replace('p2', [3], dataFile('c-less', 20_001, 4));
    world.replace('p3', [4]);
    await world.publishAll();
    const summaries = world.snapshots.map(({ summary: { operation, 'added-records': added, 'deleted-records': deleted, 'total-records': total, 'total-data-files': files } }) => [operation, added, deleted, total, files]);
    expect(summaries).toEqual([
      ['append', '30', undefined, '30', '3'],
      ['replace', '20', '20', '30', '2'],
      ['append', '10', undefined, '40', '3'],
      ['overwrite', '4', '10', '34', '3'],
      ['delete', undefined, '20', '14', '2'],
    ]);
    const views = await Promise.all(world.snapshots.map((snapshot) => readSnapshot(world.objects, 's3://b', snapshot)));
    expect(views.map(({ added, deleted }) => [added, deleted].map((keys) => keys.map((key) => key.split('/').at(-1)!).sort().join(' ')))).toEqual([['a b c', ''], ['ab', 'a b'], ['d', ''], ['c-less', 'c'], ['', 'ab']]);
    // A file keeps the number of the snapshot that brought it, whoever writes its manifest.
    expect([...views.at(-1)!.live.values()].map(({ key, sequenceNumber }) => [key.split('/').at(-1), sequenceNumber])).toEqual([['d', 3], ['c-less', 4]]);
    expect(views.at(-1)!.manifests).toBe(2);
  });

  test('a file that came and went before any snapshot', async () => {
    const world = new World();
    world.commit(dataFile('a', 20_000));
    await world.publishAll();
    world.replace('p1', [1], dataFile('a2', 20_000));
    world.replace('p2', [2], dataFile('a3', 20_000));
    await world.publishAll();
    expect(world.snapshots.length).toBe(2);
    expect(await world.liveOf(world.snapshots[1]!)).toEqual(['a3']);
  });
});

test('whatever is committed and replaced, each snapshot stays what it was', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new SeededRandom(seed);
    const world = new World({ archiveManifestFilesMax: 5, archiveSnapshotFilesMax: 7 });
    const states = new Set<string>();
    const note = (): void => void states.add(JSON.stringify(world.live.map(([name]) => name).sort()));
    note();
    for (let step = 0; step < 40; step++) {
      const dice = random.below(10);
      if (dice < 5) world.commit(...Array.from({ length: 1 + random.below(4) }, (_, i) => dataFile(`f${step}-${i}`, 20_000 + random.below(3), 1 + random.below(9))));
      else if (dice < 8) {
        const { files } = world.files.files(ALL);
        const ofDay = files.filter(({ minTimeMs }) => minTimeMs === (20_000 + random.below(3)) * DAY_MS).map(({ file }) => file);
        const remove = ofDay.filter(() => random.below(2) === 0).slice(0, 6);
        if (remove.length === 0) continue;
        const day = Math.floor(files.find(({ file }) => file === remove[0])!.minTimeMs / DAY_MS);
        expect(world.replace(`p${step}`, remove, ...(dice === 7 ? [] : [dataFile(`r${step}`, day, 5)]))).toBe('done');
      } else await world.table.publish();
      note();
    }
    await world.publishAll();
    let isNewest = true;
    for (const snapshot of [...world.snapshots].reverse()) {
      const live = await world.liveOf(snapshot);
      if (isNewest) expect(live).toEqual(world.live.map(([name]) => name).sort());
      isNewest = false;
      expect(live.length).toBe(Number(snapshot.summary['total-data-files']));
      if (snapshot.summary['operation'] !== 'append') expect(states).toContain(JSON.stringify(live));
    }
  }
});

test.each(['before', 'after'] as const)('a store that breaks %s a call while a replacement is published, with and without the object', async (when) => {
  for (const dies of [false, true]) {
    for (let call = 0; ; call++) {
      const world = new World();
      world.commit(dataFile('a', 20_000), dataFile('b', 20_000), dataFile('c', 20_001));
      await world.publishAll();
      const before = (await world.objects.list('')).objects.length;
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.wake(store, 7);
      world.replace('p1', [1, 2], dataFile('ab', 20_000, 20));
      for (let tries = 0; tries < 4 && world.table.isBehind; tries++) {
        await world.table.publish().catch(() => {
          if (dies) world.wake(store, 99);
        });
      }
      expect(world.snapshots.length).toBe(2);
      expect(await world.liveOf(world.snapshots[1]!)).toEqual(['ab', 'c']);
      expect(await world.liveOf(world.snapshots[0]!)).toEqual(['a', 'b', 'c']);
      expect((await world.objects.list('')).objects.length).toBe(before + 3);
      if (store.calls <= call) break;
    }
  }
});

test('manifests are written again only when they double', () => {
  const f = (added: number, sizes: readonly number[], hit: readonly number[] = []): number[] => {
    const of = (each: readonly number[], from: number) => each.map((liveFiles, i) => ({ manifest: from + i, day: 1, liveFiles }));
    return planManifests({ addedByDay: new Map([[1, added]]), hit: of(hit, 100), others: of(sizes, 0), manifestFilesMax: 50 });
  };
  expect(f(1, [])).toEqual([]);
  expect(f(1, [1])).toEqual([0]);
  expect(f(1, [2])).toEqual([]);
  expect(f(1, [4, 2, 1])).toEqual([2, 1, 0]);
  expect(f(30, [20, 19])).toEqual([1]);
  expect(f(1, [30], [35])).toEqual([100]);
  expect(f(1, [10], [35])).toEqual([100, 0]);
});
