import { Sandbox } from '../processes/sandbox.ts';
import { firstDifference } from './compare-answers.ts';
import { sendLoad } from './load.ts';
import type { BenchOptions } from './options.ts';
import { type Peer, type PeerName, findPeers } from './peers.ts';
import { ProcessTree } from './process-tree.ts';
import { type AnswerSeries, type InstantQuery, PrometheusApi, type RangeQuery, parseAnswer } from './prometheus-api.ts';
import { BENCH_QUERIES, type BenchQuery } from './queries.ts';
import type { Measure, PeerRuns, Report, Run } from './report.ts';
import { SCRAPE_INTERVAL_MS, type Shape, fleetShape } from './shapes.ts';
import { percentile } from './statistics.ts';

const INSTANCE_COUNT = 100;
/** One hour and ten minutes: the queries look back ten minutes from the first step of the hour. */
const SCRAPE_COUNT = 280;
const RUNS = 30;
const TINY_INSTANCE_COUNT = 10;
const TINY_RUNS = 2;
const WARM_UP_RUNS = 3;
const LOOK_BACK_MS = 600_000;
/** Queries are asked at times that no sample hits, on the step or on the edge of a range: older servers count both edges, newer ones one. */
const OFF_SCRAPE_MS = 7_000;
const SETTLE_MS = 15_000;
const VISIBLE_MS = 30_000;
const TOLERANCE = 1e-9;

type Answers = ReadonlyMap<string, readonly AnswerSeries[]>;

