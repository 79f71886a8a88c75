import { describe, expect, test } from 'vitest';
import { SnapshotPublisher } from '../../../storage/archive/upkeep/snapshot-publisher.ts';
import { CatalogAlarm } from '../../../storage/catalog/catalog-alarm.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { MemoryAlarm } from '../../fakes/memory-alarm.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, DAY_START_MS, HOUR_MS, samplesOf } from '../archive/archive-world.ts';
import { randomSeries } from '../archive/random-series.ts';

/** An object that nobody has asked for so long is gone. */
const EVICTED_AFTER_MS = 10_000;

/** A catalog that does only what its alarm makes it do. */
class Catalog {
  readonly world = new ArchiveWorld({ archiveRemovedCheckMs: 8 * HOUR_MS });
  readonly labels = randomSeries(new SeededRandom(4), 4, 1).map((each) => each.labels);
  /** The platform keeps it while the object is gone. */
  alarm = new MemoryAlarm();
  publisher!: SnapshotPublisher;
  maintenance!: CatalogAlarm;

  /** The object comes back, as after an eviction or with a new version. */
  async wake(): Promise<void> {
    this.world.wake();
    this.publisher = new SnapshotPublisher(this.world.tables, this.world.clock, this.world.failures);
    this.maintenance = new CatalogAlarm([this.publisher, this.world.upkeep], this.alarm, this.world.clock);
    // Whatever comes out ends the object.
    await this.maintenance.arm().catch(() => this.wake());
  }

  async fill(): Promise<void> {
    for (const hour of [0, 1, 2, 3, 4]) await this.world.commit(samplesOf(this.labels, new SeededRandom(hour), hour));
  }

  /** Time goes on from alarm to alarm, and the object is evicted where one is a while away. */
  async live(forMs: number, ringsMax = 3000): Promise<void> {
    const { clock } = this.world;
    const endMs = clock.nowMs() + forMs;
    for (let ring = 0; ring < ringsMax; ring++) {
      const setForMs = this.alarm.setForMs ?? Infinity;
      if (setForMs > endMs) {
        clock.advance(endMs - clock.nowMs());
        return;
      }
      const waitMs = Math.max(0, setForMs - clock.nowMs());
      clock.advance(waitMs);
      if (waitMs > EVICTED_AFTER_MS) await this.wake();
      this.alarm.setForMs = undefined;
      await this.maintenance.ring().catch(() => this.wake());
    }
    throw new Error(`more than ${ringsMax} rings in ${forMs} ms`);
  }

  async keys(): Promise<string[]> {
    return (await this.world.objects.list('')).objects.map(({ key }) => key);
  }
}

describe('the catalog of a tenant that has fallen silent', () => {
  test('merges, deletes, expires and cleans up by its alarm alone, set on waking', async () => {
    const catalog = new Catalog();
    const { world } = catalog;
    await catalog.fill();
    // The alarm of those commits is lost, and nobody commits again.
    expect(catalog.alarm.sets).toBe(0);
    await catalog.wake();
    await catalog.live(HOUR_MS);
    expect(world.liveKeys().every((key) => key.includes('merged'))).toBe(true);
    expect(world.tables.isBehind).toBe(false);
    // A deletion, noted by an instance that is gone before it could set anything.
    const before = world.liveFiles().reduce((sum, { rowCount }) => sum + rowCount, 0);
    world.tombstones.add({ version: 1, selectors: [[]], startMs: DAY_START_MS, endMs: DAY_START_MS + HOUR_MS, flushes: {} }, world.clock.nowMs());
    catalog.alarm = new MemoryAlarm();
    await catalog.wake();
    await catalog.live(HOUR_MS);
    expect(world.liveFiles().reduce((sum, { rowCount }) => sum + rowCount, 0)).toBeLessThan(before);
    expect(world.tombstones.pending()).toEqual([]);
    await catalog.live(3 * DAY_MS);
    expect((await catalog.keys()).filter((key) => key.includes('/data/'))).toEqual(world.liveKeys());
    expect(world.tables.get('samples')!.current()!.metadata.snapshots.length).toBe(1);
    await catalog.live(35 * DAY_MS);
    expect(world.liveFiles()).toEqual([]);
    expect((await catalog.keys()).filter((key) => key.includes('/data/'))).toEqual([]);
  });

  test('one without an archive sets no alarm', async () => {
    const catalog = new Catalog();
    await catalog.wake();
    await catalog.maintenance.ring();
    expect(catalog.alarm.sets).toBe(0);
  });
});

