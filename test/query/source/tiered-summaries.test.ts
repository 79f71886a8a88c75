import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Engine, type QueryResult } from '../../../promql/engine.ts';
import { SUMMARY_FUNCTIONS } from '../../../promql/functions/over-summaries.ts';
import { ReadReport } from '../../../query/source/read-report.ts';
import { TenantSource } from '../../../query/source/tenant-source.ts';
import { restrictShards } from '../../../storage/access/restricted-shards.ts';
import { leaversBy, SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import { rollupDays } from '../../../storage/catalog/rollup-days.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { SKETCH_ERROR } from '../../../storage/model/quantile-sketch.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import { liveNames, numberMaps, shardNamesOf } from '../../../storage/shard-maps.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import type { ShardApi } from '../../../storage/shard/shard-api.ts';
import { readTieringPolicy } from '../../../storage/warm/read-tiering-policy.ts';
import { RollupBuilder } from '../../../storage/warm/rollup-builder.ts';
import { DEFAULT_WARM_POLICY, keptDays, retentionOf, type TieringPolicy, type WarmPolicy } from '../../../storage/warm/tiering-policy.ts';
import { WarmArchive, type WarmArchiveOptions } from '../../../storage/warm/warm-archive.ts';
import { MemorySeriesSource } from '../../fakes/memory-series-source.ts';
import { oneMap } from '../../fakes/one-map.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { FlushWorld, HOUR_MS, START_MS } from '../../storage/archive/flush/flush-world.ts';
import { named, STALE, write, type TestSeries, type TestValue } from '../../storage/shard/batches.ts';

const MINUTE_MS = 60_000;
const HOURS = 80;
const HISTOGRAM: FloatHistogram = { counterResetHint: 'unknown', schema: 1, zeroThreshold: 0.001, zeroCount: 1, count: 4, sum: 7, positiveSpans: [{ offset: 0, length: 2 }], negativeSpans: [], positiveBuckets: [1, 2], negativeBuckets: [], customValues: [] };

/** Three days and a bit: two are rolled up, the third is in files, the rest in the shard. */
class Tiers {
  readonly world = new FlushWorld({ archiveRowGroupRowsMax: 500, archiveFileRowsMax: 2000, rollupRowGroupRowsMax: 100 });
  /** The shard of the next map, and when that begins, where there is one. */
  readonly next: FlushWorld;
  readonly fromMs: number;
  /** The same samples, never moved. */
  readonly raw = new MemorySeriesSource();
  report = new ReadReport(false);
  /** How long what is there is kept. */
  policy: TieringPolicy = readTieringPolicy(undefined)('default');
  /** Called between the plan of roll-ups and what is read by it. */
  onFiles: () => Promise<void> = async () => undefined;

  constructor(fromMs = Infinity) {
    this.fromMs = fromMs;
    this.next = this.world.beside('2/0');
  }

  static async filled(seed: number, policy: WarmPolicy = DEFAULT_WARM_POLICY, fromMs = Infinity): Promise<Tiers> {
    const tiers = new Tiers(fromMs);
    const random = new SeededRandom(seed);
    const labels = Array.from({ length: 9 }, (_, i) => named(i === 8 ? 'latency' : 'requests_total', { kind: String(i % 4), pod: `p${i}` }));
    const all = new Map<Labels, [number, TestValue][]>(labels.map((series) => [series, []]));
    const counters = labels.map(() => random.below(100));
    for (let hour = 0; hour < HOURS; hour++) {
      const batch: TestSeries[] = labels.flatMap((series, i): TestSeries[] => {
        if (random.oneIn(12)) return [];
        const samples: [number, TestValue][] = [];
        for (let timeMs = START_MS + hour * HOUR_MS + (random.oneIn(3) ? 0 : random.below(60_000)); timeMs < START_MS + (hour + 1) * HOUR_MS; timeMs += random.oneIn(9) ? random.between(1, 400_000) : 120_000) {
          if (random.oneIn(40)) counters[i] = random.below(4);
          const value = i === 8 && hour < 20 ? HISTOGRAM : random.oneIn(50) ? STALE : i % 4 === 1 ? random.below(4000) / 10 - 200 : i % 4 === 2 ? random.pick([NaN, Infinity, 0, -0, 1, 1e300]) : (counters[i]! += random.below(60) / 8);
          samples.push([timeMs, value]);
        }
        all.get(series)!.push(...samples);
        return [{ labels: series, samples }];
      });
      const ofMap = (isOf: (timeMs: number) => boolean): TestSeries[] => batch.map(({ labels: series, samples = [] }) => ({ labels: series, samples: samples.filter(([timeMs]) => isOf(timeMs)) })).filter(({ samples }) => samples.length > 0);
      expect(write(tiers.world.hot, ofMap((timeMs) => timeMs < fromMs)).status).toBe('stored');
      if (fromMs < Infinity) expect(write(tiers.next.hot, ofMap((timeMs) => timeMs >= fromMs)).status).toBe('stored');
      tiers.world.clock.advance(HOUR_MS);
      if (hour % 6 === 5) await tiers.settle();
    }
    await tiers.settle();
    for (const [series, samples] of all) tiers.#keep(series, samples);
    await tiers.rollUp(policy);
    return tiers;
  }

  async settle(): Promise<void> {
    await this.world.settle();
    if (this.fromMs < Infinity) await this.next.settle();
  }

  #keep(labels: Labels, samples: readonly (readonly [number, TestValue])[]): void {
    const isHistogram = samples.some(([, value]) => typeof value === 'object');
    this.raw.set({
      labels,
      timestampsMs: Float64Array.from(samples, ([timeMs]) => timeMs),
      values: Float64Array.from(samples, ([, value]) => (typeof value === 'number' ? value : 0)),
      isStale: Uint8Array.from(samples, ([, value]) => (value === STALE ? 1 : 0)),
      histograms: isHistogram ? samples.map(([, value]) => (typeof value === 'object' ? value : undefined)) : undefined,
      startTimestampsMs: undefined,
    });
  }

  async rollUp(policy: WarmPolicy = DEFAULT_WARM_POLICY): Promise<void> {
    const { catalogSql: sql, files, objects: store, clock, limits } = this.world;
    const builder = new RollupBuilder({ sql, files, store, clock, random: new SeededRandom(this.world.clock.nowMs()), limits, prefix: 'default/archive', seriesHashKey: () => new Uint8Array(16), policy, retentionOf: () => SeriesRetention.ofAll(365 * 24 * HOUR_MS) });
    for (let dueMs = builder.nextDueMs(); dueMs !== undefined; dueMs = builder.nextDueMs()) {
      if (dueMs > clock.nowMs()) clock.advance(dueMs - clock.nowMs());
      await builder.step();
    }
  }

  get shards(): TenantShards {
    const { world } = this;
    const stubs = [world, this.next].map(({ hot }) => ({ select: (request) => Promise.resolve(structuredClone(hot.select(request))) }) as Partial<ShardApi> as ShardApi);
    const maps = this.fromMs === Infinity ? oneMap(1) : numberMaps([{ epoch: 1, fromMs: 0, shardCount: 1 }, { epoch: 2, fromMs: this.fromMs, shardCount: 1 }]);
    const { policy } = this;
    const options = { store: world.objects, limits: world.limits, leaversOf: leaversBy(retentionOf(policy), world.clock) };
    const keptOf: WarmArchiveOptions['keptOf'] = (table, selector) => keptDays(policy, table, selector, world.clock.nowMs());
    const files: ConstructorParameters<typeof TenantArchive>[0]['files'] = async (request) => {
      if (request.table !== undefined) await this.onFiles();
      return structuredClone(world.files.files(request));
    };
    return {
      tenant: 'default', secret: new Uint8Array(16), hasher: new SeriesHasher(new Uint8Array(16)), maps, call: (shard, body) => body(stubs[shard]!), catalog: () => Promise.reject(new Error('not asked')), renewed: () => Promise.reject(new Error('not asked')),
      archive: {
        shardNames: shardNamesOf(maps),
        live: liveNames(maps),
        files: new TenantArchive({ ...options, cache: new LruCache(1 << 20), files }),
        warm: new WarmArchive({ ...options, cache: new LruCache(1 << 20), files, keptOf, days: async (request) => structuredClone(rollupDays(world.catalogSql, request)) }),
      },
    };
  }

  /** Asks for the same of all tiers and of samples that were never moved. */
  async ask(query: string, range: { readonly startMs: number; readonly endMs: number; readonly stepMs: number }, maxSourceResolutionMs?: number, shards = this.shards) {
    this.report = new ReadReport(false);
    const source = new TenantSource(shards, 1e6, this.world.clock, this.report, maxSourceResolutionMs);
    const got = await new Engine({ source }).range(query, range);
    const want = await new Engine({ source: this.raw }).range(query, range);
    return { got: pointsOf(got), want: pointsOf(want), annotations: [got.annotations, want.annotations], infos: this.report.infos };
  }
}

