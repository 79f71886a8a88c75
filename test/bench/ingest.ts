import { Sandbox } from '../processes/sandbox.ts';
import { diskUsageBytes } from './disk-usage.ts';
import { type LoadFigures, sendLoad } from './load.ts';
import type { BenchOptions } from './options.ts';
import { type Peer, type RunningPeer, findPeers } from './peers.ts';
import { ProcessTree } from './process-tree.ts';
import { PrometheusApi } from './prometheus-api.ts';
import type { Measure, PeerRuns, Report, Run } from './report.ts';
import { type LoadProtocol, senderCount } from './request-groups.ts';
import { COUNTED_METRIC, POD_ROUTES, type Shape, podShape } from './shapes.ts';
import { percentile } from './statistics.ts';

const SERIES_PER_POD = 100;
const POD_COUNT = 400;
const SAMPLES = 24_000_000;
const TINY_POD_COUNT = 40;
const TINY_SAMPLES = 80_000;
/** Long enough for whatever a server has put off, short enough for one that never rests. */
const SETTLE_MS = 15_000;
const VISIBLE_MS = 30_000;

const MEASURES: readonly Measure[] = [
  { key: 'cpuSecondsPerMillion', title: 'CPU-seconds per million samples', digits: 2, hasRatio: true },
  { key: 'steadyCpuSecondsPerMillion', title: 'the same, behind the first quarter of the load', digits: 2, hasRatio: true },
  { key: 'samplesPerSecond', title: 'samples/s', digits: 0, hasRatio: true },
  { key: 'wallSeconds', title: 'wall time, s', digits: 1, hasRatio: true },
  { key: 'requestP50Ms', title: 'request p50, ms', digits: 1, hasRatio: true },
  { key: 'requestP99Ms', title: 'request p99, ms', digits: 1, hasRatio: true },
  { key: 'residentPeakMebibytes', title: 'resident memory, peak MiB', digits: 0, hasRatio: true },
  { key: 'diskBytesPerSample', title: 'bytes on disk per sample', digits: 2, hasRatio: true },
  { key: 'rw2CpuSecondsPerMillion', title: 'remote write 2.0: CPU-seconds per million samples', digits: 2, hasRatio: false },
  { key: 'rw2CpuRatio', title: 'remote write 2.0: CPU, times that of 1.0', digits: 2, hasRatio: false },
  { key: 'rw2SamplesPerSecond', title: 'remote write 2.0: samples/s', digits: 0, hasRatio: false },
  { key: 'rw2WireBytesPerSample', title: 'remote write 2.0: bytes on the wire per sample', digits: 1, hasRatio: false },
  { key: 'otlpCpuSecondsPerMillion', title: 'OTLP: CPU-seconds per million data points', digits: 2, hasRatio: false },
  { key: 'otlpSamplesPerSecond', title: 'OTLP: data points/s', digits: 0, hasRatio: false },
  { key: 'otlpWireBytesPerSample', title: 'OTLP: bytes on the wire per data point', digits: 1, hasRatio: false },
  { key: 'wireBytesPerSample', title: 'bytes on the wire per sample', digits: 1, hasRatio: false },
  { key: 'generatorCpuSecondsPerMillion', title: "load generator's own CPU-s per million", digits: 2, hasRatio: false },
  { key: 'retryCount', title: 'requests sent again', digits: 0, hasRatio: false },
];

/**
 * Remote write as fast as each server takes it. CPU is counted over the server's whole process tree, from the first request until the
 * tree rests again; the disk after an orderly stop. Before that, two queries check that all that was acknowledged is there. Behind the first quarter all
 * series are known and code is warm: the figure that compares loads of few and many series.
 */
