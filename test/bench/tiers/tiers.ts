import { Sandbox } from '../../processes/sandbox.ts';
import { VARVE_VERSION } from '../../processes/varve-command.ts';
import type { BenchOptions } from '../options.ts';
import { findPeers } from '../peers.ts';
import { count, type Measure, type PeerRuns, type Report, type Run } from '../report.ts';
import { captureScrapes, readCapture, writeCapture, type CapturedSeries } from '../size/capture.ts';
import { noisySeries } from '../size/noisy.ts';
import { sizeInPeer } from '../size/peer-size.ts';
import { BenchServer } from './bench-server.ts';
import { coldSize } from './cold-size.ts';
import { DAY_MS, SAMPLES_PER_DAY } from './fleet-days.ts';
import { loadFleet, rollUpFleet } from './load-fleet.ts';
import { flushRun } from './flush-run.ts';
import { heapFigures } from './heap-probe.ts';
import { QUESTIONS, queryRun } from './query-run.ts';

const SCRAPES = 2_000;
const INTERVAL_MS = 250;
const SERIES = 10_000;
const DAYS = 7;
/** Roll-ups of an hour are kept for 365 days, up to today. */
const LONG_DAYS = 362;
const FULL = { pods: 400, scrapes: 240, runs: 30 };
const TINY = { pods: 4, scrapes: 20, runs: 3, series: 200, days: 2, longDays: 5 };

const heapMeasures = (of: string, what: string): Measure[] => [
  { key: `${of}HeapMebibytes`, title: `heap alive during ${what}: MiB more than before (asked: < 61)`, digits: 1, hasRatio: false },
  { key: `${of}HeapAllMebibytes`, title: `heap alive during ${what}: MiB in all`, digits: 1, hasRatio: false },
];

const MEASURES: readonly Measure[] = [
  { key: 'coldBytes', title: 'cold: bytes a sample, labels included (asked: ≤ 2 × VictoriaMetrics, ≤ 0.7 × Prometheus)', digits: 3, hasRatio: true },
  { key: 'flushMillionPerCpuSecond', title: 'flush: million samples a CPU-second (asked: ≥ 1)', digits: 2, hasRatio: false },
  { key: 'ingestP99AloneMs', title: 'ingest: 99th, ms', digits: 1, hasRatio: false },
  { key: 'ingestP99FlushMs', title: 'ingest: 99th during a flush, ms (asked: ≤ 2 × without)', digits: 1, hasRatio: false },
  { key: 'ingestMaxAloneMs', title: 'ingest: longest, ms', digits: 1, hasRatio: false },
  { key: 'ingestMaxFlushMs', title: 'ingest: longest during a flush, ms', digits: 1, hasRatio: false },
  ...heapMeasures('flush', 'a flush'),
  ...heapMeasures('rollUp', 'roll-ups and merges of days'),
  ...heapMeasures('query', 'the queries below'),
  ...QUESTIONS.flatMap(({ key, title, askedMs }): Measure[] => [
    { key, title: `${title}: median, ms${askedMs === undefined ? '' : ` (asked: < ${askedMs})`}`, digits: 1, hasRatio: false },
    { key: `${key}First`, title: `${title}: the first, ms`, digits: 1, hasRatio: false },
    { key: `${key}Worst`, title: `${title}: 95th, ms`, digits: 1, hasRatio: false },
  ]),
];

/**
 * The archive beside its peers: what a sample takes at rest; what a flush costs, and whoever writes meanwhile; how long queries of old
 * samples take and what they read. The last two in workerd, over Miniflare's R2.
 */