function pointsOf({ value }: QueryResult): Map<string, number | FloatHistogram> {
  if (value.kind !== 'matrix') throw new Error(`want a matrix, got ${value.kind}`);
  return new Map(
    value.series.flatMap(({ labels, timestampsMs, values, histograms, present }) =>
      Array.from(timestampsMs, (timeMs, i) => [`${labels.join()} ${timeMs}`, histograms?.[i] ?? values[i]!] as const).filter((_, i) => present === undefined || present[i] !== 0),
    ),
  );
}

const NAMES = Object.keys(SUMMARY_FUNCTIONS) as (keyof typeof SUMMARY_FUNCTIONS & string)[];
const DAY_MS = 24 * HOUR_MS;

function expectSame({ got, want, annotations }: Awaited<ReturnType<Tiers['ask']>>, query: string): void {
  expect([...got.keys()], query).toEqual([...want.keys()]);
  expect(annotations[0], query).toEqual(annotations[1]);
  for (const [key, value] of want) {
    const other = got.get(key);
    if (typeof value === 'number' ? !Object.is(other, value) : JSON.stringify(other) !== JSON.stringify(value)) expect.fail(`${query} at ${key}: got ${String(other)}, want ${String(value)}`);
  }
}

describe('queries over all tiers', () => {
  let tiers: Tiers;
  beforeAll(async () => {
    tiers = await Tiers.filled(1);
  }, 60_000);

  test.each([1, 2, 3, 4, 5, 6])('over whole buckets give, to the bit, what samples give: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    for (const name of NAMES.filter((each) => SUMMARY_FUNCTIONS[each as 'rate']!.isExact)) {
      const unitMs = random.pick([5 * MINUTE_MS, HOUR_MS]);
      const rangeMs = unitMs * random.between(1, 8);
      const startMs = START_MS + unitMs * random.below(Math.floor((HOURS * HOUR_MS) / unitMs));
      const query = `${name}(requests_total[${rangeMs}ms] offset ${unitMs * random.between(1, 2)}ms)`;
      const answer = await tiers.ask(query, { startMs, endMs: startMs + 40 * unitMs, stepMs: unitMs * random.between(1, 3) });
      expectSame(answer, query);
      if (startMs < START_MS + 2 * DAY_MS - 10 * unitMs) expect(answer.infos, query).toContainEqual(expect.stringMatching(/^the answer is made from roll-ups of (5m|1h), and is the same as from samples$/));
    }
  });

  test.each([11, 12, 13, 14])('over windows that end anywhere are made from samples, unless the caller allows otherwise: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    for (const name of NAMES) {
      const call = name === 'quantile_over_time' ? 'quantile_over_time(0.9, ' : `${name}(`;
      const startMs = START_MS + random.below(3 * DAY_MS);
      const query = `${call}requests_total{kind=~"[03]"}[${random.between(1, 200) * 7001}ms])`;
      const answer = await tiers.ask(query, { startMs, endMs: startMs + 5 * HOUR_MS, stepMs: 613_000 });
      expectSame(answer, query);
      expect(answer.infos).toEqual([]);
    }
  });

  test.each([21, 22, 23])('that the caller allows are near: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    for (const name of NAMES.filter((each) => !SUMMARY_FUNCTIONS[each as 'rate']!.isExact)) {
      const startMs = START_MS + HOUR_MS * random.between(6, 60);
      const call = name === 'quantile_over_time' ? 'quantile_over_time(0.9, ' : `${name}(`;
      const query = `${call}requests_total{kind=~"[013]"}[3h])`;
      const range = { startMs, endMs: startMs + 12 * HOUR_MS, stepMs: HOUR_MS };
      expect((await tiers.ask(query, range)).infos, query).toEqual([]);
      const { got, want, infos } = await tiers.ask(query, range, HOUR_MS);
      if (startMs < START_MS + 2 * DAY_MS) expect(infos, query).toEqual(['the answer is made from roll-ups of 1h, as max_source_resolution allows, and is near that from samples']);
      expect([...got.keys()], query).toEqual([...want.keys()]);
      const tolerance = name === 'quantile_over_time' ? SKETCH_ERROR * 1.0001 : 1e-12;
      for (const [key, value] of want) {
        const difference = Math.abs((got.get(key) as number) - (value as number));
        if (difference > tolerance * Math.max(Math.abs(value as number), 2000)) expect.fail(`${query} at ${key}: got ${String(got.get(key))}, want ${String(value)}`);
      }
      expect((await tiers.ask(query, range, 0)).infos, query).toEqual([]);
    }
  });

  test('series with native histograms are read as samples, the others of the same query are not', async () => {
    for (const query of ['count_over_time({pod=~"p[78]"}[1h])', 'last_over_time({pod=~"p[78]"}[1h])']) {
      const answer = await tiers.ask(query, { startMs: START_MS + 10 * HOUR_MS, endMs: START_MS + 30 * HOUR_MS, stepMs: HOUR_MS });
      expectSame(answer, query);
      expect(answer.infos.length).toBe(1);
    }
  });

  test('read less of what is rolled up', async () => {
    const range = { startMs: START_MS + 3 * HOUR_MS, endMs: START_MS + 47 * HOUR_MS, stepMs: HOUR_MS };
    await tiers.ask('max_over_time(requests_total[1h])', range);
    const rolledUp = tiers.report.toJson() as Record<string, { samples: number; requests: number }>;
    expect(rolledUp['cold']).toMatchObject({ samples: 0, requests: 0, objects: 0 });
    expect(rolledUp['warm']).toMatchObject({ objects: 1, requests: expect.any(Number) });
    await tiers.ask('max_over_time(requests_total[1h])', range, 0);
    const raw = tiers.report.toJson() as Record<string, { samples: number; requests: number }>;
    expect(raw['cold']!.samples).toBeGreaterThan(15 * rolledUp['warm']!.samples);
    expect(raw['cold']!.requests).toBeGreaterThan(10 * rolledUp['warm']!.requests);
  });

  test('a restricted reader sees of roll-ups what it sees of samples', async () => {
    const restricted = restrictShards(tiers.shards, [{ name: 'pod', type: '=', value: 'p3' }]);
    const { got, infos } = await tiers.ask('max_over_time(requests_total[1h])', { startMs: START_MS + 5 * HOUR_MS, endMs: START_MS + 9 * HOUR_MS, stepMs: HOUR_MS }, undefined, restricted);
    expect(infos.length).toBe(1);
    expect([...got.keys()].every((key) => key.includes('p3'))).toBe(true);
    expect(got.size).toBeGreaterThan(0);
  });
});

