import { describe, expect, test } from 'vitest';
import { CatalogMirror } from '../../../../storage/archive/upkeep/catalog-mirror.ts';
import { ExternalCatalog } from '../../../../storage/catalog/iceberg/external-catalog.ts';
import type { Snapshot } from '../../../../storage/catalog/iceberg/table-metadata.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { Secret } from '../../../../storage/runtime/secret.ts';
import { MemoryRestCatalog } from '../../../fakes/memory-rest-catalog.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { readSnapshot } from '../../catalog/iceberg-read.ts';
import { ArchiveWorld, DAY_MS, HOUR_MS, samplesOf } from '../archive-world.ts';
import { randomSeries } from '../random-series.ts';

const NAME = 'metrics_t.samples';
const LIMITS_THERE = { mirrorRequestMsMax: 500, mirrorAnswerBytesMax: 1_000_000 };
const labels = randomSeries(new SeededRandom(4), 8, 1).map((each) => each.labels);

function mirrorOf(world: ArchiveWorld, remote: MemoryRestCatalog): CatalogMirror {
  const config = { uri: 'https://catalog.example/cat', warehouse: 'W', token: new Secret('T0ken'), namespace: 'metrics' };
  return new CatalogMirror(world.tables, new ExternalCatalog({ config, tenant: 't', fetch: remote.fetch, limits: LIMITS_THERE }), world.clock, world.failures);
}

async function filled(): Promise<ArchiveWorld> {
  const world = new ArchiveWorld({ archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170, archiveRemovedCheckMs: 8 * HOUR_MS });
  const random = new SeededRandom(4);
  for (const hour of [0, 1, 2]) await world.commit(samplesOf(labels, random, hour));
  await world.tables.publish();
  for (const hour of [3, 24, 25]) await world.commit(samplesOf(labels, random, hour));
  await world.tables.publish();
  return world;
}

/** What the mirror's alarm does, until nothing is due. */
async function settle(world: ArchiveWorld, mirror: CatalogMirror, stepsMax = 60): Promise<void> {
  for (let step = 0; ; step++) {
    const dueMs = mirror.nextDueMs();
    if (dueMs === undefined) return;
    if (step === stepsMax) throw new Error(`more than ${stepsMax} steps`);
    world.clock.advance(Math.max(0, dueMs - world.clock.nowMs()));
    await mirror.step();
  }
}

/** Who reads by the other catalog finds the same snapshots, of the same files. */
async function expectSame(world: ArchiveWorld, remote: MemoryRestCatalog): Promise<void> {
  const ours = world.tables.get('samples')!.current()!.metadata;
  const there = remote.metadata(NAME);
  expect(there.snapshots).toEqual(ours.snapshots);
  expect(there.refs).toEqual(ours.refs);
  expect(there).toMatchObject({ 'format-version': 2, location: ours.location, 'last-sequence-number': ours['last-sequence-number'], schemas: ours.schemas, 'partition-specs': ours['partition-specs'], 'default-spec-id': 0 });
  const newest = there.snapshots.at(-1) as unknown as Snapshot;
  expect([...(await readSnapshot(world.objects, 's3://b', newest)).live.keys()].sort()).toEqual(world.liveKeys().sort());
}