describe('an Iceberg table that cannot be written', () => {
  /** Metadata of the table does not get into the store while it is down. */
  function withoutMetadata(inner: ObjectStore, isDown: () => boolean): ObjectStore {
    return {
      head: (key) => inner.head(key),
      get: (key, range) => inner.get(key, range),
      create: async (key, body) => {
        if (isDown() && key.includes('/metadata/')) throw new Error('the object store does not answer');
        return inner.create(key, body);
      },
      delete: (keys) => inner.delete(keys),
      list: (prefix, cursor) => inner.list(prefix, cursor),
    };
  }

  test('keeps nothing else from being done, and follows later', async () => {
    const catalog = new Catalog();
    const { world } = catalog;
    let isDown = true;
    world.store = withoutMetadata(world.objects, () => isDown);
    await catalog.wake();
    await catalog.fill();
    const before = await world.readAll();
    await catalog.wake();
    // The same instance all along: its failures in a row are what makes it wait.
    for (const endMs = world.clock.nowMs() + 2 * HOUR_MS; world.clock.nowMs() < endMs; ) {
      world.clock.advance(Math.max(0, catalog.alarm.setForMs! - world.clock.nowMs()));
      catalog.alarm.setForMs = undefined;
      await catalog.maintenance.ring();
    }
    expect(world.liveKeys().every((key) => key.includes('merged'))).toBe(true);
    expect(await world.readAll()).toEqual(before);
    expect(world.tables.isBehind).toBe(true);
    // At most one try in ten minutes when nothing has answered for long.
    expect(catalog.publisher.counters.archive_publish_failures_total).toBeGreaterThan(10);
    expect(catalog.publisher.counters.archive_publish_failures_total).toBeLessThan(25);
    isDown = false;
    await catalog.live(HOUR_MS);
    expect(world.tables.isBehind).toBe(false);
  });
});

describe('a catalog that fails in itself at one step, whenever it tries', () => {
  /** As a row that has grown too big for its storage, say. */
  const FAIL_TO_PUBLISH = "CREATE TRIGGER broken BEFORE UPDATE OF metadata ON archive_table WHEN new.name = 'samples' BEGIN SELECT RAISE(ABORT, 'string or blob too big'); END";

  test('does all else, tries again less and less often, and says what fails', async () => {
    const catalog = new Catalog();
    const { world } = catalog;
    await catalog.fill();
    const before = await world.readAll();
    world.database.run(FAIL_TO_PUBLISH);
    await catalog.wake();
    const beganMs = world.clock.nowMs();
    await catalog.live(2 * HOUR_MS);
    expect(world.liveKeys().every((key) => key.includes('merged'))).toBe(true);
    expect(await world.readAll()).toEqual(before);
    const { archive_step_failures_total: failures } = world.failures.counters;
    expect(failures).toBeGreaterThan(10);
    expect(failures).toBeLessThan(25);
    const [status] = catalog.publisher.status();
    expect(status).toMatchObject({ task: 'publish samples', dueMs: status!.failure!.retryAtMs, failure: { count: failures, message: 'string or blob too big' } });
    expect(status!.failure!.retryAtMs).toBeGreaterThan(beganMs + 2 * HOUR_MS);
    world.database.run('DROP TRIGGER broken');
    await catalog.live(HOUR_MS);
    expect(world.tables.isBehind).toBe(false);
    expect(catalog.publisher.status()).toEqual([]);
    expect(world.failures.failureOf('publish samples')).toBeUndefined();
  });

  test.each([
    ['tell whether it is due', 'ALTER TABLE tombstone RENAME TO hidden', 'ALTER TABLE hidden RENAME TO tombstone', ['delete', 'merge']],
    ['do it', "CREATE TRIGGER broken BEFORE UPDATE OF removed_change ON data_file BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END", 'DROP TRIGGER broken', ['merge']],
  ])('lets no other task of the upkeep wait, nor the snapshots: one that cannot %s', async (_, breakIt, mendIt, broken) => {
    const catalog = new Catalog();
    const { world } = catalog;
    await catalog.fill();
    await catalog.wake();
    world.database.run(breakIt);
    await catalog.live(HOUR_MS);
    expect(world.tables.isBehind).toBe(false);
    const failing = world.upkeep.status().filter(({ failure }) => failure !== undefined);
    expect(failing.map((each) => each.task)).toEqual(broken);
    world.database.run(mendIt);
    await catalog.live(HOUR_MS);
    expect(world.liveKeys().every((key) => key.includes('merged'))).toBe(true);
    expect(world.upkeep.status().every(({ failure }) => failure === undefined)).toBe(true);
  });

  test('that cannot be noted either tries again when it did before, and not at once', async () => {
    const catalog = new Catalog();
    const { world } = catalog;
    await catalog.fill();
    world.database.run(FAIL_TO_PUBLISH);
    world.database.run("CREATE TRIGGER unnoted BEFORE INSERT ON step_failure BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
    await catalog.wake();
    catalog.alarm.setForMs = undefined;
    await expect(catalog.maintenance.ring()).rejects.toThrow('string or blob too big');
    expect(catalog.alarm.setForMs).toBe(world.clock.nowMs() + 60_000);
  });
});
