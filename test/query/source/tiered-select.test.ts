import { describe, expect, test } from 'vitest';
import type { RawSeries } from '../../../promql/series-source.ts';
import { labelNames, labelValues } from '../../../query/source/label-fan-out.ts';
import { ReadReport } from '../../../query/source/read-report.ts';
import { TenantSource } from '../../../query/source/tenant-source.ts';
import { planTiers } from '../../../query/source/tiered-select.ts';
import { restrictShards } from '../../../storage/access/restricted-shards.ts';
import { TenantArchive, type ArchivePlan } from '../../../storage/archive/tenant-archive.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { systemClock } from '../../../storage/runtime/clock.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import type { ShardApi } from '../../../storage/shard/shard-api.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { oneMap } from '../../fakes/one-map.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { FlushWorld, HOUR_MS, START_MS } from '../../storage/archive/flush/flush-world.ts';
import { named, STALE, write, type TestSeries, type TestValue } from '../../storage/shard/batches.ts';
import { mergedSeries } from '../merged-series.ts';

const LIMITS_SMALL = { archiveRowGroupRowsMax: 60, archiveFileRowsMax: 150, archiveReadRowsTarget: 100 };

function shardsOver(hot: () => HotStore, archive?: TenantArchive): TenantShards {
  const stub = {
    select: (request) => Promise.resolve(structuredClone(hot().select(request))),
    labelNames: (request) => Promise.resolve(hot().labelNames(request)),
    labelValues: (name, request) => Promise.resolve(hot().labelValues(name, request)),
    series: (request) => Promise.resolve(hot().series(request)),
  } as Partial<ShardApi> as ShardApi;
  return {
    tenant: 'default',
    hasher: new SeriesHasher(new Uint8Array(16)),
    secret: new Uint8Array(16),
    maps: oneMap(1),
    renewed: () => Promise.reject(new Error('not asked')),
    call: (_shard, body) => body(stub),
    catalog: () => Promise.reject(new Error('not asked')),
    archive: archive && { files: archive, shardNames: ['1/0'], live: new Map([['1/0', 0]]) },
  };
}

function archiveOf(world: FlushWorld, store = world.objects as ConstructorParameters<typeof TenantArchive>[0]['store']): TenantArchive {
  return new TenantArchive({ store, cache: new LruCache(1 << 20), limits: world.limits, files: async (request) => structuredClone(world.files.files(request)) });
}

function randomValue(random: SeededRandom): TestValue {
  if (random.oneIn(30)) return STALE;
  if (random.oneIn(10)) return { counterResetHint: 'unknown', schema: 1, zeroThreshold: 0.001, zeroCount: 1, count: 4, sum: random.below(100) / 7, positiveSpans: [{ offset: 0, length: 2 }], negativeSpans: [], positiveBuckets: [1, 2], negativeBuckets: [], customValues: [] };
  return random.pick([random.below(1000), random.below(1000) / 100, -0, Infinity, NaN, random.below(5)]);
}

/** The same samples in a shard that archives and in one that keeps everything; then hours pass. */
async function twins(seed: number): Promise<{ readonly world: FlushWorld; readonly twin: HotStore }> {
  const random = new SeededRandom(seed);
  const world = new FlushWorld(LIMITS_SMALL);
  const twin = new HotStore(new NodeSql(), LIMITS, { clock: world.clock });
  const labels: Labels[] = Array.from({ length: 20 }, (_, i) => named(`m${i % 4}`, { pod: `p${i}`, Zone: random.pick(['a', 'b', '']), zone: random.pick(['a', 'b', '']) }));
  for (let hour = 0; hour < 5; hour++) {
    const batch: TestSeries[] = labels
      .filter(() => !random.oneIn(4))
      .map((series) => {
        const first = START_MS + hour * HOUR_MS + random.below(HOUR_MS / 2);
        return { labels: series, samples: Array.from({ length: random.between(1, 30) }, (_, i) => [first + i * 15_000 + random.below(100), randomValue(random), random.oneIn(3) ? START_MS - 1000 : 0] as const) };
      });
    for (const store of [world.hot, twin]) expect(write(store, batch).status).toBe('stored');
    if (random.oneIn(2)) world.hot.seal();
  }
  world.clock.advance(3 * HOUR_MS + LIMITS.archiveGraceMs);
  await world.settle();
  // Late samples: some of times that are in files already, which they replace.
  const timesMs = Array.from({ length: 40 }, (_, i) => START_MS + i * 90_000);
  const value = (series: number, timeMs: number): number => series + timeMs / 1e9;
  world.writeLate(labels.slice(0, 6), timesMs, value);
  write(twin, labels.slice(0, 6).map((series, i) => ({ labels: series, samples: timesMs.map((timeMs) => [timeMs, value(i, timeMs)] as const) })));
  await world.settle();
  world.clock.advance(4 * HOUR_MS);
  for (let i = 0; i < 5; i++) world.hot.maintain();
  return { world, twin };
}

