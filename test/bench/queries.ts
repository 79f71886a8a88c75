/**
 * A query of `bench -- query`. Instant queries ask for the end of the loaded hour; range queries walk it in steps of 15 s unless they say
 * otherwise.
 */
export interface BenchQuery {
  readonly name: string;
  readonly kind: 'range' | 'instant';
  readonly expression: string;
  readonly stepMs?: number;
}

const SIZES: readonly (readonly [seriesCount: string, selector: string])[] = [
  ['1', 'bench_request_duration_seconds_bucket{instance="host-007:9100", route="/read", le="1"}'],
  ['10', 'bench_request_duration_seconds_bucket{instance="host-007:9100", route="/read"}'],
  ['100', 'bench_request_duration_seconds_bucket{route="/read", le="1"}'],
  ['1,000', 'bench_request_duration_seconds_bucket{route="/read"}'],
];
/** The hour in about as many steps. Neither step nor edges of ranges ever meet a sample. */
const GRIDS: readonly (readonly [title: string, grid: Pick<BenchQuery, 'kind' | 'stepMs'>])[] = [
  ['instant', { kind: 'instant' }],
  ['100 steps', { kind: 'range', stepMs: 36_000 }],
  ['1,000 steps', { kind: 'range', stepMs: 3_600 }],
];

/** Rates of so many series over so many steps: what a query costs at least, what a series costs and what a step costs. */
const RATES: readonly BenchQuery[] = SIZES.flatMap(([count, selector]) =>
  GRIDS.map(([title, grid]) => ({ name: `rate of ${count}, ${title}`, expression: `rate(${selector}[5m])`, ...grid })),
);

/** The panels of a node-exporter dashboard, as they ask for one hour of a few hosts. */
const NODE_PANELS: readonly BenchQuery[] = [
  { name: 'node: CPU busy', kind: 'range', expression: '100 * avg by (instance) (sum by (instance, cpu) (rate(bench_node_cpu_seconds_total{mode!="idle"}[5m])))' },
  { name: 'node: CPU by mode', kind: 'range', expression: 'sum by (mode) (irate(bench_node_cpu_seconds_total{instance="host-010:9100"}[1m]))' },
  { name: 'node: load per core', kind: 'range', expression: 'bench_node_load1 / on (instance) count by (instance) (bench_node_cpu_seconds_total{mode="idle"})' },
  { name: 'node: memory used', kind: 'range', expression: '1 - bench_node_memory_bytes{kind="available"} / ignoring (kind) bench_node_memory_bytes{kind="total"}' },
  {
    name: 'node: filesystem full',
    kind: 'range',
    expression: 'topk(5, 1 - bench_node_filesystem_bytes{kind="free", device!~"tmpfs|overlay"} / ignoring (kind) bench_node_filesystem_bytes{kind="size"})',
  },
  { name: 'node: disk busy', kind: 'range', expression: 'max by (instance) (rate(bench_node_disk_io_seconds_total[5m]))' },
  { name: 'node: network', kind: 'range', expression: 'sum by (instance, direction) (rate(bench_node_network_bytes_total{device!="lo"}[5m])) * 8' },
];

/** Over the series of `fleetShape`. Each is there for another part of the engine. */
export const BENCH_QUERIES: readonly BenchQuery[] = [
  { name: 'raw selector', kind: 'range', expression: 'bench_temperature_celsius{zone="a"}' },
  { name: 'raw 1,000, 1,000 steps', kind: 'range', expression: 'bench_request_duration_seconds_bucket{route="/read"}', stepMs: 3_600 },
  { name: 'sum of rate', kind: 'range', expression: 'sum(rate(bench_requests_total[5m]))' },
  { name: 'rate by labels', kind: 'range', expression: 'sum by (job, status) (rate(bench_requests_total[5m]))' },
  { name: 'share of errors', kind: 'range', expression: 'sum by (job) (rate(bench_requests_total{status="500"}[5m])) / sum by (job) (rate(bench_requests_total[5m]))' },
  { name: 'topk', kind: 'range', expression: 'topk(5, sum by (instance) (rate(bench_requests_total[5m])))' },
  { name: 'histogram_quantile', kind: 'range', expression: 'histogram_quantile(0.99, sum by (le, route) (rate(bench_request_duration_seconds_bucket[5m])))' },
  { name: 'one-to-one match', kind: 'range', expression: 'bench_memory_mebibytes{area="heap"} / on (instance) bench_memory_mebibytes{area="limit"}' },
  { name: 'many-to-one match', kind: 'range', expression: 'bench_memory_mebibytes * on (instance) group_left (version) bench_build_info' },
  { name: 'regex selector', kind: 'range', expression: 'avg by (area) (bench_memory_mebibytes{instance=~"host-0[0-4].:.*"})' },
  { name: 'avg_over_time', kind: 'range', expression: 'max by (zone) (avg_over_time(bench_temperature_celsius[10m]))' },
  { name: 'subquery', kind: 'range', expression: 'max_over_time(sum by (job) (rate(bench_requests_total{status="200"}[5m] offset 7s))[10m:1m])' },
  { name: 'quantile', kind: 'range', expression: 'quantile by (zone) (0.9, bench_temperature_celsius)' },
  { name: 'absent', kind: 'range', expression: 'absent(bench_temperature_celsius{zone="d"}) or absent(bench_temperature_celsius)' },
  { name: 'label_replace', kind: 'range', expression: 'label_replace(bench_temperature_celsius, "host", "$1", "instance", "host-(.+):.+")' },
  { name: 'count all', kind: 'range', expression: 'count({__name__=~"bench_.+"})' },
  { name: 'instant sum of rate', kind: 'instant', expression: 'sum by (job) (rate(bench_requests_total[5m]))' },
  { name: 'instant raw', kind: 'instant', expression: 'bench_memory_mebibytes' },
  { name: 'instant quantile', kind: 'instant', expression: 'histogram_quantile(0.9, sum by (le) (rate(bench_request_duration_seconds_bucket[30m])))' },
  { name: 'instant count', kind: 'instant', expression: 'count by (__name__) ({__name__=~"bench_.+"})' },
  ...RATES,
  ...NODE_PANELS,
];
