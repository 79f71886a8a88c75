import { join } from 'node:path';
import type { Labels } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { HotStore } from '../../storage/shard/hot-store.ts';
import { readSelectPage } from '../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { liveBytes } from '../fakes/live-bytes.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { Sandbox } from '../processes/sandbox.ts';
import { VARVE_VERSION } from '../processes/varve-command.ts';
import type { BenchOptions } from './options.ts';
import type { Measure, Report, Run } from './report.ts';
import { podShape, SCRAPE_INTERVAL_MS } from './shapes.ts';
import { shardBatches } from './shard-batches.ts';

const POD_COUNT = 500;
const TINY_POD_COUNT = 5;
const HOUR_MS = 3_600_000;
const SERIES_PER_BATCH = 2_000;
const MEBIBYTE = 2 ** 20;
const ASKED_MEBIBYTES = 64e6 / MEBIBYTE;

const MEASURES: readonly Measure[] = [
  { key: 'ingested', title: 'as it is fed: most at any full log, MiB', digits: 1, hasRatio: false },
  { key: 'queried', title: 'with every cache filled by queries, MiB', digits: 1, hasRatio: false },
  { key: 'woken', title: 'woken again, MiB', digits: 1, hasRatio: false },
  { key: 'accounted', title: 'by hand, from the limits, MiB', digits: 1, hasRatio: false },
];

/**
 * What a shard's own structures take: an engine over SQLite in this process, 50,000 series of nine labels for an hour at 15 s. Measured is
 * what V8 says is alive behind a full collection, its heap and the buffers outside of it, less what was alive before the engine was opened.
 * SQLite's own memory is not in it, nor is it in a Durable Object's isolate.
 */
export async function benchMemory(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const podCount = options.isTiny ? TINY_POD_COUNT : POD_COUNT;
  const scrapeCount = HOUR_MS / SCRAPE_INTERVAL_MS;
  const nowMs = Date.now();
  const shape = podShape({ seed: options.seed, podCount, scrapeCount, nowMs });
  const batches = shardBatches(shape.series, options.seed, SERIES_PER_BATCH);
  const sandbox = new Sandbox('memory');
  try {
    const file = join(sandbox.folder, 'shard.sqlite');
    const clock = new FixedClock(nowMs);
    const baseBytes = liveBytes();
    const run: Record<string, number> = {};
    const above = (): number => (liveBytes() - baseBytes) / MEBIBYTE;

    let sql = new NodeSql(file);
    let store = new HotStore(sql, undefined, { clock });
    let most = 0;
    let seals = 0;
    for (let scrape = 0; scrape < scrapeCount; scrape++) {
      const timestampMs = shape.firstScrapeMs + scrape * SCRAPE_INTERVAL_MS;
      for (const batch of batches) {
        batch.prepare(timestampMs)(store);
        while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) store.maintain();
      }
      // Just before the next seal is through the log is fullest.
      const { counters, gauges } = store.stats();
      if (gauges['log_entries']! + shape.series.length > LIMITS.logEntriesMax || scrape === scrapeCount - 1) most = Math.max(most, above());
      if (counters['seals_total']! > seals) say(`${scrape + 1} of ${scrapeCount} scrapes: ${(seals = counters['seals_total']!)} seals, at most ${most.toFixed(1)} MiB`);
    }
    run['ingested'] = most;
    readEverything(store, shape.firstScrapeMs, nowMs);
    run['queried'] = above();
    sql.database.close();
    sql = new NodeSql(file);
    store = new HotStore(sql, undefined, { clock });
    run['woken'] = above();
    run['accounted'] = accountedBytes(shape.series.length) / MEBIBYTE;
    say(`woken: ${store.stats().gauges['series']} series`);
    sql.database.close();
    const isWithin = Math.max(run['ingested'], run['queried'], run['woken']) <= ASKED_MEBIBYTES;
    return {
      bench: 'memory',
      title: `memory: a shard with ${shape.series.length.toLocaleString('en-US')} active series, ${scrapeCount} scrapes, one hour${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
      load: { seed: options.seed, seriesCount: shape.series.length, scrapeCount },
      measures: MEASURES,
      peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }],
      notes: [`asked: below 64 MB, which is ${ASKED_MEBIBYTES.toFixed(1)} MiB`, ...(isWithin ? [] : ['that is too much'])],
      isSound: isWithin,
    };
  } finally {
    await sandbox.close();
  }
}

/** All series, page by page, as queries of everything would: what a shard remembers of it is what its caches hold at the most. */
function readEverything(store: HotStore, startMs: number, endMs: number): void {
  let after: Labels | undefined;
  for (;;) {
    const answer = store.select({ version: SHARD_RPC_VERSION, matchers: [], startMs, endMs, after, samplesMax: Number.MAX_SAFE_INTEGER });
    if (answer.status !== 'page') throw new Error(answer.message);
    if (!answer.more) return;
    for (const { labels } of readSelectPage(answer.page)) after = labels;
  }
}

/** The bounds in storage/runtime/limits.ts, each with the bytes of an entry that it states. */
function accountedBytes(seriesCount: number): number {
  const logHead = LIMITS.logEntriesMax * (1 + LIMITS.logRoomShare) * 20;
  const caches = LIMITS.openSegmentBytesMax + LIMITS.openColumnSamplesMax * 16 + LIMITS.selectColumnSamplesMax * 8 + LIMITS.logTailSamplesMax * 16;
  const series = seriesCount * 350;
  return logHead + caches + series;
}