async function collect(shards: TenantShards, matchers: readonly Matcher[], startMs: number, endMs: number, samplesMax = 1e6): Promise<string[]> {
  const lines: string[] = [];
  for await (const series of { [Symbol.asyncIterator]: () => new TenantSource(shards, samplesMax, systemClock).select({ matchers, startMs, endMs }, undefined)[Symbol.asyncIterator]() }) lines.push(textOf(series));
  return lines;
}

function textOf({ labels, timestampsMs, values, isStale, histograms, startTimestampsMs }: RawSeries): string {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const samples = Array.from(timestampsMs, (timeMs, i) => [timeMs, bits[i * 2], bits[i * 2 + 1], isStale?.[i] ?? 0, histograms?.[i] ?? null, startTimestampsMs?.[i] ?? 0]);
  return JSON.stringify([labels, samples]);
}

describe('a query over both tiers', () => {
  test.each([1, 2, 3, 4, 5, 6])('answers as one tier would, to the bit, seed %i', async (seed) => {
    const { world, twin } = await twins(seed);
    const random = new SeededRandom(seed + 100);
    expect(world.hot.archive.mark.archivedUntilMs).toBeGreaterThan(START_MS);
    const tiered = shardsOver(() => world.hot, archiveOf(world));
    const whole = shardsOver(() => twin);
    for (let query = 0; query < 40; query++) {
      const matchers: Matcher[] = [];
      if (random.oneIn(2)) matchers.push({ name: '__name__', type: random.pick(['=', '!=', '=~'] as const), value: random.pick(['m0', 'm1', 'm3', 'none']) });
      if (random.oneIn(2)) matchers.push({ name: random.pick(['Zone', 'zone', 'pod']), type: random.pick(['=', '!='] as const), value: random.pick(['', 'a', 'b', 'p7']) });
      const startMs = START_MS + random.below(5 * HOUR_MS);
      const endMs = startMs + random.below(4 * HOUR_MS);
      const want = await collect(whole, matchers, startMs, endMs);
      expect(await collect(tiered, matchers, startMs, endMs), JSON.stringify({ matchers, startMs, endMs })).toEqual(want);
    }
    const all = await collect(whole, [], 0, 1e15);
    expect(all.length).toBeGreaterThan(10);
    const before = world.objects.bytesRead;
    expect(await collect(tiered, [], 0, 1e15)).toEqual(all);
    expect(world.objects.bytesRead - before).toBeGreaterThan(1000);
  });

  test('labels of both', async () => {
    const { world, twin } = await twins(9);
    const tiered = shardsOver(() => world.hot, archiveOf(world));
    const whole = shardsOver(() => twin);
    const query = { selectors: [[{ name: '__name__', type: '=~', value: 'm[0-2]' } as const]], startMs: START_MS, endMs: START_MS + 10 * HOUR_MS, limit: 0 };
    const report = new ReadReport(false);
    expect((await labelNames(tiered, query, world.clock, report)).strings()).toEqual((await labelNames(whole, query, world.clock, report)).strings());
    expect((await labelValues(tiered, 'pod', query, world.clock, report)).strings()).toEqual((await labelValues(whole, 'pod', query, world.clock, report)).strings());
    expect(await mergedSeries(tiered, query, report)).toEqual(await mergedSeries(whole, query, report));
    expect((await mergedSeries(tiered, { ...query, limit: 3 }, report)).json).toEqual((await mergedSeries(whole, { ...query, limit: 3 }, report)).json);
  });

  test('a restricted reader sees in files what it sees in shards', async () => {
    const { world } = await twins(10);
    const matchers = [{ name: '__name__', type: '=', value: 'm1' } as const];
    const restricted = restrictShards(shardsOver(() => world.hot, archiveOf(world)), matchers);
    const seen = await collect(restricted, [], 0, 1e15);
    expect(seen).toEqual(await collect(shardsOver(() => world.hot, archiveOf(world)), matchers, 0, 1e15));
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((line) => line.includes('"m1"'))).toBe(true);
    const names = await labelValues(restricted, '__name__', { selectors: [], startMs: 0, endMs: 1e15, limit: 0 }, world.clock, new ReadReport(false));
    const values = names.strings();
    expect(values).toEqual(['m1']);
  });

  test('what cannot be read is an error that names it, never less', async () => {
    const { world } = await twins(11);
    const down = new FaultyObjectStore(world.objects);
    down.isDown = true;
    await expect(collect(shardsOver(() => world.hot, archiveOf(world, down)), [], 0, 1e15)).rejects.toThrow('archive: the object store does not answer');
    const [first] = world.files.files({ version: 1, startMs: 0, endMs: 1e15, after: undefined }).files;
    await world.objects.delete([first!.key]);
    await expect(collect(shardsOver(() => world.hot, archiveOf(world)), [], 0, 1e15)).rejects.toThrow(`archive: object ${first!.key} is missing`);
    // What is in shards alone is not touched by it.
    const hotFromMs = world.hot.archive.mark.archivedUntilMs;
    await collect(shardsOver(() => world.hot, archiveOf(world)), [], hotFromMs, 1e15);
  });

  test('a shard that has dropped what the plan wants of it refuses', async () => {
    const { world } = await twins(12);
    const { floorMs } = world.hot;
    expect(floorMs).toBeGreaterThan(START_MS);
    const request = { version: 1, matchers: [], startMs: 0, endMs: 1e15, after: undefined, samplesMax: 1e6 };
    expect(world.hot.select({ ...request, completeFromMs: floorMs }).status).toBe('page');
    expect(world.hot.select({ ...request, completeFromMs: floorMs - 1 })).toMatchObject({ status: 'refused', limit: false });
  });

  test('limits', async () => {
    const { world } = await twins(13);
    const few = (limits: object) => shardsOver(() => world.hot, new TenantArchive({ store: world.objects, cache: new LruCache(1), limits: { ...world.limits, ...limits }, files: async (request) => world.files.files(request) }));
    await expect(collect(few({ archiveQueryEntriesMax: 5 }), [], 0, 1e15)).rejects.toThrow('archiveQueryEntriesMax is 5');
    await expect(collect(few({ archiveFilesPerQueryMax: 2 }), [], 0, 1e15)).rejects.toThrow('archiveFilesPerQueryMax is 2');
    await expect(collect(few({}), [], 0, 1e15, 10)).rejects.toThrow('querySamplesMax is 10');
  });

  test('series of files count over all selectors of a query', async () => {
    const { world } = await twins(14);
    const matchers = [{ name: '__name__', type: '=', value: 'm1' } as const];
    const select = async (source: TenantSource): Promise<number> => {
      const series = source.select({ matchers, startMs: 0, endMs: 1e15 }, undefined)[Symbol.asyncIterator]();
      let count = 0;
      while ((await series.next()).done !== true) count++;
      return count;
    };
    const sourceOf = (archiveQueryEntriesMax: number, report = new ReadReport(false)): TenantSource => {
      const archive = new TenantArchive({ store: world.objects, cache: new LruCache(1), limits: { ...world.limits, archiveQueryEntriesMax }, files: async (request) => world.files.files(request) });
      return new TenantSource(shardsOver(() => world.hot, archive), 1e6, world.clock, report);
    };
    const report = new ReadReport(false);
    const seriesCount = await select(sourceOf(1e6, report));
    const { count } = report.cold.entries;
    expect(count).toBeGreaterThan(seriesCount);
    const source = sourceOf(count * 3);
    // Side by side, and one after the other.
    expect(await Promise.all([select(source), select(source)])).toEqual([seriesCount, seriesCount]);
    expect(await select(source)).toBe(seriesCount);
    await expect(select(source)).rejects.toMatchObject({ kind: 'limit', message: `archive: its selectors match more than ${count * 3} series of files (archiveQueryEntriesMax is ${count * 3}): ask for less time or fewer series` });
    expect(await select(sourceOf(count * 3))).toBe(seriesCount);
  });
});

