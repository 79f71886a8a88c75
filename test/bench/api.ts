import type { Agent } from 'node:http';
import { http, keepAliveAgent } from '../processes/http.ts';
import { Sandbox } from '../processes/sandbox.ts';
import { sendLoad } from './load.ts';
import type { BenchOptions } from './options.ts';
import { type Peer, findPeers } from './peers.ts';
import { ProcessTree } from './process-tree.ts';
import { PrometheusApi } from './prometheus-api.ts';
import type { Measure, PeerRuns, Report, Run } from './report.ts';
import { SCRAPE_INTERVAL_MS, type Shape, fleetShape } from './shapes.ts';
import { percentile } from './statistics.ts';

/** 99,978 series: a query may select 100,000. */
const INSTANCE_COUNT = 2_007;
const SCRAPE_COUNT = 12;
const TINY_INSTANCE_COUNT = 20;
const RUNS = 20;
const TINY_RUNS = 2;
const WARM_UP_RUNS = 2;
const SETTLE_MS = 15_000;
const VISIBLE_MS = 60_000;
/** Connections of one browser to Grafana, and of Grafana to its data source. */
const DASHBOARD_CONNECTIONS = 6;
const DASHBOARD_PANELS = 30;

interface Call {
  readonly name: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What Grafana asks while a dashboard is loaded and edited. Times are added. */
const CALLS: readonly Call[] = [
  { name: 'series of one metric', path: '/api/v1/series', parameters: { 'match[]': 'bench_requests_total' } },
  { name: 'series of one instance', path: '/api/v1/series', parameters: { 'match[]': '{instance="host-007:9100"}' } },
  { name: 'series by pattern', path: '/api/v1/series', parameters: { 'match[]': '{__name__=~"bench_node_.*",device!=""}' } },
  // VictoriaMetrics refuses more than 30,000 series by default.
  { name: 'series of two jobs', path: '/api/v1/series', parameters: { 'match[]': '{job=~"service-[12]"}', limit: '40000' } },
  { name: 'labels', path: '/api/v1/labels', parameters: {} },
  { name: 'labels of one metric', path: '/api/v1/labels', parameters: { 'match[]': 'bench_requests_total' } },
  { name: 'metric names', path: '/api/v1/label/__name__/values', parameters: {} },
  { name: 'instances', path: '/api/v1/label/instance/values', parameters: {} },
  { name: 'instances of one metric', path: '/api/v1/label/instance/values', parameters: { 'match[]': 'bench_node_load1' } },
];

/** The label endpoints over 100,000 series, and a dashboard of thirty panels loaded at once: Varve beside its peers. */
export async function benchApi(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const instanceCount = options.isTiny ? TINY_INSTANCE_COUNT : INSTANCE_COUNT;
  const runCount = options.runs ?? (options.isTiny ? TINY_RUNS : RUNS);
  const shape = fleetShape({ seed: options.seed, instanceCount, scrapeCount: SCRAPE_COUNT, nowMs: Date.now() });
  const { peers, missing } = findPeers(options.peers);
  for (const line of missing) say(line);
  const measured: PeerRuns[] = [];
  const answers = new Map<string, readonly number[]>();
  for (const peer of peers) {
    const runs: Run[] = [];
    for (let repetition = 1; repetition <= options.repeat; repetition++) {
      const { run, counts } = await apiOnce(peer, shape, runCount, options.connections);
      runs.push(run);
      answers.set(peer.name, counts);
      say(`${peer.name} ${repetition}/${options.repeat}: dashboard ${run['dashboard p99']!.toFixed(0)} ms`);
    }
    measured.push({ peer, runs });
  }
  const notes = differentCounts(answers);
  return {
    bench: 'api',
    title:
      `api: ${shape.series.length.toLocaleString('en-US')} series; each call ${runCount} times, one after another; a dashboard of ${DASHBOARD_PANELS} panels over ` +
      `${DASHBOARD_CONNECTIONS} connections; seed ${options.seed}, median of ${options.repeat}${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seriesCount: shape.series.length, scrapeCount: SCRAPE_COUNT, runCount, seed: options.seed },
    measures: measures(),
    summaries: [{ title: 'p50 ms of the label calls, geometric mean of the ratios', keys: CALLS.map(({ name }) => `${name} p50`) }],
    peers: measured,
    notes: [...missing, ...notes],
    isSound: notes.length === 0,
  };
}

async function apiOnce(peer: Peer, shape: Shape, runCount: number, connections: number): Promise<{ run: Run; counts: number[] }> {
  const sandbox = new Sandbox('bench');
  try {
    const server = await peer.start(sandbox);
    const api = new PrometheusApi(server.baseUrl);
    const agent = keepAliveAgent(DASHBOARD_CONNECTIONS);
    try {
      await sendLoad(shape, server.baseUrl, connections);
      const endMs = shape.firstScrapeMs + (shape.scrapeCount - 1) * shape.scrapeIntervalMs;
      const seriesCount = await api.singleBecomes({ expression: 'count({__name__=~"bench_.+"})', timeMs: endMs }, shape.series.length, VISIBLE_MS);
      if (seriesCount !== shape.series.length) throw new Error(`${peer.name} shows ${seriesCount} of ${shape.series.length} series`);
      const tree = new ProcessTree(server.process.pid);
      await tree.settle(SETTLE_MS);
      tree.startSampling();
      const run: Record<string, number> = {};
      const counts: number[] = [];
      const range = { start: String(shape.firstScrapeMs / 1000), end: String(endMs / 1000) };
      for (const call of CALLS) {
        const url = new URL(call.path, server.baseUrl);
        url.search = new URLSearchParams({ ...call.parameters, ...range }).toString();
        const { wallMs, body } = await timed(runCount, () => get(url, agent));
        run[`${call.name} p50`] = percentile(wallMs, 0.5);
        run[`${call.name} p99`] = percentile(wallMs, 0.99);
        counts.push((JSON.parse(body.toString()) as { data: unknown[] }).data.length);
      }
      const dashboard = await timed(runCount, () => loadDashboard(server.baseUrl, endMs, shape, agent));
      run['dashboard p50'] = percentile(dashboard.wallMs, 0.5);
      run['dashboard p99'] = percentile(dashboard.wallMs, 0.99);
      run['residentPeakMebibytes'] = tree.stopSampling() / 2 ** 20;
      return { run, counts };
    } finally {
      agent.destroy();
      api.close();
    }
  } finally {
    await sandbox.close();
  }
}

async function timed(runCount: number, call: () => Promise<Buffer>): Promise<{ wallMs: number[]; body: Buffer }> {
  let body = await call();
  for (let run = 1; run < WARM_UP_RUNS; run++) body = await call();
  const wallMs: number[] = [];
  for (let run = 0; run < runCount; run++) {
    const startMs = performance.now();
    await call();
    wallMs.push(performance.now() - startMs);
  }
  return { wallMs, body };
}

async function get(url: URL, agent: Agent): Promise<Buffer> {
  const answer = await http({ method: 'GET', url, agent });
  if (answer.status !== 200) throw new Error(`${url.href}: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
  return answer.body;
}

/** Thirty different panels of one instance or one job each, as a service's dashboard has them, all asked for at once. */
async function loadDashboard(baseUrl: URL, endMs: number, shape: Shape, agent: Agent): Promise<Buffer> {
  const range = { start: String((endMs - 2 * 60_000) / 1000), end: String(endMs / 1000), step: String(SCRAPE_INTERVAL_MS / 1000) };
  const panels = Array.from({ length: DASHBOARD_PANELS }, (_, i) => {
    const url = new URL('/api/v1/query_range', baseUrl);
    url.search = new URLSearchParams({ query: panelQuery(i, shape), ...range }).toString();
    return get(url, agent);
  });
  const answers = await Promise.all(panels);
  return answers[0]!;
}

function panelQuery(index: number, { series }: Shape): string {
  const instance = Object.fromEntries(series[0]!.labels)['instance']!;
  const kinds = [
    `rate(bench_requests_total{instance="${instance}",status="${['200', '302', '404'][index % 3]}"}[1m])`,
    `sum by (job) (rate(bench_requests_total{job="service-${index % 8}"}[1m]))`,
    `histogram_quantile(0.9${index % 10}, sum by (le) (rate(bench_request_duration_seconds_bucket{job="service-${index % 8}"}[1m])))`,
    `avg by (area) (bench_memory_mebibytes{job="service-${index % 8}"})`,
    `max(bench_temperature_celsius{zone="${'abc'[index % 3]}"})`,
  ];
  return kinds[index % kinds.length]!;
}

function differentCounts(answers: ReadonlyMap<string, readonly number[]>): string[] {
  const [[reference, wanted] = ['', []], ...others] = [...answers];
  return others.flatMap(([name, counts]) =>
    CALLS.flatMap((call, i) => (counts[i] === wanted[i] ? [] : [`${call.name}: ${name} answers ${counts[i]}, ${reference} ${wanted[i]}`])),
  );
}

function measures(): Measure[] {
  const rows = ['p50', 'p99'].flatMap((figure) => CALLS.map(({ name }): Measure => ({ key: `${name} ${figure}`, title: `${figure} ms, ${name}`, digits: 1, hasRatio: true })));
  for (const figure of ['p50', 'p99']) rows.push({ key: `dashboard ${figure}`, title: `${figure} ms, dashboard of ${DASHBOARD_PANELS} panels`, digits: 1, hasRatio: true });
  rows.push({ key: 'residentPeakMebibytes', title: 'resident memory, peak MiB', digits: 0, hasRatio: true });
  return rows;
}
