import { describe, expect, test } from 'vitest';
import { ROLLED_UP_PROPERTY } from '../../../../storage/catalog/iceberg/archive-table.ts';
import { RemovedObjectsStore } from '../../../../storage/catalog/removed-objects.ts';
import { rollupDays } from '../../../../storage/catalog/rollup-days.ts';
import { METRIC_NAME } from '../../../../storage/model/labels.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import { StatesLeftBehind } from '../../../fakes/left-behind.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import '../../../fakes/remembered-zstd.ts';
import { letDie, type Mortal } from '../dying.ts';
import { HOUR_MS, seriesOf, START_MS, times } from '../flush/flush-world.ts';
import { RecoveryWorld } from '../recovery-world.ts';

const DAY_MS = 24 * HOUR_MS;

const lives = new Map<number, Promise<RecoveryWorld>>();

/** Some days of life: days that are merged, hours that are not, late samples, roll-ups. A world of its own, of which all tests of so many days have the same. */
async function lived(days = 5): Promise<RecoveryWorld> {
  let life = lives.get(days);
  if (life === undefined) lives.set(days, (life = live(days)));
  const world = (await life).copy();
  world.wakeCatalog();
  return world;
}

async function live(days: number): Promise<RecoveryWorld> {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  world.writeLate(seriesOf(2, 'late'), times(START_MS - 50 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
  await world.live(days * DAY_MS, () => world.writeHour());
  expect(await world.query()).toEqual(world.expected());
  return world;
}

/** All is found again, by queries and by readers of the Iceberg table, and the catalog knows it. */
async function expectWhole(world: RecoveryWorld): Promise<void> {
  expect(await world.query()).toEqual(world.expected());
  while (world.tables.isBehind) await world.tables.publish();
  expect(await world.publishedKeys()).toEqual(world.liveKeys());
  // What has been published is not to be published again.
  expect(world.catalogSql.all('SELECT * FROM archive_change')).toEqual([]);
  expect(world.status().commitsLostMs).toBeUndefined();
}

/** Deletes what the archive has of a metric, as a shard that has begun so many flushes says it. */
function remove(world: RecoveryWorld, name: string, flushesBegun: number, startMs = 0, endMs = 1e15): void {
  const deletion = { version: 1, selectors: [[{ name: METRIC_NAME, type: '=' as const, value: name }]], startMs, endMs, flushes: { '1/0': flushesBegun } };
  expect(world.tombstones.add(deletion, world.clock.nowMs())).toBeUndefined();
  const isOfTime = (line: string): boolean => Number(line.split(' ').at(-2)) >= startMs && Number(line.split(' ').at(-2)) <= endMs;
  for (const line of world.expected()) if (line.startsWith(`${name}{`) && isOfTime(line)) world.acknowledged.delete(line);
}

async function cleanTombstones(world: RecoveryWorld): Promise<void> {
  for (let calls = 0; await world.upkeep.cleanTombstones(); calls++) if (calls > 500) throw new Error('no end');
}

describe('a catalog whose storage began anew', () => {
  test('finds all its files again, and no clean-up removes one', { timeout: 60_000 }, async () => {
    const world = await lived();
    expect(world.liveKeys().filter((key) => key.includes('merged')).length).toBeGreaterThan(1);
    const [before, uuid] = [world.liveKeys(), world.tables.get('samples')!.current()!.metadata['table-uuid']];
    world.beginAnew();
    await world.recover();
    expect(world.liveKeys()).toEqual(before);
    // What is found is looked at for merges; who reads files meanwhile is told that some may have gone.
    const [unmarked, [state]] = [
      world.catalogSql.all('SELECT table_name, day, shard FROM data_file WHERE removed_change IS NULL EXCEPT SELECT table_name, day, shard FROM changed_partition'),
      world.catalogSql.all<{ removals: number }>('SELECT removals FROM archive_state'),
    ];
    expect(unmarked).toEqual([]);
    expect(state!.removals).toBeGreaterThan(0);
    await expectWhole(world);
    // The same table, going on.
    expect(world.tables.get('samples')!.current()!.metadata['table-uuid']).toBe(uuid);
    expect(world.status().adopted!.fileCount).toBeGreaterThanOrEqual(before.length);
    expect(world.recovery.counters.archive_adoptions_total).toBeGreaterThanOrEqual(3);
    await world.live(8 * DAY_MS, () => world.writeNowAndThen());
    await expectWhole(world);
    expect(await world.keys('/samples/data/')).toEqual(expect.arrayContaining(world.liveKeys()));
  });

  test('and those of its shards too: a bucket is all that is left', { timeout: 60_000 }, async () => {
    const world = await lived();
    // What only the hot tier had is gone with it.
    const archived = await world.query();
    const untilMs = world.status().archivedUntilMs['1/0']!;
    for (const line of archived) if (Number(line.split(' ').at(-2)) >= untilMs) world.acknowledged.delete(line);
    world.database = new NodeSql();
    world.wake();
    world.beginAnew();
    await world.live(8 * DAY_MS, () => world.writeNowAndThen());
    await expectWhole(world);
  });

  test('roll-ups are read again at once where samples have left, and made again where there are some', { timeout: 60_000 }, async () => {
    const world = new RecoveryWorld();
    world.samplesRetentionMs = 3 * DAY_MS;
    world.wakeCatalog();
    await world.live(9 * DAY_MS, () => world.writeHour());
    const days = (): unknown => rollupDays(world.catalogSql, { version: 1, firstDay: 0, lastDay: 1e6 }).days;
    const [before, keys] = [days(), world.liveKeys('rollup_1h')];
    // The first moment of a day ends a bucket of the day before.
    expect(before).toContainEqual(expect.objectContaining({ table: 'rollup_1h', firstDay: START_MS / DAY_MS - 1 }));
    world.beginAnew();
    await world.recover();
    expect(world.liveKeys('rollup_1h')).toEqual(keys);
    const outlived = days() as { readonly table: string; readonly firstDay: number; readonly lastDay: number }[];
    expect(outlived).toContainEqual(expect.objectContaining({ table: 'rollup_1h', firstDay: START_MS / DAY_MS - 1 }));
    await world.live(DAY_MS);
    const after = days() as typeof outlived;
    for (const { table, lastDay } of before as typeof outlived) expect(after.find((each) => each.table === table)!.lastDay).toBeGreaterThanOrEqual(lastDay);
  });

  test('beside manifests that do not say what the catalog knew of their files', async () => {
    const world = await lived(3);
    const before = await world.query();
    await world.forgetPlaces();
    world.beginAnew();
    await world.recover();
    expect(await world.query()).toEqual(before);
    await world.live(2 * DAY_MS, () => world.writeHour());
    await expectWhole(world);
  });

  test('beside a bucket of another name: the tables begin anew, with all files', async () => {
    const world = await lived(3);
    const before = world.liveKeys();
    world.baseUri = 's3://elsewhere';
    world.beginAnew();
    await world.recover();
    expect(world.liveKeys()).toEqual(before);
    await expectWhole(world);
    expect(world.tables.get('samples')!.current()!.metadata.location).toBe('s3://elsewhere/default/archive/samples');
    await world.live(5 * DAY_MS, () => world.writeNowAndThen());
    await expectWhole(world);
  });

  test('what is damaged is said, and everything waits for it', async () => {
    const world = await lived(3);
    const [newest] = (await world.keys('/samples/metadata/')).filter((key) => key.endsWith('.metadata.json')).sort().reverse();
    world.beginAnew();
    await world.objects.delete([newest!]);
    await world.objects.create(newest!, new TextEncoder().encode('{'));
    await world.ring();
    expect(world.recovery.failure!.message).toContain(newest!);
    expect(world.recovery.status()).toMatchObject({ task: 'look for forgotten files', failure: { count: 1 } });
    const keys = await world.keys('');
    await world.live(5 * DAY_MS);
    expect(await world.keys('')).toEqual(expect.arrayContaining(keys));
    // The one before it will do.
    await world.objects.delete([newest!]);
    await world.live(2 * DAY_MS);
    await expectWhole(world);
  });

  test.each(['{', '{}', '{"policies": [], "days": [["1/0", 1, 2, 0]]}', '{"policies": ["r"], "days": [["1/0", 1, 1e7, 0]]}'])('so is what a table of roll-ups says of its days: %s', async (text) => {
    const world = await lived(3);
    const [newest] = (await world.keys('/rollup_1h/metadata/')).filter((key) => key.endsWith('.metadata.json')).sort().reverse();
    const body = (await world.objects.get(newest!))!;
    const metadata = JSON.parse(new TextDecoder().decode(body)) as { readonly properties: Record<string, string> };
    expect(metadata.properties).toHaveProperty(ROLLED_UP_PROPERTY);
    metadata.properties[ROLLED_UP_PROPERTY] = text;
    await world.objects.delete([newest!]);
    await world.objects.create(newest!, new TextEncoder().encode(JSON.stringify(metadata)));
    world.beginAnew();
    await world.ring();
    expect(world.recovery.failure!.message).toContain(`${newest!}: ${ROLLED_UP_PROPERTY}: `);
    await world.objects.delete([newest!]);
    await world.objects.create(newest!, body);
    await world.live(HOUR_MS);
    await expectWhole(world);
  });

  test('with nothing in the bucket it has nothing, and looks no more often than it must', async () => {
    const world = new RecoveryWorld();
    world.wakeCatalog();
    await world.ring();
    const { list } = world.objects.counts;
    expect(list).toBeLessThan(12);
    expect(world.status().adopted).toBeUndefined();
    world.wakeCatalog();
    await world.ring();
    expect(world.objects.counts.list).toBe(list);
    world.clock.advance(LIMITS.archiveLookPeriodMs);
    await world.ring();
    expect(world.objects.counts.list).toBeGreaterThan(list);
  });
});

describe('a catalog whose storage went back', () => {
  test.each([0.3, 1, 2.6])('%s days, and the shard goes on', { timeout: 60_000 }, async (days) => {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    await world.live(days * DAY_MS, () => world.writeHour());
    world.goBackTo(earlier);
    await world.live(9 * DAY_MS, () => world.writeNowAndThen());
    await expectWhole(world);
    expect(world.status().adopted!.fileCount).toBeGreaterThan(0);
  });

  test('by so much that what it reads is merged and gone, and no shard commits any more', { timeout: 60_000 }, async () => {
    const world = await lived(3);
    world.clock.advance(HOUR_MS);
    await world.settle();
    const earlier = world.catalogSql.copy();
    await world.live(6 * DAY_MS);
    const after = world.liveKeys();
    world.goBackTo(earlier);
    await expect(world.query()).rejects.toThrow('missing');
    await world.ring();
    expect(world.liveKeys()).toEqual(after);
    await expectWhole(world);
    await world.live(8 * DAY_MS);
    await expectWhole(world);
  });

  test('what shards have committed before it looked stays, and counts more', async () => {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    await world.live(DAY_MS, () => world.writeHour());
    const timesMs = times(START_MS - 50 * HOUR_MS, 10);
    world.goBackTo(earlier);
    for (const line of world.expected()) if (line.includes('late') && Number(line.split(' ').at(-2)) < START_MS) world.acknowledged.delete(line);
    world.writeLate(seriesOf(2, 'late'), timesMs, (series, timeMs) => 7 + series + timeMs);
    await world.settle();
    expect(world.status().commitsLostMs).toBeDefined();
    await world.recover();
    await expectWhole(world);
  });

  test('what a shard commits while it looks stays, whatever its number', async () => {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    await world.live(2 * DAY_MS);
    world.goBackTo(earlier);
    // A shard that began anew: its flushes have numbers that were given before.
    world.database = new NodeSql();
    world.wake();
    const { objects } = world;
    let lists = 0;
    const store = new FaultyObjectStore(objects);
    store.list = async (prefix, cursor) => {
      const page = await objects.list(prefix, cursor);
      if (prefix.endsWith('/samples/data/') && lists++ < 2) {
        world.writeLate(seriesOf(2, 'late'), times(START_MS - (60 + lists) * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
        await world.settle();
      }
      return page;
    };
    world.store = store;
    world.wakeCatalog();
    await world.recover();
    expect(lists).toBeGreaterThan(1);
    await expectWhole(world);
    expect(new Set(world.liveKeys()).size).toBe(world.liveKeys().length);
  });

  test('what is found of an earlier flush counts less than what a later one has', async () => {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    const timesMs = times(START_MS - 60 * HOUR_MS, 10);
    const kept = new Set(world.acknowledged);
    world.writeLate(seriesOf(2, 'late'), timesMs, (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    world.goBackTo(earlier);
    for (const line of world.expected()) if (!kept.has(line)) world.acknowledged.delete(line);
    world.writeLate(seriesOf(2, 'late'), timesMs, (series, timeMs) => 7 + series + timeMs);
    await world.settle();
    expect(await world.query()).toEqual(world.expected());
    await world.recover();
    expect(world.status().adopted!.fileCount).toBe(1);
    await expectWhole(world);
  });

  test('what was under way of files that have left is not gone on with', async () => {
    const world = await lived(3);
    const isMerging = (): boolean => world.catalogSql.all('SELECT 1 FROM merge_plan').length > 0;
    for (let hour = 0; !isMerging(); hour++) {
      expect(hour).toBeLessThan(30);
      world.writeHour();
      world.clock.advance(HOUR_MS);
      await world.settle();
      while (world.tables.isBehind) await world.tables.publish();
      while (!isMerging() && (world.upkeep.nextDueMs() ?? Infinity) <= world.clock.nowMs()) await world.upkeep.step();
    }
    const earlier = world.catalogSql.copy();
    await world.live(3 * DAY_MS, () => world.writeNowAndThen());
    world.goBackTo(earlier);
    await world.recover();
    expect(isMerging()).toBe(false);
    await world.live(2 * DAY_MS, () => world.writeNowAndThen());
    await expectWhole(world);
    expect(world.upkeep.status().flatMap(({ failure }) => failure ?? [])).toEqual([]);
  });

  test('an instance that has been replaced adopts nothing', async () => {
    const world = await lived(3);
    world.beginAnew();
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { objects } = world;
    const store = new FaultyObjectStore(objects);
    store.list = async (prefix, cursor) => {
      if (prefix.endsWith('/samples/data/')) {
        begun.resolve();
        await end.promise;
      }
      return objects.list(prefix, cursor);
    };
    world.store = store;
    world.wakeCatalog();
    const looking = world.recovery.step().catch((error: unknown) => error);
    await begun.promise;
    world.store = objects;
    world.wakeCatalog();
    await world.recover();
    const before = world.liveKeys();
    end.resolve();
    expect(String(await looking)).toContain('replaced');
    expect(world.liveKeys()).toEqual(before);
  });

  test('what a shard commits as it is being found is there once', async () => {
    const world = await lived(3);
    const before = await world.keys('/samples/data/');
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    const written = async (): Promise<string | undefined> => (await world.keys('/samples/data/')).find((key) => !before.includes(key));
    for (let step = 0; (await written()) === undefined; step++) {
      expect(step).toBeLessThan(10);
      await world.flusher.step();
    }
    const found = await written();
    world.beginAnew();
    const { objects } = world;
    let isCommitted = false;
    const store = new FaultyObjectStore(objects);
    store.get = async (key, range) => {
      const bytes = await objects.get(key, range);
      if (key === found && !isCommitted) {
        isCommitted = true;
        await world.settle();
      }
      return bytes;
    };
    world.store = store;
    world.wakeCatalog();
    await world.recover();
    expect(isCommitted).toBe(true);
    expect(new Set(world.liveKeys()).size).toBe(world.liveKeys().length);
    await expectWhole(world);
  });

  test('no orphan is searched for while snapshots may have what it does not know, wherever its object goes and comes back', { timeout: 60_000 }, async () => {
    const whole = await lived(3);
    const earlier = whole.catalogSql.copy();
    await whole.live(DAY_MS, () => whole.writeHour());
    whole.goBackTo(earlier);
    for (let steps = 1, isOver = false; !isOver; steps++) {
      const world = whole.copy();
      world.wakeCatalog();
      for (let step = 0; step < steps; step++) await world.recovery.step();
      isOver = !world.recovery.isDue;
      world.wakeCatalog();
      await world.recover();
      expect(new RemovedObjectsStore(world.catalogSql).nextSweepMs).toBeGreaterThanOrEqual(world.clock.nowMs() + LIMITS.archiveOrphanAgeMs);
    }
  });

  test('a deletion of before stays, one of after is of all that was found', { timeout: 60_000 }, async () => {
    const world = await lived(3);
    await world.live(DAY_MS, () => world.writeHour());
    // All is in files: deletions here are of the archive alone.
    await world.live(1.2 * DAY_MS);
    const earlier = world.catalogSql.copy();
    remove(world, 'metric_0', 1000);
    await world.live(DAY_MS);
    // Carried out, forgotten, and then the catalog goes back to before it.
    world.goBackTo(earlier);
    remove(world, 'metric_1', 1000);
    await world.recover();
    expect(await world.query()).toEqual(world.expected());
    await world.live(2 * DAY_MS);
    expect(await world.query()).toEqual(world.expected());
  });

  test.each([
    ['went back to before it', (world: RecoveryWorld, earlier: NodeSql) => world.goBackTo(earlier)],
    ['began anew', (world: RecoveryWorld) => world.beginAnew()],
  ])('a deletion of all that days had: their roll-ups are not read again by a catalog that %s', { timeout: 60_000 }, async (_, forget) => {
    const world = await lived(3);
    await world.live(1.2 * DAY_MS);
    const days = (): unknown => rollupDays(world.catalogSql, { version: 1, firstDay: START_MS / DAY_MS, lastDay: START_MS / DAY_MS }).days;
    expect(days()).not.toEqual([]);
    const earlier = world.catalogSql.copy();
    for (const name of ['metric_0', 'metric_1', 'metric_2', 'metric_3']) remove(world, name, 1000, START_MS - DAY_MS, START_MS + 2 * DAY_MS);
    await world.live(DAY_MS);
    expect(days()).toEqual([]);
    forget(world, earlier);
    await world.recover();
    expect(await world.query()).toEqual(world.expected());
    expect(days()).toEqual([]);
    await world.live(DAY_MS);
    expect(days()).toEqual([]);
  });

  test.each([
    ['by their names', false],
    ['in a snapshot', true],
  ])('a deletion that is carried out in all that it knows is of what it finds then: files that are found %s', async (_, isPublished) => {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    while (isPublished && world.tables.isBehind) await world.tables.publish();
    world.goBackTo(earlier);
    world.clock.advance(1000);
    remove(world, 'late_0', 0, START_MS - 65 * HOUR_MS, START_MS - 55 * HOUR_MS);
    expect(world.tombstones.finish(world.clock.nowMs())).toBe(false);
    expect(world.tombstones.pending()).toEqual([]);
    world.clock.advance(LIMITS.archiveLookPeriodMs);
    if (!isPublished) world.catalogSql.run("INSERT INTO lost_flush (shard, after_flush, times) SELECT shard, sequence, 1 FROM archive_shard");
    expect(world.recovery.isDue).toBe(true);
    await world.recover();
    expect(world.status().adopted!.fileCount).toBe(1);
    expect(await world.query()).toEqual(world.expected());
    await cleanTombstones(world);
    expect(await world.query()).toEqual(world.expected());
  });

  test.each([
    ['whose shard goes on', false],
    ['whose shard began anew as well', true],
  ])('a deletion that is carried out at once, before it has looked, is of all files: a catalog %s', { timeout: 60_000 }, async (_, isShardNew) => {
    const world = await lived(3);
    // All is in files, and the last of them are in no snapshot.
    await world.live(1.2 * DAY_MS);
    world.writeLate(seriesOf(2), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    expect(world.tables.isBehind).toBe(true);
    world.beginAnew();
    // As long as it cannot look, none is carried out.
    world.store = new FaultyObjectStore(world.objects, { call: 0, when: 'before' });
    world.wakeCatalog();
    world.clock.advance(1000);
    remove(world, 'metric_1', isShardNew ? 0 : world.hot.archive.mark.flushesBegun);
    await expect(cleanTombstones(world)).rejects.toThrow('look for forgotten files');
    expect(world.tombstones.pending()).toHaveLength(1);
    world.store = world.objects;
    world.wakeCatalog();
    await cleanTombstones(world);
    expect(world.recovery.isDue).toBe(false);
    expect(await world.query()).toEqual(world.expected());
    // What comes behind the deletion is none of its.
    world.writeLate(seriesOf(2), times(START_MS - 70 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.live(12 * HOUR_MS, () => world.writeHour());
    expect(await world.query()).toEqual(world.expected());
    expect(world.tombstones.pending()).toEqual([]);
  });
});

describe('files that no snapshot had', () => {
  test('are found by their names: those that were committed, and one that is about to be', { timeout: 60_000 }, async () => {
    const world = await lived(3);
    // The tables are not written any more.
    for (let hour = 0; hour < 5; hour++) {
      world.writeHour();
      world.writeLate(seriesOf(2, 'late'), times(START_MS - (60 + hour) * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
      world.clock.advance(HOUR_MS);
      await world.settle();
    }
    const before = world.liveKeys();
    expect(world.tables.isBehind).toBe(true);
    world.beginAnew();
    await world.recover();
    expect(world.liveKeys()).toEqual(before);
    await world.live(2 * DAY_MS, () => world.writeHour());
    await expectWhole(world);
  });

  test('are found when a shard says that they are missing', async () => {
    const world = await lived(3);
    await world.recover();
    const earlier = world.catalogSql.copy();
    const stray = 'default/archive/samples/data/timestamp_day=2026-01-01/1-0-00009999-0000-' + 'a'.repeat(32) + '.parquet';
    await world.objects.create(stray, Uint8Array.of(1));
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    world.goBackTo(earlier);
    expect(world.recovery.isDue).toBe(false);
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 61 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    expect(world.recovery.isDue).toBe(true);
    await world.ring();
    await expectWhole(world);
    expect(world.recovery.counters.archive_unreadable_objects_total).toBeGreaterThan(0);
    expect(await world.keys()).toContain(stray);
  });
});

describe('whatever breaks on the way', () => {
  /** A catalog that began anew beside files that are merged, files that are not, and files that no snapshot has. */
  async function lost(): Promise<RecoveryWorld> {
    const world = await lived(3);
    world.writeLate(seriesOf(2, 'late'), times(START_MS - 60 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
    await world.settle();
    world.beginAnew();
    return world;
  }

  interface OfCatalog extends Mortal<OfCatalog> {
    readonly world: RecoveryWorld;
  }

  const catalogOf = (world: RecoveryWorld): OfCatalog => ({
    world,
    copy: () => catalogOf(world.copy()),
    wake: (wrap) => world.wakeCatalog(wrap),
    leftBehind: () => ({ databases: [world.catalogSql], objects: world.objects, clock: world.clock }),
  });

  test('each call of the object store, all of which read', { timeout: 120_000 }, async () => {
    const whole = await lost();
    const states = new StatesLeftBehind();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when: 'before' });
      world.store = store;
      world.wakeCatalog();
      await world.recover();
      const isOver = store.calls <= call;
      expect(world.recovery.counters.archive_look_failures_total).toBe(isOver ? 0 : 1);
      expect(world.objects.counts).toMatchObject({ create: 0, delete: 0 });
      world.store = world.objects;
      world.wakeCatalog();
      if (states.isNew(catalogOf(world).leftBehind())) await expectWhole(world);
      if (isOver) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s each call of its storage', { timeout: 240_000 }, async (when) => {
    const stateCount = await letDie(catalogOf(await lost()), { when, work: ({ world }) => world.recover() }, async ({ world }) => {
      await world.recover();
      await expectWhole(world);
    });
    expect(stateCount).toBeGreaterThan(10);
  });

  /** One that went back behind flushes that no snapshot has, and has carried out a deletion in all that it knows; its shard has said that some are missing. */
  async function wentBack(): Promise<RecoveryWorld> {
    const world = await lived(3);
    const earlier = world.catalogSql.copy();
    for (let hour = 60; hour < 63; hour++) {
      world.writeLate(seriesOf(2, 'late'), times(START_MS - hour * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
      await world.settle();
    }
    world.goBackTo(earlier);
    world.clock.advance(1000);
    remove(world, 'late_0', world.hot.archive.mark.flushesBegun, START_MS - 65 * HOUR_MS, START_MS - 55 * HOUR_MS);
    world.writeHour();
    world.clock.advance(2 * HOUR_MS);
    await world.settle();
    expect(world.recovery.isDue).toBe(true);
    // No file that it knows is of that time.
    expect(world.tombstones.finish(world.clock.nowMs())).toBe(false);
    return world;
  }

  /** What follows for others. */
  const noted = ({ catalogSql }: RecoveryWorld): unknown =>
    [
      'SELECT shard, day FROM rollup_source',
      'SELECT * FROM shard_call',
      'SELECT * FROM changed_partition',
      'SELECT * FROM archive_shard',
      'SELECT tombstone, done_ms IS NULL FROM tombstone',
      'SELECT * FROM lost_flush',
      'SELECT next_sweep_ms - adopted_ms, next_look_ms IS NULL, adopted_files, commits_lost_ms FROM archive_state',
    ].map((statement) => catalogSql.all(statement));

  test.each(['before', 'after'] as const)('the catalog dies %s a call as it finds files of flushes', { timeout: 240_000 }, async (when) => {
    let expected: unknown;
    const stateCount = await letDie(catalogOf(await wentBack()), { when, stride: 5, work: ({ world }) => world.recover() }, async ({ world }) => {
      await world.recover();
      expect(noted(world)).toEqual((expected ??= noted(world)));
      expect(await world.query()).toEqual(world.expected());
      await cleanTombstones(world);
      await expectWhole(world);
    });
    expect(stateCount).toBeGreaterThan(when === 'before' ? 3 : 5);
  });
});