/** The same hour of data in every server, then a fixed list of queries, one after another; and whether the answers are the same. */
export async function benchQuery(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const instanceCount = options.isTiny ? TINY_INSTANCE_COUNT : INSTANCE_COUNT;
  const runCount = options.runs ?? (options.isTiny ? TINY_RUNS : RUNS);
  // One load for all peers and repetitions, timestamps included: only so are the answers comparable.
  const shape = fleetShape({ seed: options.seed, instanceCount, scrapeCount: SCRAPE_COUNT, nowMs: Date.now() });
  const { peers, missing } = findPeers(options.peers);
  for (const line of missing) say(line);
  const measured: PeerRuns[] = [];
  const answers = new Map<PeerName, Answers>();
  for (const peer of peers) {
    const runs: Run[] = [];
    for (let repetition = 1; repetition <= options.repeat; repetition++) {
      const { run, answers: given } = await queryOnce(peer, shape, runCount, options.connections);
      runs.push(run);
      answers.set(peer.name, given);
      say(`${peer.name} ${repetition}/${options.repeat}: ${run['allP50Ms']!.toFixed(1)} ms for one of each query`);
    }
    measured.push({ peer, runs });
  }
  const comparison = compareAnswers(answers);
  return {
    bench: 'query',
    title:
      `query: ${shape.series.length.toLocaleString('en-US')} series, ${SCRAPE_COUNT} scrapes, range queries of 1 h in steps of 15 s, ` +
      `each ${runCount} times, seed ${options.seed}, median of ${options.repeat}${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seriesCount: shape.series.length, scrapeCount: SCRAPE_COUNT, runCount, seed: options.seed },
    measures: measures(),
    summaries: [
      { title: 'p50 ms, geometric mean of the ratios', keys: keysOf('p50') },
      { title: 'CPU ms, geometric mean of the ratios', keys: keysOf('cpu') },
    ],
    peers: measured,
    notes: [...missing, ...comparison.notes],
    isSound: comparison.isSound,
  };
}

async function queryOnce(peer: Peer, shape: Shape, runCount: number, connections: number): Promise<{ run: Run; answers: Answers }> {
  const sandbox = new Sandbox('bench');
  try {
    const server = await peer.start(sandbox);
    const api = new PrometheusApi(server.baseUrl);
    try {
      await sendLoad(shape, server.baseUrl, connections);
      const tree = new ProcessTree(server.process.pid);
      const timeMs = lastAskedMs(shape);
      const seriesCount = await api.singleBecomes({ expression: 'count({__name__=~"bench_.+"})', timeMs }, shape.series.length, VISIBLE_MS);
      if (seriesCount !== shape.series.length) throw new Error(`${peer.name} shows ${seriesCount} of ${shape.series.length} series`);
      await tree.settle(SETTLE_MS);
      tree.startSampling();
      const run: Record<string, number> = { allP50Ms: 0, allCpuMs: 0 };
      const answers = new Map<string, readonly AnswerSeries[]>();
      for (const query of BENCH_QUERIES) {
        const timed = await timeQuery(api, tree, request(query, shape), runCount);
        answers.set(query.name, timed.answer);
        run[`${query.name} p50`] = timed.p50Ms;
        run[`${query.name} p99`] = timed.p99Ms;
        run[`${query.name} cpu`] = timed.cpuMs;
        run['allP50Ms']! += timed.p50Ms;
        run['allCpuMs']! += timed.cpuMs;
      }
      run['residentPeakMebibytes'] = tree.stopSampling() / 2 ** 20;
      return { run, answers };
    } finally {
      api.close();
    }
  } finally {
    await sandbox.close();
  }
}

interface TimedQuery {
  readonly answer: readonly AnswerSeries[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The server's CPU time for one query. The kernel counts in steps of 10 ms, so short queries need many runs. */
  readonly cpuMs: number;
}

async function timeQuery(api: PrometheusApi, tree: ProcessTree, query: InstantQuery | RangeQuery, runCount: number): Promise<TimedQuery> {
  let body = await api.fetch(query);
  for (let run = 1; run < WARM_UP_RUNS; run++) body = await api.fetch(query);
  const wallMs: number[] = [];
  const cpuBeforeSeconds = tree.cpuSeconds();
  for (let run = 0; run < runCount; run++) {
    const startMs = performance.now();
    await api.fetch(query);
    wallMs.push(performance.now() - startMs);
  }
  const cpuMs = ((tree.cpuSeconds() - cpuBeforeSeconds) * 1000) / runCount;
  return { answer: parseAnswer(body), p50Ms: percentile(wallMs, 0.5), p99Ms: percentile(wallMs, 0.99), cpuMs };
}

function request(query: BenchQuery, shape: Shape): InstantQuery | RangeQuery {
  const endMs = lastAskedMs(shape);
  if (query.kind === 'instant') return { expression: query.expression, timeMs: endMs };
  return { expression: query.expression, startMs: shape.firstScrapeMs + LOOK_BACK_MS + OFF_SCRAPE_MS, endMs, stepMs: query.stepMs ?? SCRAPE_INTERVAL_MS };
}

function lastAskedMs(shape: Shape): number {
  return shape.firstScrapeMs + (shape.scrapeCount - 1) * shape.scrapeIntervalMs + OFF_SCRAPE_MS;
}

function keysOf(figure: 'p50' | 'p99' | 'cpu'): string[] {
  return BENCH_QUERIES.map(({ name }) => `${name} ${figure}`);
}

/** All medians first, then what else was measured of the same queries. */
function measures(): Measure[] {
  const rows: Measure[] = [];
  for (const [figure, title] of [['p50', 'p50 ms'], ['p99', 'p99 ms'], ['cpu', 'CPU ms']] as const) {
    for (const { name } of BENCH_QUERIES) rows.push({ key: `${name} ${figure}`, title: `${title}, ${name}`, digits: 1, hasRatio: true });
  }
  rows.push({ key: 'allP50Ms', title: 'p50 ms, one of each', digits: 1, hasRatio: true });
  rows.push({ key: 'allCpuMs', title: 'CPU ms, one of each', digits: 1, hasRatio: true });
  rows.push({ key: 'residentPeakMebibytes', title: 'resident memory, peak MiB', digits: 0, hasRatio: true });
  return rows;
}

/** Varve and Prometheus must agree in every number. VictoriaMetrics computes rates otherwise by intent: its number of series is reported. */
function compareAnswers(answers: ReadonlyMap<PeerName, Answers>): { notes: string[]; isSound: boolean } {
  const notes: string[] = [];
  const [varve, prometheus, victoriaMetrics] = (['varve', 'prometheus', 'victoria-metrics'] as const).map((name) => answers.get(name));
  let isSound = true;
  if (varve !== undefined && prometheus !== undefined) {
    const differences = BENCH_QUERIES.flatMap(({ name }) => {
      const difference = firstDifference(prometheus.get(name) ?? [], varve.get(name) ?? [], TOLERANCE);
      return difference === undefined ? [] : [`${name}: varve does not agree with prometheus: ${difference}`];
    });
    isSound = differences.length === 0;
    notes.push(...(isSound ? [`varve and prometheus agree on all ${BENCH_QUERIES.length} answers`] : differences));
  }
  const reference = varve ?? prometheus;
  if (victoriaMetrics !== undefined && reference !== undefined) {
    const others = BENCH_QUERIES.flatMap(({ name }) => {
      const [wanted, got] = [reference.get(name)?.length ?? 0, victoriaMetrics.get(name)?.length ?? 0];
      return wanted === got ? [] : [`${name}: victoria-metrics answers ${got} series, not ${wanted}`];
    });
    notes.push(...(others.length === 0 ? ['victoria-metrics answers as many series to each query'] : others));
  }
  return { notes, isSound };
}
