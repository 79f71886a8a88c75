import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { memoryApi, NOON } from '../api.ts';

const NOON_SECONDS = NOON / 1000;

async function filled(shardCount: number) {
  const api = await memoryApi({ shardCount });
  for (let i = 0; i < 6; i++) api.write(i % shardCount, { __name__: i < 4 ? 'many' : 'few', i: String(i), job: 'x' }, [i, i], NOON - i * 1000);
  return api;
}

describe.each([1, 3])('status/tsdb over %i shards', (shardCount) => {
  test('true figures', async () => {
    const api = await filled(shardCount);
    expect(await api.data('/api/v1/status/tsdb?limit=3')).toEqual({
      headStats: { numSeries: 6, numLabelPairs: 9, chunkCount: 0, minTime: NOON - 5000, maxTime: NOON + 1000 },
      seriesCountByMetricName: [{ name: 'many', value: 4 }, { name: 'few', value: 2 }],
      labelValueCountByLabelName: [{ name: 'i', value: 6 }, { name: '__name__', value: 2 }, { name: 'job', value: 1 }],
      memoryInBytesByLabelName: [{ name: '__name__', value: 22 }, { name: 'i', value: 6 }, { name: 'job', value: 6 }],
      seriesCountByLabelValuePair: [{ name: 'job=x', value: 6 }, { name: '__name__=many', value: 4 }, { name: '__name__=few', value: 2 }],
    });
  });

  test('nothing at all', async () => {
    const api = await memoryApi({ shardCount });
    expect(await api.data('/api/v1/status/tsdb')).toMatchObject({ headStats: { numSeries: 0, numLabelPairs: 0, minTime: 0, maxTime: 0 }, seriesCountByMetricName: [] });
    expect(await api.data('/api/v1/status/tsdb/blocks')).toEqual({ blocks: [] });
  });

  test('blocks are the segments', async () => {
    const api = await filled(shardCount);
    api.shards.shardNames.forEach((name) => api.shards.storeOf(name).seal());
    const { blocks } = (await api.data('/api/v1/status/tsdb/blocks')) as { blocks: { ulid: string; minTime: number; maxTime: number; stats: { numSamples: number } }[] };
    expect(blocks).toHaveLength(shardCount);
    expect(blocks.reduce((sum, { stats }) => sum + stats.numSamples, 0)).toBe(12);
    expect(Math.max(...blocks.map(({ maxTime }) => maxTime))).toBe(NOON + 1001);
    expect(new Set(blocks.map(({ ulid }) => ulid)).size).toBe(shardCount);
  });
});

test('the limit of status/tsdb is checked', async () => {
  const { get } = await memoryApi();
  for (const limit of ['0', '-1', 'x']) expect((await get(`/api/v1/status/tsdb?limit=${limit}`)).json['error']).toBe('limit must be a positive number');
  expect((await get('/api/v1/status/tsdb?limit=10001')).json['error']).toBe('invalid parameter "limit": 10001 is above the limit cardinalityEntriesMax of 10000');
});

test.each(['status/tsdb', 'status/tsdb/blocks', 'admin/tsdb/snapshot'])('%s is of the shards that answer, and names the others', async (path) => {
  const api = await filled(3);
  const whole = await api.get(`/api/v1/${path}`);
  expect(whole.json).not.toHaveProperty('warnings');
  api.shards.damage('default/shard/1/1', "UPDATE wal SET samples = x'00'");
  const { status, json } = await api.get(`/api/v1/${path}`);
  expect([status, json['warnings']]).toEqual([200, [expect.stringMatching(/^the answer is incomplete: shard 1 is missing: shard 1 cannot answer: damaged storage: wal 0: /)]]);
  for (const name of api.shards.shardNames) api.shards.damage(name, "UPDATE wal SET samples = x'00'");
  const none = await api.get(`/api/v1/${path}`);
  expect([none.status, none.json['error']]).toEqual([503, expect.stringMatching(/^shard 0 cannot answer/)]);
});

test('status/tsdb counts the series of the shards that answer', async () => {
  const api = await filled(3);
  api.shards.damage('default/shard/1/1', "UPDATE wal SET samples = x'00'");
  expect(await api.data('/api/v1/status/tsdb')).toMatchObject({ headStats: { numSeries: 4 } });
  expect(await api.data('/api/v1/admin/tsdb/snapshot')).toEqual({ shards: [{ shard: 0, ids: [] }, { shard: 2, ids: [] }] });
});

