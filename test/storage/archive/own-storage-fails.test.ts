import { describe, expect, test } from 'vitest';
import { CatalogMirror } from '../../../storage/archive/upkeep/catalog-mirror.ts';
import { SnapshotExpiry } from '../../../storage/archive/upkeep/snapshot-expiry.ts';
import { SnapshotPublisher } from '../../../storage/archive/upkeep/snapshot-publisher.ts';
import { ExternalCatalog } from '../../../storage/catalog/iceberg/external-catalog.ts';
import { Secret } from '../../../storage/runtime/secret.ts';
import { FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { MemoryRestCatalog } from '../../fakes/memory-rest-catalog.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, samplesOf } from './archive-world.ts';
import { randomSeries } from './random-series.ts';

/*
 * What fails is told apart: an object store, or another catalog, is tried again later and counted; a catalog whose own storage fails must not go
 * on with what it has in memory.
 */

interface Task {
  readonly step: () => Promise<void>;
  readonly failures: () => number;
}

function publisher({ tables, clock, failures }: ArchiveWorld): Task {
  const task = new SnapshotPublisher(tables, clock, failures);
  return { step: () => task.step(), failures: () => task.counters.archive_publish_failures_total };
}

function expiry({ tables, clock }: ArchiveWorld): Task {
  const task = new SnapshotExpiry(tables, clock);
  return { step: () => task.step(), failures: () => task.failure?.count ?? 0 };
}

function mirror({ tables, clock, failures }: ArchiveWorld, fetch = new MemoryRestCatalog().fetch): Task {
  const config = { uri: 'https://catalog.example/cat', warehouse: 'W', token: new Secret('T0ken'), namespace: 'metrics' };
  const external = new ExternalCatalog({ config, tenant: 't', fetch, limits: { mirrorRequestMsMax: 500, mirrorAnswerBytesMax: 1_000_000 } });
  const task = new CatalogMirror(tables, external, clock, failures);
  return { step: () => task.step(), failures: () => task.counters.mirror_failures_total };
}

/** A table with two snapshots; what is due then hangs on the days that pass. */
async function published(daysLater: number): Promise<ArchiveWorld> {
  const world = new ArchiveWorld();
  const labels = randomSeries(new SeededRandom(4), 4, 1).map((each) => each.labels);
  for (const hour of [0, 1]) {
    await world.commit(samplesOf(labels, new SeededRandom(hour), hour));
    while (world.tables.isBehind) await world.tables.publish();
  }
  world.clock.advance(daysLater * DAY_MS);
  return world;
}

async function behind(): Promise<ArchiveWorld> {
  const world = await published(0);
  await world.commit(samplesOf(randomSeries(new SeededRandom(5), 4, 1).map((each) => each.labels), new SeededRandom(2), 2));
  return world;
}

describe.each<[string, () => Promise<ArchiveWorld>, (world: ArchiveWorld) => Task]>([
  ['publishing', behind, publisher],
  ['expiring snapshots', () => published(30), expiry],
  ['following in another catalog', () => published(0), mirror],
])('%s', (_, prepare, taskOf) => {
  test.each(['before', 'after'] as const)("a failure of the catalog's own storage comes out and is nobody else's: %s each call", async (when) => {
    const whole = await prepare();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      let sql: FaultySql | undefined;
      world.wake((inner) => (sql = new FaultySql(inner)));
      const callsOfWaking = sql!.calls;
      world.wake((inner) => (sql = new FaultySql(inner, { call: callsOfWaking + call, when })));
      const task = taskOf(world);
      const outcome = await task.step().catch((error: unknown) => error);
      if (!sql!.isBroken) {
        expect(outcome).toBeUndefined();
        expect(call).toBeGreaterThan(3);
        break;
      }
      expect(outcome, `call ${call}`).toBeInstanceOf(InjectedFault);
      expect(task.failures()).toBe(0);
    }
  });
});

test.each([['publishing', behind, publisher], ['expiring snapshots', () => published(30), expiry]] as const)('%s: an object store that does not answer is counted, and waited for', async (_, prepare, taskOf) => {
  const world = await prepare();
  const down = (): Promise<never> => Promise.reject(new Error('the object store does not answer'));
  world.store = { head: down, get: down, create: down, delete: down, list: down };
  world.wake();
  const task = taskOf(world);
  await task.step();
  expect(task.failures()).toBe(1);
});

test('another catalog that does not answer is counted, and waited for', async () => {
  const task = mirror(await published(0), () => Promise.reject(new Error('no answer')));
  await task.step();
  expect(task.failures()).toBe(1);
});
