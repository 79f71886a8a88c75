import { LIMITS } from '../../storage/runtime/limits.ts';
import { HotStore } from '../../storage/shard/hot-store.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { VARVE_VERSION } from '../processes/varve-command.ts';
import type { BenchOptions } from './options.ts';
import type { Measure, Report, Run } from './report.ts';
import { shardBatches, type ShardBatch } from './shard-batches.ts';
import { podShape, SCRAPE_INTERVAL_MS } from './shapes.ts';

const SERIES_COUNTS = [1_000, 10_000, 40_000, 140_000, 200_000] as const;
const TINY_SERIES_COUNTS = [1_000] as const;
const SERIES_PER_POD = 100;
const SERIES_PER_BATCH = 1_000;
/** Requests that are encoded before they are sent: asking for the CPU time costs as much as half a request where system calls are slow. */
const BATCHES_AHEAD = 64;
const SAMPLES = 8_000_000;
const TINY_SAMPLES = 20_000;

/**
 * The engine alone, in this process over SQLite in memory: CPU for a million samples by how many series they are of, with the index, seals
 * and merges. The clock stands still and maintenance runs as soon as it is due, so that all of it is in the figure.
 */
export async function benchAppend(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const seriesCounts = options.series !== undefined ? [options.series] : options.isTiny ? TINY_SERIES_COUNTS : SERIES_COUNTS;
  const samples = options.samples ?? (options.isTiny ? TINY_SAMPLES : SAMPLES);
  const runs: Run[] = [];
  for (let repetition = 0; repetition < options.repeat; repetition++) {
    let run: Record<string, number> = {};
    for (const seriesCount of seriesCounts) {
      const figures = appendOnce(seriesCount, samples, options.seed);
      say(`${seriesCount} series: ${Object.entries(figures).map(([key, figure]) => `${key} ${figure.toFixed(3)}`).join(', ')}`);
      run = { ...run, ...Object.fromEntries(Object.entries(figures).map(([key, figure]) => [`${key}${seriesCount}`, figure])) };
    }
    runs.push(run);
  }
  const measures: Measure[] = seriesCounts.flatMap((count) => {
    const series = `${count.toLocaleString('en-US')} series`;
    return [
      { key: `cpu${count}`, title: `${series}: CPU-seconds per million samples`, digits: 3, hasRatio: false },
      { key: `longest${count}`, title: `${series}: longest request or step, ms`, digits: 1, hasRatio: false },
    ];
  });
  return {
    bench: 'append',
    title: `append: a shard's engine alone, about ${samples.toLocaleString('en-US')} samples, ${SERIES_PER_BATCH.toLocaleString('en-US')} a request${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seed: options.seed, samples },
    measures,
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs }],
    notes: [],
    isSound: true,
  };
}

/** In a function of its own, so that the labels, ten objects a series, are gone when they are sent: the collector's work on them is not the engine's. */
function loadOf(seriesCount: number, scrapeCount: number, seed: number, nowMs: number): { readonly batches: readonly ShardBatch[]; readonly firstScrapeMs: number } {
  const { series, firstScrapeMs } = podShape({ seed, podCount: seriesCount / SERIES_PER_POD, scrapeCount, nowMs });
  return { batches: shardBatches(series, seed, SERIES_PER_BATCH), firstScrapeMs };
}

/** The first one brings the series' definitions, and until the second is over they have been put in label order: what new series cost, and not samples. */
const UNCOUNTED_SCRAPES = 2;

/** Feeds whole scrapes, some of them before the figures begin. */
function appendOnce(seriesCount: number, samples: number, seed: number): Record<'cpu' | 'longest', number> {
  const scrapeCount = UNCOUNTED_SCRAPES + Math.max(1, Math.ceil(samples / seriesCount));
  const nowMs = Date.now();
  const { batches, firstScrapeMs } = loadOf(seriesCount, scrapeCount, seed, nowMs);
  const sql = new NodeSql();
  const clock = new FixedClock(nowMs);
  const store = new HotStore(sql, { ...LIMITS, activeSeriesMax: Math.max(LIMITS.activeSeriesMax, seriesCount) as typeof LIMITS.activeSeriesMax }, { clock });
  let longestMs = 0;
  let cpuSeconds = 0;
  let sampleCount = 0;
  const timed = (body: () => void): void => {
    const startMs = performance.now();
    body();
    longestMs = Math.max(longestMs, performance.now() - startMs);
  };
  let ahead: ((store: HotStore) => void)[] = [];
  const sendAhead = (): void => {
    const before = process.cpuUsage();
    for (const send of ahead) {
      timed(() => send(store));
      while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) timed(() => store.maintain());
    }
    const { user, system } = process.cpuUsage(before);
    cpuSeconds += (user + system) / 1e6;
    ahead = [];
  };
  for (let scrape = 0; scrape < scrapeCount; scrape++) {
    for (const batch of batches) {
      ahead.push(batch.prepare(firstScrapeMs + scrape * SCRAPE_INTERVAL_MS));
      sampleCount += batch.sampleCount;
      if (ahead.length === BATCHES_AHEAD) sendAhead();
    }
    if (scrape + 1 !== UNCOUNTED_SCRAPES) continue;
    sendAhead();
    cpuSeconds = sampleCount = longestMs = 0;
  }
  sendAhead();
  sql.database.close();
  return { cpu: (cpuSeconds / sampleCount) * 1e6, longest: longestMs };
}