export async function benchTiers(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const { isTiny } = options;
  const parts = new Set(options.parts);
  const days = isTiny ? TINY.days : DAYS;
  const endDay = Math.floor(Date.now() / DAY_MS) - 2;
  const fleet = { series: options.series ?? (isTiny ? TINY.series : SERIES), days, firstDay: endDay - days, firstLongDay: endDay - (isTiny ? TINY.longDays : LONG_DAYS) };
  const run: Record<string, number> = {};
  const peers: PeerRuns[] = [];
  const notes: string[] = [];
  if (parts.has('size')) {
    const size = await sizes(options, say);
    Object.assign(run, size.run);
    peers.push(...size.peers);
    notes.push(...size.notes);
  }
  const sandbox = new Sandbox('tiers');
  try {
    if (parts.has('flush')) {
      const server = await BenchServer.start(sandbox);
      const flushed = await flushRun(server, { seed: options.seed, podCount: isTiny ? TINY.pods : FULL.pods, scrapeCount: isTiny ? TINY.scrapes : FULL.scrapes, withHeap: parts.has('heap') }, say);
      Object.assign(run, flushed);
      notes.push(`resident memory of workerd and Miniflare during the flushes, at most: ${flushed['peakMebibytes']!.toFixed(0)} MiB`);
      server.close();
    }
    if (parts.has('queries')) {
      // Another server: what queries read is none of what was flushed.
      const server = await BenchServer.start(sandbox);
      await loadFleet(server, fleet, say);
      const rollUp = (): Promise<void> => rollUpFleet(server, fleet, say);
      if (parts.has('heap')) Object.assign(run, heapFigures('rollUp', await server.heapGrowth(rollUp)));
      else await rollUp();
      const answered = await queryRun(server, fleet, { runs: options.runs ?? (isTiny ? TINY.runs : FULL.runs), withHeap: parts.has('heap') }, say);
      Object.assign(run, answered.run);
      notes.push(...answered.notes);
      server.close();
    }
  } finally {
    await sandbox.close();
  }
  return {
    bench: 'tiers',
    title: `tiers: the archive, ${count(fleet.series * fleet.days * SAMPLES_PER_DAY)} samples to be queried${isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seed: options.seed, series: fleet.series, days: fleet.days, parts: options.parts.join(',') },
    measures: MEASURES.filter(({ key }) => run[key] !== undefined),
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }, ...peers],
    notes,
    isSound: true,
  };
}

/** What a sample takes at rest, here and at the peers. */
async function sizes(options: BenchOptions, say: (line: string) => void): Promise<{ readonly run: Run; readonly peers: readonly PeerRuns[]; readonly notes: readonly string[] }> {
  const { series, title } = await realSeries(options, say);
  const size = coldSize(series);
  const coldBytes = size.bytes / size.sampleCount;
  say(`cold: ${coldBytes.toFixed(3)} bytes a sample`);
  const { peers, missing } = findPeers(options.peers.filter((name) => name !== 'varve'));
  const measured: PeerRuns[] = [];
  for (const peer of peers) {
    const endMs = series.reduce((newest, { timestampsMs }) => Math.max(newest, timestampsMs.at(-1) ?? 0), 0);
    const { dataBytes, sampleCount } = await sizeInPeer(peer, series, endMs);
    say(`${peer.name}: ${(dataBytes / sampleCount).toFixed(3)} bytes a sample`);
    measured.push({ peer, runs: [{ coldBytes: dataBytes / sampleCount }] });
  }
  const notes = [
    ...missing,
    `cold bytes: ${title}; ${count(size.sampleCount)} samples in ${size.fileCount} files, ${(size.sampleCount / 1e6 / size.cpuSeconds).toFixed(1)} million a CPU-second in Node; the peers’ data without their indexes`,
    `bytes a sample by column: ${[...size.columns].map(([column, bytes]) => `${column} ${(bytes / size.sampleCount).toFixed(4)}`).join(', ')}`,
  ];
  return { run: { coldBytes }, peers: measured, notes };
}

async function realSeries(options: BenchOptions, say: (line: string) => void): Promise<{ readonly series: readonly CapturedSeries[]; readonly title: string }> {
  if (options.isTiny) return { series: noisySeries({ seed: options.seed, scrapeCount: 40, nowMs: Date.now() })['two_decimals']!.series, title: 'noise' };
  if (options.captureFile !== undefined) return readCapture(options.captureFile);
  const captured = await captureScrapes({ intervalMs: options.intervalMs ?? INTERVAL_MS, scrapeCount: options.scrapes ?? SCRAPES, seed: options.seed }, say);
  if (options.keepCapture !== undefined) writeCapture(options.keepCapture, captured);
  return captured;
}
