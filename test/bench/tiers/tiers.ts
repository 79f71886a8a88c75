import { Sandbox } from '../../processes/sandbox.ts';
import { VARVE_VERSION } from '../../processes/varve-command.ts';
import type { BenchOptions } from '../options.ts';
import { findPeers } from '../peers.ts';
import type { Measure, PeerRuns, Report, Run } from '../report.ts';
import { captureScrapes, readCapture, writeCapture, type CapturedSeries } from '../size/capture.ts';
import { noisySeries } from '../size/noisy.ts';
import { sizeInPeer } from '../size/peer-size.ts';
import { BenchServer } from './bench-server.ts';
import { coldSize } from './cold-size.ts';
import { DAY_MS, SAMPLES_PER_DAY } from './fleet-days.ts';
import { loadFleet, rollUpFleet } from './load-fleet.ts';
import { flushRun } from './flush-run.ts';
import { QUESTIONS, queryRun } from './query-run.ts';

const SCRAPES = 2_000;
const INTERVAL_MS = 250;
const SERIES = 10_000;
const DAYS = 7;
/** Roll-ups of an hour are kept for 365 days, up to today. */
const LONG_DAYS = 362;
const FULL = { pods: 400, scrapes: 240, runs: 30 };
const TINY = { pods: 4, scrapes: 20, runs: 3, series: 200, days: 2, longDays: 5 };

const MEASURES: readonly Measure[] = [
  { key: 'coldBytes', title: 'cold: bytes a sample, labels included (asked: ≤ 2 × VictoriaMetrics, ≤ 0.7 × Prometheus)', digits: 3, hasRatio: true },
  { key: 'flushMillionPerCpuSecond', title: 'flush: million samples a CPU-second (asked: ≥ 1)', digits: 2, hasRatio: false },
  { key: 'ingestP99AloneMs', title: 'ingest: 99th, ms', digits: 1, hasRatio: false },
  { key: 'ingestP99FlushMs', title: 'ingest: 99th during a flush, ms (asked: ≤ 2 × without)', digits: 1, hasRatio: false },
  { key: 'ingestMaxAloneMs', title: 'ingest: longest, ms', digits: 1, hasRatio: false },
  { key: 'ingestMaxFlushMs', title: 'ingest: longest during a flush, ms', digits: 1, hasRatio: false },
  { key: 'flushHeapLeftMebibytes', title: 'heap during a flush, behind a collection: MiB more than before (asked: < 61)', digits: 1, hasRatio: false },
  { key: 'flushHeapMebibytes', title: 'heap during a flush, garbage included: MiB more than before', digits: 1, hasRatio: false },
  { key: 'rollUpHeapLeftMebibytes', title: 'heap while days are rolled up and merged, behind a collection: MiB more than before (asked: < 61)', digits: 1, hasRatio: false },
  { key: 'rollUpHeapMebibytes', title: 'heap while days are rolled up and merged, garbage included: MiB more than before', digits: 1, hasRatio: false },
  { key: 'queryHeapLeftMebibytes', title: 'heap during the queries below, behind a collection: MiB more than before (asked: < 61)', digits: 1, hasRatio: false },
  { key: 'queryHeapMebibytes', title: 'heap during the queries below, garbage included: MiB more than before', digits: 1, hasRatio: false },
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
  const { series, title } = await realSeries(options, say);
  const size = coldSize(series);
  say(`cold: ${(size.bytes / size.sampleCount).toFixed(3)} bytes a sample`);
  const { peers, missing } = findPeers(options.peers.filter((name) => name !== 'varve'));
  const measured: PeerRuns[] = [];
  for (const peer of peers) {
    const endMs = series.reduce((newest, { timestampsMs }) => Math.max(newest, timestampsMs.at(-1) ?? 0), 0);
    const { dataBytes, sampleCount } = await sizeInPeer(peer, series, endMs);
    say(`${peer.name}: ${(dataBytes / sampleCount).toFixed(3)} bytes a sample`);
    measured.push({ peer, runs: [{ coldBytes: dataBytes / sampleCount }] });
  }
  const run: Record<string, number> = { coldBytes: size.bytes / size.sampleCount };
  const sandbox = new Sandbox('tiers');
  const days = isTiny ? TINY.days : DAYS;
  const endDay = Math.floor(Date.now() / DAY_MS) - 2;
  const fleet = { series: options.series ?? (isTiny ? TINY.series : SERIES), days, firstDay: endDay - days, firstLongDay: endDay - (isTiny ? TINY.longDays : LONG_DAYS) };
  let queryNotes: readonly string[];
  try {
    const server = await BenchServer.start(sandbox);
    Object.assign(run, await flushRun(server, { seed: options.seed, podCount: isTiny ? TINY.pods : FULL.pods, scrapeCount: isTiny ? TINY.scrapes : FULL.scrapes }, say));
    server.close();
    // Another server: what queries read is none of what was flushed.
    const reader = await BenchServer.start(sandbox);
    await loadFleet(reader, fleet, say);
    const heap = await reader.heapGrowth(() => rollUpFleet(reader, fleet, say));
    run['rollUpHeapMebibytes'] = heap.mostBytes / 2 ** 20;
    run['rollUpHeapLeftMebibytes'] = (heap.mostLeftBytes ?? NaN) / 2 ** 20;
    const answered = await queryRun(reader, fleet, options.runs ?? (isTiny ? TINY.runs : FULL.runs), say);
    Object.assign(run, answered.run);
    queryNotes = answered.notes;
    reader.close();
  } finally {
    await sandbox.close();
  }
  return {
    bench: 'tiers',
    title: `tiers: the archive, ${count(fleet.series * fleet.days * SAMPLES_PER_DAY)} samples to be queried${isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seed: options.seed, series: fleet.series, days: fleet.days },
    measures: MEASURES,
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }, ...measured],
    notes: [
      ...missing,
      `cold bytes: ${title}; ${count(size.sampleCount)} samples in ${size.fileCount} files, ${(size.sampleCount / 1e6 / size.cpuSeconds).toFixed(1)} million a CPU-second in Node; the peers’ data without their indexes`,
      `bytes a sample by column: ${[...size.columns].map(([column, bytes]) => `${column} ${(bytes / size.sampleCount).toFixed(4)}`).join(', ')}`,
      `resident memory of workerd and Miniflare during the flushes, at most: ${run['peakMebibytes']!.toFixed(0)} MiB`,
      ...queryNotes,
    ],
    isSound: true,
  };
}

async function realSeries(options: BenchOptions, say: (line: string) => void): Promise<{ readonly series: readonly CapturedSeries[]; readonly title: string }> {
  if (options.isTiny) return { series: noisySeries({ seed: options.seed, scrapeCount: 40, nowMs: Date.now() })['two_decimals']!.series, title: 'noise' };
  if (options.captureFile !== undefined) return readCapture(options.captureFile);
  const captured = await captureScrapes({ intervalMs: options.intervalMs ?? INTERVAL_MS, scrapeCount: options.scrapes ?? SCRAPES, seed: options.seed }, say);
  if (options.keepCapture !== undefined) writeCapture(options.keepCapture, captured);
  return captured;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
