import type { Run } from '../report.ts';
import { percentile } from '../statistics.ts';
import type { BenchServer } from './bench-server.ts';
import { DAY_MS, FLEET_INTERVAL_MS, fleetHost, fleetMetric, SAMPLES_PER_DAY } from './fleet-days.ts';

/** What is asked of the fleet, of another series at each turn. */
interface Question {
  readonly key: string;
  readonly title: string;
  readonly askedMs: number | undefined;
  readonly query: (series: number) => string;
  readonly days: number;
  readonly stepMs: number;
  /** Samples that answer it, as far as it tells. */
  readonly samples: number | undefined;
}

const one = (series: number): string => `${fleetMetric(series)}{instance="${fleetHost(series)}:9100"}`;

export const QUESTIONS: readonly Question[] = [
  { key: 'coldDay', title: 'one series × 1 day from cold', askedMs: 100, query: one, days: 1, stepMs: 60_000, samples: SAMPLES_PER_DAY },
  { key: 'coldDayRate', title: 'rate(5m) of one series × 1 day from cold', askedMs: undefined, query: (series) => `rate(${one(series)}[5m])`, days: 1, stepMs: 60_000, samples: undefined },
  { key: 'coldWeek', title: 'one series × 7 days from cold', askedMs: undefined, query: one, days: 7, stepMs: 600_000, samples: undefined },
  { key: 'warmWeek', title: 'sum_over_time(1h) of one series × 7 days, from roll-ups if there are any', askedMs: 50, query: (series) => `sum_over_time(${one(series)}[1h])`, days: 7, stepMs: 3_600_000, samples: undefined },
  { key: 'coldSum', title: 'sum of 100 series × 6 hours from cold', askedMs: undefined, query: (series) => `sum(${fleetMetric(series)})`, days: 0.25, stepMs: 60_000, samples: undefined },
];

interface Sources {
  readonly tiers: readonly string[];
  readonly samples: number;
  readonly bytes: number;
  readonly objects: number;
  readonly cold: { readonly requests: number };
}

/** Latencies over HTTP, and beside each what was read for it: the median of series that were not asked for before, of metrics in turn. */
export async function queryRun(server: BenchServer, fleet: { readonly series: number; readonly firstDay: number; readonly days: number }, runs: number, say: (line: string) => void): Promise<{ readonly run: Run; readonly notes: readonly string[] }> {
  const run: Record<string, number> = {};
  const notes: string[] = [];
  for (const { key, title, askedMs, query, days, stepMs, samples } of QUESTIONS) {
    const times: number[] = [];
    const read: Sources[] = [];
    for (let turn = 0; turn < runs; turn++) {
      // A prime stride: other metrics, other hosts, no series twice.
      const series = (turn * 7919 + 13) % fleet.series;
      const startMs = (fleet.firstDay + (days > 1 ? 0 : turn % fleet.days)) * DAY_MS;
      const endMs = startMs + Math.min(days, fleet.days) * DAY_MS - 1;
      const { json, tookMs } = await server.ask('/api/v1/query_range', { query: query(series), start: startMs / 1000, end: endMs / 1000, step: stepMs / 1000, stats: 'all' });
      const { result, stats } = (json as { readonly data: { readonly result: readonly unknown[]; readonly stats: { readonly sources: Sources } } }).data;
      if (result.length !== 1) throw new Error(`${query(series)}: ${result.length} series`);
      // Nothing behind the last step is read.
      if (samples !== undefined && stats.sources.samples < samples - stepMs / FLEET_INTERVAL_MS) throw new Error(`${query(series)}: ${stats.sources.samples} samples were read, not ${samples}`);
      times.push(tookMs);
      read.push(stats.sources);
    }
    run[`${key}First`] = times[0]!;
    run[key] = percentile(times, 0.5);
    run[`${key}Worst`] = percentile(times, 0.95);
    const median = (of: (sources: Sources) => number): number => percentile(read.map(of), 0.5);
    const line = `${title}: ${read[0]!.tiers.join(', ')}; ${count(median((r) => r.samples))} samples, ${count(median((r) => r.objects))} objects, ${count(median((r) => r.cold.requests))} requests, ${count(median((r) => r.bytes))} bytes (medians; the first: ${count(read[0]!.bytes)} bytes in ${count(read[0]!.cold.requests)} requests)`;
    say(`${run[key]!.toFixed(1)} ms: ${line}`);
    notes.push(line);
    if (askedMs !== undefined && !(run[key]! < askedMs)) notes.push(`${title} takes more than the ${askedMs} ms that were asked`);
  }
  return { run, notes };
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