export async function benchIngest(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const podCount = options.series !== undefined ? options.series / SERIES_PER_POD : options.isTiny ? TINY_POD_COUNT : POD_COUNT;
  const seriesCount = podCount * SERIES_PER_POD;
  const { samplesPerRequest } = options;
  const samples = options.samples ?? (options.isTiny ? TINY_SAMPLES : SAMPLES);
  const scrapeCount = Math.ceil(samples / seriesCount);
  const shapeFrom = (nowMs: number): Shape => podShape({ seed: options.seed, podCount, scrapeCount, nowMs, samplesPerRequest });
  const senders = options.isCut ? options.connections : senderCount(shapeFrom(Date.now()), options.connections);
  const { peers, missing } = findPeers(options.peers);
  const notes = [...missing];
  const measured: PeerRuns[] = [];
  for (const line of missing) say(line);
  let isSound = true;
  for (const peer of peers) {
    const runs: Run[] = [];
    for (let repetition = 1; repetition <= options.repeat; repetition++) {
      // Made anew for each run, so that its newest scrape is recent; only the timestamps differ.
      const shape = shapeFrom(Date.now());
      const progress = `${peer.name} ${repetition}/${options.repeat}`;
      const measure = async (protocol: LoadProtocol): Promise<Run> => {
        const { run, problem } = await ingestOnce(peer, shape, options, protocol);
        say(`${progress}, ${protocol}: ${run['wallSeconds']!.toFixed(1)} s, ${run['cpuSecondsPerMillion']!.toFixed(2)} CPU-s per million, ${run['steadyCpuSecondsPerMillion']!.toFixed(2)} behind its first quarter`);
        if (problem !== undefined) {
          isSound = false;
          notes.push(`${peer.name}, run ${repetition}, ${protocol}: ${problem}`);
        }
        return run;
      };
      const run = await measure('1.0');
      // The other peers' Debian versions know neither 2.0 nor OTLP.
      if (peer.name !== 'varve') runs.push(run);
      else runs.push({ ...run, ...besideRw1(await measure('2.0'), run), ...(options.isCut ? {} : ofOtlp(await measure('otlp'))) });
    }
    measured.push({ peer, runs });
  }
  const sampleCount = scrapeCount * seriesCount;
  return {
    bench: 'ingest',
    title:
      `ingest: ${sampleCount.toLocaleString('en-US')} samples by remote write 1.0, and as many by 2.0${options.isCut ? '' : ' and by OTLP'} to servers of their own: ${seriesCount.toLocaleString('en-US')} series, ` +
      `${samplesPerRequest.toLocaleString('en-US')} a request${options.isCut ? ' that is cut anew' : ''}, ${scrapeCount} scrapes, ${options.connections} connections${senders < options.connections ? `, of which ${senders} are used at a time` : ''}, seed ${options.seed}, ` +
      `median of ${options.repeat}${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { sampleCount, seriesCount, scrapeCount, samplesPerRequest, connections: options.connections, senders, seed: options.seed },
    measures: options.isCut ? MEASURES.filter(({ key }) => !key.startsWith('otlp')) : MEASURES,
    peers: measured,
    notes,
    isSound,
  };
}

async function ingestOnce(peer: Peer, shape: Shape, { connections, isCut }: BenchOptions, protocol: LoadProtocol): Promise<{ run: Run; problem: string | undefined }> {
  const sandbox = new Sandbox('bench');
  try {
    const server = await peer.start(sandbox);
    const tree = new ProcessTree(server.process.pid);
    tree.startSampling();
    const cpuBeforeSeconds = tree.cpuSeconds();
    let quarter = { sampleCount: 0, cpuSeconds: 0 };
    const onQuarter = (sampleCount: number): void => void (quarter = { sampleCount, cpuSeconds: tree.cpuSeconds() - cpuBeforeSeconds });
    const load = await sendLoad(shape, server.baseUrl, connections, { protocol, isCut, onQuarter });
    await tree.settle(SETTLE_MS);
    const cpuSeconds = tree.cpuSeconds() - cpuBeforeSeconds;
    const residentPeakBytes = tree.stopSampling();
    const problem = await findLoss(server, shape);
    await server.process.stop();
    const steadyCpuSecondsPerMillion = (cpuSeconds - quarter.cpuSeconds) / ((load.sampleCount - quarter.sampleCount) / 1e6);
    return { run: { ...toRun(load, cpuSeconds, residentPeakBytes, diskUsageBytes(server.dataFolder)), steadyCpuSecondsPerMillion }, problem };
  } finally {
    await sandbox.close();
  }
}

/** The figures of a run by remote write 2.0 beside those of the same load by 1.0, on the same machine right before. */
function besideRw1(run: Run, rw1: Run): Run {
  return {
    rw2CpuSecondsPerMillion: run['cpuSecondsPerMillion']!,
    rw2CpuRatio: run['cpuSecondsPerMillion']! / rw1['cpuSecondsPerMillion']!,
    rw2SamplesPerSecond: run['samplesPerSecond']!,
    rw2WireBytesPerSample: run['wireBytesPerSample']!,
  };
}

function ofOtlp(run: Run): Run {
  return {
    otlpCpuSecondsPerMillion: run['cpuSecondsPerMillion']!,
    otlpSamplesPerSecond: run['samplesPerSecond']!,
    otlpWireBytesPerSample: run['wireBytesPerSample']!,
  };
}

/** Counts the series at the newest scrape, a route at a time, so that no server's bound on the series of a query is met, and all samples of one metric. Says what is missing, or nothing. */
async function findLoss(server: RunningPeer, shape: Shape): Promise<string | undefined> {
  const api = new PrometheusApi(server.baseUrl);
  const timeMs = shape.firstScrapeMs + (shape.scrapeCount - 1) * shape.scrapeIntervalMs + 1_000;
  const rangeSeconds = (shape.scrapeCount * shape.scrapeIntervalMs) / 1000;
  const countOf = (value: string) => shape.series.filter(({ labels }) => labels.some((label) => label[1] === value)).length;
  const expectations: readonly (readonly [expression: string, expected: number])[] = [
    ...POD_ROUTES.map((route) => [`count({job="kubernetes-pods",route="${route}"})`, countOf(route)] as const),
    [`sum(count_over_time(${COUNTED_METRIC}[${rangeSeconds}s]))`, countOf(COUNTED_METRIC) * shape.scrapeCount],
  ];
  try {
    for (const [expression, expected] of expectations) {
      const value = await api.singleBecomes({ expression, timeMs }, expected, VISIBLE_MS);
      if (value !== expected) return `${expression} is ${value}, not ${expected}: acknowledged samples are missing`;
    }
    return undefined;
  } catch (error) {
    return `could not be checked for loss: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    api.close();
  }
}

function toRun(load: LoadFigures, cpuSeconds: number, residentPeakBytes: number, diskBytes: number): Run {
  const millions = load.sampleCount / 1e6;
  return {
    cpuSecondsPerMillion: cpuSeconds / millions,
    samplesPerSecond: load.sampleCount / load.wallSeconds,
    wallSeconds: load.wallSeconds,
    requestP50Ms: percentile(load.requestMs, 0.5),
    requestP99Ms: percentile(load.requestMs, 0.99),
    residentPeakMebibytes: residentPeakBytes / 2 ** 20,
    diskBytesPerSample: diskBytes / load.sampleCount,
    wireBytesPerSample: load.bytesPerSample,
    generatorCpuSecondsPerMillion: load.generatorCpuSeconds / millions,
    retryCount: load.retryCount,
  };
}
