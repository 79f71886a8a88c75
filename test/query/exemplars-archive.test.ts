import { expect, test } from 'vitest';
import { ExemplarsFileWriter } from '../../storage/archive/files/exemplars-file-writer.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../fakes/faulty-object-store.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { named, write } from '../storage/shard/batches.ts';
import { memoryApi, NOON } from './api.ts';

/* /api/v1/query_exemplars over both tiers. */
const DAY_MS = 86_400_000;
const OLD_MS = NOON - 3 * DAY_MS;
const KEY = 'default/archive/exemplars/data/day.parquet';

async function world() {
  const objects = new MemoryObjectStore();
  const store = new FaultyObjectStore(objects);
  const api = await memoryApi({ archive: store });
  const writer = new ExemplarsFileWriter(LIMITS);
  for (const series of ['a', 'b']) {
    writer.add(labelsFrom({ __name__: 'm', series }), new Uint8Array(12), [0, 1].map((i) => ({ labels: labelsFrom({ trace_id: `${series}${i}` }), value: i / 2, timestampMs: OLD_MS + i * 60_000 })));
  }
  const { bytes, seriesCount: _, ...described } = writer.finish();
  await objects.create(KEY, bytes);
  await api.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 1, files: [{ table: 'exemplars', key: KEY, sizeBytes: bytes.length, ...described }], archivedUntilMs: NOON - DAY_MS });
  // The shard still has the second one, and a new one.
  const exemplars = [[OLD_MS + 60_000, 0.5, labelsFrom({ trace_id: 'a1' })], [NOON - 60_000, 2, labelsFrom({ trace_id: 'new' })]] as const;
  write(api.shards.storeOf(api.shards.shardNames[0]!), [{ labels: named('m', { series: 'a' }), samples: [], exemplars }]);
  const ask = (query: string, startMs: number, endMs: number, more = '') => api.get(`/api/v1/query_exemplars?query=${encodeURIComponent(query)}&start=${startMs / 1000}&end=${endMs / 1000}${more}`);
  return { api, store, ask };
}

const ids = (json: Record<string, unknown>): string[][] => (json['data'] as { exemplars: { labels: { trace_id: string } }[] }[]).map(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));

test('exemplars of files and of shards are one answer, each once', async () => {
  const { ask } = await world();
  const { json } = await ask('rate(m[5m])', OLD_MS, NOON);
  expect(json['data']).toMatchObject([
    {
      seriesLabels: { __name__: 'm', series: 'a' },
      exemplars: [
        { labels: { trace_id: 'a0' }, value: '0', timestamp: OLD_MS / 1000 },
        { labels: { trace_id: 'a1' }, value: '0.5', timestamp: (OLD_MS + 60_000) / 1000 },
        { labels: { trace_id: 'new' }, value: '2', timestamp: (NOON - 60_000) / 1000 },
      ],
    },
    { seriesLabels: { __name__: 'm', series: 'b' }, exemplars: [{ labels: { trace_id: 'b0' } }, { labels: { trace_id: 'b1' } }] },
  ]);
  expect(ids((await ask('m{series="b"}', OLD_MS, OLD_MS)).json)).toEqual([['b0']]);
  expect(ids((await ask('m{series="b"} or other', OLD_MS + 1, NOON)).json)).toEqual([['b1']]);
});

test('recent ones cost the archive nothing, and a file that is away is an error, or named', async () => {
  const { store, ask } = await world();
  expect(ids((await ask('m', NOON - 3_600_000, NOON)).json)).toEqual([['new']]);
  expect(store.calls).toBe(0);
  store.isDown = true;
  const { status, json } = await ask('m', OLD_MS, NOON);
  expect([status, json['errorType'], json['error']]).toEqual([503, 'unavailable', expect.stringContaining('the object store does not answer')]);
  const partial = await ask('m', OLD_MS, NOON, '&partial_response=true');
  expect(ids(partial.json)).toEqual([['a1', 'new']]);
  expect(partial.json['warnings']).toEqual([expect.stringMatching(/exemplars of shard 1\/0 from .* \(file default\/archive\/exemplars\/data\/day\.parquet\) are missing/)]);
});
