import { describe, expect, test } from 'vitest';
import { HaTracker } from '../../ingest/ha-tracker.ts';
import { migrateCatalog } from '../../storage/catalog/catalog-schema.ts';
import { HaElections } from '../../storage/catalog/ha-elections.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { readConfig } from '../../storage/runtime/config.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import type { Sql } from '../../storage/runtime/sql.ts';
import { ShardRouter } from '../../storage/shard-router.ts';
import { FaultySql, InjectedFault } from '../fakes/faulty-sql.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { MemoryShards } from '../fakes/memory-shards.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const CONFIG = { clusterLabel: 'cluster', replicaLabel: '__replica__' };

/** Some isolates, each with its own clock that may be off, and one catalog. */
class Setup {
  readonly shards: MemoryShards;
  readonly counters = new Counters();
  readonly #isolates: { readonly tracker: HaTracker; readonly clock: FixedClock; readonly router: ShardRouter }[];

  constructor(isolates = 1, limits = LIMITS, skewMs = 0) {
    this.shards = new MemoryShards(limits);
    this.shards.nowMs = 1_000_000;
    this.#isolates = Array.from({ length: isolates }, (_, i) => {
      const clock = new FixedClock(1_000_000 + i * skewMs);
      return { tracker: new HaTracker(CONFIG, limits, clock, this.counters), clock, router: new ShardRouter(this.shards, 1, new FixedClock(0)) };
    });
  }

  pass(ms: number): void {
    this.shards.nowMs += ms;
    for (const { clock } of this.#isolates) clock.advance(ms);
  }

  /** The clocks of the isolates alone. */
  setBack(ms: number): void {
    for (const { clock } of this.#isolates) clock.advance(-ms);
  }

  async send(replica: string, { isolate = 0, cluster = 'c', tenant = 't' } = {}): Promise<boolean> {
    const { tracker, router } = this.#isolates[isolate]!;
    return tracker.accepts(await router.tenant(tenant), labelsFrom({ __name__: 'up', cluster, __replica__: replica }));
  }

  get claims(): number {
    return this.shards.callsOf('claimReplica');
  }
}

describe('one isolate', () => {
  test('the first replica is elected, the other dropped and counted', async () => {
    const setup = new Setup();
    expect([await setup.send('a'), await setup.send('b'), await setup.send('a'), await setup.send('b')]).toEqual([true, false, true, false]);
    expect(setup.counters.samples()).toEqual([{ name: 'varve_ha_dropped_requests_total', labels: {}, value: 2 }]);
  });

  test('fails over after 30 s of silence, not sooner, and the old one is dropped when it comes back', async () => {
    const setup = new Setup();
    await setup.send('a');
    setup.pass(4_999);
    // Not told to the catalog: the claim before is still good.
    expect(await setup.send('a')).toBe(true);
    setup.pass(LIMITS.haFailoverMs - 1);
    expect(await setup.send('b')).toBe(false);
    setup.pass(2);
    expect(await setup.send('b')).toBe(true);
    expect(await setup.send('a')).toBe(false);
    setup.pass(LIMITS.haFailoverMs + LIMITS.haRenewMs);
    expect(await setup.send('a')).toBe(true);
  });

  test('asks the catalog once in haRenewMs for the elected, and once a lease for the other', async () => {
    const setup = new Setup();
    for (let second = 0; second < 60; second++) {
      expect(await setup.send('a')).toBe(true);
      expect(await setup.send('b')).toBe(false);
      setup.pass(1_000);
    }
    expect(setup.claims).toBeLessThanOrEqual(60_000 / LIMITS.haRenewMs + 3);
  });

  test("fails over a lease after the catalog's clock, which was a day ahead, was set back, not sooner", async () => {
    const setup = new Setup(2);
    setup.shards.nowMs += 86_400_000;
    await setup.send('a');
    setup.shards.nowMs -= 86_400_000;
    expect(await setup.send('b', { isolate: 1 })).toBe(false);
    setup.pass(LIMITS.haFailoverMs + LIMITS.haRenewMs - 1);
    expect(await setup.send('b', { isolate: 1 })).toBe(false);
    setup.pass(2);
    expect(await setup.send('b', { isolate: 1 })).toBe(true);
  });

  test('by a clock that has been set back nothing that was remembered counts: the catalog is asked', async () => {
    const setup = new Setup();
    expect([await setup.send('a'), await setup.send('b'), setup.claims]).toEqual([true, false, 1]);
    setup.setBack(3_600_000);
    expect([await setup.send('b'), await setup.send('a'), setup.claims]).toEqual([false, true, 3]);
  });

  test('clusters and tenants are apart', async () => {
    const setup = new Setup();
    expect(await setup.send('a', { cluster: 'x' })).toBe(true);
    expect(await setup.send('b', { cluster: 'y' })).toBe(true);
    expect(await setup.send('b', { cluster: 'x', tenant: 'u' })).toBe(true);
    expect(await setup.send('b', { cluster: 'x' })).toBe(false);
  });

  test('a request without both labels is taken as it is', async () => {
    const setup = new Setup();
    const tracker = new HaTracker(CONFIG, LIMITS, new FixedClock(0), setup.counters);
    const shards = await new ShardRouter(setup.shards, 1, new FixedClock(0)).tenant('t');
    for (const labels of [{ __name__: 'up' }, { __name__: 'up', cluster: 'c' }, { __name__: 'up', __replica__: 'a' }]) {
      expect(await tracker.accepts(shards, labelsFrom(labels))).toBe(true);
      expect(tracker.withoutReplica(labelsFrom(labels))).toEqual(labelsFrom(labels));
    }
    expect(setup.claims).toBe(0);
    expect(tracker.withoutReplica(labelsFrom({ __name__: 'up', cluster: 'c', __replica__: 'a' }))).toEqual(labelsFrom({ __name__: 'up', cluster: 'c' }));
  });

  test('a name that is too long is refused, of a replica of a known cluster too, and is not stored', async () => {
    const setup = new Setup(1, limitsWith({ labelValueBytesMax: 10 }));
    await expect(setup.send('x'.repeat(11))).rejects.toThrow('labelValueBytesMax (10)');
    await expect(setup.send('a', { cluster: 'x'.repeat(11) })).rejects.toThrow('labelValueBytesMax (10)');
    expect(await setup.send('a')).toBe(true);
    setup.pass(LIMITS.haFailoverMs + LIMITS.haRenewMs);
    await expect(setup.send('ü'.repeat(6))).rejects.toThrow('labelValueBytesMax (10)');
    expect(await setup.send('b')).toBe(true);
  });

  test('too many clusters are refused by the name of the limit; forgotten ones make room', async () => {
    const setup = new Setup(1, limitsWith({ haClustersMax: 2 }));
    await setup.send('a', { cluster: 'x' });
    await setup.send('a', { cluster: 'y' });
    await expect(setup.send('a', { cluster: 'z' })).rejects.toMatchObject({ kind: 'limit', message: expect.stringContaining('haClustersMax') });
    setup.pass(LIMITS.haForgetMs);
    await setup.send('a', { cluster: 'y' });
    setup.pass(LIMITS.haFailoverMs + LIMITS.haRenewMs);
    expect(await setup.send('b', { cluster: 'z' })).toBe(true);
    expect(await setup.send('b', { cluster: 'y' })).toBe(true);
  });
});

describe('two isolates', () => {
  test('never take two replicas at a time, and never drop the elected one, whatever the order, the clocks and the restarts', async () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 60; round++) {
      const setup = new Setup(3, LIMITS, random.between(-5_000_000, 5_000_000));
      const taken: { replica: string; atMs: number }[] = [];
      const lastSentMs: Record<string, number> = { a: -Infinity, b: -Infinity };
      for (let step = 0; step < 150; step++) {
        setup.pass(random.pick([0, 1, 1000, 4_000, 12_000, 40_000]));
        if (random.below(20) === 0) setup.shards.evictCatalogs();
        // Replicas send by turns and at once, through any isolate.
        const senders = random.pick([['a'], ['b'], ['a', 'b'], ['b', 'a'], ['a', 'a', 'b']]);
        const answers = await Promise.all(senders.map((replica) => setup.send(replica, { isolate: random.below(3) })));
        const accepted = new Set(senders.filter((_, i) => answers[i]));
        expect(accepted.size, `round ${round}, step ${step}`).toBeLessThanOrEqual(1);
        for (const replica of accepted) {
          const before = taken.at(-1);
          if (before !== undefined && before.replica !== replica) {
            expect(setup.shards.nowMs - before.atMs, `round ${round}, step ${step}: failed over too soon`).toBeGreaterThanOrEqual(LIMITS.haFailoverMs);
          }
          taken.push({ replica, atMs: setup.shards.nowMs });
        }
        for (const replica of senders) lastSentMs[replica] = setup.shards.nowMs;
      }
      expect(new Set(taken.map(({ replica }) => replica)).size).toBe(2);
    }
  });

  test('one that was told who is elected learns in time that this has changed', async () => {
    const setup = new Setup(2);
    await setup.send('a', { isolate: 0 });
    expect(await setup.send('b', { isolate: 1 })).toBe(false);
    setup.pass(LIMITS.haFailoverMs + LIMITS.haRenewMs);
    expect(await setup.send('b', { isolate: 0 })).toBe(true);
    expect(await setup.send('b', { isolate: 1 })).toBe(true);
    expect(await setup.send('a', { isolate: 1 })).toBe(false);
  });

  test('a drop is asked about again when the elected one was heard elsewhere', async () => {
    const setup = new Setup(2);
    for (let second = 0; second < 100; second++) {
      expect(await setup.send('a', { isolate: 0 })).toBe(true);
      expect(await setup.send('b', { isolate: 1 })).toBe(false);
      setup.pass(1_000);
    }
  });
});

