import { count, type Run } from '../report.ts';
import { percentile } from '../statistics.ts';
import type { BenchServer } from './bench-server.ts';
import { heapFigures } from './heap-probe.ts';
import { DAY_MS, FIRST_LONG_SERIES, FLEET_INTERVAL_MS, fleetHost, fleetMetric, LONG_SERIES, SAMPLES_PER_DAY, type Fleet } from './fleet-days.ts';

const HOUR_MS = 3_600_000;

/** What is asked of the fleet, of another series at each turn. */
interface Question {
  readonly key: string;
  readonly title: string;
  readonly askedMs: number | undefined;
  readonly query: (series: number) => string;
  /** `undefined` for all days of the long series. */
  readonly days: number | undefined;
  readonly stepMs: number;
  /** The only tier that may be read. */
  readonly tier: 'warm' | 'cold';
  /** Sent as `max_source_resolution`. */
  readonly resolution?: string;
  /** Samples that answer it, as far as it tells. */
  readonly samples: number | undefined;
}

const one = (series: number): string => `${fleetMetric(series)}{instance="${fleetHost(series)}:9100"}`;

export const QUESTIONS: readonly Question[] = [
  { key: 'coldDay', title: 'one series × 1 day from cold', askedMs: 100, query: one, days: 1, stepMs: 60_000, tier: 'cold', samples: SAMPLES_PER_DAY },
  { key: 'coldDayRate', title: 'rate(5m) of one series × 1 day from cold', askedMs: undefined, query: (series) => `rate(${one(series)}[5m])`, days: 1, stepMs: 60_000, tier: 'cold', samples: undefined },
  { key: 'coldWeek', title: 'one series × 7 days from cold', askedMs: undefined, query: one, days: 7, stepMs: 600_000, tier: 'cold', samples: undefined },
  { key: 'coldSumOverTime', title: 'sum_over_time(1h) of one series × 7 days from cold', askedMs: undefined, query: (series) => `sum_over_time(${one(series)}[1h])`, days: 7, stepMs: HOUR_MS, tier: 'cold', samples: undefined },
  { key: 'warmSum', title: 'the same from warm, with max_source_resolution=1h', askedMs: 50, query: (series) => `sum_over_time(${one(series)}[1h])`, days: 7, stepMs: HOUR_MS, tier: 'warm', resolution: '1h', samples: undefined },
  { key: 'warmMax', title: 'max_over_time(1h) of one series × 7 days from warm, which is exact', askedMs: 50, query: (series) => `max_over_time(${one(series)}[1h])`, days: 7, stepMs: HOUR_MS, tier: 'warm', samples: undefined },
  { key: 'warmAll', title: 'max of max_over_time(1h) of 100 series × 7 days from warm', askedMs: undefined, query: (series) => `max(max_over_time(${fleetMetric(series)}[1h]))`, days: 7, stepMs: HOUR_MS, tier: 'warm', samples: undefined },
  { key: 'warmYear', title: 'max_over_time(1h) of one series × 1 year from 1h roll-ups', askedMs: 100, query: (series) => `max_over_time(${one(series)}[1h])`, days: undefined, stepMs: HOUR_MS, tier: 'warm', samples: undefined },
  { key: 'coldSum', title: 'sum of 100 series × 6 hours from cold', askedMs: undefined, query: (series) => `sum(${fleetMetric(series)})`, days: 0.25, stepMs: 60_000, tier: 'cold', samples: undefined },
];

interface Sources {
  readonly tiers: readonly string[];
  readonly samples: number;
  readonly bytes: number;
  readonly objects: number;
  readonly cold: { readonly requests: number };
  readonly warm: { readonly requests: number };
}

