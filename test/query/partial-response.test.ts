import { describe, expect, test } from 'vitest';
import { memoryApi, NOON } from './api.ts';

const NOON_SECONDS = NOON / 1000;
const QUERY = `query=m&time=${NOON_SECONDS}`;

async function twoShards() {
  const api = await memoryApi({ shardCount: 2 });
  api.write(0, { __name__: 'm', shard: 'a' }, [1]);
  api.write(1, { __name__: 'm', shard: 'b' }, [2]);
  return api;
}

/** Shard 0 is asked first; a call is tried twice. */
function loseFirstShard(api: Awaited<ReturnType<typeof memoryApi>>): void {
  api.shards.faults.push('lose-request', undefined, 'lose-request');
}

const PATHS = [`query?${QUERY}`, `query_range?query=m&start=${NOON_SECONDS}&end=${NOON_SECONDS}&step=1`, 'labels?', 'label/shard/values?', 'series?match[]=m'];

describe('a shard that cannot be read', () => {
  test.each(PATHS)('%s fails', async (path) => {
    const api = await twoShards();
    loseFirstShard(api);
    const { status, json } = await api.get(`/api/v1/${path}`);
    expect([status, json['errorType']]).toEqual([503, 'unavailable']);
    expect(json['error']).toMatch(/^shard 0 cannot be reached; try again later/);
  });

  test.each(PATHS)('%s with partial_response answers the rest and names what is missing', async (path) => {
    const api = await twoShards();
    loseFirstShard(api);
    const { status, json } = await api.get(`/api/v1/${path}&partial_response=true`);
    expect(status).toBe(200);
    expect(json['warnings']).toEqual([expect.stringMatching(/^the answer is incomplete: series of shard 0 are missing: shard 0 cannot be reached/)]);
    expect(JSON.stringify(json['data'])).toMatch(/"shard"|"b"/);
    expect(JSON.stringify(json['data'])).not.toContain('"a"');
  });

  test('partial_response hides no other error', async () => {
    const api = await twoShards();
    expect((await api.get('/api/v1/query?query=(&partial_response=true')).status).toBe(400);
    expect((await api.get(`/api/v1/query?${QUERY}&partial_response=perhaps`)).json['error']).toMatch(/^invalid parameter "partial_response"/);
  });

  test('a whole answer has no warning', async () => {
    const api = await twoShards();
    expect((await api.get(`/api/v1/query?${QUERY}&partial_response=true`)).json).not.toHaveProperty('warnings');
  });
});

describe('stats', () => {
  test('say what was read from where, in Prometheus’ shape and beside it', async () => {
    const api = await twoShards();
    const { stats } = (await api.data(`/api/v1/query?${QUERY}&stats=all`)) as { stats: Record<string, Record<string, unknown>> };
    expect(Object.keys(stats['timings']!)).toEqual(['evalTotalTime', 'resultSortTime', 'queryPreparationTime', 'innerEvalTime', 'execQueueTime', 'execTotalTime']);
    expect(stats['samples']).toMatchObject({ totalQueryableSamples: 2, samplesRead: 2, seriesRead: 2 });
    expect(stats['sources']).toEqual({
      tiers: ['hot'],
      samples: 2,
      bytes: expect.any(Number),
      objects: 0,
      hot: { samples: 2, bytes: expect.any(Number), calls: 2, shards: 2, shardsMissing: 0 },
      warm: { samples: 0, bytes: 0, requests: 0, objects: 0, missing: 0 },
      cold: { samples: 0, bytes: 0, requests: 0, objects: 0, missing: 0 },
    });
    expect(stats['sources']!['bytes']).toBeGreaterThan(0);
  });

  test('count a shard that is missing', async () => {
    const api = await twoShards();
    loseFirstShard(api);
    const { stats } = (await api.data(`/api/v1/query?${QUERY}&stats=true&partial_response=1`)) as { stats: Record<string, Record<string, unknown>> };
    expect(stats['sources']).toMatchObject({ tiers: ['hot'], hot: { shards: 1, shardsMissing: 1 } });
  });

  test('other values are deprecated', async () => {
    const api = await twoShards();
    expect((await api.get(`/api/v1/query?${QUERY}&stats=yes`)).json['warnings']).toEqual(['value "yes" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"']);
  });
});
