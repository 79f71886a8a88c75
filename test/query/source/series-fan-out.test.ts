import { expect, test, vi } from 'vitest';
import { PageSets } from '../../../query/source/label-sets.ts';
import { ReadReport } from '../../../query/source/read-report.ts';
import { compareLabels, labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import type { ShardApi } from '../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { oneMap } from '../../fakes/one-map.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { write } from '../../storage/shard/batches.ts';
import { mergedSeries } from '../merged-series.ts';

const EVERYTHING = { selectors: [[]], startMs: 0, endMs: 1e15, limit: 0 };

/** Shards with pages of a few series; those named in `ofOldRelease` do not know version 2. */
function shardsOver(stores: readonly HotStore[], ofOldRelease: readonly number[] = []): TenantShards & { readonly calls: number } {
  const shards = {
    tenant: 'default',
    hasher: new SeriesHasher(new Uint8Array(16)),
    secret: new Uint8Array(16),
    maps: oneMap(stores.length),
    renewed: () => Promise.reject(new Error('not asked')),
    calls: 0,
    call: <T>(shard: number, body: (stub: ShardApi) => Promise<T>): Promise<T> => {
      shards.calls++;
      const version = ofOldRelease.includes(shard) ? 1 : undefined;
      return body({ series: async (request) => structuredClone(stores[shard]!.series({ ...request, version: version ?? request.version })) } as Partial<ShardApi> as ShardApi);
    },
    catalog: () => Promise.reject(new Error('not asked')),
  };
  return shards;
}

const TEXTS = ['a', 'b', 'z', 'a"b', 'back\\slash', 'line\nfeed', '\u0000', 'ü', '\ue000', '\u{1f600}', '</script>', '7', '__proto__'];

function randomLabels(random: SeededRandom): Labels {
  const pairs = Array.from({ length: random.between(0, 4) }, () => [random.pick(TEXTS), random.pick(TEXTS)] as const);
  return labelsFrom([['__name__', random.pick(TEXTS)] as const, ...pairs]);
}

function jsonOf(labels: readonly Labels[]): string {
  const object = (set: Labels): string => {
    const members: string[] = [];
    for (let i = 0; i < set.length; i += 2) members.push(`${JSON.stringify(set[i])}:${JSON.stringify(set[i + 1])}`);
    return `{${members.join(',')}}`;
  };
  return labels.map(object).join(',');
}

test('what random shards have, merged in order, in pages of any size, with any limit, also where some are of the release before', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const limits = limitsWith({ seriesPageBytesTarget: random.pick([1, 60, 300, 1 << 20]) });
    const stores = Array.from({ length: random.between(1, 4) }, () => new HotStore(new NodeSql(), limits));
    const all = new Map<string, Labels>();
    for (let i = random.between(0, 40); i > 0; i--) {
      const labels = randomLabels(random);
      const key = JSON.stringify(labels);
      if (all.has(key)) continue;
      all.set(key, labels);
      write(random.pick(stores), [{ labels, samples: [[1000 + i, 1]] }]);
    }
    const sorted = [...all.values()].sort(compareLabels);
    const old = stores.map((_, shard) => shard).filter(() => random.oneIn(4));
    for (const limit of [0, 1, random.between(1, 40), sorted.length, sorted.length + 1].filter((each) => each >= 0)) {
      const wanted = limit === 0 ? sorted : sorted.slice(0, limit);
      const got = await mergedSeries(shardsOver(stores, old), { ...EVERYTHING, limit }, new ReadReport(false), random.pick([1, 50, 1e6]));
      expect(got, `seed ${seed}, limit ${limit}`).toEqual({ json: jsonOf(wanted), isTruncated: wanted.length < sorted.length });
    }
  }
});

test('a page that is not needed is not asked for', async () => {
  const store = new HotStore(new NodeSql(), limitsWith({ seriesPageBytesTarget: 1 }));
  write(store, Array.from({ length: 10 }, (_, i) => ({ labels: labelsFrom({ __name__: `m${i}` }), samples: [[1, 1]] as const })));
  const shards = shardsOver([store]);
  await mergedSeries(shards, { ...EVERYTHING, limit: 3 }, new ReadReport(false));
  expect(shards.calls).toBe(3);
});