describe('the catalog', () => {
  function open(sql: Sql = new NodeSql(), nowMs = 0): HaElections {
    migrateCatalog(sql);
    return new HaElections(sql, LIMITS, nowMs);
  }
  const claim = (elections: HaElections, replica: string, nowMs: number): string => {
    const answer = elections.claim({ version: 1, cluster: 'c', replica }, nowMs);
    return answer.status === 'elected' ? answer.replica : answer.message;
  };

  test('remembers who was elected over a restart, and gives a whole lease', () => {
    const sql = new NodeSql();
    const elections = open(sql);
    claim(elections, 'a', 0);
    const woken = open(sql, 100_000);
    expect(claim(woken, 'b', 100_001)).toBe('a');
    expect(claim(woken, 'b', 100_000 + LIMITS.haFailoverMs + LIMITS.haRenewMs)).toBe('b');
  });

  test('an instance that has been replaced does not answer', () => {
    const sql = new NodeSql();
    const ghost = open(sql);
    claim(ghost, 'a', 0);
    claim(open(sql, 0), 'b', 100_000);
    expect(() => claim(ghost, 'a', 100_001)).toThrow('replaced');
  });

  test('renewals write nothing', () => {
    const sql = new NodeSql();
    const elections = open(sql);
    claim(elections, 'a', 0);
    const before = sql.rowsWritten();
    for (let second = 1; second < 100; second++) claim(elections, second % 2 === 0 ? 'a' : 'b', second * 1000);
    expect(sql.rowsWritten()).toBe(before);
  });

  test('a crash on either side of the election leaves one replica elected', () => {
    for (const when of ['before', 'after'] as const) {
      const sql = new NodeSql();
      claim(open(sql), 'a', 0);
      // Calls of the constructor and the fence come first.
      const faulty = new FaultySql(sql, { call: 2, when });
      const elections = new HaElections(faulty, LIMITS, 0);
      expect(() => claim(elections, 'b', 100_000)).toThrow(InjectedFault);
      const woken = open(new NodeSql(sql.database), 100_000);
      const elected = when === 'before' ? 'a' : 'b';
      expect(claim(woken, 'a', 100_001)).toBe(elected);
      expect(claim(woken, 'b', 100_002)).toBe(elected);
    }
  });
});

test('configuration', () => {
  expect(readConfig({}).ha).toBeUndefined();
  expect(readConfig({ VARVE_HA_TRACKER: 'off', VARVE_HA_CLUSTER_LABEL: 'x' }).ha).toBeUndefined();
  expect(readConfig({ VARVE_HA_TRACKER: 'on' }).ha).toEqual(CONFIG);
  expect(readConfig({ VARVE_HA_TRACKER: 'on', VARVE_HA_REPLICA_LABEL: 'prometheus_replica' }).ha?.replicaLabel).toBe('prometheus_replica');
  expect(() => readConfig({ VARVE_HA_TRACKER: 'yes' })).toThrow('VARVE_HA_TRACKER');
  expect(() => readConfig({ VARVE_HA_CLUSTER_LABEL: '' })).toThrow('VARVE_HA_CLUSTER_LABEL');
  expect(() => readConfig({ VARVE_HA_CLUSTER_LABEL: '__replica__' })).toThrow('differ');
});