describe('over a change of the number of shards', () => {
  /** As the catalog has it: an hour of the second day, which is rolled up, and a millisecond. */
  const fromMs = START_MS + 31 * HOUR_MS + 1;
  let tiers: Tiers;
  beforeAll(async () => {
    tiers = await Tiers.filled(1, DEFAULT_WARM_POLICY, fromMs);
  }, 60_000);

  test.each([1, 2, 3, 4])('roll-ups of both maps give, to the bit, what samples give: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    for (const name of NAMES.filter((each) => SUMMARY_FUNCTIONS[each as 'rate']!.isExact)) {
      const unitMs = random.pick([5 * MINUTE_MS, HOUR_MS]);
      const startMs = START_MS + unitMs * Math.floor((random.between(20, 31) * HOUR_MS) / unitMs);
      const query = `${name}(requests_total[${unitMs * random.between(1, 8)}ms])`;
      const answer = await tiers.ask(query, { startMs, endMs: startMs + 40 * unitMs, stepMs: unitMs });
      expectSame(answer, query);
      expect(answer.infos, query).toContainEqual(expect.stringMatching(/^the answer is made from roll-ups/));
    }
  });

  test.each([11, 12, 13])('samples of all tiers and both maps give what they give where nothing was moved: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    for (const name of NAMES) {
      const call = name === 'quantile_over_time' ? 'quantile_over_time(0.9, ' : `${name}(`;
      const startMs = START_MS + random.below(3 * DAY_MS);
      const query = `${call}requests_total{kind=~"[03]"}[${random.between(1, 200) * 7001}ms])`;
      expectSame(await tiers.ask(query, { startMs, endMs: startMs + 8 * HOUR_MS, stepMs: 613_000 }), query);
    }
  });

  test('no samples are read in place of what is rolled up', async () => {
    // A shard that gets nothing more closes its last day by itself, later than others.
    tiers.world.clock.advance(24 * HOUR_MS);
    await tiers.settle();
    await tiers.rollUp();
    const range = { startMs: START_MS + 3 * HOUR_MS, endMs: START_MS + 47 * HOUR_MS, stepMs: HOUR_MS };
    expectSame(await tiers.ask('max_over_time(requests_total[1h])', range), 'max_over_time');
    expect(tiers.report.toJson()['cold']).toMatchObject({ samples: 0, objects: 0 });
    expect(tiers.report.toJson()['tiers']).toEqual(['warm']);
  });

  test('where the times of both overlap, samples are read', async () => {
    const overlapping = await Tiers.filled(2, DEFAULT_WARM_POLICY, fromMs);
    const labels = named('requests_total', { kind: '0', pod: 'p0' });
    // As a Worker that had not heard of the change would have written it.
    overlapping.world.writeLate([labels], [fromMs + 90 * MINUTE_MS + 1], () => 1e9);
    await overlapping.settle();
    await overlapping.rollUp();
    const range = { startMs: START_MS + 25 * HOUR_MS, endMs: START_MS + 40 * HOUR_MS, stepMs: HOUR_MS };
    const { got, want } = await overlapping.ask('max_over_time(requests_total{pod="p0"}[1h])', range);
    expect(got.get(`kind,0,pod,p0 ${START_MS + 33 * HOUR_MS}`)).toBe(1e9);
    for (const [key, value] of want) if (!key.endsWith(String(START_MS + 33 * HOUR_MS))) expect(got.get(key)).toBe(value);
    const count = await overlapping.ask('count_over_time(requests_total{pod="p0"}[1h])', range);
    const difference = [...count.got].filter(([key, value]) => value !== count.want.get(key));
    expect(difference.map(([key]) => key)).toEqual([`kind,0,pod,p0 ${START_MS + 33 * HOUR_MS}`]);
  });
});