test('many shards: the pages of all of them together stay within a bound, and nothing is left out', async () => {
  // The number comes first: of 64 cursors each is compared with the least at every step.
  const value = (i: number): string => String(i).padStart(5, '0') + 'v'.repeat(2000);
  const stores = Array.from({ length: 64 }, (_, shard) => {
    const store = new HotStore(new NodeSql());
    write(store, Array.from({ length: 200 }, (_, i) => ({ labels: labelsFrom({ __name__: 'm', text: value(i * 64 + shard) }), samples: [[1, 1]] as const })));
    return store;
  });
  const shards = shardsOver(stores);
  const pages = new Map<number, number>();
  let mostBytes = 0;
  const watched: TenantShards = {
    ...shards,
    call: async (shard, body) => {
      const answer = await shards.call(shard, body);
      pages.set(shard, (answer as { page: ArrayBuffer }).page.byteLength);
      mostBytes = Math.max(mostBytes, [...pages.values()].reduce((sum, bytes) => sum + bytes, 0));
      return answer;
    },
  };
  const { json } = await mergedSeries(watched, EVERYTHING, new ReadReport(false), 1e6);
  expect((JSON.parse(`[${json}]`) as { text: string }[]).map(({ text }) => Number(text.slice(0, 5)))).toEqual(Array.from({ length: 200 * 64 }, (_, i) => i));
  expect(mostBytes).toBeLessThanOrEqual(LIMITS.seriesPagesBytesTarget);
  expect(mostBytes).toBeGreaterThan(LIMITS.seriesPagesBytesTarget / 8);
});

test('a shard that goes away behind its first page fails the answer, or is named where it may be missing', async () => {
  const { VarveError } = await import('../../../storage/runtime/errors.ts');
  const stores = Array.from({ length: 2 }, () => new HotStore(new NodeSql(), limitsWith({ seriesPageBytesTarget: 1 })));
  stores.forEach((store, shard) => write(store, Array.from({ length: 4 }, (_, i) => ({ labels: labelsFrom({ __name__: `m${i}`, shard: String(shard) }), samples: [[1, 1]] as const }))));
  const failing = (): TenantShards => {
    const shards = shardsOver(stores);
    const call = shards.call.bind(shards);
    let calls = 0;
    return { ...shards, call: (shard, body) => (shard === 1 && calls++ > 1 ? Promise.reject(new VarveError('unavailable', 'gone')) : call(shard, body)) };
  };
  await expect(mergedSeries(failing(), EVERYTHING, new ReadReport(false))).rejects.toThrow('gone');
  const report = new ReadReport(true);
  const { json } = await mergedSeries(failing(), EVERYTHING, report);
  expect(JSON.parse(`[${json}]`)).toHaveLength(6);
  expect(report.warnings).toEqual([expect.stringContaining('series of shard 1 are missing: gone')]);
});

test('a series that is on several shards comes once, and of very many shards few are looked at for each', async () => {
  const stores = Array.from({ length: 64 }, () => new HotStore(new NodeSql(), LIMITS));
  const sets = Array.from({ length: 1_000 }, (_, i) => labelsFrom({ __name__: 'm', id: String(i) }));
  sets.forEach((labels, i) => {
    for (const shard of i % 10 === 0 ? [i % 64, (i * 7 + 1) % 64, 0] : [i % 64]) write(stores[shard]!, [{ labels, samples: [[1000, 1]] }]);
  });
  const looks = vi.spyOn(PageSets.prototype, 'textAt');
  const got = await mergedSeries(shardsOver(stores), EVERYTHING, new ReadReport(false));
  expect(got).toEqual({ json: jsonOf([...sets].sort(compareLabels)), isTruncated: false });
  // Four texts of two sets in six comparisons, and what putting 64 sources into order takes at first.
  const { length } = looks.mock.calls;
  looks.mockRestore();
  expect(length / sets.length).toBeLessThan(150);
});
