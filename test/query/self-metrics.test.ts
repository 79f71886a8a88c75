import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import dashboard from '../../query/dashboards/varve.json' with { type: 'json' };
import { childrenOf, parseExpr, type Expr } from '../../promql/parser/index.ts';
import { SELF_METRICS, selfMetricSamples } from '../../query/self-metrics.ts';
import { Counters, metricFamilies, renderMetrics } from '../../storage/runtime/metrics.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { RollupWorld } from '../storage/warm/rollup-world.ts';
import { memoryApi, NOON } from './api.ts';

/** The metric that a sample belongs to. */
function familyOf(name: string): string {
  const family = name.replace(/_(?:bucket|sum|count)$/, '');
  return SELF_METRICS[family]?.type === 'histogram' ? family : name;
}

describe('/metrics', () => {
  test('every sample has its definition, and every counter its name', async () => {
    const api = await memoryApi({ shardCount: 2 });
    await api.ask('/api/v1/labels');
    const { router } = api;
    const samples = await selfMetricSamples(await router.tenant('default'), new Counters());
    expect(samples.filter(({ name }) => SELF_METRICS[familyOf(name)] === undefined).map(({ name }) => name)).toEqual([]);
    for (const [name, { type, help }] of Object.entries(SELF_METRICS)) {
      expect(help.length, name).toBeGreaterThan(10);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });

  test('what the catalog has done to the archive, and whether it answers', async () => {
    const api = await memoryApi({ archive: new MemoryObjectStore() });
    api.shards.catalogCounters = { archive_merges_total: 3 };
    expect(await (await api.ask('/metrics')).text()).toMatch(/\nvarve_catalog_up 1\n[^]*\nvarve_catalog_archive_merges_total 3\n/);
    api.shards.catalogsAreDown = true;
    expect(await (await api.ask('/metrics')).text()).toContain('\nvarve_catalog_up 0\n');
    expect(await (await (await memoryApi()).ask('/metrics')).text()).not.toContain('varve_catalog_up');
  });

  test('a shard that cannot open for a damaged row is told from one that is away', async () => {
    const api = await memoryApi({ shardCount: 3 });
    for (const shard of [0, 1, 2]) api.write(shard, { __name__: 'm', shard: String(shard) }, [1, 2]);
    api.shards.damage('default/shard/1/1', "UPDATE series_block SET definitions = x'00'");
    // Of three calls each is tried twice, the damaged one once.
    api.shards.faults.push(undefined, undefined, 'lose-request', 'lose-request');
    const text = await (await api.ask('/metrics')).text();
    const lines = text.split('\n').filter((line) => /^varve_shard_(up|damaged_rows)/.test(line));
    expect(lines).toEqual(['varve_shard_up{shard="0"} 1', 'varve_shard_up{shard="1"} 0', 'varve_shard_up{shard="2"} 0', 'varve_shard_damaged_rows{shard="0"} 0', 'varve_shard_damaged_rows{shard="1"} 1']);
    const { status, json } = await api.get('/api/v1/query?query=m');
    expect([status, json['errorType'], json['error']]).toEqual([503, 'unavailable', expect.stringMatching(/^shard 1 cannot answer: damaged storage: series_block 0: series block 0: version 0, .*; nothing is lost by trying again, but an operator has to look$/)]);
    const partial = await api.get(`/api/v1/query?query=m&time=${NOON / 1000}&partial_response=true`);
    expect(partial.json).toMatchObject({ status: 'success', warnings: [expect.stringContaining('series of shard 1 are missing')] });
  });

  test('a damaged row that a query comes upon is counted, and what does not need it is answered', async () => {
    const api = await memoryApi();
    api.write(0, { __name__: 'm' }, [1]);
    api.shards.storeOf('default/shard/1/0').seal();
    api.write(0, { __name__: 'other' }, [2]);
    api.shards.damage('default/shard/1/0', "UPDATE segment SET samples = x'0400000000000000'");
    const damagedRows = async (): Promise<unknown> => /\nvarve_shard_damaged_rows\{shard="0"\} (\d)/.exec(await (await api.ask('/metrics')).text())?.[1];
    expect(await damagedRows()).toBe('0');
    const query = (text: string) => api.get(`/api/v1/query?query=${text}&time=${NOON / 1000}`);
    expect((await query('m')).json['error']).toMatch(/^shard 0 cannot answer: damaged storage: segment 1: /);
    expect((await query('other')).status).toBe(200);
    expect(await damagedRows()).toBe('1');
  });

  test('everything that upkeep counts has its name', () => {
    const { upkeep, builder } = new RollupWorld();
    const names = Object.keys({ ...upkeep.counters, ...builder.counters });
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => SELF_METRICS[`varve_catalog_${name}`] === undefined)).toEqual([]);
  });

  test('whatever an object counts is shown', () => {
    const root = join(import.meta.dirname, '../..');
    const counted = globSync('storage/**/*.ts', { cwd: root }).flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(/\b([a-z_]+_total): 0\b/g)].map(([, name]) => name!));
    expect(counted.length).toBeGreaterThan(50);
    expect(counted.filter((name) => SELF_METRICS[`varve_catalog_${name}`] === undefined && SELF_METRICS[`varve_shard_${name}`] === undefined)).toEqual([]);
  });

  test('durations are a histogram by route', async () => {
    const api = await memoryApi();
    await api.ask('/api/v1/labels');
    await api.ask('/api/v1/nothing');
    const text = await (await api.ask('/metrics')).text();
    expect(text).toContain('# TYPE varve_http_request_duration_seconds histogram\n');
    expect(text).toContain('varve_http_request_duration_seconds_bucket{route="/api/v1/labels",le="0.001"} 1\n');
    expect(text).toContain('varve_http_request_duration_seconds_bucket{route="/api/v1/labels",le="+Inf"} 1\n');
    expect(text).toContain('varve_http_request_duration_seconds_count{route="/api/v1/labels"} 1\n');
    expect(text).toContain('varve_http_requests_total{route="unknown",code="404"} 1\n');
  });

  test('buckets count what is below them', () => {
    const counters = new Counters();
    for (const seconds of [0.002, 0.3, 500]) counters.observe('h', {}, seconds);
    const text = renderMetrics(counters.samples(), { h: { type: 'histogram', help: 'x' } });
    const buckets = [...text.matchAll(/le="([^"]+)"\} (\d+)/g)].map(([, bound, count]) => `${bound}:${count}`);
    expect(buckets).toEqual(['0.001:0', '0.0025:1', '0.005:1', '0.01:1', '0.025:1', '0.05:1', '0.1:1', '0.25:1', '0.5:2', '1.0:2', '2.5:2', '10.0:2', '30.0:2', '120.0:2', '+Inf:3']);
    expect(text).toMatch(/\nh_sum 500\.302\nh_count 3\n$/);
  });

  test('the same as JSON, by name', async () => {
    const api = await memoryApi();
    await api.ask('/api/v1/labels');
    const families = (await api.data('/api/v1/status/self_metrics?metric_name_pattern=varve_(build_info|http_request.*)')) as { name: string; type: string; metric: { histogram?: { sampleCount: number } }[] }[];
    expect(families.map(({ name, type }) => [name, type])).toEqual([
      ['varve_build_info', 'GAUGE'], ['varve_http_requests_total', 'COUNTER'], ['varve_http_request_duration_seconds', 'HISTOGRAM'],
    ]);
    expect(families[2]!.metric[0]!.histogram).toMatchObject({ sampleCount: 1 });
    expect((await api.get('/api/v1/status/self_metrics?metric_name_pattern=(')).status).toBe(400);
    expect(metricFamilies([], SELF_METRICS)).toEqual([]);
  });
});

describe('the dashboard', () => {
  const targets = dashboard.panels.flatMap(({ title, targets: all }) => all.map(({ expr }) => [title, expr] as const));

  function metricsOf(expr: Expr): string[] {
    return expr.kind === 'vector' ? [expr.name ?? ''] : childrenOf(expr).flatMap(metricsOf);
  }

  test.each(targets)('%s: %s', (_, text) => {
    const expr = parseExpr(text.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.*'));
    const names = metricsOf(expr);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => SELF_METRICS[familyOf(name)] === undefined)).toEqual([]);
  });

  test('panels are apart from each other', () => {
    const places = dashboard.panels.map(({ gridPos }) => `${gridPos.x},${gridPos.y}`);
    expect(new Set(places).size).toBe(dashboard.panels.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});
