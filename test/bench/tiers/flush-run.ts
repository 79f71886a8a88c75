import { sendLoad } from '../load.ts';
import type { Run } from '../report.ts';
import { podShape, SCRAPE_INTERVAL_MS, type Shape } from '../shapes.ts';
import { percentile } from '../statistics.ts';
import { sleep } from '../../processes/sleep.ts';
import type { BenchServer } from './bench-server.ts';
import { heapFigures } from './heap-probe.ts';

const HOUR_MS = 3_600_000;
const SERIES_PER_POD = 100;
const CONNECTIONS = 4;
const FLUSH_WAIT_MS = 300_000;
/** From the start of a window to when it is due: it has to be over, and a grace has to pass. */
const DUE_MS = 25 * HOUR_MS + 16 * 60_000;

interface FlushOptions {
  readonly seed: number;
  readonly podCount: number;
  /** Scrapes of a window; fewer than it has room for make it short. */
  readonly scrapeCount: number;
  /** Whether there is a third window. */
  readonly withHeap: boolean;
}

/**
 * Three windows are filled a day ago by the bench's clock, and then fall due one after the other: the first is flushed by itself, which tells the CPU
 * that it takes; the second while as many samples as before come in, which tells what requests wait; the third while the isolate's memory is
 * looked at.
 */
export async function flushRun(server: BenchServer, options: FlushOptions, say: (line: string) => void): Promise<Run> {
  const { podCount, scrapeCount, withHeap } = options;
  const windowStartMs = Math.floor((Date.now() - 3 * DUE_MS) / HOUR_MS) * HOUR_MS;
  const shapeAt = (firstScrapeMs: number): Shape => ({ ...podShape({ seed: options.seed, podCount, scrapeCount, nowMs: firstScrapeMs }), firstScrapeMs });
  const clockTo = (timeMs: number): Promise<unknown> => server.ask('/bench/clock', { offset: timeMs - Date.now() });
  const samples = podCount * SERIES_PER_POD * scrapeCount;
  const windows = withHeap ? 3 : 2;
  for (let window = 0; window < windows; window++) {
    const firstScrapeMs = windowStartMs + window * HOUR_MS;
    await clockTo(firstScrapeMs + scrapeCount * SCRAPE_INTERVAL_MS);
    await sendLoad(shapeAt(firstScrapeMs), server.baseUrl, CONNECTIONS);
    say(`filled window ${window + 1} of ${windows} with ${samples.toLocaleString('en-US')} samples`);
  }
  await server.processes.settle(30_000);

  server.processes.startSampling();
  const cpuBefore = server.processes.cpuSeconds();
  await clockTo(windowStartMs + DUE_MS);
  await flushed(server, windowStartMs + HOUR_MS);
  await server.processes.settle(10_000);
  const flushCpuSeconds = server.processes.cpuSeconds() - cpuBefore;
  say(`flushed window 1: ${flushCpuSeconds.toFixed(2)} CPU-s`);

  // Of the hour that has just gone by, by the bench's clock.
  const alone = await sendLoad(shapeAt(windowStartMs + DUE_MS - HOUR_MS), server.baseUrl, CONNECTIONS);
  await server.processes.settle(10_000);
  await clockTo(windowStartMs + DUE_MS + HOUR_MS);
  const [beside] = await Promise.all([sendLoad(shapeAt(windowStartMs + DUE_MS), server.baseUrl, CONNECTIONS), flushed(server, windowStartMs + 2 * HOUR_MS)]);
  const peakMebibytes = server.processes.stopSampling() / 2 ** 20;
  await server.processes.settle(10_000);
  const heap = withHeap
    ? await server.heapGrowth(async () => {
        await clockTo(windowStartMs + DUE_MS + 2 * HOUR_MS);
        await flushed(server, windowStartMs + 3 * HOUR_MS);
      })
    : undefined;
  if (heap !== undefined) say(`flushed window 3, the heap looked at ${heap.looks} times`);
  const p99 = (requestMs: readonly number[]): number => percentile([...requestMs], 0.99);
  return {
    flushMillionPerCpuSecond: samples / 1e6 / flushCpuSeconds,
    ingestP99AloneMs: p99(alone.requestMs),
    ingestP99FlushMs: p99(beside.requestMs),
    ingestMaxAloneMs: Math.max(...alone.requestMs),
    ingestMaxFlushMs: Math.max(...beside.requestMs),
    peakMebibytes,
    ...(heap === undefined ? {} : heapFigures('flush', heap)),
  };
}

interface TierStatus {
  readonly hot: { readonly shards: readonly { readonly flush: { readonly archivedUntil: string | null; readonly failure: { readonly message: string } | null } }[] };
}

/** Waits until all before a time is archived. */
async function flushed(server: BenchServer, untilMs: number): Promise<void> {
  const deadlineMs = performance.now() + FLUSH_WAIT_MS;
  for (;;) {
    const { json } = await server.ask('/api/v1/status/tiers');
    const { hot } = (json as { readonly data: TierStatus }).data;
    const { archivedUntil, failure } = hot.shards[0]!.flush;
    if (failure !== null) throw new Error(`the flush fails: ${failure.message}`);
    if (archivedUntil !== null && Date.parse(archivedUntil) >= untilMs) return;
    if (performance.now() > deadlineMs) throw new Error(`not archived up to ${new Date(untilMs).toISOString()} in ${FLUSH_WAIT_MS / 1000} s: ${JSON.stringify(hot)}`);
    await sleep(100);
  }
}
