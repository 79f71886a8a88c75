import { expect, test } from 'vitest';
import { TenantArchive } from '../../../../storage/archive/tenant-archive.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { LruCache } from '../../../../storage/runtime/lru-cache.ts';
import type { SeriesExemplars } from '../../../../storage/shard/select/select-exemplars.ts';
import { SHARD_RPC_VERSION } from '../../../../storage/shard/shard-api.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import { named, write } from '../../shard/batches.ts';
import { letDie } from '../dying.ts';
import { FlushWorld, HOUR_MS, START_MS } from './flush-world.ts';

const { archiveGraceMs } = LIMITS;
const ALL = [[{ name: '__name__', type: '=~', value: '.+' }]] as const;

/** An exemplar a minute for two hours, with a sample each; one hour is to be flushed. */
function filled(limits: Partial<Record<keyof typeof LIMITS, number>> = {}): FlushWorld {
  const world = new FlushWorld(limits);
  for (let minute = 0; minute < 120; minute++) {
    const timeMs = START_MS + minute * 60_000;
    const batch = ['b', 'a'].map((series) => ({ labels: named(`m_${series}`, { series }), samples: [[timeMs, minute] as const], exemplars: [[timeMs, minute / 8, named('', { trace_id: `${series}${minute}` }).slice(2)] as const] }));
    expect(write(world.hot, batch)).toMatchObject({ exemplarsStored: 2 });
  }
  world.clock.advance(HOUR_MS + archiveGraceMs);
  return world;
}

function archiveOf(world: FlushWorld): TenantArchive {
  return new TenantArchive({ store: world.objects, cache: new LruCache(1), limits: world.limits, files: async (request) => world.files.files(request) });
}

function archived(world: FlushWorld, startMs = 0, endMs = 1e15): Promise<SeriesExemplars[]> {
  return archiveOf(world).exemplars({ selectors: ALL, startMs, endMs, exemplarsMax: 1000 });
}

function hot(world: FlushWorld, startMs: number, endMs: number): readonly SeriesExemplars[] {
  return world.hot.selectExemplars({ version: SHARD_RPC_VERSION, selectors: ALL, startMs, endMs }).series;
}

test('a window takes its exemplars along', async () => {
  const world = filled();
  await world.settle();
  const wanted = hot(world, START_MS, START_MS + HOUR_MS - 1);
  expect(wanted.map(({ exemplars }) => exemplars.length)).toEqual([60, 60]);
  expect(await archived(world)).toEqual(wanted);
  expect(await archived(world, START_MS + 60_000, START_MS + 120_000)).toEqual(hot(world, START_MS + 60_000, START_MS + 120_000));
  expect(world.flusher.counters).toMatchObject({ archived_exemplars_total: 120, archived_exemplars_left_out_total: 0 });
  const { files } = world.files.files({ version: 1, table: 'exemplars', startMs: 0, endMs: 1e15, after: undefined });
  expect(files).toMatchObject([{ key: expect.stringMatching(/^default\/archive\/exemplars\/data\/timestamp_day=/), rowCount: 120, firstMetric: 'm_a', lastMetric: 'm_b', shard: '1/0' }]);
});

test('only series that match are read, and a restricted reader sees his own', async () => {
  const world = filled();
  await world.settle();
  const archive = archiveOf(world);
  const request = { selectors: [[{ name: '__name__', type: '=', value: 'm_a' } as const]], startMs: 0, endMs: 1e15, exemplarsMax: 60 };
  expect((await archive.exemplars(request)).map(({ labels }) => labels)).toEqual([named('m_a', { series: 'a' })]);
  expect(await archive.restrictedTo([{ name: 'series', type: '=', value: 'b' }]).exemplars(request)).toEqual([]);
  await expect(archive.exemplars({ ...request, exemplarsMax: 59 })).rejects.toThrow('queryExemplarsMax is 59');
  const gets = world.objects.counts.get;
  expect(await archive.exemplars({ ...request, selectors: [[{ name: '__name__', type: '=', value: 'z' }]] })).toEqual([]);
  expect(world.objects.counts.get).toBe(gets);
});

test('of too many the newest go, and the rest is counted', async () => {
  const world = filled({ archiveExemplarsPerFileMax: 10 });
  await world.settle();
  const [a, b] = await archived(world);
  expect(a!.exemplars.map(({ timestampMs }) => (timestampMs - START_MS) / 60_000)).toEqual([55, 56, 57, 58, 59]);
  expect(b!.exemplars).toHaveLength(5);
  expect(world.flusher.counters).toMatchObject({ archived_exemplars_total: 10, archived_exemplars_left_out_total: 110 });
});

test('exemplars make room for others while the object store stores and does not answer: the flush still comes to its end', async () => {
  const world = filled({ exemplarRowsMax: 24, exemplarRowBytesTarget: 300 });
  const { objects } = world;
  const lost = (): never => {
    throw new Error('Network connection lost.');
  };
  let isAnswering = true;
  let unanswered = 0;
  world.store = {
    head: (key) => objects.head(key),
    get: async (key, range) => (isAnswering ? objects.get(key, range) : lost()),
    create: async (key, body) => {
      isAnswering = true;
      const outcome = await objects.create(key, body);
      if (outcome === 'exists' || unanswered === 6 || !key.includes('/exemplars/')) return outcome;
      unanswered++;
      isAnswering = false;
      return lost();
    },
    delete: (keys) => objects.delete(keys),
    list: (prefix, cursor) => objects.list(prefix, cursor),
  };
  world.wake();
  for (let step = 0; step < 40; step++) {
    const before = unanswered;
    await world.flusher.step();
    world.clock.advance(20 * 60_000);
    if (unanswered === before) continue;
    const timeMs = world.clock.nowMs();
    write(world.hot, [{ labels: named('m_a', { series: 'a' }), samples: [[timeMs, 1]], exemplars: Array.from({ length: 12 }, (_, i) => [timeMs + i, i, named('', { trace_id: `${timeMs}` }).slice(2)] as const) }]);
  }
  expect(unanswered).toBe(6);
  await world.settle();
  expect(world.flusher.status()).toMatchObject({ begun: undefined, failure: undefined });
  expect(world.hot.archive.mark.archivedUntilMs).toBeGreaterThanOrEqual(START_MS + HOUR_MS);
});

test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', async (when) => {
  for (let call = 0; ; call++) {
    const world = filled();
    const store = new FaultyObjectStore(world.objects, { call, when });
    world.store = store;
    world.wake();
    await world.settle();
    expect(await archived(world), `call ${call}`).toEqual(hot(world, START_MS, START_MS + HOUR_MS - 1));
    expect((await world.objects.list('')).objects).toHaveLength(2);
    if (store.calls <= call) break;
  }
});

test.each(['before', 'after'] as const)('the shard dies %s each call of its storage', { timeout: 120_000 }, async (when) => {
  const whole = filled();
  await letDie(whole, { when, work: (world) => world.settle() }, async (world) => {
    await world.settle();
    expect(await archived(world)).toEqual(hot(world, START_MS, START_MS + HOUR_MS - 1));
    expect((await world.objects.list('')).objects).toHaveLength(2);
  });
});
