import { describe, expect, test } from 'vitest';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { write } from '../../storage/shard/batches.ts';
import { memoryApi, NOON } from '../api.ts';

const T = NOON / 1000;

/** Two shards: `requests` with exemplars on both, `errors` with one, `quiet` with none. */
async function system() {
  const api = await memoryApi({ shardCount: 2 });
  const put = (shard: number, labels: Record<string, string>, ...exemplars: (readonly [timestampMs: number, value: number, trace: string])[]): void => {
    const ofSeries = exemplars.map(([timestampMs, value, trace]) => [timestampMs, value, labelsFrom({ trace_id: trace })] as const);
    write(api.shards.storeOf(api.shards.shardNames[shard]!), [{ labels: labelsFrom(labels), samples: [[NOON, 1]], exemplars: ofSeries }]);
  };
  put(1, { __name__: 'requests', path: '/a"b' }, [NOON + 1500, 0.25, 't2'], [NOON, 3, 't1']);
  put(0, { __name__: 'requests', path: '/z' }, [NOON + 1, Infinity, 't3']);
  put(0, { __name__: 'errors' }, [NOON + 2000, 1e21, 't4']);
  put(1, { __name__: 'quiet' });
  return api;
}

describe('query_exemplars', () => {
  test('gives the exemplars of every selector in the query, by series, in the order of time', async () => {
    const { ask } = await system();
    const answer = await ask(`/api/v1/query_exemplars?query=${encodeURIComponent('sum(rate(requests[5m])) / sum(errors) + quiet')}&start=${T}&end=${T + 10}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.text()).toBe(
      '{"status":"success","data":[' +
        `{"seriesLabels":{"__name__":"errors"},"exemplars":[{"labels":{"trace_id":"t4"},"value":"1e+21","timestamp":${T + 2}}]},` +
        `{"seriesLabels":{"__name__":"requests","path":"/a\\"b"},"exemplars":[{"labels":{"trace_id":"t1"},"value":"3","timestamp":${T}},{"labels":{"trace_id":"t2"},"value":"0.25","timestamp":${T + 1}.500}]},` +
        `{"seriesLabels":{"__name__":"requests","path":"/z"},"exemplars":[{"labels":{"trace_id":"t3"},"value":"+Inf","timestamp":${T}.001}]}]}`,
    );
  });

  test('matches as the selectors do, and keeps to the time, both ends included', async () => {
    const { data } = await system();
    const found = async (query: string, times = ''): Promise<string[]> => {
      const series = (await data(`/api/v1/query_exemplars?query=${encodeURIComponent(query)}${times}`)) as { exemplars: { labels: { trace_id: string } }[] }[];
      return series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
    };
    expect(await found('requests')).toEqual(['t1', 't2', 't3']);
    expect(await found('requests{path="/z"}')).toEqual(['t3']);
    expect(await found('{__name__=~"requests|errors"} or nothing')).toEqual(['t4', 't1', 't2', 't3']);
    expect(await found('requests', `&start=${T}.001&end=${T}.001`)).toEqual(['t3']);
    expect(await found('requests', `&start=${T + 1}.5`)).toEqual(['t2']);
    expect(await found('quiet')).toEqual([]);
    expect(await found('absent_metric')).toEqual([]);
  });

  test('more than can be answered are refused by name, of one shard and of all', async () => {
    const api = await memoryApi({ shardCount: 2 });
    const half = LIMITS.queryExemplarsMax / 2;
    const fill = (shard: number, name: string, count: number): void => {
      const store = api.shards.storeOf(api.shards.shardNames[shard]!);
      for (let from = 0; from < count; from += 1000) {
        const exemplars = Array.from({ length: Math.min(1000, count - from) }, (_, i) => [NOON + from + i, 1, labelsFrom({ t: 'x' })] as const);
        write(store, [{ labels: labelsFrom({ __name__: name }), samples: [], exemplars }]);
      }
    };
    const status = async (query: string) => (await api.ask(`/api/v1/query_exemplars?query=${query}`)).status;
    for (const shard of [0, 1]) fill(shard, `a${shard}`, half);
    expect(await status('{__name__=~"a."}')).toBe(200);
    fill(1, 'b', 1);
    const refused = { status: 422, json: expect.objectContaining({ error: 'more than 50000 exemplars match (queryExemplarsMax is 50000): ask for less time or fewer series' }) as unknown };
    expect(await api.get('/api/v1/query_exemplars?query={__name__=~"a.|b"}')).toEqual(refused);
    fill(1, 'c', half);
    expect(await api.get('/api/v1/query_exemplars?query={__name__=~"a1|b|c"}')).toEqual(refused);
    expect(await status('b')).toBe(200);
  });

  test('a query that selects nothing is answered with nothing', async () => {
    const { ask } = await system();
    for (const query of ['1', 'vector(1)', 'time()', '"text"']) {
      const answer = await ask(`/api/v1/query_exemplars?query=${encodeURIComponent(query)}`);
      expect([answer.status, await answer.text()], query).toEqual([204, '']);
    }
    const form = await ask('/api/v1/query_exemplars', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'query=1' });
    expect(form.status).toBe(204);
  });

  test('mistakes are said', async () => {
    const { get } = await system();
    const f = async (parameters: string, message: RegExp): Promise<void> => {
      const { status, json } = await get(`/api/v1/query_exemplars?${parameters}`);
      expect([status, json['errorType'], json['error']]).toEqual([400, 'bad_data', expect.stringMatching(message)]);
    };
    await f('query=requests&start=2&end=1', /^end timestamp must not be before start timestamp$/);
    await f('query=requests&start=x', /^invalid parameter "start": invalid time value for 'start'/);
    await f('query=(', /parse error/);
    await f('query=requests&partial_response=x', /^invalid parameter "partial_response"/);
  });

  test('a shard that is away fails the answer, or is named where it may be missing', async () => {
    const { get, shards } = await system();
    const lose = (): void => void shards.faults.push('lose-request', undefined, 'lose-request');
    lose();
    expect((await get('/api/v1/query_exemplars?query=requests')).status).toBe(503);
    lose();
    const { status, json } = await get('/api/v1/query_exemplars?query=requests&partial_response=true');
    expect([status, json['warnings'], (json['data'] as unknown[]).length]).toEqual([200, [expect.stringContaining('series of shard 0 are missing')], 1]);
  });
});
