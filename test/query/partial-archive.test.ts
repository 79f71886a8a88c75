import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { memoryApi, NOON } from './api.ts';
import { archivedDays, DAY_MS, keyOf, OLD_MS } from './archived-days.ts';

type World = Awaited<ReturnType<typeof archivedDays>>;

const ALL = `query=${encodeURIComponent('sum(count_over_time(m[4d]))')}&time=${NOON / 1000}`;
const LABELS = `start=${OLD_MS / 1000}&end=${NOON / 1000}`;

async function stats({ api }: World, parameters = ''): Promise<Record<string, unknown>> {
  const data = (await api.data(`/api/v1/query?${ALL}&stats=all${parameters}`)) as { stats: { sources: Record<string, unknown> } };
  return data.stats.sources;
}

describe('stats of a query over both tiers', () => {
  test('say what was read of each, in bytes and requests as the store counts them', async () => {
    const world = await archivedDays();
    const before = { bytes: world.objects.bytesRead, gets: world.objects.counts.get };
    const sources = await stats(world);
    const cold = { samples: 20, bytes: world.objects.bytesRead - before.bytes, requests: world.objects.counts.get - before.gets, objects: 2, missing: 0 };
    expect(cold.requests).toBe(4);
    expect(sources).toMatchObject({ tiers: ['hot', 'cold'], samples: 22, objects: 2, hot: { samples: 2, shards: 1 }, cold });
    expect(sources['bytes']).toBe(cold.bytes + (sources['hot'] as { bytes: number }).bytes);
  });

  test('of files alone', async () => {
    const { api } = await archivedDays();
    const data = (await api.data(`/api/v1/query?query=m&time=${(OLD_MS + 60_000) / 1000}&stats=all`)) as { stats: { sources: unknown } };
    expect(data.stats.sources).toMatchObject({ tiers: ['cold'], samples: 4, objects: 1, hot: { shards: 0 } });
  });
});

const isMissing: Readonly<Record<string, { readonly break: (world: World) => Promise<void>; readonly error: RegExp; readonly warnings: readonly RegExp[]; readonly count: string; readonly series: readonly string[] }>> = {
  'an object': {
    break: ({ objects }) => objects.delete([keyOf(0)]),
    error: /^archive: object default\/archive\/samples\/data\/day-0\.parquet is missing/,
    warnings: [/^the answer is incomplete: samples of shard 1\/0 from 2024-01-11T12:00 to 2024-01-11T12:04 \(file default\/archive\/samples\/data\/day-0\.parquet\) are missing: archive: object .* is missing$/],
    count: '12',
    series: ['a', 'b'],
  },
  'the whole store': {
    break: async ({ store }) => void (store.isDown = true),
    error: /^archive: the object store does not answer/,
    warnings: [/from 2024-01-11T12:00 .* are missing/, /from 2024-01-12T12:00 .* are missing/],
    count: '2',
    series: ['a'],
  },
  'the catalog': {
    break: async ({ api }) => void (api.shards.catalogsAreDown = true),
    error: /^catalog of default cannot be reached; try again later/,
    warnings: [/^the answer is incomplete: samples that are in the archive are missing: catalog of default cannot be reached/],
    count: '2',
    series: ['a'],
  },
};

describe.each(Object.entries(isMissing))('%s that cannot be read', (_, { break: take, error, warnings, count, series }) => {
  test('fails a query and a request for labels', async () => {
    const world = await archivedDays();
    await take(world);
    for (const path of [`query?${ALL}`, `label/series/values?${LABELS}`, `series?match[]=m&${LABELS}`]) {
      const { status, json } = await world.api.get(`/api/v1/${path}`);
      expect([status, json['errorType']], path).toEqual([503, 'unavailable']);
      expect(json['error']).toMatch(error);
    }
  });

  test('is named in a partial answer, which has the rest', async () => {
    const world = await archivedDays();
    await take(world);
    const query = await world.api.get(`/api/v1/query?${ALL}&partial_response=true`);
    expect(query.status).toBe(200);
    expect(query.json).toMatchObject({ data: { result: [{ value: [NOON / 1000, count] }] }, warnings: warnings.map((pattern) => expect.stringMatching(pattern)) });
    expect(await stats(world, '&partial_response=true')).toMatchObject({ cold: { missing: warnings.length } });
    const values = await world.api.get(`/api/v1/label/series/values?${LABELS}&partial_response=true`);
    expect(values.json).toMatchObject({ status: 'success', data: series, warnings: warnings.map((pattern) => expect.stringMatching(pattern)) });
  });
});

test('a file that breaks between its tail and its pages is missing as a whole', async () => {
  const { api, store } = await archivedDays({ call: 2, when: 'before' });
  const { json } = await api.get(`/api/v1/query?${ALL}&partial_response=true`);
  expect(json).toMatchObject({ data: { result: [{ value: [NOON / 1000, '12'] }] }, warnings: [expect.stringMatching(/day-\d\.parquet\) are missing: archive: the object store does not answer/)] });
  expect(store.calls).toBe(4);
});

test('a limit of the archive is no missing part', async () => {
  const { objects } = await archivedDays();
  const api = await memoryApi({ archive: objects, limits: { ...LIMITS, archiveFilesPerQueryMax: 0 } as never });
  const file = { table: 'samples' as const, key: keyOf(0), sizeBytes: 1, tailBytes: 1, rowCount: 1, minTimeMs: OLD_MS, maxTimeMs: OLD_MS, firstMetric: 'm', lastMetric: 'm', columns: [] };
  await api.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 1, files: [file], archivedUntilMs: NOON - DAY_MS });
  const { status, json } = await api.get(`/api/v1/query?${ALL}&partial_response=true`);
  expect([status, json['error']]).toEqual([422, expect.stringContaining('archiveFilesPerQueryMax is 0')]);
});
