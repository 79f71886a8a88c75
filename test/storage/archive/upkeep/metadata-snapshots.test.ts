import { parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { MetadataSnapshots } from '../../../../storage/archive/upkeep/metadata-snapshots.ts';
import { ArchiveFiles } from '../../../../storage/catalog/archive-files.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { ArchiveTables } from '../../../../storage/catalog/iceberg/archive-tables.ts';
import { MetadataStore } from '../../../../storage/catalog/metadata-store.ts';
import type { MetadataEntry } from '../../../../storage/model/metadata.ts';
import type { ObjectStore } from '../../../../storage/object-store.ts';
import type { Sql } from '../../../../storage/runtime/sql.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import { FaultySql } from '../../../fakes/faulty-sql.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const NOON = Date.UTC(2026, 10, 25, 12);
const HOUR_MS = 3_600_000;

const counter = (metric: string, help = 'Requests.'): MetadataEntry => ({ metric, type: 'counter', help, unit: '' });

/** A catalog and its object store. */
class World {
  readonly clock = new FixedClock(NOON);
  readonly objects = new MemoryObjectStore();
  readonly database = new NodeSql();
  readonly limits: ReturnType<typeof limitsWith>;
  #seed = 1;

  constructor(limits: Parameters<typeof limitsWith>[0] = {}) {
    this.limits = limitsWith(limits);
    migrateCatalog(this.database);
  }

  get metadata(): MetadataStore {
    return new MetadataStore(this.database, this.limits);
  }

  get files(): ArchiveFiles {
    return new ArchiveFiles(this.database, this.limits);
  }

  open(overrides: { readonly sql?: Sql; readonly store?: ObjectStore } = {}): MetadataSnapshots {
    const sql = overrides.sql ?? new NodeSql(this.database.database);
    const { clock, limits } = this;
    return new MetadataSnapshots({
      sql,
      metadata: new MetadataStore(sql, limits),
      files: new ArchiveFiles(sql, limits),
      store: overrides.store ?? this.objects,
      clock,
      random: new SeededRandom(this.#seed++),
      limits,
      prefix: 't/archive',
    });
  }

  /** What the table has, as another reader of Parquet sees it. */
  async rows(): Promise<Record<string, unknown>[]> {
    const { files } = this.files.files({ version: 1, table: 'metadata', startMs: 0, endMs: 8e15, after: undefined });
    const rows = await Promise.all(
      files.map(async ({ key }) => {
        const { buffer } = (await this.objects.get(key))!.slice();
        return (await parquetReadObjects({ file: buffer, compressors: { ZSTD: (packed, length) => zstdDecompressSync(packed, { maxOutputLength: length * 2 + 1024 }) } })) as Record<string, unknown>[];
      }),
    );
    return rows.flat();
  }
}

async function settle(snapshots: MetadataSnapshots, clock: FixedClock): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    const dueMs = snapshots.nextDueMs();
    if (dueMs === undefined || dueMs > clock.nowMs() + HOUR_MS / 2) return;
    clock.advance(Math.max(0, dueMs - clock.nowMs()));
    await snapshots.step();
  }
  throw new Error('it does not come to an end');
}

