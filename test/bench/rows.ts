import { http } from '../processes/http.ts';
import { Sandbox } from '../processes/sandbox.ts';
import { freePort } from '../processes/free-port.ts';
import { VARVE_VERSION, varveCommand } from '../processes/varve-command.ts';
import { join } from 'node:path';
import { type LoadFigures, sendLoad } from './load.ts';
import type { BenchOptions } from './options.ts';
import type { Report, Run } from './report.ts';
import { senderCount } from './request-groups.ts';
import { podShape, type Shape } from './shapes.ts';
import { percentile } from './statistics.ts';

const POD_COUNT = 400;
const SERIES_PER_POD = 100;
const SAMPLES = 4_000_000;
const TINY_POD_COUNT = 40;
const TINY_SAMPLES = 40_000;
/** What was asked for: at 2,000 samples a request that is one row a request, and a fifth of one for all the rest. */
const ROWS_PER_MILLION_ASKED = 600;

interface Case {
  readonly key: string;
  readonly shards: number;
  readonly connections: number;
}

/** One connection never overlaps; as many as Prometheus opens by default when it has to catch up, and fewer. */
const CASES: readonly Case[] = [
  { key: 'oneAlone', shards: 1, connections: 1 },
  { key: 'oneOverlapping', shards: 1, connections: 8 },
  { key: 'fourAlone', shards: 4, connections: 1 },
  { key: 'fourOverlapping', shards: 4, connections: 8 },
  { key: 'fourCrowded', shards: 4, connections: 32 },
];

/**
 * Rows that the shards write for a million samples, as the platform bills them: `rowsWritten` of every statement, counted inside workerd and
 * read from /metrics. Sealing, merging and the series' definitions are in it.
 */
export async function benchRows(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const podCount = options.isTiny ? TINY_POD_COUNT : POD_COUNT;
  const samples = options.samples ?? (options.isTiny ? TINY_SAMPLES : SAMPLES);
  const scrapeCount = Math.max(2, Math.ceil(samples / (podCount * SERIES_PER_POD)));
  const cases = options.isTiny ? CASES.slice(0, 1) : CASES;
  const run: Record<string, number> = {};
  const notes: string[] = [`asked: at most ${ROWS_PER_MILLION_ASKED} with 2,000 samples a request, on one shard, and on four when commits overlap`];
  for (const one of cases) {
    const shape = podShape({ seed: options.seed, podCount, scrapeCount, nowMs: Date.now(), samplesPerRequest: options.samplesPerRequest });
    const { rows, batches, newSeries, knownSeries } = await countRows(one, shape);
    run[one.key] = (rows / (newSeries.sampleCount + knownSeries.sampleCount)) * 1e6;
    const perRow = batches / rows;
    say(`${describe(one)}: ${run[one.key]!.toFixed(0)} rows a million samples`);
    notes.push(`${describe(one)}: ${batches} batches reached the shards and ${rows} rows were written, ${perRow.toFixed(1)} batches a row`);
    notes.push(`${describe(one)}, ${senderCount(shape, one.connections)} requests at a time: ${latencies(knownSeries)}; before them, with the series, ${latencies(newSeries)}`);
  }
  return {
    bench: 'rows',
    title: `rows written: ${(scrapeCount * podCount * SERIES_PER_POD).toLocaleString('en-US')} samples, ${options.samplesPerRequest.toLocaleString('en-US')} a request${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seed: options.seed, podCount, scrapeCount, samplesPerRequest: options.samplesPerRequest },
    measures: cases.map((one) => ({ key: one.key, title: `rows a million samples: ${describe(one)}`, digits: 0, hasRatio: false })),
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }],
    notes,
    isSound: true,
  };
}

function describe({ shards, connections }: Case): string {
  return `${shards} ${shards === 1 ? 'shard' : 'shards'}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
}

function latencies({ requestMs }: LoadFigures): string {
  const [p50Ms, p99Ms, p999Ms, mostMs] = [0.5, 0.99, 0.999, 1].map((share) => percentile(requestMs, share).toFixed(1));
  return `${requestMs.length} requests took ${p50Ms} ms in the median, p99 ${p99Ms}, p99.9 ${p999Ms}, the longest ${mostMs}`;
}

interface RowCounts {
  readonly rows: number;
  readonly batches: number;
  /** The first scrape, which brings the series. */
  readonly newSeries: LoadFigures;
  /** All others. */
  readonly knownSeries: LoadFigures;
}

/**
 * The first scrape is sent by itself: its requests take ten times as long as others, with code that is not compiled yet, and with them in it the
 * 99th percentile of a short load says how long the quickest of them took.
 */
async function countRows({ shards, connections }: Case, shape: Shape): Promise<RowCounts> {
  const sandbox = new Sandbox('rows');
  try {
    const port = await freePort();
    const command = varveCommand(port, sandbox.makeFolder('data'), join(sandbox.folder, 'varve.log'));
    await sandbox.start({ ...command, env: { ...command.env, VARVE_SHARDS: String(shards) } });
    const baseUrl = new URL(`http://127.0.0.1:${port}`);
    const newSeries = await sendLoad({ ...shape, scrapeCount: 1 }, baseUrl, connections);
    const later = { ...shape, firstScrapeMs: shape.firstScrapeMs + shape.scrapeIntervalMs, scrapeCount: shape.scrapeCount - 1 };
    const knownSeries = await sendLoad(later, baseUrl, connections);
    const sent = newSeries.sampleCount + knownSeries.sampleCount;
    const metrics = (await http({ method: 'GET', url: new URL('/metrics', baseUrl) })).body.toString();
    const appended = total(metrics, 'varve_shard_samples_appended_total');
    if (appended !== sent) throw new Error(`${appended} of ${sent} samples are counted: a shard was woken again, and its counters with it`);
    return { rows: total(metrics, 'varve_shard_rows_written_total'), batches: total(metrics, 'varve_shard_batches_total'), newSeries, knownSeries };
  } finally {
    await sandbox.close();
  }
}

/** Over all shards. */
function total(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
  if (lines.length === 0) throw new Error(`varve does not count ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
