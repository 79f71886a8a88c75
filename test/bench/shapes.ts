import { Random } from './random.ts';

/** How a series moves from one scrape to the next. A `bucket` moves together with the buckets before it, up to the last `first-bucket`. */
export type SeriesKind = 'counter' | 'gauge' | 'constant' | 'first-bucket' | 'bucket';

export interface SeriesShape {
  /** Sorted by name, as remote write demands. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly kind: SeriesKind;
}

/** A seeded load: which series there are, and when they are scraped. Everyone who gets the same one sends the same bytes. */
export interface Shape {
  readonly name: string;
  readonly seed: number;
  readonly series: readonly SeriesShape[];
  readonly samplesPerRequest: number;
  readonly scrapeCount: number;
  readonly scrapeIntervalMs: number;
  /** A multiple of the interval, so that queries can be asked at times which no sample hits. */
  readonly firstScrapeMs: number;
}

/** What Prometheus sends by default (`max_samples_per_send`). */
export const SAMPLES_PER_REQUEST = 2_000;
export const SCRAPE_INTERVAL_MS = 15_000;

/** In so many parts, or fewer where there are not as many, each with whole runs of buckets, which build on each other. */
export function wholeParts(series: readonly SeriesShape[], partCount: number): (readonly SeriesShape[])[] {
  const bounds = Array.from({ length: partCount + 1 }, (_, part) => {
    let bound = Math.floor((series.length * part) / partCount);
    while (bound < series.length && series[bound]!.kind === 'bucket') bound++;
    return bound;
  });
  return bounds.slice(1).flatMap((end, part) => (end > bounds[part]! ? [series.slice(bounds[part], end)] : []));
}

const POD_METRICS: readonly (readonly [metric: string, kind: SeriesKind])[] = [
  ['http_server_requests_total', 'counter'],
  ['http_server_response_bytes_total', 'counter'],
  ['http_server_errors_total', 'constant'],
  ['rpc_client_calls_total', 'counter'],
  ['rpc_client_retries_total', 'constant'],
  ['cache_hits_total', 'counter'],
  ['cache_misses_total', 'counter'],
  ['queue_messages_consumed_total', 'counter'],
  ['queue_messages_published_total', 'counter'],
  ['process_cpu_milliseconds_total', 'counter'],
  ['database_rows_read_total', 'counter'],
  ['database_rows_written_total', 'counter'],
  ['http_server_requests_in_flight', 'gauge'],
  ['process_resident_memory_mebibytes', 'gauge'],
  ['queue_depth_messages', 'gauge'],
  ['queue_oldest_message_age_seconds', 'gauge'],
  ['cache_fill_ratio_percent', 'gauge'],
  ['database_pool_wait_milliseconds', 'gauge'],
  ['database_pool_size_connections', 'constant'],
  ['process_open_file_descriptors_max', 'constant'],
  ['service_configuration_generation', 'constant'],
  ['http_server_requests_under_10ms_total', 'first-bucket'],
  ['http_server_requests_under_100ms_total', 'bucket'],
  ['http_server_requests_under_1s_total', 'bucket'],
  ['http_server_requests_finished_total', 'bucket'],
];
export const POD_ROUTES = ['/api/v2/orders', '/api/v2/customers', '/api/v2/inventory', '/internal/health'];
/** The metric that is asked for afterwards to see that every sample arrived. */
export const COUNTED_METRIC = 'http_server_requests_total';

/**
 * The load of `bench -- ingest`: pods of one hundred series each, nine labels a series, a pod's series side by side as a scrape brings them.
 * `podCount` × 100 series; the newest scrape lies just before `nowMs`, so that nobody refuses it as too old or as from the future.
 */
export function podShape(options: { seed: number; podCount: number; scrapeCount: number; nowMs: number; samplesPerRequest?: number }): Shape {
  const random = new Random(options.seed);
  const series: SeriesShape[] = [];
  for (let pod = 0; pod < options.podCount; pod++) {
    const podName = `checkout-${hex(random, 10)}-${hex(random, 5)}`;
    const node = `ip-10-${random.below(256)}-${random.below(256)}-${random.below(256)}.eu-central-1.compute.internal`;
    const instance = `10.${random.below(256)}.${random.below(256)}.${random.below(256)}:8080`;
    for (const route of POD_ROUTES) {
      for (const [metric, kind] of POD_METRICS) {
        series.push({
          labels: [
            ['__name__', metric],
            ['cluster', 'production-eu-central-1'],
            ['container', 'checkout'],
            ['instance', instance],
            ['job', 'kubernetes-pods'],
            ['namespace', `team-${pod % 20}`],
            ['node', node],
            ['pod', podName],
            ['route', route],
          ],
          kind,
        });
      }
    }
  }
  return { name: 'pods', seed: options.seed, series, samplesPerRequest: options.samplesPerRequest ?? SAMPLES_PER_REQUEST, ...endingAt(options.nowMs, options.scrapeCount) };
}

/**
 * The load of `bench -- query`: forty series an instance: request counters, latency histograms, gauges with few decimals, constants; and
 * on every fifth instance 49 more, as a node exporter has them. One hundred instances make the 4,980 series of the full run.
 */
export function fleetShape(options: { seed: number; instanceCount: number; scrapeCount: number; nowMs: number }): Shape {
  const series: SeriesShape[] = [];
  for (let index = 0; index < options.instanceCount; index++) {
    const target = { instance: `host-${String(index).padStart(3, '0')}:9100`, job: `service-${index % 8}` };
    const add = (metric: string, kind: SeriesKind, labels: Readonly<Record<string, string>>): void => {
      const all = Object.entries({ __name__: metric, ...target, ...labels });
      series.push({ labels: all.sort(([a], [b]) => (a < b ? -1 : 1)), kind });
    };
    for (const method of ['GET', 'POST', 'DELETE']) {
      for (const status of ['200', '302', '404', '500']) add('bench_requests_total', 'counter', { method, status });
    }
    for (const route of ['/read', '/write']) {
      for (const le of ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf']) {
        add('bench_request_duration_seconds_bucket', le === '0.005' ? 'first-bucket' : 'bucket', { le, route });
      }
    }
    for (const area of ['heap', 'stack', 'cache', 'limit']) add('bench_memory_mebibytes', 'gauge', { area });
    for (const zone of ['a', 'b', 'c']) add('bench_temperature_celsius', 'gauge', { zone });
    add('bench_build_info', 'constant', { version: `1.${index % 5}.0` });
    if (index % NODE_EVERY === 0) addNodeSeries(add);
  }
  // Whole instances to a request (five of them have 249 series): buckets build on those before them.
  return { name: 'fleet', seed: options.seed, series, samplesPerRequest: 8 * 249, ...endingAt(options.nowMs, options.scrapeCount) };
}

const NODE_EVERY = 5;
const CPU_MODES = ['idle', 'iowait', 'irq', 'nice', 'softirq', 'steal', 'system', 'user'];

type AddSeries = (metric: string, kind: SeriesKind, labels: Readonly<Record<string, string>>) => void;

function addNodeSeries(add: AddSeries): void {
  for (const cpu of ['0', '1', '2', '3']) for (const mode of CPU_MODES) add('bench_node_cpu_seconds_total', 'counter', { cpu, mode });
  for (const kind of ['available', 'total', 'cached', 'buffers']) add('bench_node_memory_bytes', kind === 'total' ? 'constant' : 'gauge', { kind });
  for (const device of ['nvme0n1p1', 'nvme1n1', 'tmpfs']) {
    for (const kind of ['free', 'size']) add('bench_node_filesystem_bytes', kind === 'size' ? 'constant' : 'gauge', { device, kind });
  }
  for (const device of ['eth0', 'lo']) for (const direction of ['receive', 'transmit']) add('bench_node_network_bytes_total', 'counter', { device, direction });
  for (const device of ['nvme0n1', 'nvme1n1']) add('bench_node_disk_io_seconds_total', 'counter', { device });
  add('bench_node_load1', 'gauge', {});
}

function endingAt(nowMs: number, scrapeCount: number): Pick<Shape, 'scrapeCount' | 'scrapeIntervalMs' | 'firstScrapeMs'> {
  const lastScrapeMs = Math.floor(nowMs / SCRAPE_INTERVAL_MS) * SCRAPE_INTERVAL_MS;
  return { scrapeCount, scrapeIntervalMs: SCRAPE_INTERVAL_MS, firstScrapeMs: lastScrapeMs - (scrapeCount - 1) * SCRAPE_INTERVAL_MS };
}

function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => random.below(16).toString(16)).join('');
}
