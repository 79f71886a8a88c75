import { VARVE_VERSION } from '../../processes/varve-command.ts';
import type { BenchOptions } from '../options.ts';
import { count, type Measure, type Report, type Run } from '../report.ts';
import { SCRAPE_INTERVAL_MS } from '../shapes.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { countShard, type QueryCounts, type ShardCounts } from './counted-shard.ts';
import { countUpkeep, type UpkeepCounts } from './counted-upkeep.ts';
import { dollars, operationsText, type Operations } from './prices.ts';

interface Scale {
  readonly series: number;
  readonly shards: number;
}

interface Load extends Scale {
  readonly samplesPerRequest: number;
}

/** Shards well below the series that one may have (`activeSeriesMax`). */
const SCALES: readonly Scale[] = [
  { series: 10_000, shards: 1 },
  { series: 100_000, shards: 1 },
  { series: 1_000_000, shards: 10 },
];
const SCRAPES = 240;
const TINY = { scale: 20, scrapes: 8, upkeepSeries: 100 };
/** Of the day whose merging and roll-ups are counted: a file an hour. What they take goes by rows and files, whatever the series are. */
const UPKEEP_SERIES = 1_000;
/** Days that a day of hours joins on average, and whose rows are written again with it: the table's partitions are months. */
const DAYS_BEFORE = 15;
/** How long R2 takes for a request, while the catalog waits and is charged for: as reads from Workers are said to take. */
const R2_REQUEST_SECONDS = 0.05;
/** Over how many of a tenant's shards a request is spread at the most. */
const SHARDS_PER_REQUEST_MAX = 4;
const MILLION = 1e6;
const GB = 1e9;
const OBJECT_GB = 0.128;
const MONTHS = 12;
/** The default of VARVE_HOT_RETENTION. */
const HOT_MONTHS = 0.05;
/** That of the roll-ups of five minutes. */
const FIVE_MINUTE_MONTHS = 7 / 30.4;
/** HTTP, snappy and decoding in the Worker, in workerd: what `bench -- ingest` measures less the shard's share. */
const INGEST_WORKER_CPU_MS = 560;

const PURPOSES = [
  ['ingest', 'ingested'],
  ['upkeep', 'merged and rolled up'],
  ['keep', 'kept a year'],
  ['hot', 'queried from shards'],
  ['cold', 'queried from the archive'],
] as const;
type Purpose = (typeof PURPOSES)[number][0];

/**
 * What Varve costs on Cloudflare, from counted operations at list prices. Counted is one shard with its catalog and object store in this
 * process, over an hour of samples at 15 s from the first write into the archive; many shards are as many times the same. What is done to files behind
 * that is counted over a day of fewer series.
 */
export async function benchCost(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const { isTiny, samplesPerRequest } = options;
  const run: Record<string, number> = {};
  const notes: string[] = [];
  const upkeep = await countUpkeep(isTiny ? TINY.upkeepSeries : UPKEEP_SERIES, isTiny ? TINY.scrapes : SCRAPES);
  for (const { series, shards } of SCALES) {
    const touched = Math.min(SHARDS_PER_REQUEST_MAX, shards);
    const counts = await countShard(series / shards / (isTiny ? TINY.scale : 1), samplesPerRequest / touched, isTiny ? TINY.scrapes : SCRAPES);
    const all = operationsOf(counts, upkeep, { series, shards, samplesPerRequest });
    for (const [purpose, title] of PURPOSES) {
      run[`${purpose}${series}`] = dollars(all[purpose]);
      const line = `${count(series)} series, ${title}: $${dollars(all[purpose]).toPrecision(3)} a million samples`;
      say(line);
      notes.push(`${line}: ${operationsText(all[purpose])}`);
    }
    const perMonth = (series / (SCRAPE_INTERVAL_MS / 1000)) * 30.4 * 86_400;
    notes.push(`${count(series)} series, a month at one sample in 15 s: ${count(Math.round(perMonth / MILLION))} million samples, $${count(Math.round((perMonth / MILLION) * dollars(all.ingest)))} to take them in and $${count(Math.round((perMonth / MILLION) * dollars(all.keep)))} to keep them a year`);
  }
  return {
    bench: 'cost',
    title: `cost: US dollars a million samples on Cloudflare, list prices of 2026-11-26 (prices.ts) without what a plan includes${isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { samplesPerRequest, scrapes: isTiny ? TINY.scrapes : SCRAPES },
    measures: SCALES.flatMap(({ series }) => PURPOSES.map(([purpose, title]): Measure => ({ key: `${purpose}${series}`, title: `${count(series)} series: ${title}`, digits: 6, hasRatio: false }))),
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }],
    notes,
    isSound: true,
  };
}

/** For a million samples each. */
function operationsOf(counts: ShardCounts, upkeep: UpkeepCounts, { series, shards, samplesPerRequest }: Load): Readonly<Record<Purpose, Operations>> {
  const each = MILLION / counts.samples;
  // A shard that is written to all the time is active all the time.
  const seconds = MILLION / (series / (SCRAPE_INTERVAL_MS / 1000));
  return {
    ingest: {
      workerRequest: MILLION / samplesPerRequest,
      workerCpuMs: INGEST_WORKER_CPU_MS,
      objectRequest: (counts.appends + counts.alarms + counts.catalogCalls) * each,
      objectGbSecond: seconds * shards * OBJECT_GB,
      rowWritten: (counts.shardRows + counts.alarms + counts.catalogRows) * each,
      r2ClassA: counts.objectsWritten * each,
      r2ClassB: counts.objectsRead * each,
    },
    upkeep: upkeepOperations(upkeep),
    keep: { objectGbMonth: (counts.hotBytes * each * HOT_MONTHS) / GB, r2GbMonth: keptGbMonths(upkeep) },
    hot: queryOperations(counts.hotQuery),
    cold: queryOperations(counts.coldQuery),
  };
}

function upkeepOperations({ samples, alarms, catalogRows, objectsWritten, objectsRead, listings, cpuMs, hourRows }: UpkeepCounts): Operations {
  const each = MILLION / samples;
  const hourFilesAgain = (DAYS_BEFORE * hourRows) / LIMITS.archiveFileRowsMax;
  const read = objectsRead + hourFilesAgain * (LIMITS.archiveFileRowsMax / LIMITS.archiveMergeRowsTarget);
  const written = objectsWritten + hourFilesAgain;
  const seconds = cpuMs / 1000 + (read + written + listings) * R2_REQUEST_SECONDS;
  return {
    objectRequest: alarms * each,
    objectGbSecond: seconds * each * OBJECT_GB,
    rowWritten: (alarms + catalogRows) * each,
    r2ClassA: (written + listings) * each,
    r2ClassB: read * each,
  };
}

/** Samples and hours for a year, five minutes for a week. */
function keptGbMonths({ samples, coldBytes, fiveMinuteBytes, hourBytes }: UpkeepCounts): number {
  return (((coldBytes + hourBytes) * MONTHS + fiveMinuteBytes * FIVE_MINUTE_MONTHS) * (MILLION / samples)) / GB;
}

function queryOperations({ samples, calls, objectRequests, cpuMs }: QueryCounts): Operations {
  const each = MILLION / samples;
  return { workerRequest: each, workerCpuMs: cpuMs * each, objectRequest: calls * each, r2ClassB: objectRequests * each };
}