describe('admin/tsdb', () => {
  const count = async (api: Awaited<ReturnType<typeof filled>>): Promise<string[]> => {
    const { result } = (await api.data(`/api/v1/query?query=count_over_time({job="x"}[1h])&time=${NOON_SECONDS + 60}`)) as { result: { metric: { i: string }; value: [number, string] }[] };
    return result.map(({ metric, value }) => `${metric.i}:${value[1]}`).sort();
  };
  const post = (api: Awaited<ReturnType<typeof filled>>, path: string, method = 'POST') => api.ask(`/api/v1/admin/tsdb/${path}`, { method });

  test.each([1, 3])('delete_series by matcher and time, over %i shards', async (shardCount) => {
    const api = await filled(shardCount);
    expect((await post(api, `delete_series?match[]=many{i="0"}&match[]=few{i="5"}&end=${NOON_SECONDS}`)).status).toBe(204);
    expect(await count(api)).toEqual(['0:1', '1:2', '2:2', '3:2', '4:2']);
    // The form of a PUT counts as that of a POST does.
    const form = { method: 'PUT', body: 'match[]=many', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    expect((await api.ask('/api/v1/admin/tsdb/delete_series', form)).status).toBe(204);
    api.shards.evictAll();
    expect(await count(api)).toEqual(['4:2']);
  });

  test('an answer that is lost is asked for again, and what was deleted stays so', async () => {
    const api = await filled(1);
    api.shards.faults.push('lose-answer');
    expect((await post(api, 'delete_series?match[]=many')).status).toBe(204);
    expect(await count(api)).toEqual(['4:2', '5:2']);
  });

  test('parameters and methods', async () => {
    const api = await filled(1);
    const fails = async (path: string, error: string | RegExp): Promise<void> => {
      const answer = await post(api, path);
      expect([answer.status, await answer.json()]).toEqual([400, { status: 'error', errorType: 'bad_data', error: typeof error === 'string' ? error : expect.stringMatching(error) as unknown }]);
    };
    await fails('delete_series', 'no match[] parameter provided');
    await fails('delete_series?match[]={', /^invalid parameter "match\[\]": /);
    await fails('delete_series?match[]=a&start=5&end=4', 'invalid parameter "end": end timestamp must not be before start time');
    expect((await post(api, 'delete_series?match[]=many', 'GET')).status).toBe(405);
    expect(await count(api)).toHaveLength(6);
  });

  test('clean_tombstones has nothing to do', async () => {
    const answer = await post(await filled(1), 'clean_tombstones');
    expect([answer.status, await answer.text()]).toEqual([204, '']);
  });

  test('a snapshot of every shard', async () => {
    const api = await filled(3);
    const { data } = (await (await post(api, 'snapshot')).json()) as { data: { name: string } };
    expect(data.name.split(',')).toEqual(api.shards.shardNames.map((name) => api.shards.storeOf(name).listSnapshots()[0]));
  });

  test('one snapshot too many is refused by name', async () => {
    const api = await memoryApi({ limits: { ...LIMITS, snapshotsMax: 1 } as unknown as typeof LIMITS });
    expect((await post(api, 'snapshot')).status).toBe(200);
    const refused = await post(api, 'snapshot');
    expect([refused.status, await refused.json()]).toEqual([422, { status: 'error', errorType: 'execution', error: 'snapshot: there are 1 snapshots, the limit snapshotsMax is 1; delete one first' }]);
  });

  test('a snapshot is forgotten by its name, and makes room', async () => {
    const api = await memoryApi({ shardCount: 2, limits: { ...LIMITS, snapshotsMax: 1 } as unknown as typeof LIMITS });
    expect(await (await post(api, 'snapshot')).json()).toEqual({ status: 'success', data: { name: '1,1' } });
    expect(await api.data('/api/v1/admin/tsdb/snapshot')).toEqual({ shards: [{ shard: 0, ids: ['1'] }, { shard: 1, ids: ['1'] }] });
    expect((await post(api, 'snapshot?name=,1', 'DELETE')).status).toBe(204);
    expect((await post(api, 'snapshot?name=1,1', 'DELETE')).status).toBe(204);
    const gone = await post(api, 'snapshot?name=1,1', 'DELETE');
    expect([gone.status, await gone.json()]).toEqual([404, { status: 'error', errorType: 'not_found', error: 'there is no snapshot "1,1"' }]);
    for (const name of ['', ',', '1', '1,1,1', '1,x']) {
      const refused = await post(api, `snapshot?name=${name}`, 'DELETE');
      expect([refused.status, ((await refused.json()) as { error: string }).error]).toEqual([400, `invalid parameter "name": ${JSON.stringify(name)} is not the name of a snapshot of 2 shards`]);
    }
    expect(await (await post(api, 'snapshot')).json()).toEqual({ status: 'success', data: { name: '2,2' } });
  });

  test('a snapshot that one shard refuses is kept by none', async () => {
    const api = await memoryApi({ shardCount: 2, limits: { ...LIMITS, snapshotsMax: 1 } as unknown as typeof LIMITS });
    await post(api, 'snapshot');
    await post(api, 'snapshot?name=1,', 'DELETE');
    expect((await post(api, 'snapshot')).status).toBe(422);
    expect(await api.data('/api/v1/admin/tsdb/snapshot')).toEqual({ shards: [{ shard: 0, ids: [] }, { shard: 1, ids: ['1'] }] });
  });
});