describe('the table of metadata', () => {
  test('has what the catalog knows, and is written anew when that has changed, and not too often', async () => {
    const world = new World();
    const snapshots = world.open();
    expect(snapshots.nextDueMs()).toBeUndefined();
    world.metadata.note([counter('b_total', 'Größe, 𝄞'), { metric: 'a_seconds', type: 'histogram', help: '', unit: 'seconds' }], NOON);
    await settle(snapshots, world.clock);
    const [taken, last] = [new Date(NOON), new Date(NOON)];
    expect(await world.rows()).toEqual([
      { metric: 'a_seconds', type: 'histogram', help: '', unit: 'seconds', last_seen: last, taken },
      { metric: 'b_total', type: 'counter', help: 'Größe, 𝄞', unit: '', last_seen: last, taken },
    ]);
    // The same again is no change.
    world.metadata.note([counter('b_total', 'Größe, 𝄞')], NOON + 2 * HOUR_MS);
    expect(snapshots.nextDueMs()).toBeUndefined();
    world.clock.advance(60_000);
    world.metadata.note([counter('b_total', 'another')], NOON + 60_000);
    expect(world.open().nextDueMs()).toBe(NOON + HOUR_MS);
    world.clock.advance(HOUR_MS);
    await settle(snapshots, world.clock);
    expect((await world.rows()).map(({ metric, help }) => [metric, help])).toEqual([['a_seconds', ''], ['b_total', 'another'], ['b_total', 'Größe, 𝄞']]);
    expect((await world.objects.list('')).objects).toHaveLength(2);
  });

  test('is written again by a clock that was a year ahead and has been set back', async () => {
    const world = new World();
    world.metadata.note([counter('a_total')], NOON);
    world.clock.advance(365 * 24 * HOUR_MS);
    await settle(world.open(), world.clock);
    world.clock.advance(-365 * 24 * HOUR_MS);
    world.metadata.note([counter('b_total')], NOON);
    await settle(world.open(), world.clock);
    expect((await world.rows()).map(({ metric, taken }) => [metric, taken])).toEqual([['a_total', new Date(NOON)], ['b_total', new Date(NOON)]]);
  });

  test('is an Iceberg table of one snapshot’s rows, whatever came before', async () => {
    const world = new World();
    const tables = new ArchiveTables({ sql: world.database, store: world.objects, clock: world.clock, random: new SeededRandom(3), limits: world.limits, prefix: 't/archive', baseUri: 's3://b' });
    const snapshots = world.open();
    for (let i = 0; i < 3; i++) {
      // Over the end of a month: the partition is another one.
      world.clock.advance(5 * 24 * HOUR_MS);
      world.metadata.note([counter(`m${i}`)], world.clock.nowMs());
      await settle(snapshots, world.clock);
      while (tables.isBehind) await tables.publish();
    }
    const { metadata } = tables.get('metadata')!.current()!;
    expect(metadata.snapshots.at(-1)!.summary).toMatchObject({ operation: 'overwrite', 'total-records': '3', 'total-data-files': '1' });
    expect(metadata.schemas).toMatchObject([{ fields: [{ name: 'metric' }, { name: 'type' }, { name: 'help' }, { name: 'unit' }, { name: 'last_seen' }, { name: 'taken' }] }]);
  });

  test('much of it is several files, of which each is in memory alone', async () => {
    const world = new World({ metadataPageCharactersTarget: 300, metadataFileCharactersTarget: 1000 });
    const entries = Array.from({ length: 100 }, (_, i) => counter(`metric_${String(i).padStart(3, '0')}`, 'x'.repeat(30)));
    world.metadata.note(entries, NOON);
    await settle(world.open(), world.clock);
    expect((await world.rows()).map(({ metric }) => metric)).toEqual(entries.map(({ metric }) => metric));
    expect((await world.objects.list('')).objects.length).toBeGreaterThan(3);
  });

  test.each(['before', 'after'] as const)('every call of the database and of the object store fails %s its effect', async (when) => {
    const filled = async (): Promise<World> => {
      const world = new World({ metadataPageCharactersTarget: 20, metadataFileCharactersTarget: 30 });
      world.metadata.note([counter('a')], NOON);
      await settle(world.open(), world.clock);
      world.clock.advance(HOUR_MS);
      world.metadata.note([counter('b'), counter('c'), counter('d')], NOON);
      return world;
    };
    const expectWhole = async (world: World, where: string): Promise<void> => {
      expect([['a'], ['a', 'b', 'c', 'd']], where).toContainEqual((await world.rows()).map(({ metric }) => metric));
      await settle(world.open(), world.clock);
      expect((await world.rows()).map(({ metric }) => metric), where).toEqual(['a', 'b', 'c', 'd']);
      expect(world.open().openPlan(), where).toBeUndefined();
      // What has left is told from what is there; nothing else is about.
      expect((await world.objects.list('')).objects, where).toHaveLength(world.database.all('SELECT 1 AS one FROM data_file').length);
    };
    for (let call = 0; ; call++) {
      const world = await filled();
      const sql = new FaultySql(new NodeSql(world.database.database), { call, when });
      await settle(world.open({ sql }), world.clock).catch(() => undefined);
      const isOver = !sql.isBroken;
      await expectWhole(world, `call ${call} of the database`);
      if (isOver) break;
    }
    for (let call = 0; ; call++) {
      const world = await filled();
      const store = new FaultyObjectStore(world.objects, { call, when });
      await settle(world.open({ store }), world.clock);
      await expectWhole(world, `call ${call} of the store`);
      if (store.calls <= call) break;
    }
  });
});
