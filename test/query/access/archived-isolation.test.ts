import { beforeAll, expect, test } from 'vitest';
import { ExemplarsFileWriter } from '../../../storage/archive/files/exemplars-file-writer.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { NOON } from '../api.ts';
import { archivedDays, DAY_MS, keyOf, OLD_MS } from '../archived-days.ts';

/* What a reader restricted by matchers gets of samples and exemplars that are in files: `m{series="a"}` is his, `m{series="b"}` is not. */
const EXEMPLARS = 'default/archive/exemplars/data/day.parquet';

let api: Awaited<ReturnType<typeof archivedDays>>['api'];
let key: string;

beforeAll(async () => {
  const world = await archivedDays();
  api = world.api;
  const writer = new ExemplarsFileWriter(LIMITS);
  for (const series of ['a', 'b']) writer.add(labelsFrom({ __name__: 'm', series }), new Uint8Array(12), [{ labels: labelsFrom({ trace_id: `of ${series}` }), value: 1, timestampMs: OLD_MS }]);
  const { bytes, seriesCount: _, ...described } = writer.finish();
  await world.objects.create(EXEMPLARS, bytes);
  const files = [{ table: 'exemplars' as const, key: EXEMPLARS, sizeBytes: bytes.length, ...described }];
  await api.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 2, files, archivedUntilMs: NOON - DAY_MS });
  key = await restrictedKey(api);
});

/** A key for `{series="a"}`. */
async function restrictedKey(to: typeof api): Promise<string> {
  const body = JSON.stringify({ scopes: ['read'], tenant: 'default', match: '{series="a"}' });
  const answer = await to.ask('/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return ((await answer.json()) as { data: { secret: string } }).data.secret;
}

async function asked(path: string): Promise<unknown> {
  const answer = await api.ask(path, { headers: { authorization: `Bearer ${key}` } });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text.split('\n')[0]!);
}

const RANGE = `start=${OLD_MS / 1000}&end=${(OLD_MS + 2 * DAY_MS) / 1000}`;

const f = (what: string, path: string, want: unknown): void => {
  test(what, async () => expect(await asked(path)).toMatchObject(want as object));
};

f('values of labels', `/api/v1/label/series/values?${RANGE}`, { data: ['a'] });
f('values of labels, asked for by a selector for the other', `/api/v1/label/series/values?${RANGE}&match[]=${encodeURIComponent('{series="b"}')}`, { data: [] });
f('values of labels, asked for by selectors for both', `/api/v1/label/series/values?${RANGE}&match[]=${encodeURIComponent('{series="b"}')}&match[]=m`, { data: ['a'] });
f('series', `/api/v1/series?${RANGE}&match[]=m`, { data: [{ series: 'a' }] });
f('search', `/api/v1/search/label_values?label=series&${RANGE}`, { results: [{ name: 'a' }] });
f('samples', `/api/v1/query_range?${RANGE}&step=86400&query=${encodeURIComponent('count by (series) (m or {series="b"})')}`, { data: { result: [{ metric: { series: 'a' } }] } });
f('samples of windows', `/api/v1/query?time=${NOON / 1000}&query=${encodeURIComponent('count(max_over_time(m[3d]))')}`, { data: { result: [{ value: [NOON / 1000, '1'] }] } });
f('exemplars', `/api/v1/query_exemplars?${RANGE}&query=m`, { data: [{ seriesLabels: { series: 'a' }, exemplars: [{ labels: { trace_id: 'of a' } }] }] });
f('exemplars, asked for by a selector for the other', `/api/v1/query_exemplars?${RANGE}&query=${encodeURIComponent('m{series="b"} or {series=~".+"}')}`, { data: [{ exemplars: [{ labels: { trace_id: 'of a' } }] }] });

test('what is counted of a query is what the reader sees', async () => {
  const query = `/api/v1/query?time=${(OLD_MS + 240_000) / 1000}&query=${encodeURIComponent('sum(count_over_time(m[5m]))')}&stats=all`;
  expect(await asked(query)).toMatchObject({ data: { result: [{ value: [expect.any(Number), '5'] }], stats: { sources: { samples: 5, cold: { samples: 5, objects: 1 } } } } });
});

test('what cannot be read is told by its days, without files and their number', async () => {
  const { api: own, objects } = await archivedDays();
  const headers = { authorization: `Bearer ${await restrictedKey(own)}` };
  const file = { table: 'samples' as const, key: 'default/archive/samples/data/another.parquet', sizeBytes: 900, tailBytes: 100, rowCount: 10, minTimeMs: OLD_MS, maxTimeMs: OLD_MS, firstMetric: 'm', lastMetric: 'm', columns: [] };
  await own.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 2, files: [file, { ...file, table: 'exemplars', key: EXEMPLARS }], archivedUntilMs: NOON - DAY_MS });
  await objects.delete([keyOf(0)]);
  const day = new Date(OLD_MS).toISOString().slice(0, 10);
  for (const [path, rows] of [[`query?query=m&time=${OLD_MS / 1000}`, 'samples'], [`series?match[]=m&${RANGE}`, 'samples'], [`label/series/values?${RANGE}`, 'samples'], [`query_exemplars?query=m&${RANGE}`, 'exemplars']] as const) {
    const refused = await own.ask(`/api/v1/${path}`, { headers });
    expect([refused.status, ((await refused.json()) as { error: string }).error], path).toEqual([503, `archive: ${rows} of ${day} cannot be read; try again later`]);
    const partial = await own.ask(`/api/v1/${path}&partial_response=true`, { headers });
    expect([partial.status, ((await partial.json()) as { warnings: string[] }).warnings], path).toEqual([200, [`the answer is incomplete: ${rows} of ${day} are missing: archive: ${rows} of ${day} cannot be read; try again later`]]);
  }
});