describe('tables that are in another catalog as well', () => {
  test('are created there, and follow what is published, merged and expires', async () => {
    const world = await filled();
    const remote = new MemoryRestCatalog();
    const mirror = mirrorOf(world, remote);
    await settle(world, mirror);
    await expectSame(world, remote);
    expect(mirror.counters).toEqual({ mirror_commits_total: 1, mirror_failures_total: 0 });
    expect(mirror.status()).toEqual([]);
    for (let day = 0; day < 4; day++) {
      await world.live(DAY_MS);
      await settle(world, mirror);
      await expectSame(world, remote);
    }
    expect(world.liveKeys().filter((key) => key.includes('merged')).length).toBeGreaterThan(0);
    expect(remote.metadata(NAME).snapshots.length).toBe(1);
    // Nothing is asked when nothing has changed, by the next object either.
    const requests = remote.requests.length;
    world.wake();
    const next = mirrorOf(world, remote);
    expect(next.nextDueMs()).toBeUndefined();
    await next.step();
    expect(remote.requests.length).toBe(requests);
  });

  test.each(['lose-request', 'lose-answer'] as const)('whatever is lost on the way: %s', async (fault) => {
    for (let lost = 0; ; lost++) {
      const world = await filled();
      const remote = new MemoryRestCatalog();
      remote.fault = (request) => (request === lost ? fault : undefined);
      const mirror = mirrorOf(world, remote);
      await settle(world, mirror);
      await expectSame(world, remote);
      await world.live(2 * DAY_MS);
      await settle(world, mirror);
      await expectSame(world, remote);
      expect(remote.tables.size).toBe(1);
      if (remote.requests.length <= lost) break;
      expect(mirror.counters.mirror_failures_total).toBeLessThanOrEqual(1);
    }
  });

  test('are created long after they were written, and what comes there later has a later time', async () => {
    const world = await filled();
    await world.live(3 * HOUR_MS);
    const remote = new MemoryRestCatalog();
    remote.nowMs = () => world.clock.nowMs();
    const mirror = mirrorOf(world, remote);
    for (let hour = 30; hour < 34; hour++) {
      await settle(world, mirror);
      const ours = world.tables.get('samples')!.current()!.metadata;
      const ids = (list: readonly unknown[]): unknown[] => (list as readonly Snapshot[]).map((each) => each['snapshot-id']);
      expect(ids(remote.metadata(NAME).snapshots)).toEqual(ids(ours.snapshots));
      expect(remote.metadata(NAME).refs).toEqual(ours.refs);
      const times = (remote.metadata(NAME).snapshots as unknown as readonly Snapshot[]).map((each) => each['timestamp-ms']);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      await world.commit(samplesOf(labels, new SeededRandom(hour), hour));
      await world.tables.publish();
      await world.live(13 * HOUR_MS);
    }
    expect(mirror.counters.mirror_failures_total).toBe(0);
  });

  test('a catalog that goes back, or forgets the table, is brought to the same again', async () => {
    const world = await filled();
    const remote = new MemoryRestCatalog();
    const mirror = mirrorOf(world, remote);
    await settle(world, mirror);
    const earlier = structuredClone(remote.tables.get(NAME)!);
    await world.commit(samplesOf(labels, new SeededRandom(9), 26));
    await world.tables.publish();
    await settle(world, mirror);
    remote.tables.set(NAME, earlier);
    await world.commit(samplesOf(labels, new SeededRandom(10), 27));
    await world.tables.publish();
    await settle(world, mirror);
    await expectSame(world, remote);
    remote.tables.delete(NAME);
    await world.commit(samplesOf(labels, new SeededRandom(11), 28));
    await world.tables.publish();
    await settle(world, mirror);
    await expectSame(world, remote);
  });
});