test('planTiers', () => {
  const plan = (archived: [string, number][], files: string[]): ArchivePlan => ({ archivedUntilMs: new Map(archived), files: new Map(files.map((shard) => [shard, []])) });
  // Nothing archived: the shard answers all.
  expect(planTiers(plan([], []), new Map([['1/0', 0]]), 10, 20)).toEqual([{ shard: '1/0', hot: { number: 0, startMs: 10 }, coldEndMs: -Infinity }]);
  // The cut lies in the range, before it, behind it.
  expect(planTiers(plan([['1/0', 15]], []), new Map([['1/0', 0]]), 10, 20)).toEqual([{ shard: '1/0', hot: { number: 0, startMs: 15 }, coldEndMs: 14 }]);
  expect(planTiers(plan([['1/0', 5]], []), new Map([['1/0', 0]]), 10, 20)).toEqual([{ shard: '1/0', hot: { number: 0, startMs: 10 }, coldEndMs: 4 }]);
  expect(planTiers(plan([['1/0', 25]], []), new Map([['1/0', 0]]), 10, 20)).toEqual([{ shard: '1/0', hot: undefined, coldEndMs: 20 }]);
  // A shard of an earlier map has files alone.
  expect(planTiers(plan([['1/0', 25]], ['1/0']), new Map([['2/0', 0]]), 10, 20)).toEqual([
    { shard: '1/0', hot: undefined, coldEndMs: 20 },
    { shard: '2/0', hot: { number: 0, startMs: 10 }, coldEndMs: -Infinity },
  ]);
});
