import { describe, expect, test } from 'vitest';
import { isOrphan } from '../../../../storage/archive/upkeep/orphan-sweep.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import '../../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { readSnapshot } from '../../catalog/iceberg-read.ts';
import { ArchiveWorld, DAY_MS, HOUR_MS, samplesOf } from '../archive-world.ts';
import { letDie } from '../dying.ts';
import { randomSeries } from '../random-series.ts';

const SMALL = { archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170, archiveRemovedCheckMs: 8 * HOUR_MS };

/** Some hours of two days. */
async function filled(): Promise<ArchiveWorld> {
  const world = new ArchiveWorld(SMALL);
  const random = new SeededRandom(4);
  const labels = randomSeries(random, 8, 1).map((each) => each.labels);
  for (const hour of [0, 1, 2, 3, 24, 25]) await world.commit(samplesOf(labels, random, hour));
  return world;
}

const keysOf = async (world: ArchiveWorld): Promise<string[]> => (await world.objects.list('')).objects.map(({ key }) => key);

/** Every snapshot that the table names can be read, with all its files; and no other object is left. */
async function expectExact(world: ArchiveWorld): Promise<void> {
  const table = world.tables.get('samples')!;
  const needed = new Set([...world.liveKeys(), ...table.references().keys]);
  for (const snapshot of table.current()!.metadata.snapshots) {
    for (const key of (await readSnapshot(world.objects, 's3://b', snapshot)).live.keys()) needed.add(key);
  }
  const keys = await keysOf(world);
  expect([...needed].filter((key) => !keys.includes(key))).toEqual([]);
  const strangers = keys.filter((key) => !needed.has(key) && !/-m\d+\.avro$/.test(key));
  expect(strangers).toEqual([]);
}

describe('what has left', () => {
  test('objects go when no snapshot has them any more, and not before', async () => {
    const world = await filled();
    const before = await world.readAll();
    const files = world.liveKeys();
    await world.live(2 * HOUR_MS);
    // Merged, and still there for those who read what was before.
    expect(world.liveKeys().filter((key) => key.includes('merged')).length).toBeGreaterThan(0);
    expect(await keysOf(world)).toEqual(expect.arrayContaining(files));
    await world.live(3 * DAY_MS);
    expect(await world.readAll()).toEqual(before);
    const table = world.tables.get('samples')!.current()!.metadata;
    expect(table.snapshots.length).toBe(1);
    const left = await keysOf(world);
    expect(left.filter((key) => key.includes('/data/'))).toEqual(world.liveKeys().sort());
    // Manifests as well: those of the last snapshot are left.
    expect(left.filter((key) => /-m\d+\.avro$/.test(key)).length).toBe((await readSnapshot(world.objects, 's3://b', table.snapshots[0]!)).manifests);
  });

  test('days leave by retention, whole, the oldest first', async () => {
    const world = await filled();
    await world.live(27.5 * DAY_MS);
    expect(new Set(world.liveFiles().map(({ minTimeMs }) => Math.floor(minTimeMs / DAY_MS))).size).toBe(2);
    await world.live(DAY_MS);
    expect(new Set(world.liveFiles().map(({ minTimeMs }) => Math.floor(minTimeMs / DAY_MS))).size).toBe(1);
    const deletion = world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!;
    expect(deletion.summary['operation']).toBe('delete');
    await world.live(3 * DAY_MS);
    expect(world.liveFiles()).toEqual([]);
    expect(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!.summary['total-records']).toBe('0');
    expect((await keysOf(world)).filter((key) => key.includes('/data/'))).toEqual([]);
  });

  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', { timeout: 60_000 }, async (when) => {
    const whole = await filled();
    const before = await whole.readAll();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      for (const days of [1, 1, 6]) {
        // The alarm rings again when a snapshot fails.
        await world.live(days * DAY_MS).catch(() => world.live(days * DAY_MS));
        await expectExactButOrphans(world);
      }
      expect(await world.readAll()).toEqual(before);
      await expectExact(world);
      if (store.calls <= call) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s some calls of its storage', { timeout: 120_000 }, async (when) => {
    const whole = await filled();
    const before = await whole.readAll();
    await letDie(whole, { when, stride: 211, work: (world) => world.live(6 * DAY_MS) }, async (world) => {
      expect(await world.readAll()).toEqual(before);
      await world.live(8 * DAY_MS);
      expect(await world.readAll()).toEqual(before);
      await expectExact(world);
    });
  });
});

/** Nothing that is needed is missing. */
async function expectExactButOrphans(world: ArchiveWorld): Promise<void> {
  const keys = new Set(await keysOf(world));
  for (const key of world.liveKeys()) expect(keys).toContain(key);
  for (const snapshot of world.tables.get('samples')!.current()!.metadata.snapshots) {
    for (const key of (await readSnapshot(world.objects, 's3://b', snapshot)).live.keys()) expect(keys).toContain(key);
  }
}

describe('objects that nobody refers to', () => {
  const ID = 'a'.repeat(32);

  test('go after three days; what a flush may still commit, and what is of somebody else, stays', async () => {
    const world = await filled();
    await world.live(HOUR_MS);
    const data = 't/archive/samples/data/timestamp_day=2026-01-01';
    // The shard has committed 6 flushes.
    const stay = [`${data}/1-0-00000007-0000-${ID}.parquet`, `${data}/1-1-00000001-0000-${ID}.parquet`, `${data}/somebody.parquet`, 't/archive/samples/other/x', 't/other/y', 't/archive/samples/metadata/notes.txt'];
    const go = [`${data}/1-0-00000006-0000-${ID}.parquet`, `${data}/1-0-00000002-0003-${ID}-1.parquet`, `${data}/1-0-merged-0000-${ID}.parquet`, `t/archive/samples/metadata/${ID}-m0.avro`, `t/archive/samples/metadata/snap-12-${ID}.avro`, `t/archive/samples/metadata/00099-${ID}.metadata.json`];
    for (const key of [...stay, ...go]) await world.objects.create(key, Uint8Array.of(1));
    await world.live(2.9 * DAY_MS);
    expect(await keysOf(world)).toEqual(expect.arrayContaining([...stay, ...go]));
    await world.live(1.2 * DAY_MS);
    const left = await keysOf(world);
    expect(left).toEqual(expect.arrayContaining(stay));
    expect(left.filter((key) => go.includes(key))).toEqual([]);
  });

  test('those of work that is under way are not nobody’s', () => {
    const f = (path: string): boolean => isOrphan(path, { committed: new Map([['1/0', 5]]), planIds: new Set([ID]) });
    expect(f(`data/d/1-0-merged-0001-${ID}.parquet`)).toBe(false);
    expect(f(`data/d/1-0-rewritten-0001-${ID}.parquet`)).toBe(false);
    expect(f(`data/d/1-0-0001-${ID}.parquet`)).toBe(false);
    expect(f(`data/d/1-0-0001-${'b'.repeat(32)}.parquet`)).toBe(true);
    expect(f(`metadata/${ID}-m3.avro`)).toBe(false);
    expect(f(`metadata/snap-77-${ID}.avro`)).toBe(false);
    expect(f(`metadata/00001-${ID}.metadata.json`)).toBe(false);
    expect(f(`metadata/00001-${'b'.repeat(32)}.metadata.json`)).toBe(true);
    expect(f(`data/d/1-0-00000005-0000-${ID}.parquet`)).toBe(true);
    expect(f(`data/d/1-0-00000006-0000-${ID}.parquet`)).toBe(false);
    expect(f(`data/d/2-0-00000001-0000-${ID}.parquet`)).toBe(false);
  });
});
