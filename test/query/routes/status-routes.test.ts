import { describe, expect, test } from 'vitest';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { memoryApi, NOON } from '../api.ts';

describe('what the server says of itself', () => {
  test('build, configuration, flags, run time', async () => {
    const { data, clock } = await memoryApi();
    clock.advance(60_000);
    expect(await data('/api/v1/status/buildinfo')).toMatchObject({ version: '3.14.0', application: 'Varve' });
    const { yaml } = (await data('/api/v1/status/config')) as { yaml: string };
    expect(yaml).toContain('      time: 15d\n');
    const flags = (await data('/api/v1/status/flags')) as Record<string, string>;
    expect(flags).toMatchObject({ 'query.lookback-delta': '5m', 'storage.tsdb.retention.time': '15d', 'web.cors.origin': '.*' });
    expect(Object.values(flags).every((value) => typeof value === 'string')).toBe(true);
    expect(await data('/api/v1/status/runtimeinfo')).toMatchObject({
      startTime: '2024-01-14T12:00:00.000Z', serverTime: '2024-01-14T12:01:00.000Z', storageRetention: '15d', reloadConfigSuccess: true, corruptionCount: 0,
    });
    expect(await data('/api/v1/status/walreplay')).toEqual({ min: 0, max: 0, current: 0 });
  });

  test('retention is that of the archive where there is one', async () => {
    const { data } = await memoryApi({ archive: new MemoryObjectStore() });
    expect(await data('/api/v1/status/runtimeinfo')).toMatchObject({ storageRetention: '1y' });
  });

  test('features are booleans by category', async () => {
    const { data } = await memoryApi();
    const features = (await data('/api/v1/features')) as Record<string, Record<string, unknown>>;
    expect(Object.values(features).every((category) => Object.values(category).every((value) => typeof value === 'boolean'))).toBe(true);
    expect(features['promql_functions']!['rate']).toBe(true);
  });

  test('notifications', async () => {
    const { data, ask } = await memoryApi();
    expect(await data('/api/v1/notifications')).toEqual([]);
    expect((await ask('/api/v1/notifications/live')).status).toBe(204);
  });
});

describe('targets', () => {
  test('without a self-scrape there are none', async () => {
    const { data } = await memoryApi();
    expect(await data('/api/v1/targets')).toEqual({ activeTargets: [], droppedTargets: [], droppedTargetCounts: {} });
    expect(await data('/api/v1/scrape_pools')).toEqual({ scrapePools: [] });
    expect(await data('/api/v1/targets/metadata')).toEqual([]);
    expect(await data(`/api/v1/targets/relabel_steps?scrapePool=varve&labels=${encodeURIComponent('{"__address__":"x"}')}`)).toEqual({ steps: [] });
  });

  test('the self-scrape is read from what it wrote', async () => {
    const api = await memoryApi({ shardCount: 2 });
    const labels = { job: 'varve', instance: 'h:1' };
    api.write(0, { ...labels, __name__: 'up' }, [1], NOON - 15_000);
    api.write(1, { ...labels, __name__: 'scrape_duration_seconds' }, [0.5], NOON - 15_000);
    const { activeTargets } = (await api.data('/api/v1/targets?state=any')) as { activeTargets: unknown[] };
    expect(activeTargets).toHaveLength(1);
    expect(activeTargets[0]).toMatchObject({
      labels, scrapePool: 'varve', scrapeUrl: 'http://h:1/metrics', health: 'up', lastError: '', lastScrape: '2024-01-14T11:59:45.000Z', lastScrapeDuration: 0.5,
    });
    expect(await api.data('/api/v1/targets?state=dropped')).toMatchObject({ activeTargets: [] });
    expect(await api.data('/api/v1/targets?scrapePool=other')).toMatchObject({ activeTargets: [] });
    expect(await api.data('/api/v1/scrape_pools')).toEqual({ scrapePools: ['varve'] });
    expect(((await api.data('/api/v1/scrape_pools/config?scrapePool=varve')) as { yaml: string }).yaml).toContain('job_name: varve');
    expect((await api.get('/api/v1/scrape_pools/config?scrapePool=x')).status).toBe(404);
    expect((await api.get('/api/v1/targets/metadata?limit=x')).json['error']).toBe('limit must be a number');
    const refused = async (parameters: string): Promise<unknown> => (await api.get(`/api/v1/targets/relabel_steps?${parameters}`)).json['error'];
    expect(await refused('')).toBe('no scrapePool parameter provided');
    expect(await refused('scrapePool=varve')).toBe('no labels parameter provided');
    expect(await refused('scrapePool=varve&labels=[]')).toBe('error parsing labels: want a JSON object whose values are strings');
    expect(await refused('scrapePool=varve&labels=x')).toMatch(/^error parsing labels: /);
    expect(await refused('scrapePool=x&labels={}')).toBe('error getting scrape config: scrape pool "x" not found');
    // Ten minutes later nobody has heard of it.
    api.clock.advance(600_000);
    expect(await api.data('/api/v1/targets')).toMatchObject({ activeTargets: [] });
  });
});

describe('rules', () => {
  test('empty lists', async () => {
    const { data } = await memoryApi();
    expect(await data('/api/v1/rules?type=alert&exclude_alerts=true&group_limit=5&match[]=x')).toEqual({ groups: [] });
    expect(await data('/api/v1/alerts')).toEqual({ alerts: [] });
    expect(await data('/api/v1/alertmanagers')).toEqual({ activeAlertmanagers: [], droppedAlertmanagers: [] });
  });

  test('parameters are checked', async () => {
    const { get } = await memoryApi();
    const cases = [
      ['type=x', 'invalid parameter "type": not supported value "x"'],
      ['exclude_alerts=maybe', 'invalid parameter "exclude_alerts": strconv.ParseBool: parsing "maybe": invalid syntax'],
      ['group_limit=0', 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
      ['group_limit=-1', 'invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "-1": invalid syntax'],
      ['group_next_token=a', 'invalid parameter "group_limit": group_limit needs to be set in order to paginate over the groups'],
      ['group_limit=1&group_next_token=a', "invalid group_next_token 'a'. were rule groups changed?"],
    ];
    for (const [parameters, error] of cases) {
      expect(await get(`/api/v1/rules?${parameters}`)).toEqual({ status: 400, json: { status: 'error', errorType: 'bad_data', error } });
    }
  });
});