/** Latencies over HTTP, and beside each what was read for it: the median of series that were not asked for before, of metrics in turn. */
export async function queryRun(server: BenchServer, fleet: Fleet, { runs, withHeap }: { readonly runs: number; readonly withHeap: boolean }, say: (line: string) => void): Promise<{ readonly run: Run; readonly notes: readonly string[] }> {
  const run: Record<string, number> = {};
  const notes: string[] = [];
  for (const question of QUESTIONS) {
    const { key, title, askedMs } = question;
    const times: number[] = [];
    const read: Sources[] = [];
    for (let turn = 0; turn < runs; turn++) {
      const { tookMs, sources } = await askOne(server, fleet, question, turn);
      times.push(tookMs);
      read.push(sources);
    }
    run[`${key}First`] = times[0]!;
    run[key] = percentile(times, 0.5);
    run[`${key}Worst`] = percentile(times, 0.95);
    const median = (of: (sources: Sources) => number): number => percentile(read.map(of), 0.5);
    const line = `${title}: ${read[0]!.tiers.join(', ')}; ${count(median((r) => r.samples))} ${question.tier === 'warm' ? 'buckets' : 'samples'}, ${count(median((r) => r.objects))} objects, ${count(median(requestsOf))} requests, ${count(median((r) => r.bytes))} bytes (medians; the first: ${count(read[0]!.bytes)} bytes in ${count(requestsOf(read[0]!))} requests)`;
    say(`${run[key]!.toFixed(1)} ms: ${line}`);
    notes.push(line);
    if (askedMs !== undefined && !(run[key]! < askedMs)) notes.push(`${title} takes more than the ${askedMs} ms that were asked`);
  }
  if (!withHeap) return { run, notes };
  const heap = await server.heapGrowth(async () => {
    for (const question of QUESTIONS) for (let turn = 0; turn < runs; turn++) await askOne(server, fleet, question, turn);
  });
  Object.assign(run, heapFigures('query', heap));
  say(`all of them again, the heap looked at ${heap.looks} times: at most ${run['queryHeapMebibytes']!.toFixed(1)} MiB more alive`);
  return { run, notes };
}

async function askOne(server: BenchServer, fleet: Fleet, question: Question, turn: number): Promise<{ readonly tookMs: number; readonly sources: Sources }> {
  const { days, stepMs, samples, tier, resolution } = question;
  const isLong = days === undefined;
  // A prime stride: other metrics, other hosts, no series twice.
  const series = isLong ? FIRST_LONG_SERIES + (turn % LONG_SERIES) : (turn * 7919 + 13) % fleet.series;
  // The first window of the long series ends where their first day does.
  const firstDay = isLong ? fleet.firstLongDay + 1 : fleet.firstDay + (days > 1 ? 0 : turn % fleet.days);
  const startMs = firstDay * DAY_MS;
  const endMs = isLong ? (fleet.firstDay + fleet.days) * DAY_MS - 1 : startMs + Math.min(days, fleet.days) * DAY_MS - 1;
  const query = question.query(series);
  const range = { start: startMs / 1000, end: endMs / 1000, step: stepMs / 1000 };
  const { json, tookMs } = await server.ask('/api/v1/query_range', { query, ...range, stats: 'all', ...(resolution === undefined ? {} : { max_source_resolution: resolution }) });
  const { result, stats } = (json as { readonly data: { readonly result: readonly unknown[]; readonly stats: { readonly sources: Sources } } }).data;
  const { sources } = stats;
  if (result.length !== 1) throw new Error(`${query}: ${result.length} series`);
  // A live shard is asked for nothing, as all of it is in files.
  if (!sources.tiers.includes(tier) || sources.tiers.includes(tier === 'warm' ? 'cold' : 'warm')) throw new Error(`${query}: read from ${sources.tiers.join(', ')}, not ${tier}`);
  // Nothing behind the last step is read.
  if (samples !== undefined && sources.samples < samples - stepMs / FLEET_INTERVAL_MS) throw new Error(`${query}: ${sources.samples} samples were read, not ${samples}`);
  return { tookMs, sources };
}

function requestsOf({ cold, warm }: Sources): number {
  return cold.requests + warm.requests;
}