describe('what it cannot do is said, and leaves the other catalog as it is', () => {
  async function failureOf(prepare: (remote: MemoryRestCatalog, world: ArchiveWorld, mirror: CatalogMirror) => Promise<void> | void): Promise<string> {
    const world = await filled();
    const remote = new MemoryRestCatalog();
    const mirror = mirrorOf(world, remote);
    await prepare(remote, world, mirror);
    const before = structuredClone([...remote.tables].filter(([, { metadata }]) => (metadata['snapshots'] as unknown[]).length > 0));
    await mirror.step();
    expect([...remote.tables].filter(([, { metadata }]) => (metadata['snapshots'] as unknown[]).length > 0)).toEqual(before);
    expect(mirror.counters.mirror_failures_total).toBe(1);
    const [status] = mirror.status();
    expect(status).toMatchObject({ task: 'mirror samples', failure: { count: 1 } });
    // It is tried again, later each time.
    expect(mirror.nextDueMs()).toBeGreaterThan(world.clock.nowMs());
    await world.live(HOUR_MS);
    expect(world.tables.isBehind).toBe(false);
    return status!.failure!.message;
  }

  const again = async (world: ArchiveWorld, mirror: CatalogMirror): Promise<void> => {
    await settle(world, mirror);
    await world.commit(samplesOf(labels, new SeededRandom(9), 26));
    await world.tables.publish();
  };

  test('snapshots of somebody else', async () => {
    const message = await failureOf(async (remote, world, mirror) => {
      await again(world, mirror);
      const snapshot = { 'snapshot-id': 77, 'timestamp-ms': world.clock.nowMs(), 'parent-snapshot-id': 1, 'sequence-number': 900, 'manifest-list': 's3://b/compacted.avro', summary: { operation: 'replace' }, 'schema-id': 0 };
      remote.write(NAME, [{ action: 'add-snapshot', snapshot }, { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 77 }]);
    });
    expect(message).toBe('table samples of namespace metrics_t: somebody else has written snapshot 77 there: turn its maintenance (compaction) off, and drop the table there without its files; it is made anew then');
  });

  test('another table of the name', async () => {
    const message = await failureOf(async (remote, world, mirror) => {
      await again(world, mirror);
      remote.write(NAME, [{ action: 'set-properties', updates: { 'varve.table-uuid': 'x' } }]);
    });
    expect(message).toContain('another table has its name there');
  });

  test('a catalog that gives partitions ids of its own', async () => {
    expect(await failureOf((remote) => void (remote.keepsStaged = true))).toContain('has given its partitions other ids than files have');
  });

  test('a key that is not valid, and what the catalog says of it', async () => {
    expect(await failureOf((remote) => void (remote.token = 'another'))).toBe('no valid token');
  });

  test('a catalog that does not say which paths it has: nothing is created under others', async () => {
    const world = await filled();
    const remote = new MemoryRestCatalog();
    remote.fault = (request) => (request === 0 ? 'lose-request' : undefined);
    const mirror = mirrorOf(world, remote);
    await mirror.step();
    expect(remote.requests).toEqual(['GET /cat/v1/config']);
    await settle(world, mirror);
    await expectSame(world, remote);
  });

  test('an answer that does not come, or is too large', async () => {
    const world = await filled();
    const config = { uri: 'https://catalog.example/cat', warehouse: undefined, token: undefined, namespace: 'metrics' };
    const never = new ExternalCatalog({ config, tenant: 'default', limits: { ...LIMITS_THERE, mirrorRequestMsMax: 20 }, fetch: (_input, init) => new Promise((_resolve, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error))) });
    const waiting = new CatalogMirror(world.tables, never, world.clock, world.failures);
    await waiting.step();
    expect(waiting.status()[0]!.failure!.message).toMatch(/timeout/i);
    const large = new ExternalCatalog({ config, tenant: 'default', limits: { ...LIMITS_THERE, mirrorAnswerBytesMax: 100 }, fetch: async () => new Response('x'.repeat(101)) });
    const flooded = new CatalogMirror(world.tables, large, world.clock, world.failures);
    await flooded.step();
    expect(flooded.status()[0]!.failure!.message).toContain('mirrorAnswerBytesMax');
  });

  test('of what it says at length, the beginning', async () => {
    const world = await filled();
    const config = { uri: 'https://catalog.example/cat', warehouse: undefined, token: undefined, namespace: 'metrics' };
    const message = 'no, and '.repeat(100_000);
    const talkative = new ExternalCatalog({ config, tenant: 'default', limits: LIMITS_THERE, fetch: async () => Response.json({ error: { message, type: 'BadRequestException', code: 400 } }, { status: 400 }) });
    const mirror = new CatalogMirror(world.tables, talkative, world.clock, world.failures);
    await mirror.step();
    expect(mirror.status()[0]!.failure!.message).toBe(`${message.slice(0, LIMITS.failureMessageCharactersMax)}…`);
  });
});