describe('what changes', () => {
  const query = 'max_over_time(requests_total[1h])';
  const range = { startMs: START_MS + 2 * HOUR_MS, endMs: START_MS + 40 * HOUR_MS, stepMs: HOUR_MS };

  test('late samples put samples in the place of their day’s roll-ups, until these are made again', async () => {
    const tiers = await Tiers.filled(2);
    const labels = named('requests_total', { kind: '0', pod: 'p0' });
    const timeMs = START_MS + 7 * HOUR_MS + 1234;
    tiers.world.writeLate([labels], [timeMs], () => 1e9);
    await tiers.world.settle();
    const late = async (): Promise<number> => (await tiers.ask(query, range)).got.get(`${'kind,0,pod,p0'} ${START_MS + 8 * HOUR_MS}`) as number;
    expect(await late()).toBe(1e9);
    expect(tiers.report.toJson()['tiers']).toEqual(['warm', 'cold']);
    await tiers.rollUp();
    expect(await late()).toBe(1e9);
    expect(tiers.report.toJson()['tiers']).toEqual(['warm']);
  });

  test('files that are replaced while they are listed are listed again', async () => {
    const tiers = await Tiers.filled(3);
    let calls = 0;
    tiers.onFiles = async () => {
      if (calls++ > 0) return;
      tiers.world.writeLate([named('requests_total', { kind: '0', pod: 'p0' })], [START_MS + 7 * HOUR_MS + 1234], () => 1e9);
      await tiers.world.settle();
      await tiers.rollUp();
    };
    const { got, infos } = await tiers.ask(query, range);
    expect(got.get(`kind,0,pod,p0 ${START_MS + 8 * HOUR_MS}`)).toBe(1e9);
    expect(infos.length).toBe(1);
    expect(calls).toBeGreaterThan(1);
  });

  test('where none can answer the catalog is not asked for any', async () => {
    const tiers = await Tiers.filled(5);
    const { shards } = tiers;
    const asked = vi.spyOn(shards.archive!.warm!, 'plan');
    await tiers.ask('max_over_time(requests_total[90s])', range, undefined, shards);
    expect(asked).not.toHaveBeenCalled();
    await tiers.ask('max_over_time(requests_total[1h])', range, undefined, shards);
    expect(asked).toHaveBeenCalledOnce();
  });

  test('what a policy leaves out is read as samples', async () => {
    const policy = readTieringPolicy('{"t":{"warm":{"resolution":"1h","aggregates":["max"],"rules":[{"match":{"pod":"p1"},"resolution":[]}]}}}')('t').warm;
    const tiers = await Tiers.filled(4, policy);
    const infosOf = async (text: string): Promise<number> => {
      const answer = await tiers.ask(text, range);
      expectSame(answer, text);
      return answer.infos.length;
    };
    expect(await infosOf('max_over_time(requests_total{pod="p2"}[1h])')).toBe(1);
    expect(await infosOf('max_over_time(requests_total[1h])')).toBe(0);
    expect(await infosOf('min_over_time(requests_total{pod="p2"}[1h])')).toBe(0);
    expect(await infosOf('max_over_time(requests_total{pod="p1"}[1h])')).toBe(0);
    expect(await infosOf('max_over_time(requests_total{pod="p2"}[5m])')).toBe(0);
  });

  test('of series whose roll-ups have left, samples are read, and those that have left themselves are not there', async () => {
    const tiers = await Tiers.filled(4);
    tiers.policy = readTieringPolicy('{"t":{"warm":{"retention":"30d"},"rules":[{"match":{"pod":"p1"},"warm":{"retention":"3d"}},{"match":{"pod":"p2"},"cold":{"retention":"5d"}}]}}')('t');
    const tiersOf = async (text: string): Promise<unknown> => {
      const answer = await tiers.ask(text, range);
      expectSame(answer, text);
      return tiers.report.toJson()['tiers'];
    };
    expect(await tiersOf('max_over_time(requests_total[5m])')).toEqual(['warm']);
    tiers.world.clock.advance(8 * 24 * HOUR_MS);
    expect(await tiersOf('max_over_time(requests_total{pod="p1"}[5m])')).toEqual(['cold']);
    expect(await tiersOf('max_over_time(requests_total{pod="p3"}[5m])')).toEqual(['warm']);
    const of = async (text: string): Promise<[number, number]> => {
      const { got, want } = await tiers.ask(text, range);
      return [got.size, want.size];
    };
    // Of p2 there are roll-ups alone, and what the shard has.
    const [warm, all] = await of('max_over_time(requests_total{pod="p2"}[1h])');
    expect(warm).toBe(all);
    const [left, before] = await of('last_over_time(requests_total{pod="p2"}[7m])');
    expect(left).toBeLessThan(before / 2);
    // Those of p1 have left where p2 has no samples: a query of both says what samples say.
    const [both] = await of('max_over_time(requests_total{pod=~"p1|p2"}[1h])');
    const [one] = await of('max_over_time(requests_total{pod="p1"}[1h])');
    expect(both).toBeGreaterThan(one);
  });
});
